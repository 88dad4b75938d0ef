#include "dataplane/credentials/source_budget.h"

#include <algorithm>
#include <bit>
#include <span>

namespace springlatch {
namespace {

constexpr std::uint64_t minute_ns = 60'000'000'000U;

}  // namespace

SourceBudget::SourceBudget(std::uint32_t sources, std::uint32_t per_minute, const SipKey& key)
    : key_(key), sets_(std::bit_ceil(std::max<std::size_t>(sources / ways, 1))), mask_(sets_.size() - 1) {
    set_rate(per_minute);
}

void SourceBudget::set_rate(std::uint32_t per_minute) noexcept {
    interval_ns_ = minute_ns / std::max(per_minute, 1U);
    depth_ns_ = interval_ns_ * (std::max(per_minute, 1U) - 1);
}

SourceBudget::Bucket& SourceBudget::bucket_of(const IpAddress& source) noexcept {
    const Fingerprint place = siphash128(key_, std::as_bytes(std::span{&source, 1}));
    auto& buckets = sets_[place.low & mask_].buckets;
    Bucket* quietest = buckets.data();
    for (Bucket& bucket : buckets) {
        if (bucket.source == source) {
            return bucket;
        }
        if (bucket.full_at_ns < quietest->full_at_ns) {
            quietest = &bucket;
        }
    }
    *quietest = {source, 0};
    return *quietest;
}

bool SourceBudget::take(const IpAddress& source, std::uint64_t now_ns) noexcept {
    Bucket& bucket = bucket_of(source.is_v4() ? source : IpAddress{source.high, 0});
    const std::uint64_t full_at = std::max(bucket.full_at_ns, now_ns);
    if (full_at - now_ns > depth_ns_) {
        return false;
    }
    bucket.full_at_ns = full_at + interval_ns_;
    return true;
}

}  // namespace springlatch
