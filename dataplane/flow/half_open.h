#pragma once
// The half-open cache: handshakes on their way, 16 bytes each, so that a SYN flood never touches the flow table.
//
// Four-way sets of one cache line; a full set gives up its oldest entry. An entry is found by a 32-bit tag of the flow key,
// so a foreign tuple is mistaken for one with probability 2^-30, and then still has to guess two sequence numbers.
#include <cstdint>
#include <vector>

#include "dataplane/flow/flow.h"

namespace springlatch {

struct HalfOpen {
    std::uint32_t tag = 0;
    std::uint32_t client_isn = 0;
    std::uint32_t server_isn = 0;
    std::uint16_t second = 0;        ///< low 16 bits of the time it was last touched, in seconds
    std::uint8_t scales = 0;         ///< low 4 bits: client's window scale, high 4 bits: server's (0 if either side offered none)
    std::uint8_t flags = 0;          ///< half_open_flag
};
static_assert(sizeof(HalfOpen) == 16);

namespace half_open_flag {
inline constexpr std::uint8_t used = 1, syn_ack_seen = 2, client_timestamps = 4, timestamps = 8, client_scale = 16, scale = 32, client_syn = 64,
                              established = 128;  ///< the flow of this handshake exists already
}

class HalfOpenCache {
  public:
    explicit HalfOpenCache(std::uint32_t entries);  ///< rounded up to a power of two of at least 4

    void prefetch(const FlowKey& key) const noexcept;
    /// The entry of this key, or nullptr. Entries older than `seconds_max` (default 75: Linux gives up a SYN after 63 s) count as absent.
    [[nodiscard]] HalfOpen* find(const FlowKey& key, std::uint32_t now_seconds) noexcept;
    /// The entry of this key if there is one, else a cleared one (tag, second and `used` set) in place of the oldest of its set.
    [[nodiscard]] HalfOpen& claim(const FlowKey& key, std::uint32_t now_seconds) noexcept;
    void erase(HalfOpen& entry) noexcept;
    [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_; }  ///< live entries given up so far

  private:
    std::vector<HalfOpen> entries_;
    std::uint64_t evicted_ = 0;
};

}  // namespace springlatch
