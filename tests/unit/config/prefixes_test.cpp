#include "config/prefixes.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace springlatch {
namespace {

bool holds(const Prefix& prefix, const IpAddress& address) {
    const bool of_this_family = address.is_v4() == (prefix.bits >= 96 && prefix.first.is_v4());
    return of_this_family && prefix.first <= address && address <= prefix.last();
}

/// The model: look at every prefix, the longest that holds the address wins.
std::optional<std::uint16_t> longest(const std::vector<Prefix>& prefixes, const IpAddress& address) {
    const Prefix* best = nullptr;
    for (const Prefix& prefix : prefixes) {
        if (holds(prefix, address) && (best == nullptr || prefix.bits > best->bits)) {
            best = &prefix;
        }
    }
    return best == nullptr ? std::nullopt : std::optional{best->value};
}

IpAddress masked(IpAddress address, unsigned bits) {
    for (unsigned bit = bits; bit < 128; ++bit) {
        (bit < 64 ? address.high : address.low) &= ~(std::uint64_t{1} << (63U - bit % 64U));
    }
    return address;
}

/// Addresses that differ in few bits, so that prefixes nest, touch and repeat.
IpAddress near_address(bool v4) {
    const auto pick = *rc::gen::inRange<std::uint32_t>(0, 256);
    const std::uint32_t spread = (pick & 3U) | ((pick >> 2U & 7U) << 13U) | ((pick >> 5U) << 29U);
    return v4 ? IpAddress::v4(spread) : IpAddress{std::uint64_t{spread} << 32U, pick & 15U};
}

std::vector<Prefix> nested_prefixes() {
    std::map<std::pair<IpAddress, unsigned>, std::uint16_t> unique;
    const auto count = *rc::gen::inRange<std::size_t>(0, 30);
    for (std::size_t i = 0; i < count; ++i) {
        const bool v4 = *rc::gen::arbitrary<bool>();
        const unsigned bits = v4 ? *rc::gen::inRange(96U, 129U) : *rc::gen::inRange(0U, 129U);
        const IpAddress first = masked(near_address(v4), bits);
        unique.emplace(std::pair{first, bits}, static_cast<std::uint16_t>(i));
    }
    std::vector<Prefix> prefixes;
    for (const auto& [key, value] : unique) {
        prefixes.push_back({key.first, key.second, value});
    }
    return prefixes;
}

RC_GTEST_PROP(LongestPrefixRanges, EqualANaiveLongestPrefixSearch, ()) {
    const std::vector<Prefix> prefixes = nested_prefixes();
    const RangeMap map(longest_prefix_ranges(prefixes));
    std::vector<IpAddress> probes;
    for (const Prefix& prefix : prefixes) {
        const IpAddress last = prefix.last();
        for (const IpAddress& edge : {prefix.first, last}) {
            probes.push_back(edge);
            probes.push_back({edge.high, edge.low - 1});
            probes.push_back({edge.high, edge.low + 1});
        }
    }
    for (int i = 0; i < 20; ++i) {
        probes.push_back(near_address(i % 2 == 0));
    }
    for (const IpAddress& probe : probes) {
        RC_ASSERT(map.find(probe) == longest(prefixes, probe));
    }
    for (std::size_t i = 0; i < map.ranges().size(); ++i) {
        RC_ASSERT(map.ranges()[i].first <= map.ranges()[i].last);
        if (i > 0) {  // not by ||: RC_ASSERT takes the expression apart and evaluates both sides
            RC_ASSERT(map.ranges()[i - 1].last < map.ranges()[i].first);
        }
    }
}

TEST(LongestPrefixRanges, AllOfIpv6HoldsNoIpv4Address) {
    const RangeMap map(longest_prefix_ranges({*parse_prefix("::/0")}));
    EXPECT_FALSE(map.find(IpAddress::v4(0x08080808)));
    EXPECT_TRUE(map.find(IpAddress{0, 1}));
    EXPECT_TRUE(map.find(IpAddress{~std::uint64_t{0}, ~std::uint64_t{0}}));
}

TEST(ParsePrefix, ReadsBothFamiliesAndSingleAddresses) {
    EXPECT_EQ(parse_prefix("0.0.0.0/0")->bits, 96U);
    EXPECT_EQ(parse_prefix("203.0.113.0/24")->last(), IpAddress::v4(0xcb0071ff));
    EXPECT_EQ(parse_prefix("203.0.113.7")->bits, 128U);
    EXPECT_EQ(parse_prefix("2001:db8::/32")->first, (IpAddress{0x2001'0db8'0000'0000U, 0}));
    EXPECT_EQ(parse_prefix("::/0")->last(), (IpAddress{~std::uint64_t{0}, ~std::uint64_t{0}}));
}

TEST(ParsePrefix, RefusesWhatCouldBeReadInTwoWays) {
    for (const char* text : {"",
                             "/",
                             "/8",
                             "10.0.0.0/",
                             "10.0.0.0/08",
                             "10.0.0.0/+8",
                             "10.0.0.0/8 ",
                             " 10.0.0.0/8",
                             "10/8",
                             "10.0.0/24",
                             "0x0a.0.0.0/8",
                             "010.0.0.0/8",
                             "10.0.0.0/255.0.0.0",
                             "10.0.0.0/8/8",
                             "10.0.0.0/-1",
                             "10.0.0.0/4294967304",
                             "fe80::1%eth0",
                             "::ffff:0:0/96",
                             "::1/129",
                             "example.org"}) {
        EXPECT_FALSE(parse_prefix(text)) << text;
    }
    EXPECT_FALSE(parse_prefix(std::string_view("10.0.0.0\0/8", 11)));
}

}  // namespace
}  // namespace springlatch
