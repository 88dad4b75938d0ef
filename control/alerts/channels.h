#pragma once
// Where alerts go: one thread and one bounded queue a channel, so that a dead mail server holds up no
// webhook.
//
// A delivery that fails is tried again after 1, 2, 4, … seconds, at most 5 minutes, for as long as the
// process lives; what finds the queue full is dropped and counted. Secrets are read from their files for each
// delivery and wiped; errors never quote them (P6).
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/alerts/alert.h"
#include "control/settings/settings.h"

namespace springlatch::control {

/// Delivers one alert; "" if it did, else why not. `stop`: give up early.
using Deliver = std::function<std::string(const Alert& alert, const std::atomic<bool>& stop)>;
[[nodiscard]] Deliver deliver_to(const ChannelSettings& settings);

/// RFC 5424 §6: the message as it is sent, without framing.
[[nodiscard]] std::string syslog_message(const Alert& alert, std::uint8_t facility);

struct ChannelTotals {
    std::string name;
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;   ///< attempts
    std::uint64_t dropped = 0;  ///< alerts that found the queue full
    std::size_t waiting = 0;
    std::string problem;  ///< of the last attempt; "": it worked
};

struct BackOff {
    std::chrono::milliseconds first{1000};
    std::chrono::milliseconds most{300'000};
};

class Channel {
  public:
    Channel(std::string name, Severity least, std::size_t queue_max, Deliver deliver, BackOff back_off = {});
    /// What waits is given up.
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void tell(const Alert& alert);
    [[nodiscard]] ChannelTotals totals() const;

  private:
    void run();

    std::string name_;
    Severity least_;
    std::size_t queue_max_;
    Deliver deliver_;
    BackOff back_off_;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Alert> queue_;
    ChannelTotals totals_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace springlatch::control
