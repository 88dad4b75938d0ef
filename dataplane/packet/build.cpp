#include "dataplane/packet/build.h"

#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/wire.h"

namespace springlatch {
namespace {

constexpr std::size_t mac_bytes = 6;
constexpr std::size_t link_header_bytes_min = 14;
constexpr std::size_t v4_header_bytes = 20;
constexpr std::size_t v6_header_bytes = 40;
constexpr std::size_t ip_packet_bytes_max = 0xffff;
constexpr std::size_t tcp_header_bytes = 20;
constexpr std::size_t timestamp_option_bytes = 12;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t hops = 64;
constexpr std::uint16_t dont_fragment = 0x4000;

void write_link(const SegmentSpec& spec, std::byte* out) noexcept {
    const std::byte* model = spec.link_header.data();
    const std::size_t swap = spec.swap_link_addresses ? mac_bytes : 0;
    std::memcpy(out, model + swap, mac_bytes);
    std::memcpy(out + mac_bytes, model + mac_bytes - swap, mac_bytes);
    std::memcpy(out + 2 * mac_bytes, model + 2 * mac_bytes, spec.link_header.size() - 2 * mac_bytes);
}

[[nodiscard]] constexpr std::uint64_t halves(std::uint32_t word) noexcept {
    return (word >> 16U) + (word & 0xffffU);
}

void write_v4(const SegmentSpec& spec, std::size_t segment_bytes, std::byte* out) noexcept {
    const auto total_bytes = static_cast<std::uint16_t>(v4_header_bytes + segment_bytes);
    const std::uint64_t sum = 0x4500U + std::uint64_t{total_bytes} + dont_fragment +
                              (hops << 8U | protocol_tcp) + halves(spec.source.v4_value()) +
                              halves(spec.destination.v4_value());
    wire::store16(out, 0x4500);  // version 4, five words, no class, ECN 0
    wire::store16(out + 2, total_bytes);
    wire::store16(out + 4, 0);  // an atomic datagram needs no identification (RFC 6864 §4.1)
    wire::store16(out + 6, dont_fragment);
    wire::store8(out + 8, hops);
    wire::store8(out + 9, protocol_tcp);
    wire::store16(out + 10, checksum_fold(sum));
    wire::store32(out + 12, spec.source.v4_value());
    wire::store32(out + 16, spec.destination.v4_value());
}

void write_v6(const SegmentSpec& spec, std::size_t segment_bytes, std::byte* out) noexcept {
    wire::store32(out, 0x6000'0000);  // version 6, no class, no flow label
    wire::store16(out + 4, static_cast<std::uint16_t>(segment_bytes));
    wire::store8(out + 6, protocol_tcp);
    wire::store8(out + 7, hops);
    wire::store64(out + 8, spec.source.high);
    wire::store64(out + 16, spec.source.low);
    wire::store64(out + 24, spec.destination.high);
    wire::store64(out + 32, spec.destination.low);
}

/// Header and payload. The checksum is added up from the numbers, not read back from bytes just written,
/// which would stall.
void write_tcp(const SegmentSpec& spec, std::size_t segment_bytes, std::byte* out) noexcept {
    const std::size_t header_bytes = segment_bytes - spec.payload.size();
    const auto offset_and_flags = static_cast<std::uint16_t>((header_bytes / 4) << 12U | spec.flags);
    std::uint64_t sum = pseudo_header_sum(spec.source, spec.destination, protocol_tcp,
                                          static_cast<std::uint32_t>(segment_bytes));
    sum += std::uint64_t{spec.source_port} + spec.destination_port + halves(spec.sequence) +
           halves(spec.acknowledgement) + offset_and_flags + spec.window;
    wire::store16(out, spec.source_port);
    wire::store16(out + 2, spec.destination_port);
    wire::store32(out + 4, spec.sequence);
    wire::store32(out + 8, spec.acknowledgement);
    wire::store16(out + 12, offset_and_flags);
    wire::store16(out + 14, spec.window);
    wire::store16(out + 18, 0);  // urgent pointer
    if (spec.has_timestamp) {
        constexpr std::uint32_t nop_nop_timestamp = 0x0101'080a;
        wire::store32(out + 20, nop_nop_timestamp);
        wire::store32(out + 24, spec.timestamp_value);
        wire::store32(out + 28, spec.timestamp_echo);
        sum += halves(nop_nop_timestamp) + halves(spec.timestamp_value) + halves(spec.timestamp_echo);
    }
    if (!spec.payload.empty()) {
        std::memcpy(out + header_bytes, spec.payload.data(), spec.payload.size());
        sum += checksum_sum(spec.payload);
    }
    wire::store16(out + 16, checksum_fold(sum));
}

}  // namespace

std::size_t build_segment(const SegmentSpec& spec, std::span<std::byte> out) noexcept {
    const bool is_v4 = spec.source.is_v4();
    const std::size_t ip_bytes = is_v4 ? v4_header_bytes : v6_header_bytes;
    const std::size_t segment_bytes =
        tcp_header_bytes + (spec.has_timestamp ? timestamp_option_bytes : 0) + spec.payload.size();
    const std::size_t counted_bytes =
        segment_bytes + (is_v4 ? v4_header_bytes : 0);  // by the IP length field
    const std::size_t frame_bytes = spec.link_header.size() + ip_bytes + segment_bytes;
    if (is_v4 != spec.destination.is_v4() || spec.link_header.size() < link_header_bytes_min ||
        counted_bytes > ip_packet_bytes_max || frame_bytes > out.size()) {
        return 0;
    }
    std::byte* l3 = out.data() + spec.link_header.size();
    write_link(spec, out.data());
    if (is_v4) {
        write_v4(spec, segment_bytes, l3);
    } else {
        write_v6(spec, segment_bytes, l3);
    }
    write_tcp(spec, segment_bytes, l3 + ip_bytes);
    return frame_bytes;
}

std::size_t trim_payload(std::span<std::byte> frame, const DecodedFrame& decoded,
                         std::uint32_t keep) noexcept {
    std::byte* l3 = frame.data() + decoded.l3_offset;
    std::byte* l4 = frame.data() + decoded.l4_offset;
    const std::size_t frame_bytes = std::size_t{decoded.payload_offset} + keep;
    const std::size_t segment_bytes = frame_bytes - decoded.l4_offset;

    if (decoded.is_v6) {
        wire::store16(l3 + 4, static_cast<std::uint16_t>(frame_bytes - decoded.l3_offset - v6_header_bytes));
    } else {
        wire::store16(l3 + 2, static_cast<std::uint16_t>(frame_bytes - decoded.l3_offset));
        wire::store16(l3 + 10, 0);
        wire::store16(l3 + 10, checksum_fold(checksum_sum({l3, l4})));
    }

    constexpr std::uint8_t ends = tcp_flag::fin | tcp_flag::psh;
    wire::store8(l4 + 13, wire::load8(l4 + 13) & static_cast<std::uint8_t>(~ends));
    wire::store16(l4 + 16, 0);
    const std::uint64_t sum = pseudo_header_sum(decoded.source, decoded.destination, protocol_tcp,
                                                static_cast<std::uint32_t>(segment_bytes)) +
                              checksum_sum({l4, segment_bytes});
    wire::store16(l4 + 16, checksum_fold(sum));
    return frame_bytes;
}

}  // namespace springlatch
