// What guessing costs the guesser, and that it costs the owner nothing.
#include "dataplane/credentials/cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace springlatch {
namespace {

constexpr std::uint64_t second = 1'000'000'000U;
constexpr std::uint64_t start = 1'800'000'000U * second;
constexpr IpAddress owner = IpAddress::v4(0xc0000201);
constexpr IpAddress guesser = IpAddress::v4(0xc0000299);
constexpr SipKey key{1, 2};

/// Keeps the questions; the test answers them when it likes.
struct Questions final : CredentialVerifier {
    bool there = true;
    std::size_t room = 1000;
    std::vector<Fingerprint> asked;
    bool ready() const noexcept override { return there; }
    Asked ask(const CheckRequest& request, CheckAnswer&) noexcept override {
        if (asked.size() >= room) return Asked::full;
        asked.push_back(request.fingerprint);
        return Asked::queued;
    }
};

/// Knows one right value, at once.
struct Oracle final : CredentialVerifier {
    std::string right;
    explicit Oracle(std::string value) : right(std::move(value)) {}
    bool ready() const noexcept override { return true; }
    Asked ask(const CheckRequest& request, CheckAnswer& answer) noexcept override {
        const std::string value(reinterpret_cast<const char*>(request.value.data()), request.value.size());
        answer.result = value == right ? CheckResult::accepted : CheckResult::refused;
        answer.identity = 0;
        return Asked::answered;
    }
};

struct Desk {
    CredentialLimits limits;
    Questions questions;
    CredentialCache cache;
    std::uint64_t now = start;
    explicit Desk(CredentialLimits given = {}) : limits(given), cache(limits, 2, key, &questions) {}
    Finding find(const std::string& value, const IpAddress& source = owner) {
        return cache.find(std::as_bytes(std::span{value}), source, now);
    }
    void answer(CheckResult result, std::uint16_t identity = 1, std::uint32_t seconds = UINT32_MAX) {
        cache.learn({questions.asked.back(), result, identity, seconds}, now);
    }
};

TEST(CredentialCache, AnUnknownValueWaitsAndIsAskedForOnce) {
    Desk desk;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending);
    EXPECT_EQ(desk.questions.asked.size(), 1U) << "a retransmission is no new question";
    desk.answer(CheckResult::accepted);
    const Finding found = desk.find("Basic a", guesser);
    EXPECT_EQ(found.standing, Standing::accepted);
    EXPECT_EQ(found.identity, 1);
    EXPECT_EQ(desk.find("Basic b").standing, Standing::pending) << "another value is another question";
}

TEST(CredentialCache, AWrongValueIsRefusedUntilItsTimeIsUpWithoutANewCheck) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::refused);
    desk.now += (desk.limits.refused_seconds - 1) * second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::refused);
    EXPECT_EQ(desk.questions.asked.size(), 1U);
    desk.now += second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending);
}

TEST(CredentialCache, ARightValueIsForgottenWhenItsTimeIsUp) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::accepted);
    desk.now += (desk.limits.accepted_seconds - 1) * second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::accepted);
    desk.now += second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending);
}

TEST(CredentialCache, ATokenIsNotAcceptedLongerThanItSays) {
    Desk desk;
    (void)desk.find("Bearer a.b.c");
    desk.answer(CheckResult::accepted, 1, 30);
    desk.now += 29 * second;
    EXPECT_EQ(desk.find("Bearer a.b.c").standing, Standing::accepted);
    desk.now += second;
    EXPECT_EQ(desk.find("Bearer a.b.c").standing, Standing::pending);
}

TEST(CredentialCache, AValueInUseIsAskedForAgainInTimeAndPassesMeanwhile) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::accepted);
    desk.now += desk.limits.accepted_seconds * 3 / 4 * second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::accepted);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::accepted);
    ASSERT_EQ(desk.questions.asked.size(), 2U) << "once, not with every request";
    desk.answer(CheckResult::accepted);
    desk.now += (desk.limits.accepted_seconds - 1) * second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::accepted) << "its time began anew";
}

TEST(CredentialCache, AValueThatIsRefusedWhenAskedAgainIsAcceptedNoLonger) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::accepted);
    desk.now += (desk.limits.accepted_seconds - 1) * second;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::refused);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::refused);
}

TEST(CredentialCache, WithoutTheControlProcessKnownValuesPassAndUnknownOnesDoNot) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::accepted);
    desk.questions.there = false;
    desk.now += (desk.limits.accepted_seconds - 1) * second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::accepted);
    EXPECT_EQ(desk.find("Basic b").standing, Standing::unchecked);
    desk.now += second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::unchecked);
    CredentialCache alone(CredentialLimits{}, 2, key, nullptr);
    EXPECT_EQ(alone.find(std::as_bytes(std::span{"Basic a", 7}), owner, start).standing, Standing::unchecked);
}

TEST(CredentialCache, ACheckThatIsNotAnsweredInTimeIsADenialAndTheNextRequestAsksAnew) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.now += check_timeout_ns - 1;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending);
    desk.now -= second;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending) << "a clock that ran back is no time-out";
    desk.now += second + 1;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::unchecked);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::pending);
    EXPECT_EQ(desk.questions.asked.size(), 2U);
}

TEST(CredentialCache, AnAnswerThatComesTooLateStillCounts) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.now += 2 * check_timeout_ns;
    EXPECT_EQ(desk.find("Basic a").standing, Standing::unchecked);
    desk.answer(CheckResult::accepted);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::accepted);
}

TEST(CredentialCache, WhatNobodyCouldCheckIsDenied) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::unavailable);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::unchecked);
    desk.questions.room = 1;
    EXPECT_EQ(desk.find("Basic b").standing, Standing::unchecked) << "the queue is full";
}

TEST(CredentialCache, AnAnswerWithAnImpossibleIdentityLetsNobodyIn) {
    Desk desk;
    (void)desk.find("Basic a");
    desk.answer(CheckResult::accepted, 2);
    EXPECT_EQ(desk.find("Basic a").standing, Standing::unchecked);
}

TEST(CredentialCache, AValueTooLongToBeCheckedIsRefusedWithoutACheck) {
    Desk desk;
    EXPECT_EQ(desk.find("Bearer " + std::string(credential_bytes_max, 'a')).standing, Standing::refused);
    EXPECT_TRUE(desk.questions.asked.empty());
}

TEST(CredentialCache, MoreChecksAtOnceThanThereIsRoomForAreDeniedAndRoomComesBack) {
    CredentialLimits limits;
    limits.checks_per_minute = 100'000;
    Desk desk(limits);
    for (std::size_t i = 0; i < pending_checks_max; ++i) {
        EXPECT_EQ(desk.find("Basic " + std::to_string(i)).standing, Standing::pending);
    }
    EXPECT_EQ(desk.find("Basic one more").standing, Standing::unchecked);
    desk.answer(CheckResult::refused);
    EXPECT_EQ(desk.find("Basic one more").standing, Standing::pending);
}

TEST(CredentialCache, AHundredThousandGuessesAreRateLimitedAndPushOutNoOwner) {
    CredentialLimits limits;
    limits.values = 64;
    Oracle oracle("Basic right");
    CredentialCache cache(limits, 1, key, &oracle);
    const auto find = [&cache](const std::string& value, const IpAddress& source, std::uint64_t now) {
        return cache.find(std::as_bytes(std::span{value}), source, now).standing;
    };
    EXPECT_EQ(find("Basic right", owner, start), Standing::accepted);
    std::uint64_t limited = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const std::uint64_t now = start + i * 1'000'000U;
        const Standing guess = find("Basic " + std::to_string(i), guesser, now);
        ASSERT_NE(guess, Standing::accepted);
        limited += guess == Standing::rate_limited ? 1 : 0;
        if (i % 100 == 0) {
            ASSERT_EQ(find("Basic right", owner, now), Standing::accepted);
            ASSERT_EQ(find("Basic right", guesser, now), Standing::accepted)
                << "the owner behind the same address";
        }
    }
    // 100 s: the bucket's 30 and one every two seconds.
    EXPECT_NEAR(static_cast<double>(100'000 - limited), 80.0, 2.0);
}

TEST(SourceBudget, GivesBackWithTimeAndKeepsSourcesApart) {
    SourceBudget budget(1024, 6, key);
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(budget.take(owner, start));
    EXPECT_FALSE(budget.take(owner, start));
    EXPECT_TRUE(budget.take(guesser, start));
    EXPECT_FALSE(budget.take(owner, start + 9 * second));
    EXPECT_TRUE(budget.take(owner, start + 10 * second));
    EXPECT_FALSE(budget.take(owner, start + 10 * second));
}

TEST(SourceBudget, AllAddressesOfAnIpv6NetworkShareOneBucket) {
    SourceBudget budget(1024, 2, key);
    constexpr std::uint64_t network = 0x2001'0db8'0000'0001U;
    EXPECT_TRUE(budget.take({network, 1}, start));
    EXPECT_TRUE(budget.take({network, 2}, start));
    EXPECT_FALSE(budget.take({network, 3}, start));
    EXPECT_TRUE(budget.take({network + 1, 1}, start));
}

TEST(SourceBudget, ManyOtherSourcesDoNotGiveAnExhaustedOneItsChecksBack) {
    SourceBudget budget(64, 2, key);
    EXPECT_TRUE(budget.take(guesser, start));
    EXPECT_TRUE(budget.take(guesser, start));
    for (std::uint32_t i = 0; i < 10'000; ++i) (void)budget.take(IpAddress::v4(0x0a000000 + i), start);
    EXPECT_FALSE(budget.take(guesser, start));
}

TEST(KnownValues, AFullTableGivesUpWhatHasTheLeastTimeLeft) {
    KnownValues values(4);
    for (std::uint32_t i = 1; i <= 4; ++i) values.put({{i, 0}, 100 + i, 0, 0}, 0);
    values.put({{5, 0}, 200, 0, 0}, 0);
    EXPECT_EQ(values.find({1, 0}, 0), nullptr);
    for (std::uint32_t i = 2; i <= 5; ++i) EXPECT_NE(values.find({i, 0}, 0), nullptr) << i;
    EXPECT_EQ(values.find({2, 0}, 102), nullptr) << "its time is up";
}

}  // namespace
}  // namespace springlatch
