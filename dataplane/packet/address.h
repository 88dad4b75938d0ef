#pragma once
// IP addresses as numbers.
#include <compare>
#include <cstdint>

namespace springlatch {

/// An IPv4 or IPv6 address as one 128-bit number in host order, so that ranges compare and keys stay in
/// registers.
///
/// IPv4 is kept in its mapped form ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). An IPv6 frame that carries a mapped
/// address on the wire is refused by decode(), so no two different packets ever share an address by accident.
struct IpAddress {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    static constexpr std::uint64_t v4_prefix = 0x0000'ffff'0000'0000U;

    [[nodiscard]] static constexpr IpAddress v4(std::uint32_t host_order) noexcept {
        return {0, v4_prefix | host_order};
    }
    [[nodiscard]] constexpr bool is_v4() const noexcept {
        return high == 0 && (low & 0xffff'ffff'0000'0000U) == v4_prefix;
    }
    [[nodiscard]] constexpr std::uint32_t v4_value() const noexcept {
        return static_cast<std::uint32_t>(low);
    }

    /// Whom it stands for where sources are counted: itself, or its IPv6 /64, since whoever has one address
    /// of that has them all.
    [[nodiscard]] constexpr IpAddress block() const noexcept { return is_v4() ? *this : IpAddress{high, 0}; }

    [[nodiscard]] static constexpr IpAddress highest() noexcept {
        return {~std::uint64_t{0}, ~std::uint64_t{0}};
    }
    /// As numbers of 128 bits; not of highest().
    [[nodiscard]] friend constexpr IpAddress next(const IpAddress& address) noexcept {
        return {address.high + (address.low == ~std::uint64_t{0} ? 1U : 0U), address.low + 1};
    }
    /// Not of the lowest one.
    [[nodiscard]] friend constexpr IpAddress previous(const IpAddress& address) noexcept {
        return {address.high - (address.low == 0 ? 1U : 0U), address.low - 1};
    }

    bool operator==(const IpAddress&) const = default;
    /// As one number of 128 bits; the default comparison has three more branches, a packet's worth of them.
    friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) noexcept {
        return a.high != b.high ? a.high <=> b.high : a.low <=> b.low;
    }
};

}  // namespace springlatch
