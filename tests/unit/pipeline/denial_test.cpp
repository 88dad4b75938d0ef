// The main job: the first query without credentials is stopped, everything else is left alone.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(Denial, FirstQueryWithoutCredentialsGets401AndNeverReachesTheServer) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(without_credentials);

    const auto server = wire.to_server();
    ASSERT_EQ(server.size(), 1U);
    EXPECT_TRUE(server[0].made);
    EXPECT_TRUE(server[0].has(tcp_flag::rst));
    EXPECT_EQ(server[0].tcp.sequence, c.base) << "a reset must be at the exact position the server expects";

    const auto client = wire.to_client();
    ASSERT_EQ(client.size(), 1U);
    EXPECT_THAT(client[0].payload(), StartsWith("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: "));
    EXPECT_THAT(client[0].payload(), HasSubstr("no_credentials"));
    EXPECT_TRUE(client[0].has(tcp_flag::fin));
    EXPECT_EQ(client[0].tcp.sequence, c.server_next);
    EXPECT_EQ(client[0].tcp.acknowledgement, c.client_next);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}

TEST(Denial, TheClientCanCloseCleanlyAfterThe401) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(without_credentials);
    const auto reply = wire.to_client();
    c.server_next += static_cast<std::uint32_t>(reply.at(0).payload().size()) + 1;
    (void)wire.to_server();
    c.client("", tcp_flag::fin);
    const auto answer = wire.to_client();
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_FALSE(answer[0].has(tcp_flag::rst));
    EXPECT_EQ(answer[0].tcp.acknowledgement, c.client_next);
    EXPECT_THAT(wire.to_server(), IsEmpty());
}

TEST(Denial, A401ToHeadHasNoBody) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client("HEAD /support-cases HTTP/1.1\r\nHost: db\r\n\r\n");
    const auto client = wire.to_client();
    ASSERT_EQ(client.size(), 1U);
    EXPECT_THAT(client[0].payload(), ::testing::EndsWith("\r\n\r\n"));
}

TEST(Denial, AuthenticatedRequestLeavesUntouched) {
    Wire wire;
    Connection c(wire);
    c.open();
    const Bytes sent = c.client_frame().payload(with_credentials).add_flags(tcp_flag::psh).build();
    wire.send(Side::outside, sent);
    const auto server = wire.to_server();
    ASSERT_EQ(server.size(), 1U);
    EXPECT_EQ(server[0].bytes, sent);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
}

TEST(Denial, NothingPassesOnACutConnectionInEitherDirection) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(without_credentials);
    (void)wire.to_server();
    (void)wire.to_client();
    c.client(with_credentials);
    c.server(ok_response);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    for (const Left& left : wire.to_client()) EXPECT_THAT(left.payload(), IsEmpty());
}

TEST(Denial, PipelinedRequestsTheAllowedPrefixLeavesShortened) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(with_credentials + with_credentials + without_credentials + with_credentials);
    const auto server = wire.to_server();
    ASSERT_EQ(server.size(), 2U);
    EXPECT_EQ(server[0].payload(), with_credentials + with_credentials);
    EXPECT_EQ(server[0].outcome, DecodeOutcome::tcp) << "lengths and checksums of the shortened segment";
    EXPECT_TRUE(server[1].has(tcp_flag::rst));
    EXPECT_EQ(server[1].tcp.sequence, c.base + 2 * with_credentials.size());
    const auto client = wire.to_client();
    ASSERT_EQ(client.size(), 1U);
    EXPECT_TRUE(client[0].has(tcp_flag::rst)) << "a 401 would be taken for the answer to the first request";
    EXPECT_THAT(wire.log.verdicts(),
                ElementsAre("allowed", "allowed", "denied:no_credentials", "denied:connection_cut"));
    const auto responses = wire.log.of(EventKind::response);
    ASSERT_EQ(responses.size(), 2U) << "two allowed requests never got their answer";
    EXPECT_EQ(responses[0].record.complete, 0);
    EXPECT_EQ(responses[0].record.request_number, 1U);
    EXPECT_EQ(responses[1].record.request_number, 2U);
    const auto requests = wire.log.of(EventKind::request);
    EXPECT_EQ(requests[2].record.request_number, 3U);
    EXPECT_EQ(requests[3].record.request_number, 4U);
}

/// An allowed request with a body of 20 bytes, cut in the middle of it.
struct Upload {
    std::string head =
        "POST /support-cases/_search HTTP/1.1\r\nHost: db\r\nAuthorization: Basic YTpi\r\nContent-Length: "
        "20\r\n\r\n";
    std::string front = "0123456789";
    std::string rest = "abcdefghij";
};

TEST(Denial, TheEndOfAnAllowedBodyLeavesAlthoughWhatFollowsInItsSegmentIsDenied) {
    const Upload upload;
    for (const std::string& following : {without_credentials, std::string{"\x01 what is this"}}) {
        Wire wire;
        Connection c(wire);
        c.open();
        c.client(upload.head + upload.front);
        c.client(upload.rest + following);
        const auto server = wire.to_server();
        EXPECT_EQ(stream_of(server, c.base), upload.head + upload.front + upload.rest);
        ASSERT_EQ(server.size(), 3U);
        EXPECT_TRUE(server[2].has(tcp_flag::rst));
        EXPECT_EQ(server[2].tcp.sequence,
                  c.base + upload.head.size() + upload.front.size() + upload.rest.size());
    }
}

TEST(Denial, TheEndOfABodyLeavesAlthoughTheRequestBehindItMustWaitForAnAnswer) {
    const Upload upload;
    PolicyParts parts;
    parts.limits.requests_in_flight = 1;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    c.client(upload.head + upload.front);
    c.client(upload.rest + with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), upload.head + upload.front + upload.rest)
        << "the server can only answer a request that it has in full";
    c.client_next -= static_cast<std::uint32_t>(with_credentials.size());
    c.server(ok_response);
    c.client(with_credentials);  // TCP sends it again
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed"));
}

TEST(Denial, SourceThatNoRuleAllowsIsRefusedAtItsSyn) {
    Wire wire;
    Connection c(wire, "198.18.0.1");
    TcpFrame syn;
    wire.send(Side::outside, syn.from("198.18.0.1", 40000).to("198.51.100.10", 9200).seq(77).syn().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    const auto client = wire.to_client();
    ASSERT_EQ(client.size(), 1U);
    EXPECT_TRUE(client[0].has(tcp_flag::rst));
    EXPECT_EQ(client[0].tcp.acknowledgement, 78U);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:source_not_allowed"));
}

TEST(Denial, ActionDropIsSilentTowardsTheClient) {
    PolicyParts parts;
    parts.default_action = Action::drop;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    c.client(without_credentials);
    EXPECT_THAT(wire.to_client(), IsEmpty());
    const auto server = wire.to_server();
    ASSERT_EQ(server.size(), 1U);
    EXPECT_TRUE(server[0].has(tcp_flag::rst));
    c.client("x");
    EXPECT_THAT(wire.to_client(), IsEmpty());
}

TEST(Denial, ActionResetResetsBothEndsAtExactPositions) {
    PolicyParts parts;
    parts.default_action = Action::reset;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    c.client(without_credentials);
    const auto client = wire.to_client();
    ASSERT_EQ(client.size(), 1U);
    EXPECT_TRUE(client[0].has(tcp_flag::rst));
    EXPECT_EQ(client[0].tcp.sequence, c.server_next);
    EXPECT_EQ(wire.to_server().at(0).tcp.sequence, c.base);
}

TEST(Denial, HeadInPiecesIsJudgedAtItsLastByte) {
    for (std::size_t cut = 1; cut < without_credentials.size(); ++cut) {
        Wire wire;
        Connection c(wire);
        c.open();
        c.client(without_credentials.substr(0, cut));
        c.client(without_credentials.substr(cut));
        const std::string reached = stream_of(wire.to_server(), c.base);
        EXPECT_EQ(reached, without_credentials.substr(0, reached.size()));
        // Not even the CR of the empty line: some servers take a bare CR for a line end.
        EXPECT_LE(reached.size(), without_credentials.size() - 2) << "cut at " << cut;
        EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials")) << "cut at " << cut;
    }
}

TEST(Observe, EveryFrameLeavesAsItCameAndEveryDenialIsReported) {
    PolicyParts parts;
    parts.mode = Mode::observe;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    for (int i = 0; i < 3; ++i) {
        const Bytes sent = c.client_frame().payload(without_credentials).build();
        c.client_next += static_cast<std::uint32_t>(without_credentials.size());
        wire.send(Side::outside, sent);
        const auto server = wire.to_server();
        ASSERT_EQ(server.size(), 1U);
        EXPECT_EQ(server[0].bytes, sent);
        c.server(ok_response);
        EXPECT_EQ(wire.to_client().size(), 1U);
    }
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:no_credentials", "would_deny:no_credentials",
                                                 "would_deny:no_credentials"));
    const auto responses = wire.log.of(EventKind::response);
    ASSERT_EQ(responses.size(), 3U);
    EXPECT_EQ(responses[2].record.status, 200);
    EXPECT_EQ(responses[2].record.response_bytes, 5U);
    EXPECT_EQ(responses[2].record.request_number, 3U);
}

TEST(Observe, WhatAServerSaysAfterAResetLeavesToo) {
    PolicyParts parts;
    parts.mode = Mode::observe;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    c.client(with_credentials);
    c.outside(c.client_frame().flags(tcp_flag::rst));
    c.server(ok_response);
    EXPECT_EQ(wire.to_client().size(), 1U);
}

TEST(Observe, AHeadThatGivesWayToAnotherIsStillForwarded) {
    PolicyParts parts;
    parts.mode = Mode::observe;
    parts.limits.open_heads = 1;
    Wire wire(std::move(parts));
    Connection slow(wire);
    slow.open();
    slow.client("GET / HTTP/1.1\r\n");
    Connection other(wire, "192.0.2.2");
    other.open();
    other.client("GET / HTTP/1.1\r\n");
    (void)wire.to_server();
    slow.client("Host: x\r\n\r\n");
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    slow.server(ok_response);
    EXPECT_THAT(wire.to_client(), SizeIs(1));
    other.client("Host: x\r\n\r\n");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:no_credentials"));
}

TEST(Observe, OutOfOrderSegmentsLeaveAtOnceAndAreStillJudged) {
    PolicyParts parts;
    parts.mode = Mode::observe;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    c.client_at(20, without_credentials.substr(20));
    EXPECT_EQ(wire.to_server().size(), 1U);
    c.client_at(0, without_credentials.substr(0, 20));
    EXPECT_EQ(wire.to_server().size(), 1U);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:no_credentials"));
}

TEST(TcpService, IsJudgedBySourceAlone) {
    Wire wire;
    Connection c(wire, "192.0.2.9", 40001, "198.51.100.10", 6379);
    c.open();
    c.server("-NOAUTH or banner: a server may speak first here\r\n");
    c.client("PING\r\n");
    EXPECT_EQ(wire.to_server().size(), 1U);
    EXPECT_EQ(wire.to_client().size(), 1U);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));

    TcpFrame syn;
    wire.send(Side::outside, syn.from("203.0.113.5", 40000).to("198.51.100.10", 6379).seq(77).syn().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
}

TEST(AnyCredentials, ARequestWithoutCredentialsCarriesNoBody) {
    Wire wire;
    Connection c(wire, "203.0.113.5");
    c.open();
    c.client("GET /_cluster/health HTTP/1.1\r\nHost: db\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_THAT(stream_of(wire.to_server(), c.base), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:body_not_allowed"));
}

TEST(AnyCredentials, NothingFollowsARequestWithoutCredentialsBeforeItsAnswer) {
    Wire wire;
    Connection c(wire, "203.0.113.5");
    c.open();
    const std::string probe = "GET /_cluster/health HTTP/1.1\r\nHost: db\r\n\r\n";
    c.client(probe + probe);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), probe);
    c.client_next = c.base + static_cast<std::uint32_t>(probe.size());
    c.client(probe);  // TCP sends it again: too early
    EXPECT_THAT(wire.to_server(), IsEmpty());
    c.client_next = c.base + static_cast<std::uint32_t>(probe.size());
    c.server(ok_response);
    EXPECT_EQ(wire.to_server().size(), 1U) << "the answer lets the second request go";
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "allowed"));
}

}  // namespace
}  // namespace springlatch::test
