#pragma once
// The address space of two policies, cut where either changes: exact, by arithmetic on ranges.
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/policy/compiled.h"

namespace springlatch::effect {

struct Span {  ///< both ends included
    IpAddress first;
    IpAddress last;
    bool operator==(const Span&) const = default;
};

/// All addresses that are in one zone before and in one after.
struct Sources {
    std::uint16_t before = no_zone;
    std::uint16_t after = no_zone;
    std::vector<Span> spans;  ///< ascending
};

/// All listeners that belong to one service before and to one after.
struct Listeners {
    std::uint16_t before = no_service;
    std::uint16_t after = no_service;
    std::vector<std::uint16_t> ports;  ///< ascending
    std::vector<Span> spans;           ///< ascending
};

/// Every address there is, IPv4 and IPv6, is in exactly one of them.
[[nodiscard]] std::vector<Sources> sources_of(const CompiledPolicy& before, const CompiledPolicy& after);
/// Every address and port that either policy protects is in exactly one of them.
[[nodiscard]] std::vector<Listeners> listeners_of(const CompiledPolicy& before, const CompiledPolicy& after);

/// The fewest prefixes that are exactly these spans: "203.0.113.0/24", "2001:db8::/32"; spans that touch are
/// merged. No IPv6 prefix holds an IPv4 address, so all of IPv6 is "::/0".
[[nodiscard]] std::vector<std::string> prefixes_of(std::vector<Span> spans);
/// All addresses that are in none of these spans.
[[nodiscard]] std::vector<Span> complement_of(std::vector<Span> spans);
/// "9200-9203, 9210".
[[nodiscard]] std::string ports_text(const std::vector<std::uint16_t>& ports);

}  // namespace springlatch::effect
