// Legal but odd traffic that must leave byte for byte as it came (P3).
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct MustPass : ::testing::Test {
    Wire wire;
    Connection c{wire};
    void SetUp() override { c.open(); }
    void TearDown() override { EXPECT_THAT(wire.log.verdicts(), Each(std::string{"allowed"})); }
    void passes(Side from, const TcpFrame& frame) {
        const Bytes sent = frame.build();
        wire.send(from, sent);
        const auto left = from == Side::outside ? wire.to_server() : wire.to_client();
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_EQ(left[0].bytes, sent);
    }
    void outside_passes(const TcpFrame& frame) { passes(Side::outside, frame); }
    void inside_passes(const TcpFrame& frame) { passes(Side::inside, frame); }
};

TEST_F(MustPass, IdenticalRetransmission) {
    outside_passes(c.client_frame().payload(with_credentials));
    outside_passes(c.client_frame().payload(with_credentials));
}
TEST_F(MustPass, RepackedRetransmission) {
    c.client(with_credentials.substr(0, 20));
    c.client(with_credentials.substr(20, 20));
    (void)wire.to_server();
    outside_passes(
        c.client_frame().seq(c.base + 5).payload(std::string_view{with_credentials}.substr(5, 60)));
    outside_passes(c.client_frame().seq(c.base).payload(with_credentials));
}
TEST_F(MustPass, KeepAliveProbesWithAndWithoutAGarbageByte) {
    c.client(with_credentials);
    c.server(ok_response);
    (void)wire.to_server();
    (void)wire.to_client();
    outside_passes(c.client_frame().seq(c.client_next - 1));
    outside_passes(c.client_frame().seq(c.client_next - 1).payload("?"));
    inside_passes(c.server_frame().seq(c.server_next - 1));
}
TEST_F(MustPass, ZeroWindowWindowUpdateAndProbe) {
    inside_passes(c.server_frame().ack(c.client_next).window(0));
    outside_passes(c.client_frame().payload(with_credentials.substr(0, 1)));
    inside_passes(c.server_frame().ack(c.client_next).window(500));
    outside_passes(c.client_frame().window(0));
}
TEST_F(MustPass, DuplicateAcksSackAndEcnBits) {
    for (int i = 0; i < 3; ++i) outside_passes(c.client_frame());
    outside_passes(c.client_frame().options({1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9}));
    outside_passes(c.client_frame().add_flags(tcp_flag::ece | tcp_flag::cwr).tos(3));
}
TEST_F(MustPass, HalfCloseByTheClientStillGetsItsAnswer) {
    outside_passes(c.client_frame().payload(with_credentials).fin());
    c.client_next += static_cast<std::uint32_t>(with_credentials.size()) + 1;
    c.client_acked = c.client_next;
    inside_passes(c.server_frame().payload(ok_response));
    c.server_next += static_cast<std::uint32_t>(ok_response.size());
    outside_passes(c.client_frame());
    inside_passes(c.server_frame().fin());
    ++c.server_next;
    outside_passes(c.client_frame());
    const auto responses = wire.log.of(EventKind::response);
    ASSERT_THAT(responses, SizeIs(1));
    EXPECT_EQ(responses[0].record.status, 200);
    EXPECT_EQ(responses[0].record.complete, 1);
}
TEST_F(MustPass, SimultaneousCloseAndLateRetransmissions) {
    outside_passes(c.client_frame().fin());
    inside_passes(c.server_frame().ack(c.client_next).fin());
    ++c.client_next;
    ++c.server_next;
    c.client_acked = c.client_next;
    outside_passes(c.client_frame());
    inside_passes(c.server_frame());
    outside_passes(c.client_frame().seq(c.client_next - 1).fin());
}
TEST_F(MustPass, ResetByEitherEnd) {
    inside_passes(c.server_frame().ack(c.client_next).rst());
    Connection d(wire, "192.0.2.2");
    d.open();
    outside_passes(d.client_frame().rst());
}
TEST_F(MustPass, RefusedConnectionAttempt) {
    TcpFrame syn;
    outside_passes(syn.from("192.0.2.3", 40000).to("198.51.100.10", 9200).seq(1).syn());
    TcpFrame rst;
    inside_passes(rst.from("198.51.100.10", 9200).to("192.0.2.3", 40000).seq(0).ack(2).rst());
}
TEST_F(MustPass, SynAndSynAckRetransmissions) {
    TcpFrame syn;
    syn.from("192.0.2.4", 40000).to("198.51.100.10", 9200).seq(10).syn();
    outside_passes(syn);
    outside_passes(syn);
    TcpFrame syn_ack;
    syn_ack.from("198.51.100.10", 9200).to("192.0.2.4", 40000).seq(20).ack(11).syn();
    inside_passes(syn_ack);
    inside_passes(syn_ack);
    Connection d(wire, "192.0.2.4");
    d.client_next = 11;
    d.server_next = 21;
    outside_passes(d.client_frame().payload(with_credentials));
    inside_passes(syn_ack);  // the server did not get the third packet
    d.client_next += static_cast<std::uint32_t>(with_credentials.size());
    outside_passes(d.client_frame().payload(with_credentials));
}
TEST_F(MustPass, FastOpenCookieRequestWithoutData) {
    TcpFrame syn;
    outside_passes(syn.from("192.0.2.5", 40000).to("198.51.100.10", 9200).seq(1).syn().options({34, 2}));
}
TEST_F(MustPass, FirstDataSegmentOvertakesTheThirdPacket) {
    TcpFrame syn;
    outside_passes(syn.from("192.0.2.6", 40000).to("198.51.100.10", 9200).seq(10).syn());
    TcpFrame syn_ack;
    inside_passes(syn_ack.from("198.51.100.10", 9200).to("192.0.2.6", 40000).seq(20).ack(11).syn());
    Connection d(wire, "192.0.2.6");
    d.client_next = 11;
    d.server_next = 21;
    d.outside(d.client_frame().seq(11 + 10).payload(std::string_view{with_credentials}.substr(10)));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    d.outside(d.client_frame().payload(std::string_view{with_credentials}.substr(0, 10)));
    EXPECT_EQ(stream_of(wire.to_server(), 11), with_credentials);
}
TEST_F(MustPass, ReorderingOfThreeHundredSegments) {
    const std::string body(301 * 40, 'b');
    const std::string chunked_head =
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string message = chunked_head;
    for (std::size_t at = 0; at < body.size(); at += 40) message += "28\r\n" + body.substr(at, 40) + "\r\n";
    message += "0\r\n\r\n";
    const std::size_t piece = message.size() / 300;
    std::vector<std::size_t> starts;
    for (std::size_t at = piece; at < message.size(); at += piece) starts.push_back(at);
    for (const std::size_t at : starts)
        c.client_at(static_cast<std::uint32_t>(at), message.substr(at, piece));
    c.client_at(0, message.substr(0, piece));
    EXPECT_EQ(stream_of(wire.to_server(), c.base), message);
}
TEST_F(MustPass, ChunkedBulkWithAHarmlessTrailerInOneByteSegments) {
    const std::string message =
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nX-Checksum: 900150983cd24fb0\r\nTested: yes\r\n\r\n";
    for (const char byte : message) {
        outside_passes(c.client_frame().payload(std::string(1, byte)));
        ++c.client_next;
    }
    c.server(ok_response);
    (void)wire.to_client();
    outside_passes(c.client_frame().payload(with_credentials));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed"));
}
TEST_F(MustPass, ChunkedUploadOfAHundredMegabytes) {
    constexpr std::uint32_t chunk_bytes = 50'000, chunks = 2'000;
    c.client(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nTransfer-Encoding: chunked\r\n\r\n");
    c.server_acks();
    const std::string chunk = "c350\r\n" + std::string(chunk_bytes, 'b') + "\r\n";
    for (std::uint32_t i = 0; i < chunks; ++i) {
        (void)wire.to_server();
        c.client(chunk);
        const auto left = wire.to_server();
        ASSERT_THAT(left, SizeIs(1)) << i << " chunks left before";
        ASSERT_EQ(left[0].payload(), chunk);
        c.server_acks();
    }
    c.client("0\r\n\r\n");
    c.server(ok_response);
    c.client(with_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed"));
}
TEST_F(MustPass, AnswerOfOneGigabyteLeavesWholeAndIsCountedToTheByte) {
    constexpr std::uint64_t answer_bytes = 1'000'000'000;
    c.client(with_credentials);
    c.server("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    const std::string piece(62'500, 'a');
    for (std::uint64_t sent = 0; sent < answer_bytes; sent += piece.size()) {
        (void)wire.to_client();
        c.server(piece);
        const auto left = wire.to_client();
        ASSERT_THAT(left, SizeIs(1)) << sent << " bytes left before";
        ASSERT_EQ(left[0].tcp.payload_bytes, piece.size());
        c.outside(c.client_frame());
        (void)wire.to_server();
    }
    const auto responses = wire.log.of(EventKind::response);
    ASSERT_THAT(responses, SizeIs(1));
    EXPECT_EQ(responses[0].record.response_bytes, answer_bytes);
    EXPECT_EQ(responses[0].record.complete, 1);
}
TEST_F(MustPass, BodyOfKnownLengthNeedsNoOrder) {
    const std::string body(100'000, 'b');
    c.client(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 100000\r\n\r\n");
    (void)wire.to_server();
    const std::uint32_t start = c.client_next - c.base;
    c.inside(c.server_frame().ack(c.client_next).window(65535));
    (void)wire.to_client();
    for (std::uint32_t at = 0; at < body.size(); at += 10'000) {
        const std::uint32_t swapped = at % 20'000 == 0 ? at + 10'000 : at - 10'000;
        c.client_at(start + swapped, body.substr(swapped, 10'000));
        EXPECT_THAT(wire.to_server(), SizeIs(1)) << "no segment of the body waits";
    }
    c.client_next = c.base + start + 100'000;
    c.server(ok_response);
    outside_passes(c.client_frame().payload(with_credentials));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed"));
}
TEST(MustPassLong, BodyLongerThanTheSequenceSpaceIsFollowedToItsEnd) {
    PolicyParts parts;
    parts.limits.head.body_bytes = 10'000'000'000U;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    c.client(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 5000000000\r\n\r\n");
    c.server_acks();
    (void)wire.to_server();
    const std::string piece(10'000, 'b');  // one frame holds 64 KB, so only every 8 MB a segment is shown:
                                           // the rest is as good as acknowledged
    for (std::uint64_t left = 5'000'000'000U; left > 0; left -= 8'000'000U) {
        c.client_next += 7'990'000U;
        c.client_at(c.client_next - c.base, piece);
        c.client_next += 10'000U;
        ASSERT_THAT(wire.to_server(), SizeIs(1)) << left << " bytes before the end";
        c.server_acks();
    }
    c.client(without_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:no_credentials"));
}
TEST_F(MustPass, ExpectContinueWaitsForTheServersWord) {
    const std::string head =
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 5\r\nExpect: "
        "100-continue\r\n\r\n";
    outside_passes(c.client_frame().payload(head));
    c.client_next += static_cast<std::uint32_t>(head.size());
    c.client("hello");
    EXPECT_THAT(wire.to_server(), IsEmpty()) << "no body byte before the server's 100";
    const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
    inside_passes(c.server_frame().ack(c.client_next - 5).payload(interim));
    c.server_next += static_cast<std::uint32_t>(interim.size());
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    c.server(ok_response);
    EXPECT_THAT(wire.log.of(EventKind::response), SizeIs(1));
    (void)wire.to_client();
    outside_passes(c.client_frame().payload(with_credentials));
}
// As both databases do it (measured): the word comes at once, the answer to the request before it later.
TEST_F(MustPass, ExpectContinueBehindARequestThatIsNotAnsweredYet) {
    const std::string head =
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 5\r\nExpect: "
        "100-continue\r\n\r\n";
    c.client(with_credentials + head);
    c.server("HTTP/1.1 100 Continue\r\n\r\n");
    (void)wire.to_server();
    outside_passes(c.client_frame().payload("hello"));
    c.client_next += 5;
    c.server(ok_response + ok_response);
    EXPECT_THAT(wire.log.of(EventKind::response), SizeIs(2));
    (void)wire.to_client();
    outside_passes(c.client_frame().payload(with_credentials));
}
TEST_F(MustPass, FiftyPipelinedRequestsInOneSegment) {
    std::string many;
    for (int i = 0; i < 50; ++i)
        many += "GET /_cat/health HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n\r\n";
    outside_passes(c.client_frame().payload(many));
    c.client_next += static_cast<std::uint32_t>(many.size());
    for (int i = 0; i < 50; ++i) c.server(ok_response);
    EXPECT_THAT(wire.log.of(EventKind::response), SizeIs(50));
}
TEST_F(MustPass, LargeHeadInElevenByteSegments) {
    std::string head = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n";
    while (head.size() < 16'000)
        head += "X-Filler-" + std::to_string(head.size()) + ": " + std::string(60, 'f') + "\r\n";
    head += "\r\n";
    for (std::size_t at = 0; at < head.size(); at += 11) {
        const std::string piece = head.substr(at, 11);
        outside_passes(c.client_frame().payload(piece));
        c.client_next += static_cast<std::uint32_t>(piece.size());
        if (at % 110 == 0) {
            c.server_acks();
            (void)wire.to_client();
        }
    }
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
}
TEST_F(MustPass, ManyShortHeaders) {
    std::string head = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n";
    for (int i = 0; i < 1169; ++i) head += "a: b\r\n";
    head += "\r\n";
    outside_passes(c.client_frame().payload(head));
}
TEST_F(MustPass, AnswersOfEveryShapeArePairedWithTheirRequests) {
    struct Case {
        std::string request, answer;
        std::uint16_t status;
        std::uint64_t given;
    };
    const std::string auth = " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n\r\n";
    const std::vector<Case> cases = {
        {"HEAD /a" + auth, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", 200, 0},
        {"DELETE /a/_doc/1" + auth, "HTTP/1.1 204 No Content\r\n\r\n", 204, 0},
        {"GET /a" + auth, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, 0},
        {"GET /a" + auth,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200, 5},
        {"GET /a" + auth,
         "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", 404, 2},
        {"GET /a" + auth, ok_response, 200, 5},
    };
    for (const Case& one : cases) {
        c.client(one.request);
        for (const char byte : one.answer) c.server(std::string(1, byte));
        const auto responses = wire.log.of(EventKind::response);
        ASSERT_FALSE(responses.empty());
        EXPECT_EQ(responses.back().record.status, one.status);
        EXPECT_EQ(responses.back().record.response_bytes, one.given);
        EXPECT_EQ(responses.back().record.complete, 1);
    }
    EXPECT_THAT(wire.log.of(EventKind::response), SizeIs(cases.size()));
    c.client("GET /close-delimited" + auth);
    c.server("HTTP/1.0 200 OK\r\n\r\n0123456789");
    c.server("", tcp_flag::fin);
    EXPECT_EQ(wire.log.of(EventKind::response).back().record.response_bytes, 10U);
}
TEST_F(MustPass, ReorderedAnswersLeaveAtOnceAndAreStillCounted) {
    c.client(with_credentials);
    const std::string answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    c.client_acked = c.client_next;
    (void)wire.to_client();
    inside_passes(c.server_frame().seq(c.server_next + 40).payload(std::string_view{answer}.substr(40)));
    inside_passes(c.server_frame().seq(c.server_next).payload(std::string_view{answer}.substr(0, 40)));
    const auto responses = wire.log.of(EventKind::response);
    ASSERT_THAT(responses, SizeIs(1));
    EXPECT_EQ(responses[0].record.response_bytes, 3U);
}
TEST_F(MustPass, IdleForTwoHours) {
    c.client(with_credentials);
    c.server(ok_response);
    for (int i = 0; i < 7200; ++i) {
        wire.advance_seconds(1);
        wire.idle();
    }
    (void)wire.to_server();
    outside_passes(c.client_frame().payload(with_credentials));
}
TEST_F(MustPass, JumboFrames) {
    const std::string body(8'900, 'b');
    c.client("POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 8900\r\n\r\n");
    (void)wire.to_server();
    outside_passes(c.client_frame().payload(body));
}
TEST_F(MustPass, FramesMergedByTheReceiverOfUpTo64Kilobytes) {
    const std::string body(60'000, 'b');
    outside_passes(c.client_frame().payload(
        "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 60000\r\n\r\n" +
        body));
    c.client_acked = c.client_next;
    inside_passes(c.server_frame().payload("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" +
                                           std::string(50'000, 'a')));
}
TEST_F(MustPass, TimestampsWindowScaleSackAndAccurateEcnFromTheSynOn) {
    /// Sets the AE bit (RFC 9341), which TcpFrame does not know, and mends the checksum (RFC 1624).
    const auto accurate = [](Bytes frame) {
        frame[14 + 20 + 12] |= std::byte{1};
        const std::size_t at = 14 + 20 + 16;
        const unsigned old_sum =
            (std::to_integer<unsigned>(frame[at]) << 8U) | std::to_integer<unsigned>(frame[at + 1]);
        unsigned fresh = (~old_sum & 0xffffU) + 0x0100U;
        fresh = ~((fresh & 0xffffU) + (fresh >> 16U)) & 0xffffU;
        frame[at] = static_cast<std::byte>(fresh >> 8U);
        frame[at + 1] = static_cast<std::byte>(fresh & 0xffU);
        return frame;
    };
    const auto passes_as = [&](Side from, const Bytes& sent) {
        wire.send(from, sent);
        const auto left = wire.take(opposite(from));
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_EQ(left[0].bytes, sent);
    };
    passes_as(Side::outside, accurate(TcpFrame()
                                          .from("192.0.2.7", 40000)
                                          .to("198.51.100.10", 9200)
                                          .seq(10)
                                          .syn()
                                          .add_flags(tcp_flag::ece | tcp_flag::cwr)
                                          .mss(1460)
                                          .sack_permitted()
                                          .timestamp(1, 0)
                                          .nop()
                                          .window_scale(14)
                                          .build()));
    passes_as(Side::inside, TcpFrame()
                                .from("198.51.100.10", 9200)
                                .to("192.0.2.7", 40000)
                                .seq(20)
                                .ack(11)
                                .syn()
                                .mss(1460)
                                .sack_permitted()
                                .timestamp(900, 1)
                                .nop()
                                .window_scale(7)
                                .build());
    Connection d(wire, "192.0.2.7");
    d.client_next = d.client_acked = 11;
    d.server_next = 21;
    outside_passes(d.client_frame().timestamp(2, 900));
    passes_as(Side::outside, accurate(d.client_frame().timestamp(3, 900).payload(with_credentials).build()));
    outside_passes(d.client_frame().timestamp(4, 900).payload(with_credentials));
    d.client_acked = d.client_next += static_cast<std::uint32_t>(with_credentials.size());
    inside_passes(d.server_frame().timestamp(901, 4).payload(ok_response));
    d.server_next += static_cast<std::uint32_t>(ok_response.size());
    outside_passes(d.client_frame().timestamp(5, 901));
}
TEST_F(MustPass, PortReuseAfterTimeWait) {
    for (int round = 0; round < 3; ++round) {
        Connection d(wire, "192.0.2.8");
        d.client_next = 10'000U + static_cast<std::uint32_t>(round) * 100'000U;
        d.server_next = 50'000U + static_cast<std::uint32_t>(round) * 100'000U;
        d.open();
        outside_passes(d.client_frame().payload(with_credentials));
        d.client_next += static_cast<std::uint32_t>(with_credentials.size());
        d.server(ok_response);
        d.client("", tcp_flag::fin);
        d.server("", tcp_flag::fin);
        (void)wire.to_server();
        outside_passes(d.client_frame());
        (void)wire.to_client();
        wire.advance_seconds(3);
        wire.idle();
    }
    EXPECT_THAT(wire.log.verdicts(), SizeIs(3));
}
TEST_F(MustPass, AnAuthorisedHeadSplitAtEveryByte) {
    for (std::size_t cut = 1; cut < with_credentials.size(); ++cut) {
        Connection d(wire, "192.0.2.9", static_cast<std::uint16_t>(41'000 + cut));
        d.open();
        outside_passes(d.client_frame().payload(std::string_view{with_credentials}.substr(0, cut)));
        d.client_next += static_cast<std::uint32_t>(cut);
        outside_passes(d.client_frame().payload(std::string_view{with_credentials}.substr(cut)));
    }
}
TEST_F(MustPass, HeadsAndLinesUpToTheServersOwnLimits) {
    const std::string auth = "Host: x\r\nAuthorization: Basic dTpw\r\n";
    std::string line = "GET /";
    line += std::string(4096 - line.size() - std::string_view{" HTTP/1.1"}.size(), 'a') + " HTTP/1.1\r\n";
    outside_passes(c.client_frame().payload(line + auth + "\r\n"));
    c.client_next += static_cast<std::uint32_t>(line.size() + auth.size() + 2);
    std::string head = "GET / HTTP/1.1\r\n" + auth + "X: ";
    head += std::string(8192 - head.size() - 4, 'x') + "\r\n\r\n";
    outside_passes(c.client_frame().payload(head));
}
TEST_F(MustPass, OddButLegalRequests) {
    const std::string auth = "Host: x\r\nAuthorization: Basic dTpw\r\n";
    const std::vector<std::string> requests = {
        "\r\nGET / HTTP/1.1\r\n" + auth + "\r\n",
        "GET http://db:9200/_cat/indices HTTP/1.1\r\n" + auth + "\r\n",
        "GET /a/_search HTTP/1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
        "GET / HTTP/1.1\r\n" + auth + "X-Name: J\xc3\xb6rg \xfc\r\n\r\n",
        "GET / HTTP/1.1\r\n" + auth + "Cookie: sid=" + std::string(2048, 'c') +
            "\r\nkbn-version: 7.10.2\r\nkbn-xsrf: true\r\n\r\n",
        "GET /a%20b/_doc/1?q=%22x%22&pretty HTTP/1.1\r\n" + auth + "\r\n",
        "OPTIONS * HTTP/1.1\r\n" + auth + "\r\n",
        "GET / HTTP/1.1\r\nhOST:x\r\nauthorization:basic dTpw\r\nX-Empty:\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nAuthorization: Basic dTpw\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" + auth + "\r\n",
    };
    for (const std::string& request : requests) {
        outside_passes(c.client_frame().payload(request));
        c.client_next += static_cast<std::uint32_t>(request.size());
        c.server("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00");
        (void)wire.to_client();
    }
    EXPECT_THAT(wire.log.verdicts(), SizeIs(requests.size()));
}
TEST_F(MustPass, VlanPriorityTag) {
    outside_passes(c.client_frame().vlan(0xe000).payload(with_credentials));
}

}  // namespace
}  // namespace springlatch::test
