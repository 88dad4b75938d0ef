#include "dataplane/credentials/source_budget.h"

#include <algorithm>
#include <span>

namespace springlatch {
namespace {

constexpr std::uint64_t minute_ns = 60'000'000'000U;

}  // namespace

SourceBudget::SourceBudget(std::uint32_t sources, std::uint32_t per_minute, const SipKey& key)
    : key_(key), buckets_(sources) {
    set_rate(per_minute);
}

void SourceBudget::set_rate(std::uint32_t per_minute) noexcept {
    allowance_ = {.most = std::max(per_minute, 1U), .within_ns = minute_ns};
}

bool SourceBudget::take(const IpAddress& source, std::uint64_t now_ns) noexcept {
    const IpAddress block = source.block();
    const Fingerprint whose = siphash128(key_, std::as_bytes(std::span{&block, 1}));
    if (!buckets_.has_room(whose, allowance_, now_ns)) {
        return false;
    }
    buckets_.charge(whose, allowance_, 1, now_ns);
    return true;
}

}  // namespace springlatch
