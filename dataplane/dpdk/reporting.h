#pragma once
// What the main thread tells the control process: hello with the rings, a status of each worker once a
// second.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"
#include "dataplane/ipc/client.h"
#include "dataplane/ipc/ring.h"

namespace springlatch {

/// Takes events of a data plane that has no control process.
class DiscardEvents final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

/// The rings of all workers and the channel; without a control socket, neither.
class Reporting {
  public:
    [[nodiscard]] static tl::expected<std::unique_ptr<Reporting>, std::string> create(
        const std::string& control, std::uint32_t workers, const LoadedPolicy& policy);

    [[nodiscard]] EventSink& sink(std::uint32_t worker) noexcept;
    /// Null without a control socket.
    [[nodiscard]] HitPages* hits(std::uint32_t worker) noexcept {
        return worker < rings_.size() ? &rings_[worker].hits() : nullptr;
    }
    /// Slots free in the fullest ring; the size of a ring where there are none.
    [[nodiscard]] std::uint64_t free_slots() noexcept;
    [[nodiscard]] bool has_channel() const noexcept { return channel_.has_value(); }
    [[nodiscard]] bool connected() const noexcept { return channel_.has_value() && channel_->connected(); }
    /// True if the control process asked to stop.
    [[nodiscard]] bool poll(std::uint64_t now_ns) {
        return channel_.has_value() && channel_->poll(now_ns, answers_);
    }
    /// Answers to credential checks that came since the last call.
    [[nodiscard]] std::vector<CheckAnswer> take_answers() { return std::exchange(answers_, {}); }
    /// False if the control process does not take the question now.
    [[nodiscard]] bool send(const CheckRequest& check) {
        return channel_.has_value() && channel_->send(check);
    }
    [[nodiscard]] std::optional<PolicyOrder> take_policy() {
        return channel_.has_value() ? channel_->take_policy() : std::nullopt;
    }
    /// Tells the outcome of an order. False if the control process does not take it now.
    [[nodiscard]] bool send(AdoptedMessage outcome);
    void status(std::uint32_t worker, const Counters& counters, std::uint32_t links_up, bool finished,
                std::uint64_t now_ns);

  private:
    Reporting() = default;
    DiscardEvents discard_;
    std::vector<RingMemory> rings_;
    std::vector<std::unique_ptr<RingProducer>> producers_;
    std::optional<ChannelClient> channel_;
    std::vector<CheckAnswer> answers_;
    std::uint32_t workers_ = 0;
};

}  // namespace springlatch
