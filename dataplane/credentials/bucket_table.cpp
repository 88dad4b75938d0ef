#include "dataplane/credentials/bucket_table.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace springlatch {
namespace {

/// Time that a bucket needs to get so many tokens back. As a real number, since most × within needs more than
/// 64 bits; far above what any clock shows it is cut.
[[nodiscard]] std::uint64_t time_of(const Allowance& allowance, std::uint64_t tokens) noexcept {
    constexpr double longest = 4e18;
    const double exact = static_cast<double>(tokens) * static_cast<double>(allowance.within_ns) /
                         static_cast<double>(std::max<std::uint64_t>(allowance.most, 1));
    return static_cast<std::uint64_t>(std::clamp(std::ceil(exact), 1.0, longest));
}

/// From empty to full, and what `most` tokens may have been rounded up by, as long as that is no further
/// token.
[[nodiscard]] std::uint64_t depth_of(const Allowance& allowance) noexcept {
    return allowance.within_ns + std::min(allowance.most, time_of(allowance, 1) - 1);
}

/// How much of it is used, from 0 to 1 (and above, for one that was overdrawn).
[[nodiscard]] double used(std::uint64_t full_at_ns, std::uint64_t depth_ns, std::uint64_t now_ns) noexcept {
    return full_at_ns <= now_ns ? 0
                                : static_cast<double>(full_at_ns - now_ns) / static_cast<double>(depth_ns);
}

}  // namespace

BucketTable::BucketTable(std::uint32_t buckets)
    : sets_(std::bit_ceil(std::max<std::size_t>((buckets + ways - 1) / ways, 1))), mask_(sets_.size() - 1) {}

BucketTable::Bucket* BucketTable::find(const Fingerprint& key, std::uint64_t now_ns) noexcept {
    auto& buckets = sets_[key.low & mask_].buckets;
    auto* const found = std::find_if(buckets.begin(), buckets.end(), [&](const Bucket& bucket) {
        return bucket.key == key && bucket.full_at_ns > now_ns;
    });
    return found == buckets.end() ? nullptr : found;
}

BucketTable::Bucket& BucketTable::claim(const Fingerprint& key, std::uint64_t now_ns) noexcept {
    auto& buckets = sets_[key.low & mask_].buckets;
    const auto fullness = [now_ns](const Bucket& bucket) {
        return used(bucket.full_at_ns, bucket.depth_ns, now_ns);
    };
    auto* const fullest =
        std::min_element(buckets.begin(), buckets.end(),
                         [&](const Bucket& a, const Bucket& b) { return fullness(a) < fullness(b); });
    evicted_ += fullest->full_at_ns > now_ns ? 1U : 0U;
    *fullest = {key, now_ns, 1};
    return *fullest;
}

bool BucketTable::has_room(const Fingerprint& key, const Allowance& allowance,
                           std::uint64_t now_ns) noexcept {
    const Bucket* const bucket = find(key, now_ns);
    const std::uint64_t taken = bucket == nullptr ? 0 : bucket->full_at_ns - now_ns;
    return taken + time_of(allowance, 1) <= depth_of(allowance);
}

void BucketTable::charge(const Fingerprint& key, const Allowance& allowance, std::uint64_t tokens,
                         std::uint64_t now_ns) noexcept {
    if (tokens == 0) {
        return;
    }
    Bucket* bucket = find(key, now_ns);
    if (bucket == nullptr) {
        bucket = &claim(key, now_ns);
    }
    bucket->depth_ns = depth_of(allowance);
    bucket->full_at_ns = std::min(bucket->full_at_ns + time_of(allowance, tokens),
                                  now_ns + bucket->depth_ns + allowance.within_ns);
}

}  // namespace springlatch
