// Questions and answers between a worker and the main thread.
#include "dataplane/ipc/check_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

namespace springlatch {
namespace {

CheckRequest request(const std::string& value, std::uint64_t number) {
    return {{number, 0}, std::as_bytes(std::span{value}), number};
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(CheckQueue, QuestionsComeInOrderAndAFullQueueSaysSo) {
    CheckQueue queue;
    CheckAnswer unused;
    for (std::uint64_t i = 0; i < CheckQueue::questions_max; ++i) {
        ASSERT_EQ(queue.ask(request("Basic " + std::to_string(i), i), unused), Asked::queued);
    }
    EXPECT_EQ(queue.ask(request("Basic one more", 0), unused), Asked::full);
    for (std::uint64_t i = 0; i < CheckQueue::questions_max; ++i) {
        const auto question = queue.front();
        ASSERT_TRUE(question);
        EXPECT_EQ(text_of(question->value), "Basic " + std::to_string(i));
        EXPECT_EQ(question->time_ns, i);
        queue.pop();
    }
    EXPECT_FALSE(queue.front());
}

TEST(CheckQueue, AValueIsGoneFromMemoryOnceItWasPassedOn) {
    CheckQueue queue;
    CheckAnswer unused;
    ASSERT_EQ(queue.ask(request("Basic secret", 1), unused), Asked::queued);
    const std::span<const std::byte> where = queue.front()->value;
    queue.pop();
    EXPECT_TRUE(std::all_of(where.begin(), where.end(), [](std::byte byte) { return byte == std::byte{0}; }));
    ASSERT_EQ(queue.ask(request("Basic secret", 1), unused), Asked::queued);
    const std::span<const std::byte> unsent = queue.front()->value;
    queue.set_ready(false);
    EXPECT_TRUE(
        std::all_of(unsent.begin(), unsent.end(), [](std::byte byte) { return byte == std::byte{0}; }));
    EXPECT_FALSE(queue.front());
    EXPECT_FALSE(queue.ready());
}

TEST(CheckQueue, TwoThreadsExchangeEveryQuestionAndAnswer) {
    CheckQueue queue;
    constexpr std::uint64_t count = 20'000;
    std::thread other([&queue] {
        for (std::uint64_t i = 0; i < count;) {
            if (const auto question = queue.front()) {
                EXPECT_EQ(text_of(question->value), std::to_string(question->fingerprint.low));
                const CheckAnswer answer{question->fingerprint, CheckResult::accepted, 1, 2};
                queue.pop();
                queue.tell(answer);
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    });
    std::uint64_t asked = 0;
    std::uint64_t answered = 0;
    while (answered < count) {
        CheckAnswer unused;
        // No more on the way than answers have room.
        if (asked < count && asked - answered < CheckQueue::answers_max &&
            queue.ask(request(std::to_string(asked), asked), unused) == Asked::queued) {
            ++asked;
        } else {
            std::this_thread::yield();
        }
        while (const auto answer = queue.take_answer()) {
            EXPECT_EQ(answer->fingerprint.low, answered);
            ++answered;
        }
    }
    other.join();
}

}  // namespace
}  // namespace springlatch
