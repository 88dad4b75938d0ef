// A token bucket each in a fixed table: against the plain model, and against those who flood it.
#include "dataplane/credentials/bucket_table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace springlatch {
namespace {

constexpr std::uint64_t second = 1'000'000'000U;

Fingerprint key(std::uint64_t number) {
    return {number * 0x9e37'79b9'7f4a'7c15U, number};
}

/// Tokens as a real number, refilled evenly: what the documentation says.
class Model {
  public:
    explicit Model(Allowance allowance)
        : allowance_(allowance), tokens_(static_cast<double>(allowance.most)) {}
    double tokens(std::uint64_t now) {
        const double back = static_cast<double>(now - at_) * static_cast<double>(allowance_.most) /
                            static_cast<double>(allowance_.within_ns);
        tokens_ = std::min(static_cast<double>(allowance_.most), tokens_ + back);
        at_ = now;
        return tokens_;
    }
    void take(double tokens) { tokens_ = std::max(tokens_ - tokens, -static_cast<double>(allowance_.most)); }

  private:
    Allowance allowance_;
    double tokens_;
    std::uint64_t at_ = 0;
};

RC_GTEST_PROP(Buckets, GiveWhatTheModelGives, ()) {
    const Allowance allowance{*rc::gen::inRange<std::uint64_t>(1, 2000),
                              *rc::gen::inRange<std::uint64_t>(1, 600) * second};
    BucketTable table(64);
    Model model(allowance);
    const auto steps =
        *rc::gen::container<std::vector<std::pair<std::uint64_t, std::uint64_t>>>(rc::gen::pair(
            rc::gen::inRange<std::uint64_t>(0, allowance.within_ns / 4 + 1),
            rc::gen::weightedOneOf<std::uint64_t>(
                {{3, rc::gen::just<std::uint64_t>(1)}, {1, rc::gen::inRange<std::uint64_t>(1, 3000)}})));
    std::uint64_t now = 1'000 * second;
    model.tokens(now);
    for (const auto& [wait, tokens] : steps) {
        now += wait;
        const double left = model.tokens(now);
        const bool room = table.has_room(key(1), allowance, now);
        if (std::abs(left - 1) > 1e-3) {  // where the two do not differ by rounding alone
            RC_ASSERT(room == (left > 1));
        }
        if (room) {
            table.charge(key(1), allowance, tokens, now);
            model.take(static_cast<double>(tokens));
        }
    }
}

RC_GTEST_PROP(Buckets, LetExactlyMostThroughAtOnceWhateverTheRounding, ()) {
    const Allowance allowance{*rc::gen::inRange<std::uint64_t>(1, 100'000),
                              *rc::gen::inRange<std::uint64_t>(1, 86'400) * second};
    BucketTable table(4);
    const std::uint64_t now = 5 * second;
    std::uint64_t passed = 0;
    while (table.has_room(key(7), allowance, now) && passed <= allowance.most) {
        table.charge(key(7), allowance, 1, now);
        ++passed;
    }
    RC_ASSERT(passed == allowance.most);
}

RC_GTEST_PROP(Buckets, NeverGiveMoreThanTwiceMostInAnyStretch, ()) {
    const Allowance allowance{*rc::gen::inRange<std::uint64_t>(1, 50), 10 * second};
    BucketTable table(4);
    const auto waits =
        *rc::gen::container<std::vector<std::uint64_t>>(300, rc::gen::inRange<std::uint64_t>(0, second / 4));
    std::vector<std::uint64_t> passed;
    std::uint64_t now = second;
    for (const std::uint64_t wait : waits) {
        now += wait;
        if (table.has_room(key(3), allowance, now)) {
            table.charge(key(3), allowance, 1, now);
            passed.push_back(now);
        }
    }
    for (std::size_t first = 0; first < passed.size(); ++first) {
        const auto end = std::lower_bound(passed.begin(), passed.end(), passed[first] + allowance.within_ns);
        const auto in_stretch =
            static_cast<std::uint64_t>(end - passed.begin()) - static_cast<std::uint64_t>(first);
        RC_ASSERT(in_stretch <= 2 * allowance.most);
    }
}

TEST(Buckets, OverdrawnAreEmptyForOneWithinAndNoLonger) {
    const Allowance allowance{100, 60 * second};
    BucketTable table(4);
    table.charge(key(1), allowance, 1'000'000'000, second);
    EXPECT_FALSE(table.has_room(key(1), allowance, 60 * second));
    EXPECT_TRUE(table.has_room(key(1), allowance, 62 * second));
}

TEST(Buckets, AFloodOfSourcesDoesNotRefillTheBucketOfOneWhoUsedItUp) {
    const Allowance allowance{10, 60 * second};
    BucketTable table(1024);
    std::uint64_t now = 100 * second;
    for (int i = 0; i < 10; ++i) {
        table.charge(key(1), allowance, 1, now);
    }
    for (std::uint64_t i = 2; i < 200'000; ++i) {
        table.charge(key(i), allowance, 1, now + i);
    }
    now += second;
    EXPECT_GT(table.evicted(), 100'000U) << "or nothing was flooded";
    EXPECT_FALSE(table.has_room(key(1), allowance, now));
}

TEST(Buckets, AShortLimitIsNotPushedOutByLongOnesThatAreHardlyUsed) {
    const Allowance small{2, second};
    const Allowance large{1000, 86'400 * second};
    BucketTable table(4);
    table.charge(key(1), small, 2, second);
    for (std::uint64_t i = 2; i < 100; ++i) {
        table.charge(key(i), large, 1, second);
    }
    EXPECT_FALSE(table.has_room(key(1), small, second));
}

}  // namespace
}  // namespace springlatch
