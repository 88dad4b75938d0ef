#include "control/alerts/channels.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace springlatch::control {

Channel::Channel(std::string name, Severity least, std::size_t queue_max, Deliver deliver, BackOff back_off)
    : name_(std::move(name)),
      least_(least),
      queue_max_(queue_max),
      deliver_(std::move(deliver)),
      back_off_(back_off),
      thread_([this] { run(); }) {}

Channel::~Channel() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Channel::tell(const Alert& alert) {
    if (severity_of(alert.kind) < least_) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= queue_max_) {
            ++totals_.dropped;
            return;
        }
        queue_.push_back(alert);
    }
    wake_.notify_all();
}

ChannelTotals Channel::totals() const {
    const std::lock_guard lock(mutex_);
    ChannelTotals totals = totals_;
    totals.name = name_;
    totals.waiting = queue_.size();
    return totals;
}

void Channel::run() {
    std::chrono::milliseconds pause = back_off_.first;
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (stop_) {
            return;
        }
        const Alert alert = queue_.front();
        lock.unlock();
        std::string problem = deliver_(alert, stop_);
        lock.lock();
        if (problem.empty()) {
            queue_.pop_front();
            ++totals_.sent;
            totals_.problem.clear();
            pause = back_off_.first;
            continue;
        }
        ++totals_.failed;
        if (totals_.problem != problem) {
            std::fprintf(stderr, "springlatchd: alerts to %s: %s; tried again\n", name_.c_str(),
                         problem.c_str());
        }
        totals_.problem = std::move(problem);
        wake_.wait_for(lock, pause, [this] { return stop_.load(); });
        pause = std::min(2 * pause, back_off_.most);
    }
}

}  // namespace springlatch::control
