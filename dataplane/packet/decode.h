#pragma once
// Ethernet, VLAN, IPv4, IPv6 and TCP headers read from a frame.
//
// Overview
//   decode() walks a frame once and fills a DecodedFrame as far as it can trust the bytes. It judges nothing
//   that depends on a policy: options, fragments, tunnels and extension headers are reported, not refused.
// Limits
//   At most two VLAN tags (802.1Q, 802.1ad, and the older 0x9100) and eight IPv6 extension headers are walked
//   (RFC 8200 §4); one tag more is non_ip, one header more bad_ip_header.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"

namespace springlatch {

enum class DecodeOutcome : std::uint8_t {
    tcp,            ///< a whole TCP segment; every field of DecodedFrame is valid
    ip_other,       ///< IP, not TCP (UDP ports are filled in where the header is whole); IP fields are valid
    fragment,       ///< an IP fragment, atomic IPv6 fragments included; IP fields are valid, ports are not
    non_ip,         ///< ARP, LLDP, PPPoE, MPLS, more than two VLAN tags, …: no IP field is valid
    truncated_l2,   ///< shorter than an Ethernet header, or ends inside a VLAN tag
    bad_ip_header,  ///< version, header length, total length or extension chain contradict the bytes that
                    ///< arrived
    bad_ip_checksum,  ///< IPv4 header checksum (RFC 791 §3.1) is wrong
    bad_ip_address,   ///< an IPv4-mapped or otherwise impossible source or destination
    bad_tcp_header,   ///< data offset below 5 or beyond the packet, or the header does not fit; IP fields are
                      ///< valid
    bad_tcp_options,  ///< an option's length is 0, 1 or runs past the header, or a known option has another
                      ///< length or appears twice; ports and sequence numbers are valid
    bad_tcp_checksum,  ///< (only when asked to verify) everything else is valid
};

/// TCP flag bits as on the wire (RFC 9293 §3.1).
namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, ack = 0x10, urg = 0x20,
                              ece = 0x40, cwr = 0x80;
}

struct TcpOptions {
    std::uint32_t timestamp_value = 0;
    std::uint32_t timestamp_echo = 0;
    std::uint16_t mss = 0;             ///< 0: absent
    std::uint8_t window_scale = 0xff;  ///< 0xff: absent; values above 14 are reported as 14 (RFC 7323 §2.3)
    bool has_timestamp = false;
    bool sack_permitted = false;
    bool has_signature = false;  ///< MD5 (RFC 2385) or TCP-AO (RFC 5925)
    bool has_fast_open =
        false;  ///< cookie or cookie request (RFC 7413), as kind 34 or as experiment 0xf989 of kind 254
    bool has_multipath = false;  ///< MPTCP (RFC 8684): the byte stream may be spread over several connections
};

struct DecodedFrame {
    IpAddress source;
    IpAddress destination;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint16_t source_port = 0;  ///< TCP and UDP, else 0
    std::uint16_t destination_port = 0;
    std::uint16_t window = 0;     ///< as on the wire, unscaled
    std::uint16_t l3_offset = 0;  ///< bytes from the start of the frame
    std::uint16_t l4_offset = 0;
    std::uint16_t payload_offset = 0;  ///< behind the TCP header, or else behind the IP headers
    std::uint32_t payload_bytes = 0;   ///< by the IP length; Ethernet padding is not payload
    std::uint8_t protocol = 0;         ///< IANA number of the innermost header reached; 6 is TCP
    std::uint8_t tcp_flags = 0;
    std::uint8_t vlan_tags = 0;  ///< 3: more than two, none behind the second was read
    bool is_v6 = false;
    bool has_ip_options = false;         ///< IPv4 options of any kind, also NOP (Linux accepts those)
    bool has_extension_headers = false;  ///< IPv6, any, fragment included
    TcpOptions options;
};

enum class VerifyTcpChecksum : bool { no, yes };

/// Fills `out` as far as the outcome says. `frame` starts at the destination MAC address and carries no FCS.
/// A frame longer than its IP packet is padded (RFC 894) and fine; a shorter one is bad_ip_header.
[[nodiscard]] DecodeOutcome decode(std::span<const std::byte> frame, VerifyTcpChecksum verify,
                                   DecodedFrame& out) noexcept;

}  // namespace springlatch
