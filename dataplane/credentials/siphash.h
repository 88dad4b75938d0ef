#pragma once
// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the 128-bit
// variant of its reference implementation).
#include <cstddef>
#include <cstdint>
#include <span>

namespace springlatch {

/// A secret of this start of the process: without it nobody can tell which fingerprint a value has, or choose
/// values that collide.
struct SipKey {
    std::uint64_t low = 0;  ///< the key's first eight bytes, little-endian
    std::uint64_t high = 0;
};

/// Stands for a credential value wherever one is remembered.
struct Fingerprint {
    std::uint64_t low = 0;  ///< the first eight bytes of output, little-endian
    std::uint64_t high = 0;
    bool operator==(const Fingerprint&) const = default;
};

[[nodiscard]] Fingerprint siphash128(const SipKey& key, std::span<const std::byte> message) noexcept;

}  // namespace springlatch
