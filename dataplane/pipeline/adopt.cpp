// Another policy takes over between two bursts.
//
// A connection remembers the service and the zone that it was looked up as, and these are indices of a
// policy. So each bears the mark of the policy of its look-up, and is looked up again with the first frame
// that finds another mark: nothing is read or judged before. There are three marks in turn and one for "an
// earlier one"; sweep_former() gives that one to all that bear the mark of the policy before, a slice a
// burst, and a further policy has to wait for it. So a mark that comes round again is on no connection of its
// last time.
#include <algorithm>

#include "dataplane/pipeline/impl.h"
#include "dataplane/policy/change.h"

namespace springlatch {
namespace {

constexpr std::uint32_t former_flows_a_burst = 256;

[[nodiscard]] bool is_observed(const CompiledPolicy& policy, std::uint16_t service) noexcept {
    return policy.mode_of(service) == Mode::observe;
}

/// True if `next` only observes everything that is a connection to `service` of `policy`.
[[nodiscard]] bool observes_alike(const CompiledPolicy& policy, std::uint16_t service,
                                  const CompiledPolicy& next) {
    const Service& before = policy.parts().services[service];
    const auto& services = next.parts().services;
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (services[i].name == before.name) {
            const bool same_place =
                services[i].ports == before.ports &&
                std::equal(before.addresses.begin(), before.addresses.end(), services[i].addresses.begin(),
                           services[i].addresses.end(), [](const AddressRange& a, const AddressRange& b) {
                               return a.first == b.first && a.last == b.last;
                           });
            return same_place && is_observed(next, static_cast<std::uint16_t>(i));
        }
    }
    return false;
}

}  // namespace

std::unique_ptr<Adoption> Inspector::Impl::prepare(std::shared_ptr<const CompiledPolicy> next) const {
    auto adoption = std::make_unique<Adoption>();
    const std::size_t identities = next->parts().identity_names.size();
    adoption->credentials = {.limits = next->limits().credentials,
                             .generation = next->generation(),
                             .identities = identities,
                             .same = same_identities(*policy_, *next)};
    if (!credentials_.has_memory() && identities > 0) {
        adoption->fresh.emplace(next->limits().credentials, identities, options_.credential_key,
                                options_.verifier, next->generation());
    }
    for (std::size_t i = 0; i < policy_->parts().services.size(); ++i) {
        const auto service = static_cast<std::uint16_t>(i);
        adoption->observed.push_back(!is_observed(*policy_, service) ? Adoption::Observed::no
                                     : observes_alike(*policy_, service, *next)
                                         ? Adoption::Observed::still
                                         : Adoption::Observed::until_now);
    }
    adoption->patterns.emplace(next->parts().patterns, next->limits().head.line_bytes);
    if (limits_.has_memory()) {
        adoption->limits.emplace(*next, limits_.key());
    } else {
        adoption->fresh_limiter.emplace(*next, options_.credential_key);
    }
    hits_.prepare(next->generation());
    adoption->policy = std::move(next);
    return adoption;
}

void Inspector::Impl::adopt(Adoption& adoption) noexcept {
    policy_.swap(adoption.policy);
    std::swap(patterns_, *adoption.patterns);
    if (adoption.fresh) {
        std::swap(credentials_, *adoption.fresh);
    } else {
        credentials_.adopt(adoption.credentials);
    }
    if (adoption.limits) {
        limits_.adopt(*adoption.limits);
    } else {
        std::swap(limits_, *adoption.fresh_limiter);
    }
    hits_.adopt(policy_->generation());
    observing_ = policy_->mode() == Mode::observe;
    former_observed_.swap(adoption.observed);
    former_mark_ = mark_;
    mark_ = mark_ == 3 * flow_flag::policy_mark_step
                ? flow_flag::policy_mark_step
                : static_cast<std::uint16_t>(mark_ + flow_flag::policy_mark_step);
    former_left_ = table_.capacity();
}

void Inspector::Impl::sweep_former() noexcept {
    for (std::uint32_t step = std::min(former_left_, former_flows_a_burst); step > 0; --step) {
        const std::uint32_t index = --former_left_;
        FlowHot& flow = hot(index);
        if (flow.state == FlowState::free || (flow.flags & flow_flag::policy_mark) != former_mark_) {
            continue;
        }
        const bool known = flow.service < former_observed_.size();
        const auto observed = known ? former_observed_[flow.service] : Adoption::Observed::no;
        if (flow.state == FlowState::open && observed == Adoption::Observed::until_now) {
            abandon(index, Reason::midstream);
        }
        unseen_observed_ = unseen_observed_ || observed == Adoption::Observed::still;
        flow.flags = static_cast<std::uint16_t>(flow.flags & ~flow_flag::policy_mark);
    }
}

/// Without a frame that could be answered: whoever speaks next on it is told.
void Inspector::Impl::abandon(std::uint32_t index, Reason reason) noexcept {
    ++counters_.connections_refused[static_cast<std::size_t>(reason)];
    close(nullptr, index);
    hot(index).state = FlowState::cut;
    cold(index).chunk_digits = 0;
    if (policy_->default_action() == Action::drop) {
        hot(index).flags |= flow_flag::silent;
    }
}

bool Inspector::Impl::was_read_alike(std::uint32_t index) const noexcept {
    const Service& service = policy_->parts().services[table_.hot(index).service];
    const FlowCold& state = table_.cold(index);
    if (state.phase == RequestPhase::lost) {
        return observing_;
    }
    if (service.protocol == ServiceProtocol::tcp) {
        return state.phase == RequestPhase::opaque && state.chunk_digits == 0;
    }
    return state.phase != RequestPhase::opaque || (state.chunk_digits == 1 && service.tls_allowed);
}

bool Inspector::Impl::was_observed(std::uint32_t index) const noexcept {
    const FlowHot& flow = table_.hot(index);
    if ((flow.flags & flow_flag::policy_mark) == 0) {
        return unseen_observed_;
    }
    return flow.service < former_observed_.size() && former_observed_[flow.service] != Adoption::Observed::no;
}

bool Inspector::Impl::look_again(Packet& packet, std::uint32_t index) noexcept {
    FlowHot& flow = hot(index);
    const bool observed = was_observed(index);
    flow.flags = static_cast<std::uint16_t>((flow.flags & ~flow_flag::policy_mark) | mark_);
    flow.service = packet.what.service;
    flow.zone =
        policy_->zone_of(packet.is_from_client() ? packet.decoded.source : packet.decoded.destination);
    if (flow.state != FlowState::open) {
        return true;
    }
    if (!source_allowed(packet, index)) {
        return false;
    }
    // Of what was only observed, bytes may have left that nobody read: data on a SYN, or behind IP options.
    if ((observed && !observing_) || !was_read_alike(index)) {
        if (observing_) {
            lose(packet, index, Reason::midstream);
            return true;
        }
        report_connection(packet, index, EventAction::denied, Reason::midstream, no_rule);
        cut(packet, index, {.reason = Reason::midstream, .action = policy_->default_action()});
        drop(packet, Reason::midstream);
        return false;
    }
    return true;
}

bool Inspector::Impl::source_allowed(Packet& packet, std::uint32_t index) noexcept {
    const FlowHot& flow = hot(index);
    if (policy_->reachable(flow.zone, flow.service, now_ns_)) {
        return true;
    }
    const Decision decision = policy_->decide_connection(flow.zone, flow.service, now_ns_);
    if (decision.mode == Mode::observe) {
        return true;
    }
    report_connection(packet, index, EventAction::denied, Reason::source_not_allowed, decision.rule);
    // No HTTP reply: it may be no HTTP, or in the middle of a request.
    cut(packet, index,
        {.reason = Reason::source_not_allowed,
         .action = decision.action == Action::drop ? Action::drop : Action::reset});
    drop(packet, Reason::source_not_allowed);
    return false;
}

}  // namespace springlatch
