#include "dataplane/packet/decode.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/wire.h"

namespace springlatch {
namespace {

constexpr std::size_t mac_bytes = 12;
constexpr std::size_t vlan_tag_bytes = 4;
constexpr std::uint8_t vlan_tags_max = 2;
constexpr std::size_t v4_header_bytes_min = 20;
constexpr std::size_t v6_header_bytes = 40;
constexpr std::size_t udp_header_bytes = 8;
constexpr std::size_t tcp_header_bytes_min = 20;
constexpr int extension_headers_max = 8;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;

[[nodiscard]] constexpr bool is_vlan_tag(std::uint16_t ether_type) noexcept {
    return ether_type == 0x8100 || ether_type == 0x88a8 || ether_type == 0x9100;
}

/// IPv4 header checksum (RFC 791 §3.1): the sum over a good header folds to zero, in either byte order (RFC
/// 1071 §2).
[[nodiscard]] bool has_good_checksum(const std::byte* header, std::size_t bytes) noexcept {
    const auto word = [header](std::size_t at) {
        std::uint32_t value;
        std::memcpy(&value, header + at, sizeof value);
        return std::uint64_t{value};
    };
    std::uint64_t sum = word(0) + word(4) + word(8) + word(12) + word(16);
    for (std::size_t i = v4_header_bytes_min; i < bytes; i += 4) sum += word(i);
    return checksum_fold(sum) == 0;
}

[[nodiscard]] constexpr bool is_v4_multicast_or_broadcast(std::uint32_t address) noexcept {
    return address >> 28U == 0xe || address == 0xffff'ffffU;
}
[[nodiscard]] constexpr bool is_v6_multicast(const IpAddress& address) noexcept {
    return address.high >> 56U == 0xff;
}

[[nodiscard]] IpAddress load_v6_address(const std::byte* at) noexcept {
    return {wire::load64(at), wire::load64(at + 8)};
}

/// What the IP header leaves to the next layer, or where the walk ended.
enum class Walk : std::uint8_t { layer4, stopped };

struct Packet {
    const std::byte* frame;
    std::size_t end;  ///< offset of the first byte behind the IP packet; at most the frame's size
};

/// The rest of the packet from `offset` on is what the IP header carries.
void set_payload(std::size_t offset, std::size_t end, DecodedFrame& out) noexcept {
    out.payload_offset = static_cast<std::uint16_t>(offset);
    out.payload_bytes = static_cast<std::uint32_t>(end - offset);
}

Walk walk_v4(Packet& packet, DecodedFrame& out, DecodeOutcome& outcome) noexcept {
    const std::byte* header = packet.frame + out.l3_offset;
    const std::size_t arrived = packet.end - out.l3_offset;
    outcome = DecodeOutcome::bad_ip_header;
    if (arrived < v4_header_bytes_min || wire::load8(header) >> 4U != 4) return Walk::stopped;
    const std::size_t header_bytes = (wire::load8(header) & 0xfU) * std::size_t{4};
    const std::size_t total_bytes = wire::load16(header + 2);
    if (header_bytes < v4_header_bytes_min || total_bytes < header_bytes || total_bytes > arrived)
        return Walk::stopped;

    const std::uint32_t source = wire::load32(header + 12);
    const std::uint32_t destination = wire::load32(header + 16);
    packet.end = out.l3_offset + total_bytes;
    out.source = IpAddress::v4(source);
    out.destination = IpAddress::v4(destination);
    out.protocol = wire::load8(header + 9);
    out.has_ip_options = header_bytes > v4_header_bytes_min;
    out.l4_offset = static_cast<std::uint16_t>(out.l3_offset + header_bytes);
    set_payload(out.l4_offset, packet.end, out);

    outcome = DecodeOutcome::bad_ip_checksum;
    if (!has_good_checksum(header, header_bytes)) return Walk::stopped;
    outcome = DecodeOutcome::bad_ip_address;
    if (is_v4_multicast_or_broadcast(source)) return Walk::stopped;
    outcome = DecodeOutcome::fragment;
    const bool is_fragment = (wire::load16(header + 6) & 0x3fffU) != 0;  // more fragments, or an offset
    return is_fragment ? Walk::stopped : Walk::layer4;
}

enum class Extension : std::uint8_t { none, hop_by_hop, options, authentication, fragment };

[[nodiscard]] constexpr Extension extension_of(std::uint8_t next_header) noexcept {
    switch (next_header) {
        case 0:
            return Extension::hop_by_hop;
        case 43:   // routing
        case 60:   // destination options
        case 135:  // mobility
        case 139:  // HIP
        case 140:  // shim6
            return Extension::options;
        case 51:
            return Extension::authentication;
        case 44:
            return Extension::fragment;
        default:
            return Extension::none;
    }
}

/// Bytes of an extension header (RFC 8200 §4, RFC 4302 §2.2); `at` has two readable bytes.
[[nodiscard]] std::size_t extension_bytes(Extension kind, const std::byte* at) noexcept {
    const std::size_t length = wire::load8(at + 1);
    switch (kind) {
        case Extension::authentication:
            return (length + 2) * 4;
        case Extension::fragment:
            return 8;
        default:
            return (length + 1) * 8;
    }
}

Walk walk_v6_extensions(const Packet& packet, std::uint8_t next_header, DecodedFrame& out,
                        DecodeOutcome& outcome) noexcept {
    std::size_t offset = out.l3_offset + v6_header_bytes;
    outcome = DecodeOutcome::bad_ip_header;
    for (int walked = 0;; ++walked) {
        out.protocol = next_header;
        out.l4_offset = static_cast<std::uint16_t>(offset);
        set_payload(offset, packet.end, out);
        const Extension kind = extension_of(next_header);
        if (kind == Extension::none) return Walk::layer4;

        out.has_extension_headers = true;
        // Hop-by-hop options stand directly behind the IPv6 header or are an error (RFC 8200 §4.1).
        const bool is_misplaced = kind == Extension::hop_by_hop && walked > 0;
        if (is_misplaced || walked == extension_headers_max || packet.end - offset < 2) return Walk::stopped;
        const std::byte* header = packet.frame + offset;
        const std::size_t bytes = extension_bytes(kind, header);
        if (bytes > packet.end - offset) return Walk::stopped;
        next_header = wire::load8(header);
        offset += bytes;
        if (kind == Extension::fragment) {
            out.protocol = next_header;
            out.l4_offset = static_cast<std::uint16_t>(offset);
            set_payload(offset, packet.end, out);
            outcome = DecodeOutcome::fragment;
            return Walk::stopped;
        }
    }
}

Walk walk_v6(Packet& packet, DecodedFrame& out, DecodeOutcome& outcome) noexcept {
    const std::byte* header = packet.frame + out.l3_offset;
    const std::size_t arrived = packet.end - out.l3_offset;
    outcome = DecodeOutcome::bad_ip_header;
    if (arrived < v6_header_bytes || wire::load8(header) >> 4U != 6) return Walk::stopped;
    const std::size_t payload_bytes = wire::load16(header + 4);
    if (payload_bytes > arrived - v6_header_bytes) return Walk::stopped;

    packet.end = out.l3_offset + v6_header_bytes + payload_bytes;
    out.is_v6 = true;
    out.source = load_v6_address(header + 8);
    out.destination = load_v6_address(header + 24);
    const bool is_impossible = out.source.is_v4() || out.destination.is_v4() || is_v6_multicast(out.source);
    outcome = DecodeOutcome::bad_ip_address;
    if (is_impossible) return Walk::stopped;
    return walk_v6_extensions(packet, wire::load8(header + 6), out, outcome);
}

namespace option_kind {
constexpr std::uint8_t end = 0, nop = 1, mss = 2, window_scale = 3, sack_permitted = 4, sack = 5,
                       timestamp = 8, md5 = 19, authentication = 29, multipath = 30, fast_open = 34,
                       experimental = 254;
}
constexpr std::uint16_t experiment_fast_open = 0xf989;  // RFC 7413 appendix A.1

/// One known option, its length checked; false if the length is not one the option can have.
[[nodiscard]] bool read_option(std::uint8_t kind, const std::byte* at, std::size_t bytes,
                               TcpOptions& out) noexcept {
    switch (kind) {
        case option_kind::mss:  // RFC 9293 §3.2
            if (bytes != 4) return false;
            out.mss = wire::load16(at + 2);
            return true;
        case option_kind::window_scale:  // RFC 7323 §2.2
            if (bytes != 3) return false;
            out.window_scale = std::min<std::uint8_t>(wire::load8(at + 2), 14);
            return true;
        case option_kind::sack_permitted:  // RFC 2018 §2
            out.sack_permitted = true;
            return bytes == 2;
        case option_kind::sack:  // RFC 2018 §3: one to four blocks
            return bytes >= 10 && bytes <= 34 && bytes % 8 == 2;
        case option_kind::timestamp:  // RFC 7323 §3.2
            if (bytes != 10) return false;
            out.has_timestamp = true;
            out.timestamp_value = wire::load32(at + 2);
            out.timestamp_echo = wire::load32(at + 6);
            return true;
        case option_kind::md5:  // RFC 2385 §3.0
            out.has_signature = true;
            return bytes == 18;
        case option_kind::authentication:  // RFC 5925 §2.2
            out.has_signature = true;
            return bytes >= 4;
        case option_kind::multipath:  // RFC 8684 §3
            out.has_multipath = true;
            return bytes >= 3;
        default:  // fast open, RFC 7413 §4.1.1: a request (no cookie), or a cookie of 4 to 16 bytes, even
            out.has_fast_open = true;
            return bytes == 2 || (bytes >= 6 && bytes <= 18 && bytes % 2 == 0);
    }
}

/// Bit of a known kind in the set of those seen, 0 for an unknown one. MPTCP may appear more than once (RFC
/// 8684 §3).
[[nodiscard]] constexpr std::uint64_t once_bit(std::uint8_t kind) noexcept {
    switch (kind) {
        case option_kind::mss:
        case option_kind::window_scale:
        case option_kind::sack_permitted:
        case option_kind::sack:
        case option_kind::timestamp:
        case option_kind::md5:
        case option_kind::authentication:
        case option_kind::fast_open:
            return std::uint64_t{1} << kind;
        default:
            return 0;
    }
}

[[nodiscard]] bool read_options(const std::byte* at, std::size_t left, TcpOptions& out) noexcept {
    // NOP NOP time stamp, the shape that nearly every data segment has (RFC 7323 appendix A).
    if (left == 12 && wire::load32(at) == 0x0101'080a)
        return read_option(option_kind::timestamp, at + 2, 10, out);
    std::uint64_t seen = 0;
    while (left != 0) {
        const std::uint8_t kind = wire::load8(at);
        if (kind == option_kind::end) return true;
        if (kind == option_kind::nop) {
            ++at;
            --left;
            continue;
        }
        if (left < 2) return false;
        const std::size_t bytes = wire::load8(at + 1);
        if (bytes < 2 || bytes > left) return false;
        const std::uint64_t bit = once_bit(kind);
        if ((seen & bit) != 0) return false;
        seen |= bit;
        if (bit != 0 || kind == option_kind::multipath) {
            if (!read_option(kind, at, bytes, out)) return false;
        } else if (kind == option_kind::experimental && bytes >= 4 &&
                   wire::load16(at + 2) == experiment_fast_open) {
            out.has_fast_open = true;
        }
        at += bytes;
        left -= bytes;
    }
    return true;
}

[[nodiscard]] DecodeOutcome read_tcp(const Packet& packet, VerifyTcpChecksum verify,
                                     DecodedFrame& out) noexcept {
    const std::byte* header = packet.frame + out.l4_offset;
    const std::size_t arrived = packet.end - out.l4_offset;
    if (arrived < tcp_header_bytes_min) return DecodeOutcome::bad_tcp_header;
    const std::size_t header_bytes = (wire::load8(header + 12) >> 4U) * std::size_t{4};
    if (header_bytes < tcp_header_bytes_min || header_bytes > arrived) return DecodeOutcome::bad_tcp_header;

    out.source_port = wire::load16(header);
    out.destination_port = wire::load16(header + 2);
    out.sequence = wire::load32(header + 4);
    out.acknowledgement = wire::load32(header + 8);
    out.tcp_flags = wire::load8(header + 13);
    out.window = wire::load16(header + 14);
    set_payload(out.l4_offset + header_bytes, packet.end, out);
    if (!read_options(header + tcp_header_bytes_min, header_bytes - tcp_header_bytes_min, out.options)) {
        return DecodeOutcome::bad_tcp_options;
    }
    if (verify == VerifyTcpChecksum::yes) {
        const std::uint64_t sum =
            checksum_sum({header, arrived}) +
            pseudo_header_sum(out.source, out.destination, protocol_tcp, static_cast<std::uint32_t>(arrived));
        if (checksum_fold(sum) != 0) return DecodeOutcome::bad_tcp_checksum;
    }
    return DecodeOutcome::tcp;
}

[[nodiscard]] DecodeOutcome read_layer4(const Packet& packet, VerifyTcpChecksum verify,
                                        DecodedFrame& out) noexcept {
    if (out.protocol == protocol_tcp) return read_tcp(packet, verify, out);
    if (out.protocol == protocol_udp && packet.end - out.l4_offset >= udp_header_bytes) {
        out.source_port = wire::load16(packet.frame + out.l4_offset);
        out.destination_port = wire::load16(packet.frame + out.l4_offset + 2);
    }
    return DecodeOutcome::ip_other;
}

}  // namespace

DecodeOutcome decode(std::span<const std::byte> frame, VerifyTcpChecksum verify, DecodedFrame& out) noexcept {
    out = {};
    std::size_t offset = mac_bytes;
    if (frame.size() < offset + 2) return DecodeOutcome::truncated_l2;
    std::uint16_t ether_type = wire::load16(frame.data() + offset);
    while (is_vlan_tag(ether_type)) {
        if (++out.vlan_tags > vlan_tags_max) return DecodeOutcome::non_ip;
        offset += vlan_tag_bytes;
        if (frame.size() < offset + 2) return DecodeOutcome::truncated_l2;
        ether_type = wire::load16(frame.data() + offset);
    }
    out.l3_offset = static_cast<std::uint16_t>(offset + 2);

    Packet packet{frame.data(), frame.size()};
    DecodeOutcome outcome = DecodeOutcome::non_ip;
    Walk walk = Walk::stopped;
    if (ether_type == 0x0800) walk = walk_v4(packet, out, outcome);
    if (ether_type == 0x86dd) walk = walk_v6(packet, out, outcome);
    return walk == Walk::layer4 ? read_layer4(packet, verify, out) : outcome;
}

}  // namespace springlatch
