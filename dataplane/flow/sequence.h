#pragma once
// Arithmetic on TCP sequence numbers (RFC 9293 §3.4): modulo 2^32, meaningful within half the space.
#include <cstdint>

namespace springlatch::seq {

/// Signed distance from `from` to `to`; positive if `to` lies ahead.
[[nodiscard]] constexpr std::int32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
    return static_cast<std::int32_t>(to - from);
}
[[nodiscard]] constexpr bool before(std::uint32_t a, std::uint32_t b) noexcept {
    return distance(a, b) > 0;
}
[[nodiscard]] constexpr bool at_or_before(std::uint32_t a, std::uint32_t b) noexcept {
    return distance(a, b) >= 0;
}
[[nodiscard]] constexpr bool after(std::uint32_t a, std::uint32_t b) noexcept {
    return before(b, a);
}
[[nodiscard]] constexpr std::uint32_t later(std::uint32_t a, std::uint32_t b) noexcept {
    return before(a, b) ? b : a;
}

}  // namespace springlatch::seq
