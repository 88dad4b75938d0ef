#include "dataplane/credentials/cache.h"

#include <algorithm>

namespace springlatch {
namespace {

[[nodiscard]] std::uint32_t seconds_of(std::uint64_t ns) noexcept {
    return static_cast<std::uint32_t>(ns / 1'000'000'000U);
}

/// No later than the end of the number's range, whatever a token says of its validity.
[[nodiscard]] std::uint32_t later(std::uint32_t now, std::uint32_t seconds) noexcept {
    return seconds < UINT32_MAX - now ? now + seconds : UINT32_MAX;
}

/// Time may run backwards a little between two calls.
[[nodiscard]] bool timed_out(std::uint64_t asked_ns, std::uint64_t now_ns) noexcept {
    return now_ns > asked_ns && now_ns - asked_ns >= check_timeout_ns;
}

}  // namespace

CredentialCache::CredentialCache(const CredentialLimits& limits, std::size_t identities, const SipKey& key,
                                 CredentialVerifier* verifier, std::uint32_t generation)
    : limits_(limits),
      identities_(identities),
      generation_(generation),
      generation_before_(generation),
      has_memory_(identities > 0),
      key_(key),
      verifier_(verifier),
      accepted_(identities == 0 ? 0 : limits.values),
      refused_(identities == 0 ? 0 : limits.values),
      budget_(identities == 0 ? 0 : credential_sources_max, limits.checks_per_minute, {key.high, key.low}) {}

Finding CredentialCache::find(std::span<const std::byte> value, const IpAddress& source, std::uint64_t now_ns,
                              bool may_ask) noexcept {
    const CheckRequest request{siphash128(key_, value), value, now_ns, generation_};
    const std::uint32_t now = seconds_of(now_ns);
    if (KnownValue* known = accepted(request.fingerprint, now)) {
        const Finding finding{Standing::accepted, known->identity};
        if (now >= known->refresh_at) {
            known->refresh_at = later(now, refresh_again_seconds);
            (void)ask(request);
        }
        return finding;
    }
    if (refused(request.fingerprint, now) || value.size() > credential_bytes_max) {
        return {Standing::refused};
    }
    return find_unknown(request, source, may_ask);
}

Finding CredentialCache::find_unknown(const CheckRequest& request, const IpAddress& source,
                                      bool may_ask) noexcept {
    if (Pending* asked = pending_of(request.fingerprint)) {
        const bool of_this_policy = asked->generation == generation_;
        if (of_this_policy && !asked->failed && !timed_out(asked->asked_ns, request.time_ns)) {
            return {Standing::pending};
        }
        asked->used = false;
        if (of_this_policy) {
            return {Standing::unchecked};
        }
    }
    if (!may_ask) {
        return {Standing::rate_limited};
    }
    Pending* place = verifier_ != nullptr && verifier_->ready() ? free_pending(request.time_ns) : nullptr;
    if (place == nullptr) {
        return {Standing::unchecked};
    }
    if (!budget_.take(source, request.time_ns)) {
        return {Standing::rate_limited};
    }
    *place = {request.fingerprint, request.time_ns, generation_, true, false};
    switch (ask(request)) {
        case Asked::queued:
            return {Standing::pending};
        case Asked::full:
            place->used = false;
            return {Standing::unchecked};
        case Asked::answered:
            break;
    }
    const std::uint32_t now = seconds_of(request.time_ns);
    if (const KnownValue* known = accepted(request.fingerprint, now)) {
        return {Standing::accepted, known->identity};
    }
    if (refused(request.fingerprint, now)) {
        return {Standing::refused};
    }
    place->used = false;
    return {Standing::unchecked};
}

Asked CredentialCache::ask(const CheckRequest& request) noexcept {
    if (verifier_ == nullptr || !verifier_->ready()) {
        return Asked::full;
    }
    ++checks_;
    CheckAnswer answer;
    const Asked asked = verifier_->ask(request, answer);
    if (asked == Asked::answered) {
        answer.fingerprint = request.fingerprint;
        answer.generation = generation_;
        learn(answer, request.time_ns);
    }
    return asked;
}

void CredentialCache::learn(const CheckAnswer& answer, std::uint64_t now_ns) noexcept {
    Pending* asked = pending_of(answer.fingerprint);
    std::uint16_t identity = no_identity;
    if (answer.result == CheckResult::accepted) {
        identity = identity_now(answer.identity, answer.generation);
    }
    if (answer.generation != generation_ && identity == no_identity) {
        return;  // nothing is known of it under this policy; it will be asked for again
    }
    if (answer.result == CheckResult::unavailable ||
        (answer.result == CheckResult::accepted && identity >= identities_)) {
        if (asked != nullptr) {
            asked->failed = true;
        }
        return;
    }
    if (asked != nullptr) {
        asked->used = false;
    }
    const std::uint32_t now = seconds_of(now_ns);
    if (answer.result == CheckResult::refused) {
        accepted_.erase(answer.fingerprint);
        refused_.put({answer.fingerprint, later(now, limits_.refused_seconds), 0, generation_, no_identity},
                     now);
        return;
    }
    const std::uint32_t seconds = std::min(limits_.accepted_seconds, answer.valid_seconds);
    refused_.erase(answer.fingerprint);
    accepted_.put(
        {answer.fingerprint, later(now, seconds), later(now, seconds - seconds / 4), generation_, identity},
        now);
}

void CredentialCache::adopt(CredentialChange& change) noexcept {
    limits_ = change.limits;
    identities_ = change.identities;
    generation_before_ = generation_;
    generation_ = change.generation;
    same_.swap(change.same);
    budget_.set_rate(limits_.checks_per_minute);
}

std::uint16_t CredentialCache::identity_now(std::uint16_t identity, std::uint32_t generation) const noexcept {
    if (generation == generation_) {
        return identity;
    }
    return generation == generation_before_ && identity < same_.size() ? same_[identity] : no_identity;
}

KnownValue* CredentialCache::accepted(const Fingerprint& fingerprint, std::uint32_t now) noexcept {
    KnownValue* known = accepted_.find(fingerprint, now);
    if (known == nullptr || known->generation == generation_) {
        return known;
    }
    known->identity = identity_now(known->identity, known->generation);
    known->generation = generation_;
    if (known->identity == no_identity) {
        *known = {};
        return nullptr;
    }
    return known;
}

bool CredentialCache::refused(const Fingerprint& fingerprint, std::uint32_t now) noexcept {
    const KnownValue* known = refused_.find(fingerprint, now);
    return known != nullptr && known->generation == generation_;
}

CredentialCache::Pending* CredentialCache::pending_of(const Fingerprint& fingerprint) noexcept {
    auto* const found = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& pending) {
        return pending.used && pending.fingerprint == fingerprint;
    });
    return found == pending_.end() ? nullptr : found;
}

CredentialCache::Pending* CredentialCache::free_pending(std::uint64_t now_ns) noexcept {
    auto* const found = std::find_if(pending_.begin(), pending_.end(), [now_ns](const Pending& pending) {
        return !pending.used || timed_out(pending.asked_ns, now_ns);
    });
    return found == pending_.end() ? nullptr : found;
}

}  // namespace springlatch
