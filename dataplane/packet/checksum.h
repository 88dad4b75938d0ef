#pragma once
// The Internet checksum (RFC 1071).
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"

namespace springlatch {

/// Sum of `bytes` as big-endian 16-bit words in host representation, not folded into 16 bits and not inverted; an odd last byte is the high
/// half of a word. Sums of even-length pieces may be added up.
[[nodiscard]] std::uint64_t checksum_sum(std::span<const std::byte> bytes) noexcept;

/// Folds a sum and inverts it: the value for the wire, host order.
[[nodiscard]] std::uint16_t checksum_fold(std::uint64_t sum) noexcept;

/// Sum of the pseudo-header of RFC 9293 §3.1 / RFC 8200 §8.1; `l4_bytes` is TCP header plus payload.
[[nodiscard]] std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                              std::uint32_t l4_bytes) noexcept;

}  // namespace springlatch
