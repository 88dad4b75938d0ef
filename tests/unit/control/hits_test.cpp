// Rules' hits: what the workers counted is what the operator is told, over restarts of either process and
// over changes of the policy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "control/api/metrics.h"
#include "control/api/rules_json.h"
#include "control/ingest/hit_taker.h"
#include "control/store/hit_store.h"

namespace springlatch::control {
namespace {

constexpr std::array<std::uint8_t, 32> first_policy{1};
constexpr std::array<std::uint8_t, 32> second_policy{2};
constexpr std::uint64_t second = 1'000'000'000U;

class RuleHitsKept : public ::testing::Test {
  protected:
    RuleHitsKept() {
        std::string pattern = (std::filesystem::temp_directory_path() / "hits-XXXXXX").string();
        folder = mkdtemp(pattern.data());
        open();
    }
    ~RuleHitsKept() override {
        store.reset();
        std::filesystem::remove_all(folder);
    }
    void open() {
        store.reset();
        auto opened = HitStore::open(folder);
        ASSERT_TRUE(opened) << opened.error();
        store = std::move(*opened);
    }
    /// "rule hits/limited" of each, in the order told.
    [[nodiscard]] std::vector<std::string> told() const {
        const auto rules = read_hits(folder);
        EXPECT_TRUE(rules) << rules.error();
        std::vector<std::string> list;
        for (const RuleHitsTotal& rule : *rules) {
            list.push_back(rule.rule + " " + std::to_string(rule.count.hits) + "/" +
                           std::to_string(rule.count.limited));
        }
        return list;
    }
    static void hit(HitCounter& counter, std::uint16_t rule, int times, std::uint64_t from = 100 * second) {
        for (int i = 0; i < times; ++i) counter.count(rule, false, from + static_cast<std::uint64_t>(i));
    }

    std::string folder;
    std::unique_ptr<HitStore> store;
    std::unique_ptr<HitPages> one = std::make_unique<HitPages>();
    std::unique_ptr<HitPages> two = std::make_unique<HitPages>();
    std::array<const HitPages*, 2> both{one.get(), two.get()};
};
using ::testing::ElementsAre;

TEST_F(RuleHitsKept, AreTheSumOverWorkersInThePolicysOrderWithTheNeverHitAmongThem) {
    HitCounter a(one.get(), 1);
    HitCounter b(two.get(), 1);
    HitTaker taker(store.get());
    taker.begin(7, 1, first_policy, {"writes", "never", "reads"}, 50 * second);
    hit(a, 0, 3);
    hit(b, 0, 4, 90 * second);
    b.count(2, true, 200 * second);
    a.count(no_rule, false, 300 * second);
    taker.take(both);
    taker.take(both);
    EXPECT_THAT(told(), ElementsAre("writes 7/0", "never 0/0", "reads 1/1", "(default) 1/0"));
    const auto rules = read_hits(folder);
    EXPECT_EQ(rules->at(0).count.first_ns, 90 * second);
    EXPECT_EQ(rules->at(0).count.last_ns, 100 * second + 2);
    EXPECT_EQ(rules->at(1).since_ns, 50 * second);
    EXPECT_EQ(rules->at(1).count.last_ns, 0U);
}

TEST_F(RuleHitsKept, SurviveARestartOfTheControlProcessWithoutBeingCountedTwice) {
    HitCounter a(one.get(), 1);
    {
        HitTaker taker(store.get());
        taker.begin(7, 1, first_policy, {"writes"}, second);
        hit(a, 0, 3);
        taker.take({both.data(), 1});
    }
    open();
    hit(a, 0, 2);  // while it was away
    HitTaker taker(store.get());
    taker.begin(7, 1, first_policy, {"writes"}, 5 * second);
    taker.take({both.data(), 1});
    EXPECT_THAT(told(), ElementsAre("writes 5/0", "(default) 0/0"));
    EXPECT_EQ(read_hits(folder)->at(0).since_ns, second);
}

TEST_F(RuleHitsKept, AddUpOverManyRestartsOfTheDataPlane) {
    for (std::uint64_t life = 1; life <= 40; ++life) {
        auto pages = std::make_unique<HitPages>();
        HitCounter counter(pages.get(), 1);
        HitTaker taker(store.get());
        taker.begin(life, 1, first_policy, {"writes"}, life * second);
        hit(counter, 0, 2, life * second);
        const HitPages* page = pages.get();
        taker.take({&page, 1});
    }
    EXPECT_THAT(told(), ElementsAre("writes 80/0", "(default) 0/0"));
    EXPECT_EQ(read_hits(folder)->at(0).count.first_ns, second);
}

TEST_F(RuleHitsKept, AddUpOverManyPoliciesByTheRulesId) {
    for (std::uint8_t policy = 1; policy <= 50; ++policy) {
        auto pages = std::make_unique<HitPages>();
        HitCounter counter(pages.get(), 1);
        HitTaker taker(store.get());
        taker.begin(policy, 1, {policy}, {"kept", "only-" + std::to_string(policy)}, policy * second);
        hit(counter, 0, 1);
        hit(counter, 1, 1);
        const HitPages* page = pages.get();
        taker.take({&page, 1});
    }
    EXPECT_THAT(told(), ElementsAre("kept 50/0", "only-50 1/0", "(default) 0/0"));
    EXPECT_EQ(read_hits(folder)->at(0).since_ns, second);
}

TEST_F(RuleHitsKept, OfThePolicyBeforeAreStillTakenWhenTheNextIsInForce) {
    HitCounter a(one.get(), 1);
    HitTaker taker(store.get());
    taker.begin(7, 1, first_policy, {"writes", "reads"}, second);
    hit(a, 0, 3);
    a.prepare(2);
    hit(a, 0, 1);
    a.adopt(2);
    taker.begin(7, 2, second_policy, {"reads", "writes"}, 2 * second);
    hit(a, 0, 10);
    taker.take({both.data(), 1});
    EXPECT_THAT(told(), ElementsAre("reads 10/0", "writes 4/0", "(default) 0/0"));
}

TEST_F(RuleHitsKept, OfAnUnknownPolicyAreToldByNumber) {
    HitCounter a(one.get(), 1);
    HitTaker taker(store.get());
    taker.begin(7, 1, first_policy, {}, second);
    hit(a, 12, 3);
    taker.take({both.data(), 1});
    EXPECT_THAT(told(), ElementsAre("12 3/0", "(default) 0/0"));
}

TEST_F(RuleHitsKept, OfTenThousandRulesAreStoredAndRead) {
    std::vector<std::string> names;
    for (int i = 0; i < 10'000; ++i) names.push_back("rule-" + std::to_string(i));
    HitCounter a(one.get(), 1);
    HitTaker taker(store.get());
    taker.begin(7, 1, first_policy, names, second);
    for (std::uint16_t i = 0; i < 10'000; ++i) hit(a, i, i % 3);
    taker.take({both.data(), 1});
    const auto rules = read_hits(folder);
    ASSERT_TRUE(rules);
    ASSERT_EQ(rules->size(), 10'001U);
    EXPECT_EQ(rules->at(9'998).count.hits, 2U);
}

TEST_F(RuleHitsKept, AreShownAsJsonAndAsMetrics) {
    HitCounter a(one.get(), 1);
    HitTaker taker(store.get());
    taker.begin(7, 1, first_policy, {"writes", "never"}, second);
    hit(a, 0, 3);
    taker.take({both.data(), 1});
    const auto rules = read_hits(folder);
    const auto json = nlohmann::json::parse(rules_json(*rules));
    EXPECT_EQ(json["rules"][0]["hits"], 3);
    EXPECT_EQ(json["rules"][0]["last"], "1970-01-01T00:01:40.000000002Z");
    EXPECT_FALSE(json["rules"][1].contains("last"));
    const std::string text = metrics_text({}, {}, second, *rules);
    EXPECT_THAT(text, ::testing::HasSubstr("springlatch_rule_hits_total{rule=\"writes\"} 3"));
    EXPECT_THAT(text, ::testing::HasSubstr("springlatch_rule_hits_total{rule=\"never\"} 0"));
}

}  // namespace
}  // namespace springlatch::control
