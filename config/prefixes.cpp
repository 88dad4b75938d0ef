#include "config/prefixes.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace springlatch {
namespace {

constexpr std::uint64_t all_ones = std::numeric_limits<std::uint64_t>::max();
constexpr unsigned v4_bits = 96;
/// Stands for "in no prefix" while ranges are made; indices of zones and services stay below it.
constexpr std::uint16_t hole = 0xffff;

std::uint64_t ones_behind(unsigned bits) noexcept {
    return bits >= 64 ? 0 : all_ones >> bits;
}

IpAddress host_mask(unsigned bits) noexcept {
    return {bits >= 64 ? 0 : ones_behind(bits), bits <= 64 ? all_ones : ones_behind(bits - 64)};
}

std::uint64_t big_endian(const unsigned char* bytes) noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
        value = (value << 8U) | bytes[i];
    }
    return value;
}

constexpr std::string_view form = "; a prefix looks like 203.0.113.0/24 or 2001:db8::/32";

tl::expected<IpAddress, std::string> parse_address(std::string_view text) {
    const std::string address(text);
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) {
        return IpAddress::v4(static_cast<std::uint32_t>(big_endian(bytes.data()) >> 32U));
    }
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
        return tl::unexpected("not an IP address" + std::string(form));
    }
    const IpAddress parsed{big_endian(bytes.data()), big_endian(bytes.data() + 8)};
    if (parsed.is_v4()) {
        return tl::unexpected(std::string("an IPv4 address in IPv6 form; write it as IPv4"));
    }
    return parsed;
}

class Sweep {
  public:
    /// In order of `first`, the shorter of two that start together first.
    void add(const Prefix& prefix) {
        while (!open_.empty() && open_.back().last() < prefix.first) {
            close();
        }
        if (!open_.empty() && cursor_ < prefix.first) {
            emit(cursor_, before(prefix.first), open_.back().value);
        }
        open_.push_back(prefix);
        cursor_ = prefix.first;
    }

    std::vector<AddressRange> finish() {
        while (!open_.empty()) {
            close();
        }
        return std::move(ranges_);
    }

  private:
    static IpAddress before(const IpAddress& address) noexcept {
        return {address.high - (address.low == 0 ? 1U : 0U), address.low - 1};
    }

    void close() {
        const IpAddress last = open_.back().last();
        if (!past_the_end_ && cursor_ <= last) {
            emit(cursor_, last, open_.back().value);
            past_the_end_ = last == IpAddress{all_ones, all_ones};
            cursor_ = {last.high + (last.low == all_ones ? 1U : 0U), last.low + 1};
        }
        open_.pop_back();
    }

    void emit(const IpAddress& first, const IpAddress& last, std::uint16_t value) {
        if (value != hole) {
            ranges_.push_back({first, last, value});
        }
    }

    std::vector<Prefix> open_;  // each inside the one before
    std::vector<AddressRange> ranges_;
    IpAddress cursor_;
    bool past_the_end_ = false;
};

}  // namespace

IpAddress Prefix::last() const noexcept {
    const IpAddress mask = host_mask(bits);
    return {first.high | mask.high, first.low | mask.low};
}

tl::expected<Prefix, std::string> parse_prefix(std::string_view text) {
    const std::string_view address = text.substr(0, text.find('/'));
    if (address.find('\0') != std::string_view::npos) {
        return tl::unexpected("not an IP address" + std::string(form));
    }
    const auto first = parse_address(address);
    if (!first) {
        return tl::unexpected(first.error());
    }
    const bool is_v4 = first->is_v4();
    const unsigned width = is_v4 ? 32 : 128;
    unsigned length = width;
    if (address.size() != text.size()) {
        const std::string_view digits = text.substr(address.size() + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        const bool leading_zero = digits.size() > 1 && digits.front() == '0';
        if (error != std::errc{} || end != digits.data() + digits.size() || leading_zero || length > width) {
            return tl::unexpected("the prefix length must be a number from 0 to " + std::to_string(width));
        }
    }
    Prefix prefix{*first, is_v4 ? v4_bits + length : length, 0};
    const IpAddress mask = host_mask(prefix.bits);
    if ((first->high & mask.high) != 0 || (first->low & mask.low) != 0) {
        const IpAddress network{first->high & ~mask.high, first->low & ~mask.low};
        return tl::unexpected("bits are set behind the prefix length; did you mean " + address_text(network) +
                              "/" + std::to_string(length) + "?");
    }
    return prefix;
}

std::vector<AddressRange> longest_prefix_ranges(std::vector<Prefix> prefixes) {
    const Prefix all_v4{IpAddress::v4(0), v4_bits, hole};
    const bool whole_v4 = std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& prefix) {
        return prefix.first == all_v4.first && prefix.bits == all_v4.bits;
    });
    if (!whole_v4) {
        prefixes.push_back(all_v4);
    }
    std::sort(prefixes.begin(), prefixes.end(), [](const Prefix& a, const Prefix& b) {
        return a.first != b.first ? a.first < b.first : a.bits < b.bits;
    });
    Sweep sweep;
    for (const Prefix& prefix : prefixes) {
        sweep.add(prefix);
    }
    return sweep.finish();
}

std::string address_text(const IpAddress& address) {
    std::array<unsigned char, 16> bytes{};
    for (unsigned i = 0; i < 8; ++i) {
        bytes.at(i) = static_cast<unsigned char>(address.high >> (56U - 8U * i));
        bytes.at(i + 8) = static_cast<unsigned char>(address.low >> (56U - 8U * i));
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(address.is_v4() ? AF_INET : AF_INET6, address.is_v4() ? bytes.data() + 12 : bytes.data(),
              text.data(), text.size());
    return text.data();
}

}  // namespace springlatch
