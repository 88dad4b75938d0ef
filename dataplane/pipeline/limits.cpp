// The rules' limits and quarantines, where the inspector meets them.
#include <algorithm>

#include "dataplane/pipeline/impl.h"

namespace springlatch {
namespace {

/// Bytes of an answer that pass before they are charged: each charge costs a look-up.
constexpr std::uint64_t charge_step_bytes = 16'384;

[[nodiscard]] Confinement confinement_by(Mode mode) noexcept {
    return mode == Mode::observe ? Confinement::observed : Confinement::enforced;
}

[[nodiscard]] Mode mode_of(Confinement how, Mode otherwise) noexcept {
    return how == Confinement::observed ? Mode::observe : otherwise;
}

}  // namespace

/// Before anything is looked up or checked for it. True: the request is denied, by `decision`. What is only
/// observed must be judged by the rules all the same, see hold_to_limits().
bool Inspector::Impl::is_shut_out(const Packet& packet, std::uint32_t index,
                                  Decision& decision) const noexcept {
    const Mode mode = policy_->mode_of(table_.hot(index).service);
    const Confinement how = limits_.confinement(packet.decoded.source, now_ns_);
    if (how != Confinement::enforced || mode == Mode::observe) {
        return false;
    }
    decision = {.action = policy_->default_action(), .reason = Reason::quarantined, .mode = mode};
    return true;
}

/// Credentials were refused, or not even checked since too many were before: counted by the rule that would
/// have held but for them.
void Inspector::Impl::count_failure(const Packet& packet, std::uint16_t rule, Decision& decision) noexcept {
    const Limiter::Answer answer =
        limits_.failed(rule, packet.decoded.source, confinement_by(decision.mode), now_ns_);
    if (answer != Limiter::Answer::yes) {
        decision.reason = answer == Limiter::Answer::quarantined ? Reason::quarantined : Reason::rate_limited;
        decision.rule = rule;
    }
}

/// What a rule allows is denied to who is shut out or above one of its limits. A rule that denies counts too:
/// it may shut out who comes too often.
void Inspector::Impl::hold_to_limits(const Packet& packet, std::uint32_t index, const RequestView& request,
                                     Decision& decision) noexcept {
    const bool allowed = decision.action == Action::allow;
    const Mode mode = policy_->mode_of(table_.hot(index).service);
    if (allowed) {
        const Confinement how = std::max(limits_.confinement(packet.decoded.source, now_ns_),
                                         limits_.confinement(request.identity, now_ns_));
        if (how != Confinement::none) {
            decision.action = policy_->default_action();
            decision.reason = Reason::quarantined;
            decision.mode = mode_of(how, mode);
            return;
        }
    }
    if (decision.rule == no_rule || decision.reason == Reason::rate_limited ||
        decision.reason == Reason::quarantined) {
        return;  // no rule decided, or credentials that failed were counted
    }
    const Limiter::Answer answer =
        limits_.admit(decision.rule, {.source = packet.decoded.source, .identity = request.identity},
                      confinement_by(decision.mode), now_ns_);
    if (allowed && answer != Limiter::Answer::yes) {
        decision.action = policy_->default_action();
        decision.reason = answer == Limiter::Answer::quarantined ? Reason::quarantined : Reason::rate_limited;
    }
}

/// From here on the bytes of this request's answer are charged. Nothing may follow it before its answer, so
/// that they cannot be another's.
void Inspector::Impl::begin_charging(const Packet& packet, std::uint32_t index, const RequestView& request,
                                     std::uint16_t rule) noexcept {
    if (given_.empty() || !limits_.counts_bytes(rule)) {
        return;
    }
    hot(index).flags |= flow_flag::awaits_answer;
    given_[index] = {.source = packet.decoded.source,
                     .charged = 0,
                     .generation = policy_->generation(),
                     .rule = rule,
                     .identity = request.identity};
}

/// Bytes have passed towards the client, or (`ends`) no more will.
void Inspector::Impl::charge_answer(std::uint32_t index, bool ends) noexcept {
    if (given_.empty() || given_[index].rule == no_rule || cold(index).in_flight != 1) {
        return;
    }
    Given& given = given_[index];
    const std::uint64_t passed = cold(index).response.given;
    const std::uint64_t fresh = passed - std::min(passed, given.charged);
    if (given.generation == policy_->generation() && (fresh >= charge_step_bytes || (ends && fresh > 0))) {
        limits_.gave(given.rule, {.source = given.source, .identity = given.identity}, fresh, now_ns_);
        given.charged = passed;
    }
    if (ends) {
        given.rule = no_rule;
    }
}

}  // namespace springlatch
