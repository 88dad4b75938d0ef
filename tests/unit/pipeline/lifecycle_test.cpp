// Connections from their first packet to long after their end, in odd places: between two services, refused
// half way, closed and then talked to, forgotten, or only watched.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string client = "192.0.2.1";
const std::string server = "198.51.100.10";

TcpFrame from_client() {
    return TcpFrame().from(client, 40000).to(server, 9200);
}
TcpFrame from_server() {
    return TcpFrame().from(server, 9200).to(client, 40000);
}

PolicyParts observing() {
    PolicyParts parts;
    parts.mode = Mode::observe;
    return parts;
}

// ---- a client that is a service itself

PolicyParts two_services() {
    PolicyParts parts;
    Service other;
    other.name = "replica";
    other.addresses = {{ip("192.0.2.20"), ip("192.0.2.20"), 0}};
    other.ports = {9200};
    parts.services.push_back(other);
    return parts;
}

TEST(BetweenServices, WhoSendsTheSynIsTheClientAndIsJudged) {
    Wire wire(two_services());
    Connection c(wire, "192.0.2.20", 9200);  // from a port that is a service's too
    c.open();
    EXPECT_EQ(wire.counters().connections, 1U);
    c.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials);
    c.server(ok_response);
    EXPECT_THAT(wire.to_client(), SizeIs(1)) << "the answer is no request of the other service";
    c.client(without_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:no_credentials"));
    EXPECT_EQ(wire.log.of(EventKind::response).at(0).record.status, 200);
}

TEST(BetweenServices, WithoutAHandshakeNeitherDirectionPasses) {
    Wire wire(two_services());
    wire.send(
        Side::outside,
        TcpFrame().from("192.0.2.20", 9200).to(server, 9200).seq(1).ack(2).payload(with_credentials).build());
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::midstream), 1U);
}

// ---- where frames come from

TEST(Sides, TrafficOfSomebodyInsideTowardsAServiceIsNotOurs) {
    Wire wire;
    const Bytes frame = TcpFrame()
                            .from("198.51.100.77", 40000)
                            .to(server, 9200)
                            .seq(1)
                            .ack(1)
                            .payload(without_credentials)
                            .build();
    wire.send(Side::inside, frame);
    const auto left = wire.to_client();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].bytes, frame);
    EXPECT_THAT(wire.log.verdicts(), IsEmpty());
}

TEST(Sides, AReplayOfOnePortTellsTheSidesByTheService) {
    InspectorOptions options;
    options.sides_by_service = true;
    Wire wire(PolicyParts{}, options);
    wire.send(Side::outside, from_client().seq(1000).syn().build());
    wire.send(Side::outside, from_server().seq(5000).ack(1001).syn().build());
    wire.send(Side::outside, from_client().seq(1001).ack(5001).payload(with_credentials).build());
    EXPECT_THAT(wire.to_server(), SizeIs(2));
    EXPECT_THAT(wire.to_client(), SizeIs(1));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
}

TEST(Sides, AServersFrameWithABadChecksumIsDropped) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(with_credentials);
    c.client_acked = c.client_next;
    c.inside(c.server_frame().payload(ok_response).bad_tcp_checksum());
    EXPECT_THAT(wire.to_client(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_checksum), 1U);
}

TEST(Sides, ACaptureWithOffloadedChecksumsIsJudgedOnRequest) {
    InspectorOptions options;
    options.verify_checksums = false;
    Wire wire(PolicyParts{}, options);
    Connection c(wire);
    c.open();
    c.outside(c.client_frame().payload(without_credentials).bad_tcp_checksum());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}

// ---- handshakes that do not come to their end

TEST(Handshake, AResetAtTheExactPositionEndsItAndAnyOtherDoesNot) {
    Wire wire;
    wire.send(Side::outside, from_client().seq(1000).syn().build());
    wire.send(Side::inside, from_server().seq(5000).ack(1001).syn().build());
    (void)wire.to_server();
    wire.send(Side::outside, from_client().seq(1500).rst().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_sequence), 1U);
    wire.send(Side::outside, from_client().seq(1001).rst().build());
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    wire.send(Side::outside, from_client().seq(1001).ack(5001).payload(with_credentials).build());
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
}

TEST(Handshake, WhatTheServerSaysBeforeTheThirdPacketDoesNotReachTheClient) {
    Wire wire;
    wire.send(Side::outside, from_client().seq(1000).syn().build());
    wire.send(Side::inside, from_server().seq(5000).ack(1001).syn().payload("early").build());
    wire.send(Side::inside, from_server().seq(5000).ack(1001).syn().build());
    EXPECT_THAT(wire.to_client(), SizeIs(1)) << "a SYN-ACK carries nothing";
    wire.send(Side::inside, from_server().seq(5001).ack(1001).payload("banner").build());
    EXPECT_THAT(wire.to_client(), IsEmpty());
    wire.send(Side::inside, from_server().seq(5001).ack(1001).build());
    EXPECT_THAT(wire.to_client(), SizeIs(1)) << "a challenge ACK does";
    EXPECT_EQ(wire.dropped(Reason::bad_handshake), 2U);
}

// After a restart: the server still has the connection that the client has forgotten (RFC 5961 §4).
TEST(Handshake, AClientThatWasForgottenHereButNotByTheServerConnectsAgain) {
    Wire wire;
    wire.send(Side::outside, from_client().seq(1000).syn().build());
    wire.send(Side::inside, from_server().seq(5000).ack(777).build());
    EXPECT_THAT(wire.to_client(), SizeIs(1)) << "the challenge";
    (void)wire.to_server();
    wire.send(Side::outside, from_client().seq(778).rst().build());
    EXPECT_THAT(wire.to_server(), IsEmpty()) << "only the challenge's own position ends anything";
    wire.send(Side::outside, from_client().seq(777).rst().build());
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    wire.send(Side::outside, from_client().seq(1000).syn().build());
    wire.send(Side::inside, from_server().seq(9000).ack(1001).syn().build());
    wire.send(Side::outside, from_client().seq(777).rst().build());
    (void)wire.to_client();
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "the SYN; the challenge is over";
    wire.send(Side::outside, from_client().seq(1001).ack(9001).payload(with_credentials).build());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
}

TEST(Handshake, ASynAckOrResetThatNobodyAskedForStaysInside) {
    Wire wire;
    wire.send(Side::inside, from_server().seq(5000).ack(1001).syn().build());
    wire.send(Side::inside, from_server().seq(5000).ack(1001).rst().build());
    EXPECT_THAT(wire.to_client(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_handshake), 1U);
    EXPECT_EQ(wire.dropped(Reason::midstream), 1U);
    wire.send(Side::outside, from_client().seq(1).rst().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
}

TEST(Handshake, TimeStampsCountOnlyIfBothEndsOfferedThem) {
    Wire wire;
    wire.send(Side::outside, from_client().seq(1000).syn().timestamp(100, 0).build());
    wire.send(Side::inside, from_server().seq(5000).ack(1001).syn().build());
    wire.send(Side::outside, from_client().seq(1001).ack(5001).build());
    (void)wire.to_server();
    wire.send(Side::outside,
              from_client().seq(1001).ack(5001).timestamp(7, 0).payload(with_credentials).build());
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "the server does not look at it either";
}

TEST(Handshake, AStrangersSynIsMetWithSilenceWhereThePolicyDrops) {
    PolicyParts parts;
    parts.default_action = Action::drop;
    Wire wire(std::move(parts));
    wire.send(Side::outside, TcpFrame().from("198.18.0.1", 1).to(server, 9200).seq(1).syn().build());
    wire.send(Side::outside,
              TcpFrame().from("198.18.0.1", 1).to(server, 9200).seq(2).ack(7).payload("x").build());
    EXPECT_THAT(wire.to_client(), IsEmpty());
    const auto inside = wire.to_server();
    ASSERT_THAT(inside, SizeIs(1)) << "a server that may know the connection is told";
    EXPECT_TRUE(inside[0].has(tcp_flag::rst));
}

TEST(Midstream, AServersSegmentIsResetAtBothEnds) {
    Wire wire;
    wire.send(Side::inside, from_server().seq(5000).ack(1001).payload("rest of an answer").fin().build());
    const auto outside = wire.to_client();
    ASSERT_THAT(outside, SizeIs(1));
    EXPECT_TRUE(outside[0].has(tcp_flag::rst));
    EXPECT_EQ(outside[0].tcp.sequence, 5000U);
    const auto inside = wire.to_server();
    ASSERT_THAT(inside, SizeIs(1));
    EXPECT_EQ(inside[0].tcp.sequence, 1001U) << "where the server expects its client's next byte";
    EXPECT_EQ(inside[0].tcp.acknowledgement, 5018U) << "the FIN included";
}

// ---- after the end

struct AfterTheEnd : ::testing::Test {
    Wire wire;
    Connection c{wire};
    void SetUp() override {
        c.open();
        c.client(with_credentials);
        c.server(ok_response);
        (void)wire.to_server();
        (void)wire.to_client();
    }
    void close() {
        c.client("", tcp_flag::fin);
        c.server("", tcp_flag::fin);
        c.outside(c.client_frame());
        (void)wire.to_server();
        (void)wire.to_client();
    }
};

TEST_F(AfterTheEnd, LateCopiesPassAndNewBytesDoNot) {
    close();
    c.inside(c.server_frame().seq(c.server_next - 1).fin());
    EXPECT_THAT(wire.to_client(), SizeIs(1));
    c.inside(c.server_frame().payload("more"));
    EXPECT_THAT(wire.to_client(), IsEmpty());
    c.outside(c.client_frame().payload(with_credentials));
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::midstream), 2U);
}

TEST_F(AfterTheEnd, AServersResetEndsOnlyAtItsExactPosition) {
    c.inside(c.server_frame().seq(c.server_next + 9).rst());
    EXPECT_THAT(wire.to_client(), SizeIs(1));
    c.client(with_credentials);
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "the connection is still there";
    c.inside(c.server_frame().rst());
    (void)wire.to_client();
    c.client(with_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
}

TEST_F(AfterTheEnd, ClosedCutAndSilentConnectionsAreForgotten) {
    Connection cut(wire, "192.0.2.2");
    cut.open();
    cut.client(without_credentials);
    Connection idle(wire, "192.0.2.3");
    idle.open();
    close();
    EXPECT_EQ(wire.counters().flows, 3U);
    const auto pass_time = [&](std::uint64_t seconds) {
        for (std::uint64_t i = 0; i < seconds; ++i) {
            wire.advance_seconds(1);
            wire.idle();
        }
        return wire.counters().flows;
    };
    EXPECT_EQ(pass_time(10), 3U);
    EXPECT_EQ(pass_time(50), 2U) << "a closed one after a quarter of a minute";
    EXPECT_EQ(pass_time(100), 1U) << "a cut one after a minute";
    wire.advance_seconds(7500);
    EXPECT_EQ(pass_time(100), 0U) << "an idle one when the policy says so";
    (void)wire.to_server();
    idle.client(with_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
}

TEST_F(AfterTheEnd, LateFramesOfACutConnectionAreAnsweredAFewTimesOnly) {
    c.client(without_credentials);
    (void)wire.to_client();
    (void)wire.to_server();
    for (int i = 0; i < 50; ++i) {
        c.outside(c.client_frame().payload("x"));
        c.server("y");
    }
    EXPECT_LE(wire.to_client().size() + wire.to_server().size(), 8U)
        << "else it could be used to send traffic to others";
    EXPECT_EQ(wire.dropped(Reason::connection_cut), 100U);
}

TEST_F(AfterTheEnd, AServersNullAndChristmasTreeFramesAreDropped) {
    for (const int flags : {0, int{tcp_flag::psh}, tcp_flag::syn | tcp_flag::fin | tcp_flag::ack,
                            tcp_flag::syn | tcp_flag::rst})
        c.inside(c.server_frame().flags(flags).payload("x"));
    EXPECT_THAT(wire.to_client(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_tcp_flags), 4U);
}

TEST_F(AfterTheEnd, AFinInFrontOfBodyBytesThatLeftAlreadyIsRefused) {
    c.client("POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 5000\r\n\r\n");
    const std::uint32_t body = c.client_next - c.base;
    c.client_at(body + 2000, std::string(1000, 'b'));
    EXPECT_THAT(wire.to_server(), SizeIs(2));
    c.outside(c.client_frame().payload("b").fin());
    for (const Left& left : wire.to_server()) EXPECT_FALSE(left.has(tcp_flag::fin));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed", "denied:bad_sequence"));
}

TEST_F(AfterTheEnd, ATcpServiceReportsItsConnectionsBytes) {
    Connection redis(wire, client, 50000, server, 6379);
    redis.open();
    redis.client("PING\r\n");
    redis.server("+PONG\r\n");
    redis.client("", tcp_flag::fin);
    redis.server("", tcp_flag::fin);
    redis.outside(redis.client_frame());
    const auto closed = wire.log.of(EventKind::closed);
    ASSERT_THAT(closed, SizeIs(1));
    EXPECT_EQ(closed[0].record.request_bytes, 6U);
    EXPECT_EQ(closed[0].record.response_bytes, 7U);
    EXPECT_EQ(closed[0].record.complete, 1);
}

// ---- observe mode: judged and reported, never stopped

struct Watched : ::testing::Test {
    Wire wire{observing()};
    Connection c{wire};
    void passes(Side from, const TcpFrame& frame) {
        const Bytes sent = frame.build();
        wire.send(from, sent);
        const auto left = wire.take(opposite(from));
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_EQ(left[0].bytes, sent);
    }
};

TEST_F(Watched, AStrangersConnectionPassesAndIsToldAtItsSyn) {
    passes(Side::outside,
           TcpFrame().from("198.18.0.1", 1).to(server, 9200).seq(1).syn().payload("data on a SYN"));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:source_not_allowed"));
    EXPECT_EQ(wire.counters().frames_would_drop[static_cast<std::size_t>(Reason::source_not_allowed)], 1U);
}

TEST_F(Watched, AConnectionPickedUpInTheMiddlePassesBothWays) {
    passes(Side::inside, from_server().seq(5000).ack(1001).payload("rest of an answer"));
    passes(Side::outside, from_client().seq(1001).ack(5017).payload(without_credentials));
    passes(Side::outside, from_client().seq(1001).ack(5017).payload("other bytes at the same place"));
    passes(Side::inside, from_server().seq(9000).ack(7000).payload("anything"));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:midstream"));
}

TEST_F(Watched, AStreamThatCannotBeFollowedPassesAndIsToldOnce) {
    c.open();
    passes(Side::outside, c.client_frame().payload("GET /a HTTP/1.1\nHost: x\n\n"));
    c.client_next += 26;
    passes(Side::outside, c.client_frame().payload(without_credentials));
    passes(Side::outside, c.client_frame().urg(1).payload("x"));
    passes(Side::inside, c.server_frame().ack(c.client_next + 5000).payload("HTTP/1.1 200 OK\r\n\r\n"));
    passes(Side::outside, c.client_frame().fin());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:malformed_http"));
}

TEST_F(Watched, ABodyDoesNotWaitForTheContinue) {
    c.open();
    const std::string head =
        "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: 5\r\nExpect: "
        "100-continue\r\n\r\n";
    passes(Side::outside, c.client_frame().payload(head + "hello" + without_credentials));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "would_deny:no_credentials"));
}

TEST_F(Watched, MoreRequestsThanCanBePairedWithAnswersStillPassAndAreJudged) {
    c.open();
    for (int i = 0; i < 70; ++i) {
        passes(Side::outside, c.client_frame().payload(with_credentials));
        c.client_next += static_cast<std::uint32_t>(with_credentials.size());
    }
    passes(Side::outside, c.client_frame().payload(without_credentials));
    EXPECT_EQ(wire.counters().requests_allowed, 70U);
    EXPECT_EQ(wire.log.verdicts().back(), "would_deny:no_credentials");
}

TEST(WatchedBounds, WhatFindsNoRoomToWaitPassesAndIsCounted) {
    PolicyParts parts = observing();
    parts.limits.held_segments = parts.limits.held_segments_per_flow = 2;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    for (std::uint32_t at = 10; at < 50; at += 10) c.client_at(at, without_credentials.substr(at, 10));
    EXPECT_THAT(wire.to_server(), SizeIs(4)) << "nothing is kept back";
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:out_of_resources"))
        << "but that it is not judged is told";
    c.client_at(0, without_credentials.substr(0, 10));
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    // Answers out of order have no more room either; they pass, uncounted.
    Connection d(wire, "192.0.2.2");
    d.open();
    d.client(with_credentials);
    d.client_acked = d.client_next;
    for (std::uint32_t at = 40; at > 0; at -= 10)
        d.inside(d.server_frame().seq(d.server_next + at).payload("0123456789"));
    EXPECT_THAT(wire.to_client(), SizeIs(4));
}

}  // namespace
}  // namespace springlatch::test
