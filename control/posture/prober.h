#pragma once
// Asks the servers behind the appliance as a stranger would, once without and once with invented credentials.
//
// Off until the settings name the address to ask from. Each question is a GET of what any scanner asks first
// (`/`, `/_cat/indices`), one at a time, bounded in bytes and seconds, following nothing. An answer is read
// for two signs, its status and what only such a database says, and forgotten; an open server is asked again
// before it is accused.
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control/posture/posture.h"
#include "control/settings/settings.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::control {

struct ProbeTarget {
    IpAddress address;
    std::uint16_t port = 0;
    std::string service;
    bool tls = false;  ///< it may speak TLS
};

/// `pause`: called before each question. `key`: PostureBook::key().
[[nodiscard]] ProbeFinding probe(const ProbeTarget& target, const ProbeSettings& settings,
                                 const std::string& key, const std::function<void()>& pause);
/// Of every elasticsearch service; a service of more than so many servers is cut there.
inline constexpr std::size_t targets_a_service_max = 1024;
[[nodiscard]] std::vector<ProbeTarget> targets_of(const CompiledPolicy& policy);

class Prober {
  public:
    using PolicyNow = std::function<std::shared_ptr<const CompiledPolicy>()>;
    Prober(ProbeSettings settings, std::string key, PolicyNow policy,
           std::function<void(const ProbeFinding&)> found);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

  private:
    void run();
    /// True if it is time to stop.
    [[nodiscard]] bool wait(std::chrono::milliseconds time);

    ProbeSettings settings_;
    std::string key_;
    PolicyNow policy_;
    std::function<void(const ProbeFinding&)> found_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace springlatch::control
