#include "dataplane/dpdk/policy_change.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "dataplane/policy/change.h"

namespace springlatch {

void PolicyChange::begin(PolicyOrder order) {
    generation_ = order.generation;
    compiling_ = std::async(std::launch::async, [this, order = std::move(order)]() -> Compiled {
        if (order.generation <= running_->generation()) {
            return tl::unexpected("generation " + std::to_string(order.generation) +
                                  " is not above the running policy's, " +
                                  std::to_string(running_->generation()));
        }
        try {
            return reader_(order.bytes, order.generation);
        } catch (const std::exception& error) {
            return tl::unexpected(std::string("the policy could not be compiled: ") + error.what());
        }
    });
}

AdoptedMessage PolicyChange::refusal(const std::string& why) const {
    AdoptedMessage outcome;
    outcome.generation = generation_;
    outcome.refused = 1;
    outcome.refusal_bytes = static_cast<std::uint32_t>(std::min(why.size(), refusal_bytes_max));
    std::copy_n(why.data(), outcome.refusal_bytes, outcome.refusal.data());
    return outcome;
}

/// To every worker or to none. What is wrong, "" if nothing is.
std::string PolicyChange::offer(const LoadedPolicy& next) {
    std::string keys;
    for (const std::string& key : needs_restart(*running_, *next.policy)) {
        keys += (keys.empty() ? "" : ", ") + key;
    }
    if (!keys.empty()) {
        return "needs a restart of the data plane: its memory was taken at the start for " + keys;
    }
    std::vector<std::unique_ptr<Adoption>> adoptions;
    try {
        for (const Place& place : places_) {
            adoptions.push_back(place.inspector->prepare(next.policy));
        }
    } catch (const std::bad_alloc&) {
        return "there is no memory for it";
    }
    for (std::size_t i = 0; i < places_.size(); ++i) {
        places_[i].slot->offer(std::move(adoptions[i]));
    }
    return "";
}

std::optional<AdoptedMessage> PolicyChange::step() {
    if (compiling_.valid()) {
        if (compiling_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
            return std::nullopt;
        }
        const Compiled compiled = compiling_.get();
        if (!compiled) {
            return refusal(compiled.error());
        }
        if (const std::string why = offer(*compiled); !why.empty()) {
            return refusal(why);
        }
        next_ = compiled->policy;
        sha256_ = compiled->sha256;
    }
    if (next_ == nullptr || !std::all_of(places_.begin(), places_.end(),
                                         [](const Place& place) { return place.slot->is_free(); })) {
        return std::nullopt;
    }
    for (const Place& place : places_) {
        (void)place.slot->take_back();
    }
    running_ = std::exchange(next_, nullptr);
    AdoptedMessage outcome;
    outcome.generation = generation_;
    outcome.observing = running_->mode() == Mode::observe ? 1 : 0;
    outcome.policy_sha256 = sha256_;
    return outcome;
}

}  // namespace springlatch
