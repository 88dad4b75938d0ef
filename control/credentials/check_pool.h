#pragma once
// Threads that check credentials, and the bounded queue in front of them.
//
// P6: a value lives in the queue until it was checked and is wiped then; it is in no log, event or store.
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "control/credentials/checker.h"

namespace springlatch::control {

/// Over the life of the process.
struct CheckTotals {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t overloaded = 0;   ///< found the queue full
    std::uint64_t unavailable = 0;  ///< the data plane runs another policy, or there is none
};

enum class CheckTime : std::uint8_t {
    now,      ///< tokens are judged by this machine's clock
    request,  ///< by the time of the frame, and at once, in the thread that submits: for replays
};

class CheckPool {
  public:
    static constexpr std::size_t queue_max = 256;
    static constexpr unsigned threads = 2;  ///< of argon2_memory_kib_max each, at most

    /// `identities`: of questions without a checker of their own.
    CheckPool(const std::vector<Identity>& identities, CheckTime time);
    ~CheckPool();
    CheckPool(const CheckPool&) = delete;
    CheckPool& operator=(const CheckPool&) = delete;

    /// Never waits for a check (but for CheckTime::request). Threads start with the first question that there
    /// is an identity for. The answer comes by take_answers(), at once if
    /// the queue is full.
    void submit(const Fingerprint& fingerprint, std::string_view value, std::uint64_t time_ns,
                std::uint32_t generation = 0, std::shared_ptr<const Checker> checker = nullptr);
    /// Answers that nobody can give: the policy here is not the data plane's.
    void decline(const Fingerprint& fingerprint, std::uint32_t generation = 0);
    [[nodiscard]] std::vector<CheckAnswer> take_answers();
    [[nodiscard]] CheckTotals totals() const;

  private:
    struct Job {
        Fingerprint fingerprint;
        std::string value;
        std::uint64_t time_ns = 0;
        std::uint32_t generation = 0;
        std::shared_ptr<const Checker> checker;
    };
    void work();
    void finish(Job& job);

    std::shared_ptr<const Checker> checker_;
    CheckTime time_;
    mutable std::mutex mutex_;  ///< guards what follows
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    std::vector<CheckAnswer> answers_;
    CheckTotals totals_;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace springlatch::control
