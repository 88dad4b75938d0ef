#include "dataplane/dpdk/reporting.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "dataplane/dpdk/clock.h"

namespace springlatch {

tl::expected<std::unique_ptr<Reporting>, std::string> Reporting::create(const std::string& control,
                                                                        std::uint32_t workers,
                                                                        const LoadedPolicy& policy) {
    std::unique_ptr<Reporting> reporting(new Reporting);
    reporting->workers_ = workers;
    if (control.empty()) {
        return reporting;
    }
    std::vector<int> fds;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
        auto ring = RingMemory::create("springlatch-events");
        if (!ring) {
            return tl::unexpected(std::string{"no memory for an event ring: "} + std::strerror(ring.error()));
        }
        reporting->rings_.push_back(std::move(*ring));
        reporting->producers_.push_back(std::make_unique<RingProducer>(reporting->rings_.back().base()));
        fds.push_back(reporting->rings_.back().fd());
    }
    HelloMessage hello;
    hello.start_ns = unix_ns();
    hello.pid = static_cast<std::uint64_t>(getpid());
    hello.policy_generation = policy.policy->generation();
    hello.observing = policy.policy->mode() == Mode::observe ? 1 : 0;
    hello.policy_sha256 = policy.sha256;
    reporting->channel_.emplace(control, hello, std::move(fds));
    return reporting;
}

EventSink& Reporting::sink(std::uint32_t worker) noexcept {
    if (producers_.empty()) {
        return discard_;
    }
    return *producers_[worker];
}

std::uint64_t Reporting::free_slots() noexcept {
    std::uint64_t least = ring_slots;
    for (const auto& producer : producers_) {
        least = std::min(least, producer->free_slots());
    }
    return least;
}

bool Reporting::send(AdoptedMessage outcome) {
    if (!channel_) {
        return true;
    }
    outcome.header = {.version = channel_version,
                      .type = MessageType::adopted,
                      .bytes = sizeof outcome,
                      .workers = workers_};
    if (outcome.refused == 0) {
        channel_->set_policy(outcome);
    }
    // Who connects anew is told by the hello.
    return channel_->send(outcome) || !channel_->connected();
}

void Reporting::status(std::uint32_t worker, const Counters& counters, std::uint32_t links_up, bool finished,
                       std::uint64_t now_ns) {
    if (!channel_) {
        return;
    }
    StatusMessage message;
    message.header = {.version = channel_version,
                      .type = MessageType::status,
                      .bytes = sizeof(StatusMessage),
                      .workers = workers_};
    message.time_ns = now_ns;
    message.worker = worker;
    message.links_up = links_up;
    message.finished = finished ? 1 : 0;
    message.counters = counters;
    channel_->send(message);
}

}  // namespace springlatch
