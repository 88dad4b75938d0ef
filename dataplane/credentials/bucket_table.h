#pragma once
// How much each of many sources or identities has used of what it may use: a token bucket each, in a table of
// fixed size.
//
// Overview
//   A bucket holds `most` tokens and gets them back evenly, all of them within `within_ns`. It is one time
//   stamp, the moment at which it will be full again (the virtual scheduling form of the leaky bucket,
//   ITU-T I.371), so nothing has to run while nothing comes.
// Exactness
//   Never more than `most` at once. In any stretch of time of `within_ns` at most twice `most`: a full bucket
//   and what it gets back meanwhile. Rounding is towards less, by at most a nanosecond's worth a charge.
// Full: of the four places a key may have, the bucket that is fullest is forgotten, which gives its owner a
// full one; those that are used up are the last to go. Each is counted.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/credentials/siphash.h"

namespace springlatch {

struct Allowance {
    std::uint64_t most = 1;  ///< not 0
    std::uint64_t within_ns = 1;
};

class BucketTable {
  public:
    /// Room for at least this many buckets; 0 takes next to no memory.
    explicit BucketTable(std::uint32_t buckets);

    /// True if the bucket has a token left.
    [[nodiscard]] bool has_room(const Fingerprint& key, const Allowance& allowance,
                                std::uint64_t now_ns) noexcept;
    /// Takes tokens, more than there are if need be: then it has none for up to `within_ns`, not longer.
    void charge(const Fingerprint& key, const Allowance& allowance, std::uint64_t tokens,
                std::uint64_t now_ns) noexcept;

    [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return sets_.capacity() * sizeof(Set); }

  private:
    static constexpr std::size_t ways = 4;
    struct Bucket {
        Fingerprint key;
        std::uint64_t full_at_ns = 0;  ///< not in the future: the place is free
        std::uint64_t depth_ns = 1;    ///< so long does an empty one take to be full
    };
    static_assert(sizeof(Bucket) == 32);
    struct alignas(64) Set {
        std::array<Bucket, ways> buckets;
    };
    [[nodiscard]] Bucket* find(const Fingerprint& key, std::uint64_t now_ns) noexcept;
    [[nodiscard]] Bucket& claim(const Fingerprint& key, std::uint64_t now_ns) noexcept;

    std::vector<Set> sets_;
    std::uint64_t mask_;
    std::uint64_t evicted_ = 0;
};

}  // namespace springlatch
