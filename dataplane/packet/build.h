#pragma once
// Frames made or changed by the appliance: resets, replies, shortened segments.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/decode.h"

namespace springlatch {

/// A TCP segment to be made. It answers or continues a frame seen on the wire, whose link header it borrows.
struct SegmentSpec {
    std::span<const std::byte>
        link_header;  ///< MAC addresses, VLAN tags and EtherType of the model frame (its l3_offset bytes)
    bool swap_link_addresses = false;  ///< true where the made frame travels against the model frame
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint8_t flags = 0;
    std::uint16_t window = 0;
    bool has_timestamp = false;  ///< adds the option NOP NOP TS (RFC 7323 §3.2)
    std::uint32_t timestamp_value = 0;
    std::uint32_t timestamp_echo = 0;
    std::span<const std::byte> payload;
};

/// Largest header build_segment() writes: Ethernet + 2 VLAN tags + IPv6 + TCP with time stamps.
inline constexpr std::size_t segment_header_bytes_max = 14 + 8 + 40 + 32;

/// Writes the frame into `out` with right lengths and both checksums (TTL/hop limit 64, DF set, ECN 0).
/// Returns its bytes, or 0 (and writes nothing) if `out` is too small, source and destination differ in
/// family, the link header is shorter than 14 bytes or the IP packet would be longer than 65535.
[[nodiscard]] std::size_t build_segment(const SegmentSpec& spec, std::span<std::byte> out) noexcept;

/// Cuts the payload of a decoded TCP frame to its first `keep` bytes, in place: IP length, IPv4 header
/// checksum and TCP checksum are made right, FIN and PSH are cleared (what follows does not leave). `keep` <=
/// frame.payload_bytes. Returns the frame's new length in bytes (no padding).
[[nodiscard]] std::size_t trim_payload(std::span<std::byte> frame, const DecodedFrame& decoded,
                                       std::uint32_t keep) noexcept;

}  // namespace springlatch
