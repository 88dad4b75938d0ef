// A policy on its way into every worker, or into none.
#include "dataplane/dpdk/policy_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace springlatch {
namespace {

using ::testing::HasSubstr;

struct NoEvents final : EventSink {
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

std::string policy(const std::string& more = "") {
    return R"({"version": 1, "zones": {"all": ["0.0.0.0/0"]}, "services": {"s": {"protocol": "elasticsearch",
"addresses": ["198.51.100.10"], "ports": [9200]}})" +
           more + "}";
}

tl::expected<LoadedPolicy, std::string> read(const std::string& bytes, std::uint32_t generation) {
    auto loaded = parse_policy(bytes, "policy", {.generation = generation, .mode = {}});
    if (!loaded) {
        return tl::unexpected(lines_of(loaded.error()));
    }
    return std::move(*loaded);
}

/// Two workers whose turns the test gives.
struct Workers {
    LoadedPolicy first = *read(policy(), 1);
    NoEvents events;
    Inspector one{first.policy, events, {}};
    Inspector two{first.policy, events, {}};
    AdoptionSlot slot_one;
    AdoptionSlot slot_two;
    PolicyChange change{first.policy, read, {{&one, &slot_one}, {&two, &slot_two}}};

    std::optional<AdoptedMessage> settle(bool with_workers = true) {
        for (int i = 0; i < 2000; ++i) {
            if (auto outcome = change.step()) return outcome;
            if (with_workers) {
                slot_one.serve(one);
                slot_two.serve(two);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return std::nullopt;
    }
};

std::string text_of(const AdoptedMessage& outcome) {
    return {outcome.refusal.data(), outcome.refusal_bytes};
}

TEST(PolicyChange, IsDoneWhenEveryWorkerHasTakenIt) {
    Workers workers;
    const std::string next = policy(R"(, "mode": "observe")");
    workers.change.begin({5, next});
    EXPECT_TRUE(workers.change.busy());
    while (workers.slot_one.is_free()) {
        ASSERT_FALSE(workers.change.step().has_value());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    workers.slot_one.serve(workers.one);
    EXPECT_FALSE(workers.change.step().has_value()) << "the second worker still judges by the old one";
    EXPECT_EQ(workers.change.running().generation(), 1U);
    workers.slot_two.serve(workers.two);
    const auto outcome = workers.change.step();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->refused, 0U);
    EXPECT_EQ(outcome->generation, 5U);
    EXPECT_EQ(outcome->observing, 1U);
    EXPECT_EQ(outcome->policy_sha256, sha256_of(next));
    EXPECT_EQ(workers.change.running().generation(), 5U);
    EXPECT_FALSE(workers.change.busy());
    EXPECT_EQ(workers.first.policy.use_count(), 1) << "nobody keeps the old one";
}

TEST(PolicyChange, AMistakeIsToldAndNoWorkerHearsOfIt) {
    Workers workers;
    workers.change.begin({2, "{\"version\": 2}"});
    const auto outcome = workers.settle();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->refused, 1U);
    EXPECT_THAT(text_of(*outcome), HasSubstr("policy:1:"));
    EXPECT_EQ(workers.change.running().generation(), 1U);
    EXPECT_TRUE(workers.slot_one.is_free());
}

TEST(PolicyChange, WhatNeedsOtherMemoryIsRefusedWithTheKeys) {
    Workers workers;
    workers.change.begin(
        {2, policy(R"(, "limits": {"flows": 1000, "idle_seconds": 60}, "fragments": "reassemble")")});
    EXPECT_EQ(
        text_of(workers.settle().value()),
        "needs a restart of the data plane: its memory was taken at the start for /fragments (refuse, not "
        "reassemble), /limits/flows (65536, not 1000)");
}

TEST(PolicyChange, AGenerationThatWasThereAlreadyIsRefused) {
    Workers workers;
    workers.change.begin({1, policy()});
    EXPECT_THAT(text_of(workers.settle().value()), HasSubstr("not above the running policy's"));
}

TEST(PolicyChange, OneAfterTheOtherTheyAllArrive) {
    Workers workers;
    for (std::uint32_t generation = 2; generation < 20; ++generation) {
        workers.change.begin({generation, policy()});
        // Workers without traffic: idle() marks their connections.
        std::optional<AdoptedMessage> outcome;
        Output out(workers.first.policy->frames_kept_max());
        // The bound is for a broken product: a policy is compiled in a thread beside this one.
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!outcome && std::chrono::steady_clock::now() < end) {
            for (auto* inspector : {&workers.one, &workers.two}) {
                out.clear();
                inspector->idle(1, out);
            }
            workers.slot_one.serve(workers.one);
            workers.slot_two.serve(workers.two);
            outcome = workers.change.step();
            if (!outcome) std::this_thread::yield();
        }
        ASSERT_TRUE(outcome.has_value()) << generation;
        ASSERT_EQ(outcome->generation, generation);
    }
}

}  // namespace
}  // namespace springlatch
