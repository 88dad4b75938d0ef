#pragma once
// How many slow checks a source may cause: a token bucket a source.
//
// Each source has `per_minute` checks in hand and gets one back every 60/per_minute seconds. What happens
// where there are more sources than buckets: see BucketTable.
#include <cstddef>
#include <cstdint>

#include "dataplane/credentials/bucket_table.h"
#include "dataplane/packet/address.h"

namespace springlatch {

class SourceBudget {
  public:
    SourceBudget(std::uint32_t sources, std::uint32_t per_minute, const SipKey& key);

    /// Takes one check out of the source's bucket; false if it is empty.
    [[nodiscard]] bool take(const IpAddress& source, std::uint64_t now_ns) noexcept;
    /// From here on; what sources have in hand stays.
    void set_rate(std::uint32_t per_minute) noexcept;

    [[nodiscard]] std::size_t memory_bytes() const noexcept { return buckets_.memory_bytes(); }

  private:
    SipKey key_;
    Allowance allowance_;
    BucketTable buckets_;
};

}  // namespace springlatch
