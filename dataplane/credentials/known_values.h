#pragma once
// Credential values whose check is known, by their fingerprints: a fixed-size table of buckets of four.
//
// Full: a bucket without room gives up the value that has the least time left. So accepted and refused values
// live in two tables: whoever guesses can only push out other guesses.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/credentials/siphash.h"

namespace springlatch {

struct KnownValue {
    Fingerprint fingerprint;
    std::uint32_t until = 0;       ///< seconds since the Unix epoch; not known any more from then on
    std::uint32_t refresh_at = 0;  ///< seconds; time to ask again, so that a value in use never runs out
    std::uint32_t generation = 0;  ///< of the policy that `identity` is an index of
    std::uint16_t identity = 0;
};
static_assert(sizeof(KnownValue) == 32);

class KnownValues {
  public:
    /// Room for at least this many values.
    explicit KnownValues(std::uint32_t values);

    /// Null if it is not known at `now` (seconds). The pointer is good until the next put() or erase().
    [[nodiscard]] KnownValue* find(const Fingerprint& fingerprint, std::uint32_t now) noexcept;
    void put(const KnownValue& value, std::uint32_t now) noexcept;
    void erase(const Fingerprint& fingerprint) noexcept;

    [[nodiscard]] std::size_t memory_bytes() const noexcept { return buckets_.capacity() * sizeof(Bucket); }

  private:
    static constexpr std::size_t ways = 4;
    struct alignas(64) Bucket {
        std::array<KnownValue, ways> values;
    };
    [[nodiscard]] Bucket& bucket_of(const Fingerprint& fingerprint) noexcept {
        return buckets_[fingerprint.high & mask_];
    }

    std::vector<Bucket> buckets_;
    std::uint64_t mask_;
};

}  // namespace springlatch
