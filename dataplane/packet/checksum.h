#pragma once
// The Internet checksum (RFC 1071).
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"

namespace springlatch {

/// One's complement sum of `bytes` as big-endian 16-bit words, not inverted; how far it is folded is not
/// promised. An odd last byte is the high half of a word. Sums of even-length pieces may be added up.
[[nodiscard]] std::uint64_t checksum_sum(std::span<const std::byte> bytes) noexcept;

namespace checksum_detail {

/// Both 32-bit halves added up: the same value in one's complement arithmetic.
[[nodiscard]] constexpr std::uint64_t halves(std::uint64_t word) noexcept {
    return (word & 0xffff'ffffU) + (word >> 32U);
}

[[nodiscard]] constexpr std::uint16_t fold(std::uint64_t sum) noexcept {
    sum = halves(halves(sum));
    sum = (sum & 0xffffU) + (sum >> 16U);
    sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum);
}

}  // namespace checksum_detail

/// Folds a sum and inverts it: the value for the wire, host order.
[[nodiscard]] constexpr std::uint16_t checksum_fold(std::uint64_t sum) noexcept {
    return static_cast<std::uint16_t>(~checksum_detail::fold(sum));
}

/// Sum of the pseudo-header of RFC 9293 §3.1 / RFC 8200 §8.1; `l4_bytes` is TCP header plus payload.
[[nodiscard]] constexpr std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                                        std::uint8_t protocol,
                                                        std::uint32_t l4_bytes) noexcept {
    using checksum_detail::halves;
    // The prefix ::ffff of an IPv4 address adds 0xffff, which is zero in this arithmetic: no case for IPv4 is
    // needed.
    return halves(source.high) + halves(source.low) + halves(destination.high) + halves(destination.low) +
           protocol + l4_bytes;
}

}  // namespace springlatch
