#pragma once
// Frames for tests: a fluent way to write down a packet, right or deliberately wrong.
//
// Overview
//   TcpFrame().from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn().mss(1460).build()
//   Everything that is not said is right and ordinary: lengths and checksums fit, the family follows the
//   addresses. What is said is written as it is, even if it is nonsense; that is what the tests are for.
// Independence
//   Writes bytes with its own arithmetic, so that it can check the product's decoder and builder.
#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/packet/decode.h"

namespace springlatch::test {

using Bytes = std::vector<std::byte>;

/// The bytes of a string literal or of any text.
[[nodiscard]] inline Bytes to_bytes(std::string_view text) {
    Bytes bytes(text.size());
    if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

/// Bytes written as numbers: raw({0x01, 0xff}).
[[nodiscard]] inline Bytes raw(std::initializer_list<int> values) {
    Bytes bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

[[nodiscard]] inline std::string to_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void put8(Bytes& out, std::uint32_t value) {
    out.push_back(static_cast<std::byte>(value & 0xffU));
}
inline void put16(Bytes& out, std::uint32_t value) {
    put8(out, value >> 8U);
    put8(out, value);
}
inline void put32(Bytes& out, std::uint32_t value) {
    put16(out, value >> 16U);
    put16(out, value);
}
inline void put(Bytes& out, std::span<const std::byte> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

/// An address written as text, either family; throws std::invalid_argument on anything else.
[[nodiscard]] inline IpAddress ip(const std::string& text) {
    std::array<unsigned char, 16> wire{};
    if (inet_pton(AF_INET, text.c_str(), wire.data()) == 1) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i) value = value << 8U | wire[i];
        return IpAddress::v4(value);
    }
    if (inet_pton(AF_INET6, text.c_str(), wire.data()) != 1)
        throw std::invalid_argument("no address: " + text);
    IpAddress address;
    for (std::size_t i = 0; i < 8; ++i) address.high = address.high << 8U | wire[i];
    for (std::size_t i = 8; i < 16; ++i) address.low = address.low << 8U | wire[i];
    return address;
}

inline void put_v6_address(Bytes& out, const IpAddress& address) {
    for (const std::uint64_t half : {address.high, address.low}) {
        put32(out, static_cast<std::uint32_t>(half >> 32U));
        put32(out, static_cast<std::uint32_t>(half));
    }
}

/// RFC 1071, byte by byte: the slow oracle.
[[nodiscard]] inline std::uint16_t slow_checksum(std::span<const std::byte> bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += std::to_integer<std::uint64_t>(bytes[i]) << (i % 2 == 0 ? 8U : 0U);
    }
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum & 0xffffU);
}

/// One frame, Ethernet to payload. Setters return *this; build() may be called often.
class TcpFrame {
  public:
    TcpFrame() = default;

    // Ends. The family is that of the source; a mapped IPv6 address is only written as IPv6 after as_v6().
    TcpFrame& from(const IpAddress& address, std::uint16_t port) {
        source_ = address;
        source_port_ = port;
        return *this;
    }
    TcpFrame& from(const std::string& address, std::uint16_t port) { return from(ip(address), port); }
    TcpFrame& to(const IpAddress& address, std::uint16_t port) {
        destination_ = address;
        destination_port_ = port;
        return *this;
    }
    TcpFrame& to(const std::string& address, std::uint16_t port) { return to(ip(address), port); }
    TcpFrame& as_v6() {
        force_v6_ = true;
        return *this;
    }

    // TCP. flags() replaces all flags; the named ones add theirs. ack(n) also sets the ACK flag.
    TcpFrame& seq(std::uint32_t value) {
        sequence_ = value;
        return *this;
    }
    TcpFrame& ack(std::uint32_t value) {
        acknowledgement_ = value;
        return add_flags(tcp_flag::ack);
    }
    TcpFrame& ack_number(std::uint32_t value) {
        acknowledgement_ = value;
        return *this;
    }
    TcpFrame& flags(int value) {
        flags_ = static_cast<std::uint8_t>(value);
        return *this;
    }
    TcpFrame& add_flags(int value) { return flags(flags_ | value); }
    TcpFrame& syn() { return add_flags(tcp_flag::syn); }
    TcpFrame& fin() { return add_flags(tcp_flag::fin); }
    TcpFrame& rst() { return add_flags(tcp_flag::rst); }
    TcpFrame& psh() { return add_flags(tcp_flag::psh); }
    TcpFrame& urg(std::uint16_t pointer = 0) {
        urgent_pointer_ = pointer;
        return add_flags(tcp_flag::urg);
    }
    TcpFrame& window(std::uint16_t value) {
        window_ = value;
        return *this;
    }
    /// Appends option bytes as they are; build() fills up to four bytes with EOL.
    TcpFrame& options(std::span<const std::byte> bytes) {
        put(options_, bytes);
        return *this;
    }
    TcpFrame& options(std::initializer_list<int> values) { return options(raw(values)); }
    TcpFrame& nop() { return options({1}); }
    TcpFrame& mss(std::uint16_t value) { return options({2, 4, value >> 8, value & 0xff}); }
    TcpFrame& window_scale(int value) { return options({3, 3, value}); }
    TcpFrame& sack_permitted() { return options({4, 2}); }
    TcpFrame& timestamp(std::uint32_t value, std::uint32_t echo) {
        options({8, 10});
        put32(options_, value);
        put32(options_, echo);
        return *this;
    }
    TcpFrame& payload(std::span<const std::byte> bytes) {
        payload_.assign(bytes.begin(), bytes.end());
        return *this;
    }
    TcpFrame& payload(std::string_view text) {
        payload_ = to_bytes(text);
        return *this;
    }

    // Link. vlan() may be repeated; the first is the outermost.
    TcpFrame& macs(const std::array<std::uint8_t, 6>& source,
                   const std::array<std::uint8_t, 6>& destination) {
        source_mac_ = source;
        destination_mac_ = destination;
        return *this;
    }
    TcpFrame& vlan(std::uint16_t id, std::uint16_t tpid = 0x8100) {
        vlans_.emplace_back(tpid, id);
        return *this;
    }
    TcpFrame& ether_type(std::uint16_t value) {
        ether_type_ = value;
        return *this;
    }
    /// Ethernet padding with `fill` up to `bytes` (60 is the smallest frame without FCS).
    TcpFrame& pad_to(std::size_t bytes, int fill = 0) {
        pad_to_ = bytes;
        pad_fill_ = static_cast<std::byte>(fill);
        return *this;
    }

    // IP.
    TcpFrame& ttl(std::uint8_t value) {  ///< or hop limit
        ttl_ = value;
        return *this;
    }
    TcpFrame& tos(std::uint8_t value) {  ///< or traffic class
        tos_ = value;
        return *this;
    }
    TcpFrame& identification(std::uint16_t value) {
        identification_ = value;
        return *this;
    }
    /// IPv4: the flags and offset word (0x4000 DF, 0x2000 MF, low 13 bits the offset in units of 8 bytes).
    TcpFrame& fragment_word(std::uint16_t value) {
        fragment_word_ = value;
        return *this;
    }
    /// IPv4 option bytes, a multiple of 4.
    TcpFrame& ip_options(std::span<const std::byte> bytes) {
        put(ip_options_, bytes);
        return *this;
    }
    /// An IPv6 extension header of this kind; `body` is everything behind its next-header byte.
    TcpFrame& extension(std::uint8_t kind, std::span<const std::byte> body) {
        extensions_.emplace_back(kind, Bytes(body.begin(), body.end()));
        return *this;
    }
    TcpFrame& extension(std::uint8_t kind, std::initializer_list<int> body) {
        return extension(kind, raw(body));
    }
    TcpFrame& protocol(std::uint8_t value) {
        protocol_ = value;
        return *this;
    }
    /// Replaces TCP header and payload by these bytes of another protocol.
    TcpFrame& layer4(std::uint8_t protocol_number, std::span<const std::byte> bytes) {
        layer4_ = Bytes(bytes.begin(), bytes.end());
        return protocol(protocol_number);
    }

    // Lies. A total length is the IPv4 total length or the IPv6 payload length.
    TcpFrame& ip_version(int value) {
        ip_version_ = static_cast<std::uint8_t>(value);
        return *this;
    }
    TcpFrame& ip_header_words(int value) {
        ip_header_words_ = static_cast<std::uint8_t>(value);
        return *this;
    }
    TcpFrame& ip_total(int value) {
        ip_total_ = static_cast<std::uint16_t>(value);
        return *this;
    }
    TcpFrame& data_offset(int words) {
        data_offset_ = static_cast<std::uint8_t>(words);
        return *this;
    }
    TcpFrame& bad_ip_checksum() {
        ip_checksum_error_ = 1;
        return *this;
    }
    TcpFrame& bad_tcp_checksum() {
        tcp_checksum_error_ = 1;
        return *this;
    }

    [[nodiscard]] bool is_v6() const { return force_v6_ || !source_.is_v4(); }

    [[nodiscard]] Bytes build() const {
        Bytes frame = link();
        const Bytes segment = layer4_ ? *layer4_ : tcp();
        put(frame, is_v6() ? v6(segment.size()) : v4(segment.size()));
        put(frame, segment);
        if (frame.size() < pad_to_) frame.resize(pad_to_, pad_fill_);
        return frame;
    }

  private:
    [[nodiscard]] Bytes link() const {
        Bytes out;
        for (const std::uint8_t value : destination_mac_) put8(out, value);
        for (const std::uint8_t value : source_mac_) put8(out, value);
        for (const auto& [tpid, id] : vlans_) {
            put16(out, tpid);
            put16(out, id);
        }
        put16(out, ether_type_.value_or(is_v6() ? 0x86dd : 0x0800));
        return out;
    }

    [[nodiscard]] Bytes v4(std::size_t segment_bytes) const {
        Bytes out;
        const std::size_t header_bytes = 20 + ip_options_.size();
        put8(out, static_cast<std::uint32_t>(ip_version_.value_or(4) << 4U) |
                      ip_header_words_.value_or(static_cast<std::uint8_t>(header_bytes / 4)));
        put8(out, tos_);
        put16(out, ip_total_.value_or(static_cast<std::uint16_t>(header_bytes + segment_bytes)));
        put16(out, identification_);
        put16(out, fragment_word_);
        put8(out, ttl_);
        put8(out, protocol_);
        put16(out, 0);
        put32(out, source_.v4_value());
        put32(out, destination_.v4_value());
        put(out, ip_options_);
        set16(out, 10, slow_checksum(out) ^ ip_checksum_error_);
        return out;
    }

    [[nodiscard]] Bytes v6(std::size_t segment_bytes) const {
        Bytes chain;
        for (std::size_t i = 0; i < extensions_.size(); ++i) {
            put8(chain, i + 1 < extensions_.size() ? extensions_[i + 1].first : protocol_);
            put(chain, extensions_[i].second);
        }
        Bytes out;
        put32(out, static_cast<std::uint32_t>(ip_version_.value_or(6)) << 28U | std::uint32_t{tos_} << 20U);
        put16(out, ip_total_.value_or(static_cast<std::uint16_t>(chain.size() + segment_bytes)));
        put8(out, extensions_.empty() ? protocol_ : extensions_.front().first);
        put8(out, ttl_);
        put_v6_address(out, source_);
        put_v6_address(out, destination_);
        put(out, chain);
        return out;
    }

    [[nodiscard]] Bytes tcp() const {
        Bytes out;
        Bytes padded = options_;
        padded.resize((padded.size() + 3) / 4 * 4);
        put16(out, source_port_);
        put16(out, destination_port_);
        put32(out, sequence_);
        put32(out, acknowledgement_);
        put8(out, static_cast<std::uint32_t>(
                      data_offset_.value_or(static_cast<std::uint8_t>(5 + padded.size() / 4)) << 4U));
        put8(out, flags_);
        put16(out, window_);
        put16(out, 0);
        put16(out, urgent_pointer_);
        put(out, padded);
        put(out, payload_);

        Bytes summed;
        if (is_v6()) {
            put_v6_address(summed, source_);
            put_v6_address(summed, destination_);
        } else {
            put32(summed, source_.v4_value());
            put32(summed, destination_.v4_value());
        }
        put32(summed, static_cast<std::uint32_t>(out.size()));
        put32(summed, protocol_);
        put(summed, out);
        set16(out, 16, slow_checksum(summed) ^ tcp_checksum_error_);
        return out;
    }

    static void set16(Bytes& out, std::size_t offset, std::uint32_t value) {
        out[offset] = static_cast<std::byte>(value >> 8U & 0xffU);
        out[offset + 1] = static_cast<std::byte>(value & 0xffU);
    }

    IpAddress source_ = IpAddress::v4(0xc0000201);       // 192.0.2.1
    IpAddress destination_ = IpAddress::v4(0xc633640a);  // 198.51.100.10
    std::uint16_t source_port_ = 40000;
    std::uint16_t destination_port_ = 9200;
    bool force_v6_ = false;
    std::uint32_t sequence_ = 0;
    std::uint32_t acknowledgement_ = 0;
    std::uint8_t flags_ = 0;
    std::uint16_t window_ = 65535;
    std::uint16_t urgent_pointer_ = 0;
    Bytes options_;
    Bytes payload_;
    std::optional<Bytes> layer4_;
    std::array<std::uint8_t, 6> source_mac_ = {2, 0, 0, 0, 0, 1};
    std::array<std::uint8_t, 6> destination_mac_ = {2, 0, 0, 0, 0, 2};
    std::vector<std::pair<std::uint16_t, std::uint16_t>> vlans_;
    std::optional<std::uint16_t> ether_type_;
    std::size_t pad_to_ = 0;
    std::byte pad_fill_{};
    std::uint8_t ttl_ = 64;
    std::uint8_t tos_ = 0;
    std::uint16_t identification_ = 0;
    std::uint16_t fragment_word_ = 0x4000;
    Bytes ip_options_;
    std::vector<std::pair<std::uint8_t, Bytes>> extensions_;
    std::uint8_t protocol_ = 6;
    std::optional<std::uint8_t> ip_version_;
    std::optional<std::uint8_t> ip_header_words_;
    std::optional<std::uint16_t> ip_total_;
    std::optional<std::uint8_t> data_offset_;
    std::uint16_t ip_checksum_error_ = 0;
    std::uint16_t tcp_checksum_error_ = 0;
};

/// A copy that ends exactly at the end of its heap block, so that the address sanitizer sees a read of one
/// byte too far.
class ExactCopy {
  public:
    explicit ExactCopy(std::span<const std::byte> bytes)
        : data_(new std::byte[bytes.size()]), size_(bytes.size()) {
        if (size_ != 0) std::memcpy(data_.get(), bytes.data(), size_);
    }
    [[nodiscard]] std::span<const std::byte> span() const { return {data_.get(), size_}; }
    [[nodiscard]] std::span<std::byte> span() { return {data_.get(), size_}; }

  private:
    std::unique_ptr<std::byte[]> data_;
    std::size_t size_;
};

}  // namespace springlatch::test
