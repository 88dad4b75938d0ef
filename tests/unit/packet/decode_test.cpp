#include "dataplane/packet/decode.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "tests/support/frames.h"

namespace springlatch {
namespace {

using test::Bytes;
using test::ExactCopy;
using test::ip;
using test::raw;
using test::TcpFrame;

struct Result {
    DecodeOutcome outcome;
    DecodedFrame frame;
};

/// Decodes from a heap block that ends where the frame ends.
Result decode_exactly(std::span<const std::byte> bytes, VerifyTcpChecksum verify = VerifyTcpChecksum::yes) {
    const ExactCopy copy(bytes);
    Result result{};
    result.outcome = decode(copy.span(), verify, result.frame);
    return result;
}
Result decode_exactly(const TcpFrame& frame, VerifyTcpChecksum verify = VerifyTcpChecksum::yes) {
    return decode_exactly(frame.build(), verify);
}

TcpFrame v4() {
    return TcpFrame().from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).ack(2000);
}
TcpFrame v6() {
    return TcpFrame().from("2001:db8::1", 40000).to("2001:db8::2", 9200).seq(1000).ack(2000);
}

TEST(Decode, ReadsEveryFieldOfAnIpv4Segment) {
    const Result result = decode_exactly(v4().psh().window(512).timestamp(7, 9).payload("GET / HTTP/1.1"));
    ASSERT_EQ(result.outcome, DecodeOutcome::tcp);
    const DecodedFrame& frame = result.frame;
    EXPECT_EQ(frame.source, ip("192.0.2.1"));
    EXPECT_EQ(frame.destination, ip("198.51.100.10"));
    EXPECT_EQ(frame.source_port, 40000);
    EXPECT_EQ(frame.destination_port, 9200);
    EXPECT_EQ(frame.sequence, 1000U);
    EXPECT_EQ(frame.acknowledgement, 2000U);
    EXPECT_EQ(frame.tcp_flags, tcp_flag::ack | tcp_flag::psh);
    EXPECT_EQ(frame.window, 512);
    EXPECT_EQ(frame.l3_offset, 14);
    EXPECT_EQ(frame.l4_offset, 34);
    EXPECT_EQ(frame.payload_offset, 66);
    EXPECT_EQ(frame.payload_bytes, 14U);
    EXPECT_EQ(frame.protocol, 6);
    EXPECT_EQ(frame.options.timestamp_value, 7U);
    EXPECT_EQ(frame.options.timestamp_echo, 9U);
    EXPECT_FALSE(frame.is_v6 || frame.has_ip_options || frame.has_extension_headers);
}

TEST(Decode, ReadsEveryFieldOfAnIpv6Segment) {
    const Result result = decode_exactly(v6().payload("abc"));
    ASSERT_EQ(result.outcome, DecodeOutcome::tcp);
    EXPECT_EQ(result.frame.source, ip("2001:db8::1"));
    EXPECT_EQ(result.frame.destination, ip("2001:db8::2"));
    EXPECT_EQ(result.frame.l4_offset, 54);
    EXPECT_EQ(result.frame.payload_offset, 74);
    EXPECT_EQ(result.frame.payload_bytes, 3U);
    EXPECT_TRUE(result.frame.is_v6);
    EXPECT_FALSE(result.frame.has_extension_headers);
}

TEST(Decode, WalksTwoVlanTagsAndReportsAThird) {
    for (const std::uint16_t outer : std::initializer_list<std::uint16_t>{0x8100, 0x88a8, 0x9100}) {
        EXPECT_EQ(decode_exactly(v4().vlan(0, outer)).frame.l3_offset, 18);  // a priority tag
        const Result two = decode_exactly(v4().vlan(5, outer).vlan(6));
        EXPECT_EQ(two.outcome, DecodeOutcome::tcp);
        EXPECT_EQ(two.frame.vlan_tags, 2);
        EXPECT_EQ(two.frame.l3_offset, 22);
        const Result three = decode_exactly(v4().vlan(5, outer).vlan(6).vlan(7));
        EXPECT_EQ(three.outcome, DecodeOutcome::non_ip);
        EXPECT_EQ(three.frame.vlan_tags, 3);
    }
}

TEST(Decode, ArpPppoeAndMplsAreNotIp) {
    for (const std::uint16_t type :
         std::initializer_list<std::uint16_t>{0x0806, 0x8864, 0x8847, 0x88cc, 0x0026}) {
        EXPECT_EQ(decode_exactly(v4().ether_type(type)).outcome, DecodeOutcome::non_ip) << std::hex << type;
    }
}

TEST(Decode, AnIpVersionThatContradictsTheEtherTypeIsBad) {
    EXPECT_EQ(decode_exactly(v4().ip_version(6)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v6().ip_version(4)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v4().ether_type(0x86dd)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v6().ether_type(0x0800)).outcome, DecodeOutcome::bad_ip_header);
}

TEST(Decode, Ipv4LengthsThatContradictTheFrameAreBad) {
    const int right = static_cast<int>(v4().build().size()) - 14;
    EXPECT_EQ(decode_exactly(v4().ip_total(0)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v4().ip_total(19)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v4().ip_total(right + 1)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v4().ip_header_words(4)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v4().ip_header_words(15)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v4().ip_total(right - 1)).outcome, DecodeOutcome::bad_tcp_header);
}

TEST(Decode, Ipv6LengthsThatContradictTheFrameAreBad) {
    EXPECT_EQ(decode_exactly(v6().ip_total(21)).outcome, DecodeOutcome::bad_ip_header);
    EXPECT_EQ(decode_exactly(v6().ip_total(19)).outcome, DecodeOutcome::bad_tcp_header);
    EXPECT_EQ(decode_exactly(v6().ip_total(0)).outcome, DecodeOutcome::bad_tcp_header);
}

TEST(Decode, AJumboPayloadIsNotFollowed) {
    const TcpFrame jumbo = v6().extension(0, {0, 0xc2, 4, 0, 1, 0, 0}).ip_total(0);
    EXPECT_EQ(decode_exactly(jumbo).outcome, DecodeOutcome::bad_ip_header);
}

TEST(Decode, EthernetPaddingIsNotPayload) {
    for (const TcpFrame& frame : {v4(), v6()}) {
        const Result result = decode_exactly(TcpFrame(frame).payload("x").pad_to(120, 0x41));
        EXPECT_EQ(result.outcome, DecodeOutcome::tcp);
        EXPECT_EQ(result.frame.payload_bytes, 1U);
    }
}

TEST(Decode, WrongChecksumsAreSeen) {
    EXPECT_EQ(decode_exactly(v4().bad_ip_checksum()).outcome, DecodeOutcome::bad_ip_checksum);
    EXPECT_EQ(decode_exactly(v4().bad_ip_checksum(), VerifyTcpChecksum::no).outcome,
              DecodeOutcome::bad_ip_checksum);
    for (const TcpFrame& frame : {v4(), v6()}) {
        const TcpFrame bad = TcpFrame(frame).payload("odd").bad_tcp_checksum();
        const Result result = decode_exactly(bad);
        EXPECT_EQ(result.outcome, DecodeOutcome::bad_tcp_checksum);
        EXPECT_EQ(result.frame.sequence, 1000U);
        EXPECT_EQ(result.frame.payload_bytes, 3U);
        EXPECT_EQ(decode_exactly(bad, VerifyTcpChecksum::no).outcome, DecodeOutcome::tcp);
    }
}

TEST(Decode, AMappedAddressInAnIpv6FrameCannotPoseAsIpv4) {
    EXPECT_EQ(decode_exactly(v6().from("::ffff:203.0.113.5", 1).as_v6()).outcome,
              DecodeOutcome::bad_ip_address);
    EXPECT_EQ(decode_exactly(v6().to("::ffff:203.0.113.5", 1)).outcome, DecodeOutcome::bad_ip_address);
}

TEST(Decode, AGroupCannotBeASource) {
    EXPECT_EQ(decode_exactly(v4().from("224.0.0.1", 1)).outcome, DecodeOutcome::bad_ip_address);
    EXPECT_EQ(decode_exactly(v4().from("255.255.255.255", 1)).outcome, DecodeOutcome::bad_ip_address);
    EXPECT_EQ(decode_exactly(v6().from("ff02::1", 1)).outcome, DecodeOutcome::bad_ip_address);
}

TEST(Decode, DhcpAndDuplicateAddressDetectionKeepTheirUnspecifiedSource) {
    const Bytes body(16);
    EXPECT_EQ(decode_exactly(v4().from("0.0.0.0", 1).to("255.255.255.255", 1).layer4(17, body)).outcome,
              DecodeOutcome::ip_other);
    EXPECT_EQ(decode_exactly(v6().from("::", 1).to("ff02::1", 1).layer4(58, body)).outcome,
              DecodeOutcome::ip_other);
}

TEST(Decode, Ipv4OptionsAreReportedEvenNop) {
    const Result result = decode_exactly(v4().ip_options(raw({1, 1, 1, 0})).payload("abc"));
    EXPECT_EQ(result.outcome, DecodeOutcome::tcp);
    EXPECT_TRUE(result.frame.has_ip_options);
    EXPECT_EQ(result.frame.l4_offset, 38);
    EXPECT_EQ(result.frame.payload_bytes, 3U);
}

TEST(Decode, EveryIpv4FragmentIsReported) {
    for (const std::uint16_t word :
         std::initializer_list<std::uint16_t>{0x2000, 0x0001, 0x2001, 0x1fff, 0x6000}) {
        const Result result = decode_exactly(v4().fragment_word(word));
        EXPECT_EQ(result.outcome, DecodeOutcome::fragment) << std::hex << word;
        EXPECT_EQ(result.frame.protocol, 6);
        EXPECT_EQ(result.frame.source, ip("192.0.2.1"));
        EXPECT_EQ(result.frame.source_port, 0);
    }
    EXPECT_EQ(decode_exactly(v4().fragment_word(0x8000)).outcome, DecodeOutcome::tcp);  // the unused bit
}

TEST(Decode, EveryIpv6FragmentHeaderIsReportedAtomicOnesToo) {
    const Result atomic = decode_exactly(v6().extension(44, {0, 0, 0, 0, 0, 0, 1}));
    EXPECT_EQ(atomic.outcome, DecodeOutcome::fragment);
    EXPECT_EQ(atomic.frame.protocol, 6);
    EXPECT_TRUE(atomic.frame.has_extension_headers);
    EXPECT_EQ(atomic.frame.source_port, 0);
    const Result behind_options =
        decode_exactly(v6().extension(0, {0, 1, 4, 0, 0, 0, 0}).extension(44, {0, 0, 9, 0, 0, 0, 1}));
    EXPECT_EQ(behind_options.outcome, DecodeOutcome::fragment);
    EXPECT_EQ(behind_options.frame.protocol, 6);
}

TEST(Decode, NoExtensionHeaderHidesTheSegmentBehindIt) {
    for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{0, 43, 60, 135, 139, 140}) {
        for (const int words : {0, 1, 4}) {
            Bytes body = raw({words});
            body.resize(static_cast<std::size_t>(words) * 8 + 7);
            const Result result = decode_exactly(v6().extension(kind, body).payload("abc"));
            EXPECT_EQ(result.outcome, DecodeOutcome::tcp) << int{kind};
            EXPECT_TRUE(result.frame.has_extension_headers);
            EXPECT_EQ(result.frame.destination_port, 9200);
            EXPECT_EQ(result.frame.payload_bytes, 3U);
        }
    }
    const Result authenticated = decode_exactly(
        v6().extension(51, {4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_EQ(authenticated.outcome, DecodeOutcome::tcp);
    EXPECT_EQ(authenticated.frame.destination_port, 9200);
}

TEST(Decode, EncryptedAndEmptyIpv6PacketsAreOther) {
    for (const std::uint8_t next : std::initializer_list<std::uint8_t>{50, 59}) {
        const Result result = decode_exactly(v6().layer4(next, raw({1, 2, 3, 4, 5, 6, 7, 8})));
        EXPECT_EQ(result.outcome, DecodeOutcome::ip_other);
        EXPECT_EQ(result.frame.protocol, next);
        EXPECT_EQ(result.frame.source_port, 0);
    }
}

TEST(Decode, EightExtensionHeadersAreWalkedAndNineRefused) {
    TcpFrame frame = v6();
    for (int i = 0; i < 8; ++i) frame.extension(60, {0, 1, 4, 0, 0, 0, 0});
    EXPECT_EQ(decode_exactly(frame).outcome, DecodeOutcome::tcp);
    frame.extension(60, {0, 1, 4, 0, 0, 0, 0});
    EXPECT_EQ(decode_exactly(frame).outcome, DecodeOutcome::bad_ip_header);
}

TEST(Decode, AnExtensionHeaderThatRunsPastThePacketIsBad) {
    for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{0, 43, 51, 60, 135, 139, 140}) {
        const Result result = decode_exactly(v6().extension(kind, {200, 0, 0, 0, 0, 0, 0}));
        EXPECT_EQ(result.outcome, DecodeOutcome::bad_ip_header) << int{kind};
    }
    EXPECT_EQ(decode_exactly(v6().layer4(44, raw({6, 0, 0, 0, 0, 0, 1}))).outcome,
              DecodeOutcome::bad_ip_header);
}

TEST(Decode, HopByHopOptionsInTheMiddleAreBad) {
    const TcpFrame frame = v6().extension(60, {0, 1, 4, 0, 0, 0, 0}).extension(0, {0, 1, 4, 0, 0, 0, 0});
    EXPECT_EQ(decode_exactly(frame).outcome, DecodeOutcome::bad_ip_header);
}

TEST(Decode, UdpPortsAreFilledInWhereTheHeaderIsWhole) {
    const Bytes udp = raw({0x30, 0x39, 0x00, 0x35, 0, 9, 0, 0, 0xff});
    for (const TcpFrame& frame : {v4(), v6()}) {
        const Result whole = decode_exactly(TcpFrame(frame).layer4(17, udp));
        EXPECT_EQ(whole.outcome, DecodeOutcome::ip_other);
        EXPECT_EQ(whole.frame.source_port, 12345);
        EXPECT_EQ(whole.frame.destination_port, 53);
        const Result cut = decode_exactly(TcpFrame(frame).layer4(17, std::span(udp).first(7)));
        EXPECT_EQ(cut.outcome, DecodeOutcome::ip_other);
        EXPECT_EQ(cut.frame.source_port, 0);
    }
}

TEST(Decode, ADataOffsetOutsideTheSegmentIsBad) {
    EXPECT_EQ(decode_exactly(v4().data_offset(4)).outcome, DecodeOutcome::bad_tcp_header);
    EXPECT_EQ(decode_exactly(v4().data_offset(0)).outcome, DecodeOutcome::bad_tcp_header);
    EXPECT_EQ(decode_exactly(v4().data_offset(6)).outcome, DecodeOutcome::bad_tcp_header);
    EXPECT_EQ(decode_exactly(v4().layer4(6, Bytes(19))).outcome, DecodeOutcome::bad_tcp_header);
}

TEST(Decode, ReadsTheOptionsOfAHandshake) {
    const Result result = decode_exactly(
        v4().flags(tcp_flag::syn).mss(1460).sack_permitted().timestamp(0xfffffffe, 0).nop().window_scale(10));
    ASSERT_EQ(result.outcome, DecodeOutcome::tcp);
    const TcpOptions& options = result.frame.options;
    EXPECT_EQ(options.mss, 1460);
    EXPECT_EQ(options.window_scale, 10);
    EXPECT_TRUE(options.sack_permitted);
    EXPECT_TRUE(options.has_timestamp);
    EXPECT_EQ(options.timestamp_value, 0xfffffffeU);
    EXPECT_FALSE(options.has_signature || options.has_fast_open || options.has_multipath);
}

TEST(Decode, AbsentOptionsReadAsAbsent) {
    const TcpOptions options = decode_exactly(v4()).frame.options;
    EXPECT_EQ(options.mss, 0);
    EXPECT_EQ(options.window_scale, 0xff);
    EXPECT_FALSE(options.has_timestamp || options.sack_permitted);
}

TEST(Decode, AWindowScaleAbove14CountsAs14) {
    EXPECT_EQ(decode_exactly(v4().window_scale(255)).frame.options.window_scale, 14);
}

struct OptionCase {
    const char* what;
    std::vector<int> bytes;
    DecodeOutcome outcome;
};

TEST(Decode, TcpOptionTable) {
    constexpr DecodeOutcome good = DecodeOutcome::tcp;
    constexpr DecodeOutcome bad = DecodeOutcome::bad_tcp_options;
    const std::vector<OptionCase> cases = {
        {"an unknown kind is skipped", {77, 4, 1, 2}, good},
        {"an unknown kind may appear twice", {77, 2, 77, 2}, good},
        {"an unknown kind of length 0", {77, 0, 1, 1}, bad},
        {"an unknown kind of length 1", {77, 1, 1, 1}, bad},
        {"an unknown kind that runs past the header", {77, 5, 1, 1}, bad},
        {"a kind without a length", {1, 1, 1, 77}, bad},
        {"whatever stands behind the end of the list", {0, 77, 0, 0}, good},
        {"MSS of a wrong length", {2, 3, 1, 1}, bad},
        {"MSS twice", {2, 4, 5, 180, 2, 4, 5, 180}, bad},
        {"window scale of a wrong length", {3, 4, 7, 1}, bad},
        {"window scale twice", {3, 3, 7, 3, 3, 7, 1, 1}, bad},
        {"SACK permitted of a wrong length", {4, 3, 0, 1}, bad},
        {"SACK permitted twice", {4, 2, 4, 2}, bad},
        {"SACK with one block", {5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1}, good},
        {"SACK with no block", {5, 2, 1, 1}, bad},
        {"SACK with half a block", {5, 6, 0, 0, 0, 1, 1, 1}, bad},
        {"time stamp of a wrong length", {8, 8, 0, 0, 0, 1, 0, 0}, bad},
        {"time stamp twice", {8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 8, 10, 0, 0, 0, 2, 0, 0, 0, 0}, bad},
        {"MD5 of a wrong length", {19, 4, 0, 0}, bad},
        {"TCP-AO shorter than its fixed part", {29, 3, 0, 1}, bad},
        {"fast open cookie of odd length", {34, 7, 1, 2, 3, 4, 5, 1}, bad},
        {"fast open cookie of two bytes", {34, 4, 1, 2}, bad},
        {"MPTCP twice, as in its handshake's end", {30, 4, 0, 0, 30, 4, 0, 0}, good},
    };
    for (const OptionCase& one : cases) {
        Bytes bytes;
        for (const int value : one.bytes) test::put8(bytes, static_cast<std::uint32_t>(value));
        const Result result = decode_exactly(v4().options(bytes).payload("abc"));
        EXPECT_EQ(result.outcome, one.outcome) << one.what;
        EXPECT_EQ(result.frame.destination_port, 9200) << one.what;
        EXPECT_EQ(result.frame.sequence, 1000U) << one.what;
    }
}

TEST(Decode, OptionsThatChangeWhatAServerAcceptsAreReported) {
    EXPECT_TRUE(decode_exactly(
                    v4().options(Bytes(raw({19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}))))
                    .frame.options.has_signature);
    EXPECT_TRUE(decode_exactly(v4().options({29, 16, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
                    .frame.options.has_signature);
    EXPECT_TRUE(decode_exactly(v4().options({34, 2})).frame.options.has_fast_open);
    EXPECT_TRUE(decode_exactly(v4().options({34, 6, 1, 2, 3, 4})).frame.options.has_fast_open);
    EXPECT_TRUE(decode_exactly(v4().options({254, 4, 0xf9, 0x89})).frame.options.has_fast_open);
    EXPECT_FALSE(decode_exactly(v4().options({254, 4, 0xe2, 0xd4})).frame.options.has_fast_open);
    EXPECT_TRUE(
        decode_exactly(v4().options({30, 12, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8})).frame.options.has_multipath);
}

TEST(Decode, AFrameOf64KilobytesIsRead) {
    const Bytes payload(65535 - 20 - 20, std::byte{0x61});
    const Result result = decode_exactly(v4().vlan(1).vlan(2).payload(payload));
    EXPECT_EQ(result.outcome, DecodeOutcome::tcp);
    EXPECT_EQ(result.frame.payload_bytes, payload.size());
}

TEST(Decode, NoTruncationIsReadPastItsEndOrTakenAsWhole) {
    const std::vector<TcpFrame> frames = {
        v4().mss(1460).timestamp(1, 2).payload("GET /"),
        v4().vlan(1).vlan(2).ip_options(raw({1, 1, 1, 0})).payload("x"),
        v6().timestamp(1, 2).payload("GET /"),
        v6().vlan(1)
            .extension(0, {0, 1, 4, 0, 0, 0, 0})
            .extension(60, {1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
        v6().extension(44, {0, 0, 0, 0, 0, 0, 1}),
        v4().layer4(17, Bytes(12)),
    };
    for (const TcpFrame& frame : frames) {
        const Bytes whole = frame.build();
        for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
            const DecodeOutcome outcome = decode_exactly(std::span(whole).first(bytes)).outcome;
            EXPECT_TRUE(outcome == DecodeOutcome::truncated_l2 || outcome == DecodeOutcome::bad_ip_header)
                << "at " << bytes << " bytes: outcome " << static_cast<int>(outcome);
        }
    }
}

TEST(Decode, ATruncatedPacketInAPaddedFrameIsNeverTakenAsWhole) {
    const TcpFrame frame = v6().extension(60, {0, 1, 4, 0, 0, 0, 0}).mss(1460).timestamp(1, 2).payload("x");
    const int whole = 8 + 20 + 16 + 1;
    for (int bytes = 0; bytes < whole; ++bytes) {
        const Result result = decode_exactly(TcpFrame(frame).ip_total(bytes), VerifyTcpChecksum::yes);
        EXPECT_NE(result.outcome, DecodeOutcome::tcp) << "at " << bytes << " bytes";
    }
}

void expect_inside(const Result& result, std::size_t frame_bytes) {
    if (result.outcome != DecodeOutcome::tcp) return;
    RC_ASSERT(result.frame.l3_offset <= result.frame.l4_offset);
    RC_ASSERT(result.frame.l4_offset + 20 <= result.frame.payload_offset);
    RC_ASSERT(result.frame.payload_offset + std::size_t{result.frame.payload_bytes} <= frame_bytes);
}

RC_GTEST_PROP(Decode, RandomBytesBehindAnIpHeaderStayInsideTheFrame,
              (const std::vector<std::uint8_t>& noise, bool is_v6)) {
    Bytes bytes = (is_v6 ? v6() : v4()).build();
    bytes.resize(is_v6 ? 54 : 34);
    for (const std::uint8_t value : noise) bytes.push_back(std::byte{value});
    expect_inside(decode_exactly(bytes, VerifyTcpChecksum::no), bytes.size());
}

RC_GTEST_PROP(Decode, FlippedBytesStayInsideTheFrame, (std::uint64_t pick, std::uint8_t value, bool is_v6)) {
    Bytes bytes = (is_v6 ? v6().extension(60, {0, 1, 4, 0, 0, 0, 0}) : v4())
                      .mss(9)
                      .timestamp(1, 2)
                      .payload("abc")
                      .build();
    bytes[pick % bytes.size()] = std::byte{value};
    bytes[(pick >> 32U) % bytes.size()] ^= std::byte{value};
    expect_inside(decode_exactly(bytes, VerifyTcpChecksum::no), bytes.size());
}

}  // namespace
}  // namespace springlatch
