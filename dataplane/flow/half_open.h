#pragma once
// The half-open cache: handshakes on their way, 16 bytes each, so that a SYN flood never touches the flow
// table.
//
// Four-way sets of one cache line; a full set gives up its oldest entry. An entry is found by a 32-bit tag of
// the flow key, so a foreign tuple is mistaken for one with probability 2^-30, and then still has to guess
// two sequence numbers.
#include <cstddef>
#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/huge_pages.h"

namespace springlatch {

struct HalfOpen {
    std::uint32_t tag = 0;
    std::uint32_t client_isn = 0;
    std::uint32_t server_isn = 0;  ///< while `challenged`: what the server acknowledged instead of the SYN
    std::uint16_t second = 0;      ///< low 16 bits of the time it was last touched, in seconds
    std::uint8_t scales =
        0;  ///< low 4 bits: client's window scale, high 4 bits: server's (0 if either side offered none)
    std::uint8_t flags = 0;  ///< half_open_flag
};
static_assert(sizeof(HalfOpen) == 16);

namespace half_open_flag {
inline constexpr std::uint8_t used = 1, syn_ack_seen = 2, client_timestamps = 4, timestamps = 8,
                              client_scale = 16, client_syn = 64;
/// The server answered the SYN by an acknowledgement of an older connection (RFC 5961 §4).
inline constexpr std::uint8_t challenged = 32;
inline constexpr std::uint8_t established = 128;  ///< the flow of this handshake exists already
}  // namespace half_open_flag

class HalfOpenCache {
  public:
    /// `entries` is rounded up to a power of two of at least 4. Entries untouched for more than `seconds_max`
    /// (at most 32767) count as absent; Linux gives up a SYN after 63 s.
    explicit HalfOpenCache(std::uint32_t entries, std::uint16_t seconds_max = 75);

    void prefetch(const FlowKey& key) const noexcept;
    /// The live entry of this key, or nullptr. A time up to two seconds before the entry's own is fine
    /// (bursts overlap).
    [[nodiscard]] HalfOpen* find(const FlowKey& key, std::uint32_t now_seconds) noexcept;
    /// The entry of this key if there is a live one (`second` renewed), else a cleared one (tag, second and
    /// `used` set) in place of the oldest of its set.
    [[nodiscard]] HalfOpen& claim(const FlowKey& key, std::uint32_t now_seconds) noexcept;
    void erase(HalfOpen& entry) noexcept;
    [[nodiscard]] std::uint64_t evicted() const noexcept {
        return evicted_;
    }  ///< live entries given up so far

  private:
    static constexpr std::size_t ways = 4;

    [[nodiscard]] bool is_live(const HalfOpen& entry, std::uint32_t now_seconds) const noexcept;
    [[nodiscard]] std::size_t set_of(const FlowKey& key) const noexcept;

    TableMemory<HalfOpen> entries_;  // aligned, so that a set is one cache line
    std::uint64_t evicted_ = 0;
    std::uint16_t seconds_max_;
};

}  // namespace springlatch
