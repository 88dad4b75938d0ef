#pragma once
// The way of credential checks between a worker and the main thread, which has the socket.
//
// Overview
//   A worker asks (it is the inspector's CredentialVerifier), the main thread takes the question and sends
//   it; the main thread tells answers, the worker takes them between two bursts. Two single-producer
//   single-consumer rings of fixed size; neither side waits.
// P6: a value is wiped as soon as it was sent, and where it will not be sent.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/credentials/verifier.h"

namespace springlatch {

class CheckQueue final : public CredentialVerifier {
  public:
    static constexpr std::uint32_t questions_max = 128;  ///< of 7 KiB each
    static constexpr std::uint32_t answers_max = 1024;

    CheckQueue();

    // The worker's side.
    [[nodiscard]] bool ready() const noexcept override { return ready_.load(std::memory_order_relaxed); }
    [[nodiscard]] Asked ask(const CheckRequest& request, CheckAnswer& answer) noexcept override;
    [[nodiscard]] std::optional<CheckAnswer> take_answer() noexcept;

    // The main thread's side.
    /// Without a control process nothing may be asked, and what was asked is forgotten.
    void set_ready(bool ready) noexcept;
    /// The oldest question; good until pop(). Nothing if there is none.
    [[nodiscard]] std::optional<CheckRequest> front() noexcept;
    /// Wipes the oldest question.
    void pop() noexcept;
    /// An answer that finds no room is lost: the value will be asked for again.
    void tell(const CheckAnswer& answer) noexcept;

  private:
    struct Question {
        Fingerprint fingerprint;
        std::uint64_t time_ns = 0;
        std::uint32_t generation = 0;
        std::size_t bytes = 0;
        std::array<std::byte, credential_bytes_max> value;
    };
    struct Ring {
        alignas(64) std::atomic<std::uint32_t> head{0};  ///< written by the producer
        alignas(64) std::atomic<std::uint32_t> tail{0};  ///< written by the consumer
    };

    std::atomic<bool> ready_{false};
    Ring asked_;
    Ring told_;
    std::unique_ptr<std::array<Question, questions_max>> questions_;
    std::unique_ptr<std::array<CheckAnswer, answers_max>> answers_;
};

}  // namespace springlatch
