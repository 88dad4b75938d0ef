#pragma once
// Address prefixes as policies write them, and what they mean together.
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

/// A CIDR block. IPv4 blocks lie in ::ffff:0:0/96 (see IpAddress), `bits` counts from the top of the 128: 96
/// + 24 for a /24.
struct Prefix {
    IpAddress first;
    unsigned bits = 0;
    std::uint16_t value = 0;
    [[nodiscard]] IpAddress last() const noexcept;
};

/// "203.0.113.0/24", "2001:db8::/32", or a single address. Host bits, IPv4-mapped IPv6 and leading zeros are
/// errors; the error is a whole sentence part.
[[nodiscard]] tl::expected<Prefix, std::string> parse_prefix(std::string_view text);

/// Disjoint ascending ranges in which the longest prefix has won. No IPv6 prefix ever holds an IPv4 address,
/// so "::/0" means IPv6 alone. Equal prefixes must have equal values.
[[nodiscard]] std::vector<AddressRange> longest_prefix_ranges(std::vector<Prefix> prefixes);

[[nodiscard]] std::string address_text(const IpAddress& address);

}  // namespace springlatch
