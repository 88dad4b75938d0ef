#pragma once
// The thread that judges: told what happens by the draining thread, it keeps posture and alerts and tells the
// channels.
//
// The draining thread only copies a fixed record into a ring; a full ring drops it and counts it.
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "control/alerts/alert.h"
#include "control/alerts/behaviour.h"
#include "control/alerts/channels.h"
#include "control/clock.h"
#include "control/posture/posture.h"
#include "control/settings/settings.h"
#include "control/store/event.h"
#include "dataplane/event/record.h"

namespace springlatch::control {

/// Told by Ingest's thread; must not wait.
class EventObserver {
  public:
    virtual ~EventObserver() = default;
    virtual void saw_request(const EventRecord& record, const Event& event) noexcept = 0;
    virtual void saw_answer(const EventRecord& record, std::uint32_t worker) noexcept = 0;
};

/// What the watcher looks at once a second.
struct Health {
    bool known = false;  ///< a data plane was there
    bool connected = false;
    std::uint64_t status_ns = 0;  ///< since the Unix epoch, of the last status
    std::uint64_t events_lost = 0;
};

template <std::size_t size>
class ShortText {
  public:
    void set(std::string_view text) noexcept {
        bytes_ = static_cast<std::uint16_t>(text.copy(text_.data(), size));
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), bytes_}; }

  private:
    std::uint16_t bytes_ = 0;
    std::array<char, size> text_;
};

class Watcher final : public EventObserver {
  public:
    [[nodiscard]] static tl::expected<std::unique_ptr<Watcher>, std::string> start(
        const std::string& dir, const Settings& settings, std::function<Health()> health);
    ~Watcher() override;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    void saw_request(const EventRecord& record, const Event& event) noexcept override;
    void saw_answer(const EventRecord& record, std::uint32_t worker) noexcept override;

    // From any thread.
    void policy_widened(const std::string& user, const std::string& why);
    void probed(const ProbeFinding& finding);
    [[nodiscard]] PostureBook& posture() noexcept { return *posture_; }
    [[nodiscard]] AlertBook& alerts() noexcept { return *alerts_; }
    [[nodiscard]] std::vector<ChannelTotals> channels() const;
    /// Records that found the ring full.
    [[nodiscard]] std::uint64_t unseen() const noexcept { return unseen_.load(std::memory_order_relaxed); }

  private:
    struct Slot {
        EventRecord record;
        std::uint32_t worker;
        ShortText<64> service;
        ShortText<46> source;
        ShortText<46> destination;
        ShortText<200> path;
        ShortText<128> user_agent;
    };
    struct Waiting {
        RequestSeen request;
        std::string address;
        std::uint16_t port = 0;
        std::uint8_t operation = 0;
    };
    struct Key {
        std::uint64_t flow;
        std::uint32_t number;
        std::uint32_t worker;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const noexcept {
            return static_cast<std::size_t>((key.flow ^ (std::uint64_t{key.number} << 32U) ^ key.worker) *
                                            0x9e37'79b9'7f4a'7c15U);
        }
    };
    static constexpr std::size_t slots = 8192;
    static constexpr std::size_t waiting_max = 65'536;

    Watcher(std::unique_ptr<PostureBook> posture, std::unique_ptr<AlertBook> alerts, const Settings& settings,
            std::function<Health()> health);
    [[nodiscard]] Slot* room() noexcept;
    void publish() noexcept;
    void run();
    void take(const Slot& slot);
    void take_answer(const EventRecord& record, std::uint32_t worker);
    void tick(std::uint64_t now_ns);
    void raise(Alert alert);
    void turned(const PostureTurn& turn);

    std::unique_ptr<PostureBook> posture_;
    std::unique_ptr<AlertBook> alerts_;
    std::vector<std::unique_ptr<Channel>> channels_;
    std::function<Health()> health_;
    Behaviour behaviour_;
    std::unordered_map<Key, Waiting, KeyHash> waiting_;
    std::deque<Key> waiting_order_;
    std::uint64_t lost_before_ = 0;
    bool silent_ = false;
    std::uint64_t started_ns_ = unix_ns();
    std::vector<Slot> ring_;
    alignas(64) std::atomic<std::uint64_t> written_{0};
    alignas(64) std::atomic<std::uint64_t> read_{0};
    std::atomic<std::uint64_t> unseen_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace springlatch::control
