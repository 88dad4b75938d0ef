#pragma once
// How many slow checks a source may cause: a token bucket a source, in a fixed-size table.
//
// Overview
//   Each source has `per_minute` checks in hand and gets one back every 60/per_minute seconds. A bucket is
//   one time stamp, the moment at which it will be full again (the virtual scheduling form of the leaky
//   bucket, ITU-T I.371). An IPv6 source is its /64: whoever has one address of it has them all.
// Full: the source that has been quiet longest is forgotten, which gives it a full bucket; those that are
// over their rate are the last to go.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/credentials/siphash.h"
#include "dataplane/packet/address.h"

namespace springlatch {

class SourceBudget {
  public:
    SourceBudget(std::uint32_t sources, std::uint32_t per_minute, const SipKey& key);

    /// Takes one check out of the source's bucket; false if it is empty.
    [[nodiscard]] bool take(const IpAddress& source, std::uint64_t now_ns) noexcept;
    /// From here on; what sources have in hand stays.
    void set_rate(std::uint32_t per_minute) noexcept;

    [[nodiscard]] std::size_t memory_bytes() const noexcept { return sets_.capacity() * sizeof(Set); }

  private:
    static constexpr std::size_t ways = 4;
    struct Bucket {
        IpAddress source;
        std::uint64_t full_at_ns = 0;
    };
    struct Set {
        std::array<Bucket, ways> buckets;
    };
    [[nodiscard]] Bucket& bucket_of(const IpAddress& source) noexcept;

    SipKey key_;
    std::uint64_t interval_ns_ = 0;
    std::uint64_t depth_ns_ = 0;  ///< so long does an empty bucket take to be one check short of full
    std::vector<Set> sets_;
    std::uint64_t mask_;
};

}  // namespace springlatch
