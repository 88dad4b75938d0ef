#include "dataplane/limits/limit_set.h"

#include <string>
#include <string_view>

namespace springlatch {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000U;

[[nodiscard]] std::uint64_t name_hash(const SipKey& key, std::string_view name) {
    return siphash128(key, std::as_bytes(std::span{name.data(), name.size()})).low;
}

[[nodiscard]] CompiledLimit compiled(const RuleLimit& limit, const std::string& name, const SipKey& key) {
    std::string whole = name;
    for (const std::uint64_t part :
         {static_cast<std::uint64_t>(limit.per), static_cast<std::uint64_t>(limit.of), limit.most,
          std::uint64_t{limit.within_seconds}}) {
        whole += '/' + std::to_string(part);
    }
    return {.name = name_hash(key, whole),
            .allowance = {limit.most, limit.within_seconds * second_ns},
            .quarantine_ns = limit.quarantine_seconds * second_ns,
            .per = limit.per,
            .of = limit.of};
}

}  // namespace

LimitSet::LimitSet(const CompiledPolicy& policy, const SipKey& key) {
    const CompiledPolicy::Parts& parts = policy.parts();
    for (const Rule& rule : parts.rules) {
        starts_.push_back(static_cast<std::uint32_t>(limits_.size()));
        for (std::size_t i = 0; i < rule.limits.size(); ++i) {
            limits_.push_back(compiled(rule.limits[i], rule.id + '/' + std::to_string(i), key));
            counts_bytes_ = counts_bytes_ || rule.limits[i].of == LimitOf::bytes_given;
        }
    }
    for (const HealthCheck& check : parts.health_checks) {
        starts_.push_back(static_cast<std::uint32_t>(limits_.size()));
        limits_.push_back(compiled({.most = check.per_minute, .within_seconds = 60}, check.id, key));
    }
    starts_.push_back(static_cast<std::uint32_t>(limits_.size()));
    for (const std::string& identity : parts.identity_names) {
        identities_.push_back(name_hash(key, identity));
    }
}

}  // namespace springlatch
