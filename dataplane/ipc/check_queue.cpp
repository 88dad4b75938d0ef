#include "dataplane/ipc/check_queue.h"

#include <cstring>

namespace springlatch {

static_assert((CheckQueue::questions_max & (CheckQueue::questions_max - 1)) == 0);
static_assert((CheckQueue::answers_max & (CheckQueue::answers_max - 1)) == 0);

CheckQueue::CheckQueue()
    : questions_(std::make_unique<std::array<Question, questions_max>>()),
      answers_(std::make_unique<std::array<CheckAnswer, answers_max>>()) {}

Asked CheckQueue::ask(const CheckRequest& request, CheckAnswer&) noexcept {
    const std::uint32_t head = asked_.head.load(std::memory_order_relaxed);
    if (head - asked_.tail.load(std::memory_order_acquire) == questions_max ||
        request.value.size() > credential_bytes_max) {
        return Asked::full;
    }
    Question& question = (*questions_)[head % questions_max];
    question.fingerprint = request.fingerprint;
    question.time_ns = request.time_ns;
    question.generation = request.generation;
    question.bytes = request.value.size();
    std::memcpy(question.value.data(), request.value.data(), request.value.size());
    asked_.head.store(head + 1, std::memory_order_release);
    return Asked::queued;
}

std::optional<CheckAnswer> CheckQueue::take_answer() noexcept {
    const std::uint32_t tail = told_.tail.load(std::memory_order_relaxed);
    if (tail == told_.head.load(std::memory_order_acquire)) {
        return std::nullopt;
    }
    const CheckAnswer answer = (*answers_)[tail % answers_max];
    told_.tail.store(tail + 1, std::memory_order_release);
    return answer;
}

void CheckQueue::set_ready(bool ready) noexcept {
    ready_.store(ready, std::memory_order_relaxed);
    while (!ready && front()) {
        pop();
    }
}

std::optional<CheckRequest> CheckQueue::front() noexcept {
    const std::uint32_t tail = asked_.tail.load(std::memory_order_relaxed);
    if (tail == asked_.head.load(std::memory_order_acquire)) {
        return std::nullopt;
    }
    const Question& question = (*questions_)[tail % questions_max];
    return CheckRequest{question.fingerprint, std::span{question.value}.first(question.bytes),
                        question.time_ns, question.generation};
}

void CheckQueue::pop() noexcept {
    const std::uint32_t tail = asked_.tail.load(std::memory_order_relaxed);
    Question& question = (*questions_)[tail % questions_max];
    explicit_bzero(question.value.data(), question.bytes);
    asked_.tail.store(tail + 1, std::memory_order_release);
}

void CheckQueue::tell(const CheckAnswer& answer) noexcept {
    const std::uint32_t head = told_.head.load(std::memory_order_relaxed);
    if (head - told_.tail.load(std::memory_order_acquire) == answers_max) {
        return;
    }
    (*answers_)[head % answers_max] = answer;
    told_.head.store(head + 1, std::memory_order_release);
}

}  // namespace springlatch
