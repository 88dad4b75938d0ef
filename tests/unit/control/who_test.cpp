// "Who was given what", and how sure that is.
#include "control/store/who.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "control/cli/when.h"
#include "control/store/store.h"

namespace springlatch::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t day = 1'575'504'000 * second;  // 2019-12-05

class Who : public testing::Test {
  protected:
    void SetUp() override {
        std::string path = testing::TempDir() + "/springlatch-who-XXXXXX";
        ASSERT_NE(mkdtemp(path.data()), nullptr);
        dir_ = path;
        auto opened = Store::open(dir_);
        ASSERT_TRUE(opened) << opened.error();
        store_ = std::move(*opened);
    }
    void TearDown() override {
        store_.reset();
        std::filesystem::remove_all(dir_);
    }
    static Event allowed(const std::string& source, std::uint64_t at_second, std::uint64_t bytes) {
        Event event;
        event.life = 1;
        event.time_ns = day + at_second * second;
        event.action = "allowed";
        event.source = source;
        event.service = "support-cases";
        event.credentials = "basic";
        event.operation = "read";
        event.answered = true;
        event.response_bytes = bytes;
        return event;
    }
    void keep(const Event& event) { ASSERT_NE(store_->add(event), 0); }
    [[nodiscard]] StoreReader reader() {
        EXPECT_TRUE(store_->flush());
        auto opened = StoreReader::open(dir_);
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }
    [[nodiscard]] std::vector<Reader> readers(std::uint64_t from = 0, std::uint64_t to = 86'400) {
        auto store = reader();
        auto list = readers_of(
            store, {.service = "support-cases", .from_ns = day + from * second, .to_ns = day + to * second});
        EXPECT_TRUE(list) << (list ? "" : list.error());
        return *list;
    }
    std::string dir_;
    std::unique_ptr<Store> store_;
};

TEST_F(Who, BytesAreSummedByReaderAndIdentityAndThoseWhoGotMostComeFirst) {
    keep(allowed("192.0.2.1", 10, 100));
    Event write = allowed("192.0.2.1", 20, 11);
    write.operation = "write";
    write.credentials = "api_key";
    keep(write);
    Event known = allowed("192.0.2.1", 30, 5000);
    known.user = "shipper";
    keep(known);
    const auto list = readers();
    ASSERT_THAT(list, SizeIs(2));
    EXPECT_EQ(list[0].user, "shipper");
    EXPECT_EQ(list[0].bytes_given, 5000U);
    EXPECT_EQ(list[1].user, "");
    EXPECT_EQ(list[1].requests, 2U);
    EXPECT_EQ(list[1].bytes_given, 111U);
    EXPECT_THAT(list[1].operations, ElementsAre("read", "write"));
    EXPECT_THAT(list[1].credentials, ElementsAre("api_key", "basic"));
    EXPECT_EQ(list[1].first_ns, day + 10 * second);
    EXPECT_EQ(list[1].last_ns, day + 20 * second);
}

TEST_F(Who, WhatWasOnlyReportedWasGivenAndWhatWasDeniedWasNot) {
    Event observed = allowed("192.0.2.1", 1, 700);
    observed.action = "would_deny";
    keep(observed);
    Event denied = allowed("192.0.2.2", 2, 0);
    denied.action = "denied";
    denied.answered = false;
    keep(denied);
    const auto list = readers();
    ASSERT_THAT(list, SizeIs(2));
    EXPECT_EQ(list[0].source, "192.0.2.1");
    EXPECT_TRUE(list[0].was_served());
    EXPECT_EQ(list[0].bytes_given, 700U);
    EXPECT_FALSE(list[1].was_served());
    EXPECT_EQ(list[1].denied, 1U);
    EXPECT_EQ(list[1].unfinished, 0U) << "nothing is owed to the denied";
}

TEST_F(Who, AnAnswerStillOnItsWayIsToldAsSuchAndNotAsNothing) {
    Event open = allowed("192.0.2.1", 1, 0);
    open.answered = false;
    keep(open);
    const auto list = readers();
    ASSERT_THAT(list, SizeIs(1));
    EXPECT_EQ(list[0].unfinished, 1U);
}

TEST_F(Who, OtherServicesAndOtherTimesAreLeftOut) {
    Event other = allowed("192.0.2.1", 5, 1);
    other.service = "billing";
    keep(other);
    keep(allowed("192.0.2.2", 4, 1));
    keep(allowed("192.0.2.3", 5, 1));
    keep(allowed("192.0.2.4", 6, 1));
    keep(allowed("192.0.2.5", 7, 1));
    const auto list = readers(5, 6);
    ASSERT_THAT(list, SizeIs(2));
    EXPECT_EQ(list[0].source, "192.0.2.3");
    EXPECT_EQ(list[1].source, "192.0.2.4");
    auto store = reader();
    EXPECT_THAT(*services_in(store), ElementsAre("billing", "support-cases"));
}

TEST_F(Who, CoverageIsCutToTheTimesAskedForAndNeverCountedTwice) {
    store_->covered(1, day, day + 10 * second);
    store_->covered(1, day, day + 20 * second);
    store_->covered(2, day + 15 * second, day + 30 * second);
    store_->covered(3, day + 50 * second, day + 90 * second);
    store_->lost({.after_ns = day + 5 * second, .until_ns = day + 6 * second, .events = 7, .cause = "ring"});
    store_->lost(
        {.after_ns = day + 80 * second, .until_ns = day + 85 * second, .events = 1, .cause = "ring"});
    auto store = reader();
    const auto coverage = store.coverage(day + 2 * second, day + 60 * second);
    ASSERT_TRUE(coverage);
    ASSERT_THAT(coverage->spans, SizeIs(2));
    EXPECT_EQ(coverage->spans[0].from_ns, day + 2 * second);
    EXPECT_EQ(coverage->spans[0].to_ns, day + 30 * second);
    EXPECT_EQ(coverage->spans[1].from_ns, day + 50 * second);
    EXPECT_EQ(coverage->spans[1].to_ns, day + 60 * second);
    EXPECT_EQ(coverage->covered_ns(), 38 * second);
    ASSERT_THAT(coverage->losses, SizeIs(1));
    EXPECT_EQ(coverage->losses[0].events, 7U);
}

TEST_F(Who, AStoreThatKnowsNothingCoversNothing) {
    auto store = reader();
    const auto coverage = store.coverage(day, day + second);
    ASSERT_TRUE(coverage);
    EXPECT_THAT(coverage->spans, IsEmpty());
    EXPECT_EQ(coverage->covered_ns(), 0U);
    EXPECT_EQ(store_->covered_until(1), 0U);
}

TEST(Moment, TimesAreReadAsOperatorsWriteThem) {
    constexpr std::uint64_t now = day + 3600 * second;
    EXPECT_EQ(moment_of("2019-12-05", now), day);
    EXPECT_EQ(moment_of("now", now), now);
    EXPECT_EQ(moment_of("-1h", now), day);
    EXPECT_EQ(moment_of("-90s", now), now - 90 * second);
    EXPECT_EQ(moment_of("-1d", now), now - 86'400 * second);
    EXPECT_EQ(moment_of("-99999999999999w", now), 0U) << "as far back as there is time";
    for (const char* bad :
         {"", "-", "-h", "-1", "-1y", "-1.5h", "--1h", "1h", "-1h ", "yesterday", "-18446744073709551616s"}) {
        const auto moment = moment_of(bad, now);
        ASSERT_FALSE(moment) << bad;
        EXPECT_THAT(moment.error(), testing::HasSubstr("is no time; write 2019-12-05"));
    }
}

}  // namespace
}  // namespace springlatch::control
