// How attackers hide a request in TCP, and what may never follow from it. The numbers are those of the list
// of cases the product was designed against.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string authorised = with_credentials;

struct TcpEvasion : ::testing::Test {
    Wire wire;
    Connection c{wire};
    void SetUp() override { c.open(); }
    /// What a server could make of what left, and nothing but resets otherwise.
    std::string reached() { return stream_of(wire.to_server(), c.base); }
};

// 17
TEST_F(TcpEvasion, OneByteSegmentsGetTheSameVerdict) {
    for (const char byte : without_credentials) c.client(std::string(1, byte));
    EXPECT_LE(reached().size(), without_credentials.size() - 2);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}
TEST_F(TcpEvasion, OneByteSegmentsOfAnAuthorisedRequestAllPass) {
    for (const char byte : authorised) c.client(std::string(1, byte));
    EXPECT_EQ(reached(), authorised);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
}
// 18
TEST_F(TcpEvasion, ReverseOrderIsHeldAndGetsTheSameVerdict) {
    for (std::size_t i = without_credentials.size(); i-- > 0;) {
        c.client_at(static_cast<std::uint32_t>(i), without_credentials.substr(i, 1));
    }
    EXPECT_LE(reached().size(), without_credentials.size() - 2);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}
TEST_F(TcpEvasion, ReverseOrderOfAnAuthorisedRequestLeavesInOrder) {
    for (std::size_t i = authorised.size(); i-- > 0;) {
        c.client_at(static_cast<std::uint32_t>(i), authorised.substr(i, 1));
    }
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(authorised.size()));
    for (std::size_t i = 1; i < left.size(); ++i)
        EXPECT_TRUE(seq::after(left[i].tcp.sequence, left[i - 1].tcp.sequence));
}
// 19
TEST_F(TcpEvasion, OverlapWithEqualBytesPasses) {
    c.client_at(0, authorised.substr(0, 30));
    c.client_at(10, authorised.substr(10));
    EXPECT_EQ(reached(), authorised);
}
// 20–24: the five shapes in which stacks disagree, each with differing bytes.
TEST_F(TcpEvasion, OverlapsWithDifferingBytesNeverReachTheServerInTwoValues) {
    struct Piece {
        std::uint32_t from, to;
        char fill;
    };
    const std::vector<std::vector<Piece>> shapes = {
        {{8, 12, '1'}, {8, 12, '2'}, {0, 8, 'a'}},
        {{8, 12, '1'}, {6, 14, '2'}, {0, 6, 'a'}},
        {{8, 16, '1'}, {10, 14, '2'}, {0, 8, 'a'}},
        {{8, 14, '1'}, {4, 10, '2'}, {0, 8, 'a'}},
        {{8, 14, '1'}, {10, 18, '2'}, {0, 8, 'a'}},
        {{4, 8, '1'}, {0, 8, 'a'}},
        {{0, 8, '1'}, {0, 12, '2'}},
    };
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        Wire own;
        Connection d(own);
        d.open();
        const std::string start = "GET /";
        d.client(start);
        for (const Piece& piece : shapes[i]) {
            d.client_at(static_cast<std::uint32_t>(start.size()) + piece.from,
                        std::string(piece.to - piece.from, piece.fill));
        }
        (void)stream_of(own.to_server(), d.base);  // fails on a position with two values
        EXPECT_THAT(own.log.verdicts(), ElementsAre("denied:inconsistent_retransmission")) << "shape " << i;
    }
}
TEST_F(TcpEvasion, RetransmissionThatDiffersIsRefusedUntilAcknowledged) {
    c.client_at(0, "GET /a HTTP/1.1\r\n");
    c.client_at(0, "GET /b HTTP/1.1\r\n");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:inconsistent_retransmission"));
    EXPECT_EQ(wire.to_client().size(), 1U);
}
TEST_F(TcpEvasion, WhatTheServerHasAcknowledgedCannotBeChangedAnyMore) {
    c.client("GET /a HTTP/1.1\r\n");
    c.server_acks();
    c.client_at(0, "GET /b HTTP/1.1\r\n");  // the server ignores it: old data
    EXPECT_THAT(wire.log.verdicts(), IsEmpty());
    c.client("Host: x\r\nAuthorization: Basic dTpw\r\n\r\n");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
}
// 14, 25–28: whatever the server ignores of a first copy, the second copy must be the same.
TEST_F(TcpEvasion, LowTtlDecoyCannotBeReplacedBehindUs) {
    c.outside(c.client_frame().ttl(1).payload(authorised));
    c.outside(c.client_frame().payload(without_credentials));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:inconsistent_retransmission"));
    (void)reached();
}
TEST_F(TcpEvasion, BadChecksumCopyIsDroppedUnread) {
    c.outside(c.client_frame().bad_tcp_checksum().payload(authorised));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_checksum), 1U);
    c.client(without_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}
TEST_F(TcpEvasion, NoAckFlagNullAndChristmasTreeAreDropped) {
    for (const int flags :
         {0, int{tcp_flag::psh}, int{tcp_flag::fin}, tcp_flag::fin | tcp_flag::psh | tcp_flag::urg,
          tcp_flag::syn | tcp_flag::fin, tcp_flag::syn | tcp_flag::rst, tcp_flag::rst | tcp_flag::fin}) {
        c.outside(c.client_frame().payload(authorised).flags(flags));
        EXPECT_THAT(wire.to_server(), IsEmpty()) << "flags " << flags;
    }
    EXPECT_EQ(wire.dropped(Reason::bad_tcp_flags), 7U);
    c.client(authorised);
    EXPECT_EQ(reached(), authorised);
}
TEST(TcpEvasionPaws, OldTimestampIsDroppedUnread) {
    Wire wire;
    Connection c(wire);
    TcpFrame syn;
    c.outside(syn.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn().timestamp(100, 0));
    TcpFrame syn_ack;
    c.inside(syn_ack.from("198.51.100.10", 9200)
                 .to("192.0.2.1", 40000)
                 .seq(5000)
                 .ack(1001)
                 .syn()
                 .timestamp(900, 100));
    c.client_next = c.base = 1001;
    c.server_next = 5001;
    c.outside(c.client_frame().timestamp(101, 900));
    (void)wire.to_server();
    c.outside(c.client_frame().timestamp(50, 900).payload(authorised));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_timestamp), 1U);
    c.outside(c.client_frame().timestamp(102, 900).payload(authorised));
    EXPECT_EQ(stream_of(wire.to_server(), c.base), authorised);
}
TEST_F(TcpEvasion, SignatureOptionsAreRefused) {
    Bytes md5 = raw({19, 18});
    md5.resize(18);
    c.outside(c.client_frame().options(md5).payload(authorised));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::tcp_signature), 1U);
}
TEST_F(TcpEvasion, MultipathIsRefusedSoThatNoRequestIsSpreadOverConnections) {
    TcpFrame syn;
    wire.send(Side::outside, syn.from("192.0.2.8", 40000)
                                 .to("198.51.100.10", 9200)
                                 .seq(1)
                                 .syn()
                                 .options({30, 12, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8})
                                 .build());
    c.outside(c.client_frame().options({30, 4, 0x20, 0}).payload(authorised));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::multipath), 2U);
}
// 29, 30
TEST(TcpEvasionSyn, DataOnASynIsStrippedAndTheHandshakePasses) {
    for (const bool fast_open : {false, true}) {
        Wire wire;
        Connection c(wire);
        TcpFrame syn;
        syn.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn().payload(without_credentials);
        if (fast_open) syn.options({34, 10, 1, 2, 3, 4, 5, 6, 7, 8});
        c.outside(syn);
        const auto left = wire.to_server();
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_THAT(left[0].payload(), IsEmpty());
        EXPECT_EQ(left[0].outcome, DecodeOutcome::tcp);
    }
}
// 31, 32
TEST(TcpEvasionSyn, SynAckFromTheClientAndSynFromTheServiceAreRefused) {
    Wire wire;
    TcpFrame syn_ack;
    wire.send(Side::outside,
              syn_ack.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1).ack(2).syn().build());
    TcpFrame syn;
    wire.send(Side::inside, syn.from("198.51.100.10", 9200).to("192.0.2.1", 40000).seq(1).syn().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_THAT(wire.to_client(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_handshake), 2U);
}
TEST(TcpEvasionSyn, SplitHandshakesOfFourAndFivePacketsEstablishNothing) {
    for (const bool acknowledges_first : {false, true}) {
        Wire wire;
        Connection c(wire);
        c.outside(TcpFrame().from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn());
        if (acknowledges_first) {
            c.inside(TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", 40000).seq(5000).ack(1001));
        }
        c.inside(TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", 40000).seq(5000).syn());
        c.outside(TcpFrame().from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).ack(5001).syn());
        c.inside(TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", 40000).seq(5001).ack(1001));
        (void)wire.to_server();
        c.client_next = 1001;
        c.server_next = 5001;
        c.client(with_credentials);
        for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
        EXPECT_EQ(wire.counters().connections, 0U);
        EXPECT_EQ(wire.dropped(Reason::bad_handshake), 3U);
    }
}
TEST(TcpEvasionSyn, DataBeforeTheHandshakeIsCompleteDoesNotPass) {
    Wire wire;
    Connection c(wire);
    TcpFrame syn;
    c.outside(syn.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn());
    (void)wire.to_server();
    c.client_next = 1001;
    c.outside(c.client_frame().ack(777).payload(with_credentials));
    EXPECT_THAT(wire.to_server(), IsEmpty());
}
// 33, 34
TEST_F(TcpEvasion, InexactResetPassesWithoutEffect) {
    c.client("GET /");
    c.outside(c.client_frame().seq(c.client_next + 1).flags(tcp_flag::rst));
    EXPECT_THAT(wire.to_server(), SizeIs(2));
    c.client_next = c.base;
    c.client(without_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials")) << "the flow is still judged";
}
TEST_F(TcpEvasion, AfterAnExactResetNothingPasses) {
    c.outside(c.client_frame().flags(tcp_flag::rst));
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    c.client(authorised);
    EXPECT_THAT(reached(), IsEmpty());
}
TEST_F(TcpEvasion, AResetThatTheServerNeverGetsDoesNotFreeWhatWasSentToBeReplaced) {
    c.outside(c.client_frame().ttl(1).payload(authorised));
    c.client_next += static_cast<std::uint32_t>(authorised.size());
    c.outside(c.client_frame().ttl(1).flags(tcp_flag::rst));
    c.client_at(0, without_credentials);
    EXPECT_EQ(reached(), authorised);
}
TEST_F(TcpEvasion, AResetThatTheServerNeverGetsDoesNotLetAFinEndAnOpenHead) {
    c.client("GET / HTTP/1.1\r\nHost: x\r\n");
    c.outside(c.client_frame().ttl(1).flags(tcp_flag::rst));
    c.outside(c.client_frame().flags(tcp_flag::fin | tcp_flag::ack));
    for (const auto& left : wire.to_server()) EXPECT_FALSE(left.has(tcp_flag::fin));
}
TEST_F(TcpEvasion, ResetWithDataIsDropped) {
    c.outside(c.client_frame().flags(tcp_flag::rst | tcp_flag::ack).payload(without_credentials));
    EXPECT_THAT(wire.to_server(), IsEmpty());
}
// 35
TEST_F(TcpEvasion, NothingFollowsAFin) {
    c.client(authorised);
    c.client("", tcp_flag::fin);
    (void)wire.to_server();
    c.outside(c.client_frame().payload(authorised));
    EXPECT_THAT(reached(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:bad_sequence"));
}
TEST_F(TcpEvasion, FinInsideAHeadIsJudgedAsItsEnd) {
    c.client("GET /support-cases/_search HTTP/1.1\r\n");
    (void)wire.to_server();
    c.client("", tcp_flag::fin);
    for (const Left& left : wire.to_server()) EXPECT_FALSE(left.has(tcp_flag::fin));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:malformed_http"));
}
TEST_F(TcpEvasion, FinWithTheLastBytesOfAnOpenHead) {
    c.client("GET /support-cases/_search HTTP/1.1\r\nHost: x", tcp_flag::fin);
    EXPECT_THAT(reached(), IsEmpty());
}
// 36
TEST_F(TcpEvasion, UrgentDataIsRefused) {
    c.outside(c.client_frame().urg(2).payload(authorised));
    EXPECT_THAT(reached(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:urgent_data"));
}
// 37: the window scale was agreed on in the handshake; no later option changes what lies inside the window.
TEST(TcpEvasionScale, OptionsAfterTheHandshakeChangeNothing) {
    Wire wire;
    Connection c(wire);
    c.outside(
        TcpFrame().from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn());  // no scale offered
    c.inside(TcpFrame()
                 .from("198.51.100.10", 9200)
                 .to("192.0.2.1", 40000)
                 .seq(5000)
                 .ack(1001)
                 .syn()
                 .window_scale(14));
    c.client_next = c.base = 1001;
    c.server_next = 5001;
    c.client_acked = 1001;
    c.outside(c.client_frame().window_scale(14).mss(9000));
    c.inside(c.server_frame().window_scale(14));
    (void)wire.to_server();
    c.client_at(200'000, authorised);
    EXPECT_EQ(wire.dropped(Reason::bad_sequence), 1U) << "65,535 bytes are the window";
    c.client_at(0, authorised);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), authorised);
}
// 38
TEST(TcpEvasionWrap, SequenceNumbersThatWrapAreFollowed) {
    Wire wire;
    Connection c(wire);
    c.client_next = 0xffff'fff0U;
    c.server_next = 0xffff'fffaU;
    c.open();
    for (int i = 0; i < 3; ++i) {
        c.client(with_credentials);
        c.server(ok_response);
    }
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed", "allowed"));
    c.client(without_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials + with_credentials + with_credentials);
}
// 39
TEST_F(TcpEvasion, DataBeyondTheWindowIsDropped) {
    c.client_at(5'000'000, authorised);
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_sequence), 1U);
}
// 40
TEST(TcpEvasionState, MidstreamIsResetOnBothSides) {
    Wire wire;
    Connection c(wire);
    c.client(with_credentials);
    const auto server = wire.to_server();
    ASSERT_THAT(server, SizeIs(1));
    EXPECT_TRUE(server[0].has(tcp_flag::rst));
    EXPECT_TRUE(wire.to_client().at(0).has(tcp_flag::rst));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:midstream"));
}
// 41
TEST_F(TcpEvasion, SynOnAnEstablishedTupleMovesNothing) {
    c.client("GET /");
    (void)wire.to_server();
    c.outside(c.client_frame().seq(900'000).ack_number(0).flags(tcp_flag::syn));
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "the server answers a challenge ACK";
    c.client("x HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}
TEST_F(TcpEvasion, ReusedTupleIsANewConnectionOnceTheServerSaysSo) {
    c.client(authorised);
    c.server(ok_response);
    Connection again(wire);
    again.client_next = 700'000;
    again.server_next = 800'000;
    again.open();
    again.client(authorised);
    EXPECT_EQ(stream_of(wire.to_server(), again.base), authorised);
    again.client(without_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed", "denied:no_credentials"));
}
// A server with SYN cookies answers every SYN and remembers none: whichever third packet reaches it decides.
struct TwoHandshakes : testing::Test {
    /// Both SYNs answered, the first one's third packet seen here (the server may never get it). Returns what
    /// the answer to the second makes us send to the server.
    std::vector<Left> answer_both() {
        first.open();
        second.client_next = 1000 + 200'000;
        second.server_next = 90'000;
        return syn_of_second();
    }
    std::vector<Left> syn_of_second() {
        TcpFrame syn;
        second.outside(syn.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(second.client_next).syn());
        ++second.client_next;
        second.client_acked = second.client_next;
        (void)wire.to_server();
        second.inside(second.server_frame().syn());
        ++second.server_next;
        second.base = second.client_next;
        (void)wire.to_client();
        return wire.to_server();
    }
    Wire wire;
    Connection first{wire};
    Connection second{wire};
};
TEST_F(TwoHandshakes, OnlyTheOneThatWasBelievedCanStillBeCompleted) {
    const auto server = answer_both();
    ASSERT_THAT(server, SizeIs(1));
    EXPECT_TRUE(server[0].has(tcp_flag::rst));
    EXPECT_EQ(server[0].tcp.sequence, first.base) << "a server that is on the first after all leaves it";
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:bad_handshake"));
    first.client(with_credentials);
    EXPECT_THAT(wire.to_server(), IsEmpty()) << "it would complete the first at the server";
    second.client(with_credentials);
    EXPECT_THAT(wire.to_server(), IsEmpty()) << "the server may be on the first, had it not got the reset";
    second.inside(second.server_frame().seq(second.server_next - 1).ack(second.base).syn());
    (void)wire.to_client();
    second.client_next = second.base;
    first.client(with_credentials);
    EXPECT_THAT(wire.to_server(), IsEmpty());
    second.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), second.base), with_credentials);
}
TEST_F(TwoHandshakes, NothingInFrontOfTheFirstByteIsTakenForOldData) {
    first.open();
    first.client_at(static_cast<std::uint32_t>(-200), without_credentials);
    first.client_at(static_cast<std::uint32_t>(-(1 << 30)), without_credentials);
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_sequence), 2U);
    first.outside(first.client_frame().seq(first.base - 1).payload("x"));
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "a keep-alive probe";
}
TEST_F(TwoHandshakes, AnAcknowledgementOfTheOtherOneDoesNotPass) {
    first.open();
    first.outside(first.client_frame().ack(3000));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    first.client(with_credentials);
    first.server(ok_response);
    (void)wire.to_server();
    first.outside(first.client_frame().ack(first.server_next - 5));
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "an old one of this connection does";
}
TEST_F(TwoHandshakes, AResetThatTheServerNeverGetsLeavesNothingToComplete) {
    first.open();
    first.outside(first.client_frame().ttl(1).flags(tcp_flag::rst));
    (void)wire.to_server();
    first.outside(first.client_frame());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    wire.advance_seconds(2);
    second.client_next = 1000 + 200'000;
    second.server_next = 90'000;
    (void)syn_of_second();
    second.outside(second.client_frame());
    second.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), second.base), with_credentials)
        << "the same ports again after a reset";
}
// 42
TEST(TcpEvasionState, OneSidedTrafficEstablishesNothing) {
    Wire wire;
    Connection c(wire);
    TcpFrame syn;
    c.outside(syn.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(1000).syn());
    (void)wire.to_server();
    c.client_next = 1001;
    c.outside(c.client_frame());
    c.client(with_credentials);
    EXPECT_THAT(wire.to_server(), IsEmpty());
}
// 43
TEST_F(TcpEvasion, ReservedBitsPassAndTheirSegmentIsJudged) {
    Bytes frame = c.client_frame().payload(without_credentials).build();
    // Data offset byte: set the three reserved bits, then mend the checksum by hand (RFC 1624).
    const std::size_t offset = 14 + 20 + 12;
    frame[offset] |= std::byte{0x0e};
    const std::size_t sum = 14 + 20 + 16;
    const unsigned old_sum =
        (std::to_integer<unsigned>(frame[sum]) << 8U) | std::to_integer<unsigned>(frame[sum + 1]);
    unsigned fresh = (~old_sum & 0xffffU) + 0x0e00U;
    fresh = (fresh & 0xffffU) + (fresh >> 16U);
    fresh = ~fresh & 0xffffU;
    frame[sum] = static_cast<std::byte>(fresh >> 8U);
    frame[sum + 1] = static_cast<std::byte>(fresh & 0xffU);
    wire.send(Side::outside, frame);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}
// 44, 45
TEST_F(TcpEvasion, ImpossibleHeadersAndOptionsAreDropped) {
    c.outside(c.client_frame().data_offset(4).payload(authorised));
    c.outside(c.client_frame().data_offset(15).payload("x"));
    c.outside(c.client_frame().options({8, 1, 0, 0}).payload(authorised));
    c.outside(c.client_frame().options({3, 3, 7, 3, 3, 7, 0, 0}).payload(authorised));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::malformed_tcp), 4U);
}
// 46
TEST_F(TcpEvasion, AcknowledgingWhatWasNeverSentIsRefused) {
    c.outside(c.client_frame().ack(c.server_next + 1).payload(authorised));
    EXPECT_THAT(reached(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:acknowledges_unsent"));
}
TEST_F(TcpEvasion, AServerThatAcknowledgesWhatNeverLeftIsCutOff) {
    c.client(authorised.substr(0, 10));
    c.client_acked = c.client_next + 5;
    c.inside(c.server_frame());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:acknowledges_unsent"));
}
TEST_F(TcpEvasion, SpoofedServerFramesFromOutsideMoveNothing) {
    c.client("GET /a HTTP/1.1\r\n");
    (void)wire.to_server();
    c.client_acked = c.client_next;
    c.outside(c.server_frame());
    EXPECT_EQ(wire.dropped(Reason::spoofed_source), 1U);
    c.client_at(0, "GET /b HTTP/1.1\r\n");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:inconsistent_retransmission"));
}
// 47
TEST_F(TcpEvasion, AKeepAliveProbeWithAByteAboveTheAcknowledgedEdgeIsData) {
    c.client(without_credentials.substr(0, without_credentials.size() - 1));
    (void)wire.to_server();
    c.client("\n");
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
    Connection d(wire, "192.0.2.3");
    d.open();
    d.client("GET /a HTTP/1.1\r\n");
    d.outside(d.client_frame().seq(d.client_next - 1).payload("?"));
    EXPECT_THAT(wire.log.verdicts(),
                ElementsAre("denied:no_credentials", "denied:inconsistent_retransmission"));
}
// 79
TEST_F(TcpEvasion, AServerThatSpeaksFirstIsNotTheService) {
    c.server("SSH-2.0-OpenSSH_9.2\r\n");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:server_speaks_first"));
    for (const Left& left : wire.to_client()) EXPECT_THAT(left.payload(), IsEmpty());
}
TEST_F(TcpEvasion, HeldSegmentsBeyondTheLimitAreDroppedAndCounted) {
    for (std::uint32_t i = 0; i < 600; ++i) c.client_at(10 + i, "x");
    EXPECT_EQ(wire.dropped(Reason::out_of_resources), 600U - 512U);
    EXPECT_EQ(wire.counters().frames_held, 512U);
}
TEST(TcpEvasionSlow, AHeadThatNeverEndsGivesWayToNewerOnes) {
    Wire wire;  // sixteen open heads
    std::deque<Connection> connections;
    for (std::uint16_t i = 0; i < 17; ++i) {
        connections.emplace_back(wire, "192.0.2.1", static_cast<std::uint16_t>(40000 + i));
        connections.back().open();
        connections.back().client("GET /slow HTTP/1.1\r\n");
    }
    (void)wire.to_server();
    connections[0].client("Host: x\r\nAuthorization: Basic dTpw\r\n\r\n");
    EXPECT_THAT(stream_of(wire.to_server(), connections[0].base), IsEmpty()) << "the oldest was given up";
    connections[16].client("Host: x\r\nAuthorization: Basic dTpw\r\n\r\n");
    EXPECT_THAT(wire.to_server(), SizeIs(1));
}

}  // namespace
}  // namespace springlatch::test
