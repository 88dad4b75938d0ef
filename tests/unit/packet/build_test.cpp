#include "dataplane/packet/build.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/frames.h"

namespace springlatch {
namespace {

using test::Bytes;
using test::ip;
using test::raw;
using test::TcpFrame;

Bytes from_numbers(const std::vector<std::uint8_t>& values) {
    Bytes bytes;
    for (const std::uint8_t value : values) bytes.push_back(std::byte{value});
    return bytes;
}

Bytes build(const SegmentSpec& spec) {
    Bytes out(segment_header_bytes_max + spec.payload.size());
    out.resize(build_segment(spec, out));
    return out;
}

/// The reset a client would get for a frame of `model`.
SegmentSpec reset_for(std::span<const std::byte> link_header) {
    SegmentSpec spec;
    spec.link_header = link_header;
    spec.swap_link_addresses = true;
    spec.source = ip("198.51.100.10");
    spec.destination = ip("192.0.2.1");
    spec.source_port = 9200;
    spec.destination_port = 40000;
    spec.sequence = 0xfffffff0;
    spec.flags = tcp_flag::rst;
    return spec;
}

TEST(BuildSegment, AResetTravelsBackOverTheLinkTheFrameCameBy) {
    const Bytes model =
        TcpFrame().macs({2, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2}).vlan(7, 0x88a8).vlan(9).build();
    const Bytes made = build(reset_for(std::span(model).first(22)));
    const Bytes expected = TcpFrame()
                               .macs({2, 2, 2, 2, 2, 2}, {2, 1, 1, 1, 1, 1})
                               .vlan(7, 0x88a8)
                               .vlan(9)
                               .from("198.51.100.10", 9200)
                               .to("192.0.2.1", 40000)
                               .seq(0xfffffff0)
                               .rst()
                               .window(0)
                               .build();
    EXPECT_EQ(made, expected);
}

TEST(BuildSegment, AReplyCarriesTimeStampsAndPayloadInBothFamilies) {
    const Bytes payload = test::to_bytes("HTTP/1.1 401 Unauthorized\r\n\r\n!");
    for (const bool is_v6 : {false, true}) {
        SegmentSpec spec;
        const TcpFrame expected = TcpFrame()
                                      .from(is_v6 ? "2001:db8::2" : "198.51.100.10", 9200)
                                      .to(is_v6 ? "2001:db8::1" : "192.0.2.1", 40000)
                                      .seq(5)
                                      .ack(6)
                                      .fin()
                                      .psh()
                                      .window(77)
                                      .options({1, 1})
                                      .timestamp(123, 456)
                                      .payload(payload);
        const Bytes whole = expected.build();
        spec.link_header = std::span(whole).first(14);
        spec.source = ip(is_v6 ? "2001:db8::2" : "198.51.100.10");
        spec.destination = ip(is_v6 ? "2001:db8::1" : "192.0.2.1");
        spec.source_port = 9200;
        spec.destination_port = 40000;
        spec.sequence = 5;
        spec.acknowledgement = 6;
        spec.flags = tcp_flag::fin | tcp_flag::psh | tcp_flag::ack;
        spec.window = 77;
        spec.has_timestamp = true;
        spec.timestamp_value = 123;
        spec.timestamp_echo = 456;
        spec.payload = payload;
        EXPECT_EQ(build(spec), whole);
    }
}

TEST(BuildSegment, RefusesWhatDoesNotFitAndWritesNothingThere) {
    const Bytes model = TcpFrame().build();
    const SegmentSpec spec = reset_for(std::span(model).first(14));
    for (std::size_t room = 0; room < 54; ++room) {
        test::ExactCopy out(Bytes(room, std::byte{0xee}));
        EXPECT_EQ(build_segment(spec, out.span()), 0U);
        EXPECT_TRUE(
            std::ranges::all_of(out.span(), [](std::byte value) { return value == std::byte{0xee}; }));
    }
    test::ExactCopy out(Bytes(54));
    EXPECT_EQ(build_segment(spec, out.span()), 54U);
}

TEST(BuildSegment, RefusesAMixOfFamiliesAndAPacketBeyond64Kilobytes) {
    const Bytes model = TcpFrame().build();
    SegmentSpec spec = reset_for(std::span(model).first(14));
    Bytes out(70000);
    const Bytes payload(65536 - 40);
    spec.payload = payload;
    EXPECT_EQ(build_segment(spec, out), 0U);
    spec.payload = std::span(payload).first(65535 - 40);
    EXPECT_EQ(build_segment(spec, out), 65535U + 14U);
    spec.payload = {};
    spec.source = ip("2001:db8::1");
    EXPECT_EQ(build_segment(spec, out), 0U);
}

RC_GTEST_PROP(BuildSegment, DecodesToWhatWasAskedFor,
              (std::uint64_t a, std::uint64_t b, bool is_v6, std::uint16_t source_port,
               std::uint16_t destination_port, std::uint32_t sequence, std::uint32_t acknowledgement,
               std::uint8_t flags, std::uint16_t window, bool has_timestamp,
               const std::vector<std::uint8_t>& values)) {
    const Bytes link =
        (is_v6 ? TcpFrame().from("2001:db8::1", 1).to("2001:db8::2", 1) : TcpFrame()).vlan(4).build();
    const Bytes payload = from_numbers(values);
    SegmentSpec spec;
    spec.link_header = std::span(link).first(18);
    spec.source = is_v6 ? IpAddress{0x2001'0db8'0000'0000U | (a >> 32U), b}
                        : IpAddress::v4(static_cast<std::uint32_t>(a % 0xe0000000));
    spec.destination = is_v6 ? IpAddress{0x2001'0db8'0000'0000U | (b >> 32U), a}
                             : IpAddress::v4(static_cast<std::uint32_t>(b));
    spec.source_port = source_port;
    spec.destination_port = destination_port;
    spec.sequence = sequence;
    spec.acknowledgement = acknowledgement;
    spec.flags = flags;
    spec.window = window;
    spec.has_timestamp = has_timestamp;
    spec.timestamp_value = sequence ^ 0x5a5a5a5aU;
    spec.timestamp_echo = acknowledgement;
    spec.payload = payload;

    const Bytes made = build(spec);
    DecodedFrame frame;
    RC_ASSERT(decode(made, VerifyTcpChecksum::yes, frame) == DecodeOutcome::tcp);
    RC_ASSERT(frame.source == spec.source);
    RC_ASSERT(frame.destination == spec.destination);
    RC_ASSERT(frame.source_port == source_port);
    RC_ASSERT(frame.destination_port == destination_port);
    RC_ASSERT(frame.sequence == sequence);
    RC_ASSERT(frame.acknowledgement == acknowledgement);
    RC_ASSERT(frame.tcp_flags == flags);
    RC_ASSERT(frame.window == window);
    RC_ASSERT(frame.vlan_tags == 1);
    RC_ASSERT(frame.options.has_timestamp == has_timestamp);
    if (has_timestamp) RC_ASSERT(frame.options.timestamp_value == spec.timestamp_value);
    RC_ASSERT(Bytes(made.begin() + frame.payload_offset, made.end()) == payload);
}

RC_GTEST_PROP(TrimPayload, EveryPrefixIsAGoodFrame,
              (const std::vector<std::uint8_t>& values, bool is_v6, bool is_offloaded)) {
    TcpFrame model =
        is_v6 ? TcpFrame().from("2001:db8::1", 1).to("2001:db8::2", 2).extension(60, {0, 1, 4, 0, 0, 0, 0})
              : TcpFrame().ip_options(raw({1, 1, 1, 0}));
    model.seq(7).ack(8).psh().fin().timestamp(1, 2).payload(from_numbers(values)).pad_to(100, 0x77);
    if (is_offloaded) model.bad_tcp_checksum();
    const Bytes whole = model.build();
    DecodedFrame before;
    static_cast<void>(decode(whole, VerifyTcpChecksum::no, before));
    RC_ASSERT(before.payload_bytes == values.size());
    for (std::uint32_t keep = 0; keep <= values.size(); ++keep) {
        Bytes cut = whole;
        const std::size_t length = trim_payload(cut, before, keep);
        RC_ASSERT(length == before.payload_offset + std::size_t{keep});
        DecodedFrame after;
        RC_ASSERT(decode(std::span(cut).first(length), VerifyTcpChecksum::yes, after) == DecodeOutcome::tcp);
        RC_ASSERT(after.payload_bytes == keep);
        RC_ASSERT(after.tcp_flags == tcp_flag::ack);
        RC_ASSERT(after.sequence == 7U);
        RC_ASSERT(std::equal(cut.begin() + after.payload_offset,
                             cut.begin() + static_cast<std::ptrdiff_t>(length),
                             whole.begin() + before.payload_offset));
    }
}

}  // namespace
}  // namespace springlatch
