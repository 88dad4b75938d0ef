#include "control/credentials/check_pool.h"

#include <utility>

#include "control/clock.h"

namespace springlatch::control {
CheckPool::CheckPool(const std::vector<Identity>& identities, CheckTime time)
    : checker_(std::make_shared<const Checker>(identities)), time_(time) {}

CheckPool::~CheckPool() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        for (Job& job : jobs_) {
            wipe(job.value);
        }
        jobs_.clear();
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void CheckPool::submit(const Fingerprint& fingerprint, std::string_view value, std::uint64_t time_ns,
                       std::uint32_t generation, std::shared_ptr<const Checker> checker) {
    Job job{fingerprint, {}, time_ns, generation, checker ? std::move(checker) : checker_};
    job.value.reserve(value.size() + 64);  // on the heap: what is moved leaves no copy behind
    job.value.append(value);
    if (time_ == CheckTime::request || job.checker->empty()) {
        finish(job);
        return;
    }
    std::unique_lock lock(mutex_);
    while (threads_.size() < threads) {
        threads_.emplace_back([this] { work(); });
    }
    if (jobs_.size() >= queue_max) {
        wipe(job.value);
        ++totals_.overloaded;
        answers_.push_back({.fingerprint = fingerprint, .generation = generation});
        return;
    }
    jobs_.push_back(std::move(job));
    lock.unlock();
    wake_.notify_one();
}

void CheckPool::decline(const Fingerprint& fingerprint, std::uint32_t generation) {
    const std::lock_guard lock(mutex_);
    ++totals_.unavailable;
    answers_.push_back({.fingerprint = fingerprint, .generation = generation});
}

void CheckPool::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (stop_) {
            return;
        }
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        finish(job);
        lock.lock();
    }
}

void CheckPool::finish(Job& job) {
    CheckAnswer answer =
        job.checker->check(job.value, (time_ == CheckTime::now ? unix_ns() : job.time_ns) / 1'000'000'000U);
    wipe(job.value);
    answer.fingerprint = job.fingerprint;
    answer.generation = job.generation;
    const std::lock_guard lock(mutex_);
    ++(answer.result == CheckResult::accepted ? totals_.accepted : totals_.refused);
    answers_.push_back(answer);
}

std::vector<CheckAnswer> CheckPool::take_answers() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
}

CheckTotals CheckPool::totals() const {
    const std::lock_guard lock(mutex_);
    return totals_;
}

}  // namespace springlatch::control
