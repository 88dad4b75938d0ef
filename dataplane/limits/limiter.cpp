#include "dataplane/limits/limiter.h"

#include <algorithm>
#include <array>

namespace springlatch {
namespace {

/// Not the key of credentials' fingerprints or flows, though made of it.
[[nodiscard]] SipKey own_key(const SipKey& key) noexcept {
    return {key.low ^ 0x6c69'6d69'7473'0001U, key.high ^ 0x7175'6172'616e'7401U};
}

constexpr std::uint64_t of_a_source = 1;
constexpr std::uint64_t of_an_identity = 2;

}  // namespace

Limiter::Limiter(const CompiledPolicy& policy, const SipKey& key)
    : key_(own_key(key)),
      set_(policy, key_),
      has_memory_(!set_.empty()),
      buckets_(has_memory_ ? limit_buckets : 0),
      quarantine_(has_memory_ ? quarantine_places : 0) {}

Fingerprint Limiter::key_of_source(const IpAddress& source, std::uint64_t limit) const noexcept {
    const IpAddress block = source.block();
    const std::array<std::uint64_t, 4> parts = {limit, of_a_source, block.high, block.low};
    return siphash128(key_, std::as_bytes(std::span{parts}));
}

Fingerprint Limiter::key_of_identity(std::uint16_t identity, std::uint64_t limit) const noexcept {
    const std::array<std::uint64_t, 4> parts = {limit, of_an_identity, set_.identity_name(identity), 0};
    return siphash128(key_, std::as_bytes(std::span{parts}));
}

Fingerprint Limiter::key_of(const CompiledLimit& limit, const Asker& asker) const noexcept {
    return limit.per == LimitPer::source ? key_of_source(asker.source, limit.name)
                                         : key_of_identity(asker.identity, limit.name);
}

Limiter::Answer Limiter::exceeded(const CompiledLimit& limit, const Asker& asker, Confinement how,
                                  std::uint64_t now_ns) noexcept {
    if (limit.quarantine_ns == 0) {
        return Answer::no;
    }
    const Fingerprint who =
        limit.per == LimitPer::source ? key_of_source(asker.source) : key_of_identity(asker.identity);
    if (!quarantine_.begin(who, how, now_ns + limit.quarantine_ns, now_ns)) {
        ++counts_.quarantines_lost;
        return Answer::no;
    }
    ++counts_.quarantines;
    return Answer::quarantined;
}

Limiter::Answer Limiter::admit(std::uint16_t rule, const Asker& asker, Confinement how,
                               std::uint64_t now_ns) noexcept {
    const auto limits = set_.of_rule(rule);
    for (const CompiledLimit& limit : limits) {
        if (limit.of != LimitOf::failed_credentials &&
            !buckets_.has_room(key_of(limit, asker), limit.allowance, now_ns)) {
            return exceeded(limit, asker, how, now_ns);
        }
    }
    for (const CompiledLimit& limit : limits) {
        if (limit.of == LimitOf::requests) {
            buckets_.charge(key_of(limit, asker), limit.allowance, 1, now_ns);
        }
    }
    return Answer::yes;
}

Limiter::Answer Limiter::failed(std::uint16_t rule, const IpAddress& source, Confinement how,
                                std::uint64_t now_ns) noexcept {
    Answer answer = Answer::yes;
    for (const CompiledLimit& limit : set_.of_rule(rule)) {
        if (limit.of != LimitOf::failed_credentials) {
            continue;
        }
        const Asker asker{.source = source};
        const Fingerprint key = key_of(limit, asker);
        if (buckets_.has_room(key, limit.allowance, now_ns)) {
            buckets_.charge(key, limit.allowance, 1, now_ns);
        } else {
            answer = std::max(answer, exceeded(limit, asker, how, now_ns));
        }
    }
    return answer;
}

bool Limiter::may_fail(std::uint16_t rule, const IpAddress& source, std::uint64_t now_ns) noexcept {
    const auto limits = set_.of_rule(rule);
    return std::all_of(limits.begin(), limits.end(), [&](const CompiledLimit& limit) {
        return limit.of != LimitOf::failed_credentials ||
               buckets_.has_room(key_of_source(source, limit.name), limit.allowance, now_ns);
    });
}

bool Limiter::counts_bytes(std::uint16_t rule) const noexcept {
    const auto limits = set_.of_rule(rule);
    return std::any_of(limits.begin(), limits.end(),
                       [](const CompiledLimit& limit) { return limit.of == LimitOf::bytes_given; });
}

void Limiter::gave(std::uint16_t rule, const Asker& asker, std::uint64_t bytes,
                   std::uint64_t now_ns) noexcept {
    for (const CompiledLimit& limit : set_.of_rule(rule)) {
        if (limit.of == LimitOf::bytes_given) {
            buckets_.charge(key_of(limit, asker), limit.allowance, bytes, now_ns);
        }
    }
}

}  // namespace springlatch
