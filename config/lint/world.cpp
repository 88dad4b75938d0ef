#include "config/lint/world.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace springlatch::lint {
namespace {

struct Block {
    std::uint32_t first;
    unsigned bits;
    [[nodiscard]] constexpr std::uint32_t last() const {
        return first | static_cast<std::uint32_t>(0xffff'ffffULL >> bits);
    }
};

/// Not public: RFC 6890 §2.2.2, multicast and class E; ascending and disjoint.
constexpr std::array<Block, 15> reserved_v4 = {{{0x0000'0000, 8},    // 0/8
                                                {0x0a00'0000, 8},    // 10/8
                                                {0x6440'0000, 10},   // 100.64/10
                                                {0x7f00'0000, 8},    // 127/8
                                                {0xa9fe'0000, 16},   // 169.254/16
                                                {0xac10'0000, 12},   // 172.16/12
                                                {0xc000'0000, 24},   // 192.0.0/24
                                                {0xc000'0200, 24},   // 192.0.2/24
                                                {0xc058'6300, 24},   // 192.88.99/24
                                                {0xc0a8'0000, 16},   // 192.168/16
                                                {0xc612'0000, 15},   // 198.18/15
                                                {0xc633'6400, 24},   // 198.51.100/24
                                                {0xcb00'7100, 24},   // 203.0.113/24
                                                {0xe000'0000, 4},    // 224/4
                                                {0xf000'0000, 4}}};  // 240/4

[[nodiscard]] std::uint64_t public_v4(std::uint32_t first, std::uint32_t last) {
    std::uint64_t count = std::uint64_t{last} - first + 1;
    for (const Block& block : reserved_v4) {
        const std::uint32_t from = std::max(first, block.first);
        const std::uint32_t to = std::min(last, block.last());
        count -= from <= to ? std::uint64_t{to} - from + 1 : 0;
    }
    return count;
}

/// In /64s.
[[nodiscard]] std::uint64_t global_v6(const IpAddress& first, const IpAddress& last) {
    constexpr std::uint64_t global_first = 0x2000'0000'0000'0000;
    constexpr std::uint64_t global_last = 0x3fff'ffff'ffff'ffff;
    const std::uint64_t from = std::max(first.high, global_first);
    const std::uint64_t to = std::min(last.high, global_last);
    return from <= to ? to - from + 1 : 0;
}

}  // namespace

Share& Share::operator+=(const Share& other) noexcept {
    v4 += other.v4;
    v6 += other.v6;
    return *this;
}

bool Share::is_everywhere() const noexcept {
    return v4 >= 1.0 / 16 || v6 >= 1.0 / 512;
}

std::string Share::str() const {
    constexpr double practically_all = 0.99;
    if (v4 >= practically_all || (v4 == 0 && v6 >= practically_all)) {
        return "from everywhere";
    }
    const bool older = v4 >= 1.0 / 16;
    const long percent = std::max(1L, std::lround(100 * (older ? v4 : v6)));
    return "from " + std::to_string(percent) + " % of the " +
           (older ? "public IPv4 addresses" : "global IPv6 addresses");
}

std::vector<Share> shares_of_zones(const CompiledPolicy::Parts& parts) {
    const auto all_v4 = static_cast<double>(public_v4(0, 0xffff'ffff));
    const auto all_v6 = std::ldexp(1.0, 61);
    std::vector<Share> shares(parts.zone_names.size());
    for (const AddressRange& range : parts.zones.ranges()) {
        Share& share = shares[range.value];
        if (range.first.is_v4() && range.last.is_v4()) {
            share.v4 +=
                static_cast<double>(public_v4(range.first.v4_value(), range.last.v4_value())) / all_v4;
        } else {
            share.v6 += static_cast<double>(global_v6(range.first, range.last)) / all_v6;
        }
    }
    return shares;
}

}  // namespace springlatch::lint
