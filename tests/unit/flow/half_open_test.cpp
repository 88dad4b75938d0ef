#include "dataplane/flow/half_open.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace springlatch {
namespace {

/// Keys that all fall into set 0.
FlowKey key(std::uint32_t number) {
    return {0, number};
}

TEST(HalfOpen, FindsWhatWasClaimed) {
    HalfOpenCache cache(64);
    EXPECT_EQ(cache.find(key(1), 10), nullptr);
    cache.claim(key(1), 10).client_isn = 77;
    cache.prefetch(key(1));
    HalfOpen* entry = cache.find(key(1), 11);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->client_isn, 77U);
    EXPECT_EQ(entry->flags, half_open_flag::used);
    EXPECT_EQ(cache.find(key(2), 11), nullptr);
}

TEST(HalfOpen, ARepeatedSynKeepsItsEntryAndRenewsIt) {
    HalfOpenCache cache(4);
    cache.claim(key(1), 10).client_isn = 77;
    EXPECT_EQ(cache.claim(key(1), 80).client_isn, 77U);
    EXPECT_NE(cache.find(key(1), 150), nullptr);
    EXPECT_EQ(cache.evicted(), 0U);
}

TEST(HalfOpen, ASynFloodPushesOutTheOldestHandshakeFirst) {
    HalfOpenCache cache(4);
    for (const std::uint32_t number : {3U, 1U, 2U, 4U})
        static_cast<void>(cache.claim(key(number), 10 + number));
    static_cast<void>(cache.claim(key(5), 20));
    EXPECT_EQ(cache.evicted(), 1U);
    EXPECT_EQ(cache.find(key(1), 20), nullptr);
    for (const std::uint32_t number : {2U, 3U, 4U, 5U})
        EXPECT_NE(cache.find(key(number), 20), nullptr) << number;
    static_cast<void>(cache.claim(key(6), 20));
    EXPECT_EQ(cache.find(key(2), 20), nullptr);
    EXPECT_EQ(cache.evicted(), 2U);
}

TEST(HalfOpen, ANewEntryRemembersNothingOfTheOneItReplaces) {
    HalfOpenCache cache(4);
    for (std::uint32_t number = 1; number <= 4; ++number) {
        HalfOpen& entry = cache.claim(key(number), 10);
        entry.client_isn = entry.server_isn = 99;
        entry.scales = entry.flags = 0xff;
    }
    const HalfOpen& fresh = cache.claim(key(5), 11);
    EXPECT_EQ(fresh.client_isn, 0U);
    EXPECT_EQ(fresh.server_isn, 0U);
    EXPECT_EQ(fresh.scales, 0);
    EXPECT_EQ(fresh.flags, half_open_flag::used);
}

TEST(HalfOpen, AnOldHandshakeCountsAsAbsentAndIsNoLoss) {
    HalfOpenCache cache(4);
    for (std::uint32_t number = 1; number <= 4; ++number) static_cast<void>(cache.claim(key(number), 100));
    EXPECT_NE(cache.find(key(1), 175), nullptr);
    EXPECT_EQ(cache.find(key(1), 176), nullptr);
    cache.claim(key(1), 176).client_isn = 5;
    static_cast<void>(cache.claim(key(9), 176));
    EXPECT_EQ(cache.evicted(), 0U);
    EXPECT_NE(cache.find(key(1), 176), nullptr);
}

TEST(HalfOpen, AnErasedEntryIsGoneAndItsPlaceIsUsedFirst) {
    HalfOpenCache cache(4);
    for (std::uint32_t number = 1; number <= 4; ++number) static_cast<void>(cache.claim(key(number), 100));
    cache.erase(*cache.find(key(4), 100));
    EXPECT_EQ(cache.find(key(4), 100), nullptr);
    static_cast<void>(cache.claim(key(5), 100));
    EXPECT_EQ(cache.evicted(), 0U);
}

TEST(HalfOpen, AgesRightlyWhereItsSecondsWrap) {
    HalfOpenCache cache(4);
    static_cast<void>(cache.claim(key(1), 65'530));
    static_cast<void>(cache.claim(key(2), 65'540));
    EXPECT_NE(cache.find(key(1), 65'605), nullptr);
    EXPECT_EQ(cache.find(key(1), 65'606), nullptr);
    EXPECT_NE(cache.find(key(2), 65'606), nullptr);
    static_cast<void>(cache.claim(key(3), 65'545));
    static_cast<void>(cache.claim(key(4), 65'545));
    static_cast<void>(cache.claim(key(5), 65'546));
    EXPECT_EQ(cache.find(key(1), 65'546), nullptr) << "the oldest lies before the wrap";
    EXPECT_NE(cache.find(key(2), 65'546), nullptr);
}

TEST(HalfOpen, AFrameASecondLateStillFindsItsHandshake) {
    HalfOpenCache cache(4);
    static_cast<void>(cache.claim(key(1), 100));
    EXPECT_NE(cache.find(key(1), 99), nullptr);
}

TEST(HalfOpen, AnyNumberOfEntriesIsRoundedUpToWholeSets) {
    for (const std::uint32_t entries : {0U, 1U, 4U, 5U, 1000U}) {
        HalfOpenCache cache(entries);
        for (std::uint64_t i = 0; i < 5000; ++i)
            static_cast<void>(cache.claim({i * 0x9e3779b97f4a7c15U, i}, 1));
        EXPECT_NE(cache.find({4999 * 0x9e3779b97f4a7c15U, 4999}, 1), nullptr);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&cache.claim({0, 1}, 1)) / 64,
                  reinterpret_cast<std::uintptr_t>(&cache.claim({0, 2}, 1)) / 64);
    }
}

}  // namespace
}  // namespace springlatch
