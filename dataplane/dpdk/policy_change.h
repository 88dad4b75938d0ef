#pragma once
// A data plane at work goes over to another policy.
//
// Overview
//   The main thread is given the policy's bytes. A thread of its own checks and compiles them beside the
//   policy in force; then each worker is offered what its inspector needs, and takes it between two bursts
//   (AdoptionSlot). When the last one has, the old policy is freed by the main thread and the control process
//   is told. No lock, no allocation and nothing to free in a worker.
// Mistakes
//   Whatever is wrong with the policy is found before the first worker is offered anything: the policy in
//   force stays, and the control process is told why.
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/load.h"
#include "dataplane/ipc/client.h"
#include "dataplane/pipeline/inspector.h"

namespace springlatch {

/// One adoption on its way to a worker and back. One thread offers and takes back, one serves.
class AdoptionSlot {
  public:
    void offer(std::unique_ptr<Adoption> adoption) noexcept {
        adoption_ = std::move(adoption);
        offered_.store(true, std::memory_order_release);
    }
    [[nodiscard]] bool is_free() const noexcept { return !offered_.load(std::memory_order_acquire); }
    /// What the worker does not need any more; call it when is_free().
    [[nodiscard]] std::unique_ptr<Adoption> take_back() noexcept { return std::move(adoption_); }

    /// The worker's, between two bursts.
    void serve(Inspector& inspector) noexcept {
        if (offered_.load(std::memory_order_acquire) && inspector.can_adopt()) {
            inspector.adopt(*adoption_);
            offered_.store(false, std::memory_order_release);
        }
    }

  private:
    std::atomic<bool> offered_{false};
    std::unique_ptr<Adoption> adoption_;
};

/// From a policy file's bytes to a policy; the error is one line or several.
using PolicyReader = std::function<tl::expected<LoadedPolicy, std::string>(const std::string& bytes,
                                                                           std::uint32_t generation)>;

class PolicyChange {
  public:
    struct Place {
        Inspector* inspector = nullptr;
        AdoptionSlot* slot = nullptr;
    };
    PolicyChange(std::shared_ptr<const CompiledPolicy> running, PolicyReader reader,
                 std::vector<Place> places)
        : running_(std::move(running)), reader_(std::move(reader)), places_(std::move(places)) {}

    [[nodiscard]] bool busy() const noexcept { return compiling_.valid() || next_ != nullptr; }
    /// Starts; not while busy().
    void begin(PolicyOrder order);
    /// Goes on as far as it can without waiting. The outcome when there is one, but for its header.
    [[nodiscard]] std::optional<AdoptedMessage> step();
    [[nodiscard]] const CompiledPolicy& running() const noexcept { return *running_; }

  private:
    using Compiled = tl::expected<LoadedPolicy, std::string>;
    [[nodiscard]] AdoptedMessage refusal(const std::string& why) const;
    [[nodiscard]] std::string offer(const LoadedPolicy& next);

    std::shared_ptr<const CompiledPolicy> running_;
    PolicyReader reader_;
    std::vector<Place> places_;
    std::future<Compiled> compiling_;
    std::uint32_t generation_ = 0;
    std::shared_ptr<const CompiledPolicy> next_;  ///< that was offered
    Sha256 sha256_{};
};

}  // namespace springlatch
