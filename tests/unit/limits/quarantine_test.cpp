// Who is shut out stays so for his time, however many others there are.
#include "dataplane/limits/quarantine.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace springlatch {
namespace {

constexpr std::uint64_t second = 1'000'000'000U;

Fingerprint who(std::uint64_t number) {
    return {number * 0x9e37'79b9'7f4a'7c15U, number};
}

TEST(Quarantines, AFloodOfOthersFreesNobodyEarly) {
    Quarantine table(256);
    ASSERT_TRUE(table.begin(who(1), Confinement::enforced, 300 * second, second));
    std::uint64_t refused = 0;
    for (std::uint64_t i = 2; i < 100'000; ++i) {
        refused += table.begin(who(i), Confinement::enforced, 400 * second, second + i) ? 0U : 1U;
    }
    EXPECT_GT(refused, 90'000U) << "or the table was never full";
    EXPECT_EQ(table.of(who(1), 300 * second - 1), Confinement::enforced);
    EXPECT_EQ(table.of(who(1), 300 * second), Confinement::none);
}

TEST(Quarantines, WhatOnlyIsObservedTakesNoPlaceFromWhatIsEnforced) {
    Quarantine table(8);
    for (std::uint64_t i = 1; i <= 8; ++i) {
        ASSERT_TRUE(table.begin(who(i), Confinement::observed, 300 * second, second));
    }
    EXPECT_FALSE(table.begin(who(9), Confinement::observed, 300 * second, second));
    EXPECT_TRUE(table.begin(who(9), Confinement::enforced, 300 * second, second));
    EXPECT_EQ(table.of(who(9), second), Confinement::enforced);
    EXPECT_TRUE(table.begin(who(9), Confinement::observed, 900 * second, second));
    EXPECT_EQ(table.of(who(9), 299 * second), Confinement::enforced);
    EXPECT_EQ(table.of(who(9), 300 * second), Confinement::none);
}

TEST(Quarantines, AreCountedWhileTheyHold) {
    Quarantine table(64);
    for (std::uint64_t i = 1; i <= 5; ++i) {
        ASSERT_TRUE(table.begin(who(i), Confinement::enforced, (100 + i) * second, second));
    }
    const auto held = [&](std::uint64_t now) {
        for (int i = 0; i < 32; ++i) {
            table.sweep(now);
        }
        return table.held();
    };
    EXPECT_EQ(held(2 * second), 5U);
    EXPECT_EQ(held(103 * second), 2U);
    EXPECT_EQ(held(106 * second), 0U);
}

/// Every quarantine that was begun, against a plain map.
RC_GTEST_PROP(Quarantines, HoldExactlyAsLongAsTheModelSays, ()) {
    Quarantine table(32);
    std::map<std::uint64_t, std::uint64_t> until;
    std::uint64_t now = second;
    const auto steps = *rc::gen::container<std::vector<std::pair<std::uint64_t, std::uint64_t>>>(
        rc::gen::pair(rc::gen::inRange<std::uint64_t>(1, 80), rc::gen::inRange<std::uint64_t>(1, 60)));
    for (const auto& [number, seconds] : steps) {
        now += second;
        const std::uint64_t end = now + seconds * second;
        const bool held = until[number] > now;
        if (table.begin(who(number), Confinement::enforced, end, now)) {
            until[number] = std::max(until[number], end);
        } else {
            RC_ASSERT(!held);
        }
        for (const auto& [other, ends] : until) {
            RC_ASSERT((table.of(who(other), now) == Confinement::enforced) == (ends > now));
        }
    }
}

}  // namespace
}  // namespace springlatch
