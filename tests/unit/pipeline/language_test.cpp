// The rest of the policy language where it meets connections: what lives on is judged anew, and what is only
// observed leaves as it came.
#include <gmock/gmock.h>

#include "tests/support/allocations.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t hour_ns = 3'600'000'000'000;
constexpr std::uint64_t start_ns = 1'700'000'000'000'000'000U;  // where a Wire begins

PolicyParts expiring() {
    PolicyParts parts;
    for (Rule& rule : parts.rules) rule.expires_ns = start_ns + hour_ns;
    return parts;
}

TEST(Expiry, AConnectionThatLivesOnGetsNoFurtherRequestThrough) {
    Wire wire(expiring());
    Connection c(wire);
    c.open();
    c.client(with_credentials);
    c.server(ok_response);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
    wire.now_ns = start_ns + hour_ns;
    (void)wire.to_server();
    c.client(with_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:source_not_allowed"));
}

TEST(Expiry, AConnectionToATcpServiceIsCutWithItsNextPacket) {
    Wire wire(expiring());
    Connection c(wire, "192.0.2.1", 40000, "198.51.100.10", 6379);
    c.open();
    c.client("PING\r\n");
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    wire.now_ns = start_ns + hour_ns;
    c.client("GET secret\r\n");
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_TRUE(left[0].has(tcp_flag::rst));
    EXPECT_THAT(wire.log.verdicts(), Contains("denied:source_not_allowed"));
}

TEST(Expiry, NobodyConnectsAnyMore) {
    Wire wire(expiring());
    wire.now_ns = start_ns + hour_ns;
    wire.send(Side::outside, TcpFrame().from("192.0.2.1", 1).to("198.51.100.10", 9200).syn().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:source_not_allowed"));
}

/// The Elasticsearch service is observed, the `tcp` service at the same address is enforced.
PolicyParts one_observed() {
    PolicyParts parts;
    parts.services[0].mode = Mode::observe;
    parts.rules[0].zones = {0};  // nobody who is known may come any more
    parts.rules[2].zones = {0};
    return parts;
}

TEST(ServiceMode, WhatIsObservedLeavesAndWhatIsEnforcedDoesNot) {
    Wire wire(one_observed());
    Connection observed(wire);
    observed.open();
    observed.client("GET / HTTP/1.1\nno HTTP that anybody should take\n\n");
    observed.client("\x16\x03\x01");
    EXPECT_EQ(stream_of(wire.to_server(), observed.base),
              "GET / HTTP/1.1\nno HTTP that anybody should take\n\n\x16\x03\x01");
    wire.send(Side::outside, TcpFrame().from("192.0.2.1", 40001).to("198.51.100.10", 6379).syn().build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:source_not_allowed", "would_deny:malformed_http",
                                                 "denied:source_not_allowed"));
}

TEST(ServiceMode, ItDoesNotRubOffOnTheNextPacketOfAnotherService) {
    Wire wire(one_observed());
    const Bytes to_observed = TcpFrame().from("192.0.2.1", 1).to("198.51.100.10", 9200).ack(1).build();
    const Bytes to_enforced = TcpFrame().from("192.0.2.1", 2).to("198.51.100.10", 6379).ack(1).build();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(wire.send(Side::outside, to_observed).fate, Fate::forward);
        EXPECT_EQ(wire.send(Side::outside, to_enforced).fate, Fate::drop);
    }
}

TEST(Observe, WithoutRoomForCopiesEveryFrameStillLeaves) {
    PolicyParts parts;
    parts.mode = Mode::observe;
    parts.limits.retained_bytes = 4096;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    std::string sent;
    for (int i = 0; i < 200; ++i) {  // nothing is acknowledged, so every head has to be kept
        c.client(with_credentials);
        sent += with_credentials;
    }
    EXPECT_EQ(stream_of(wire.to_server(), c.base), sent);
    EXPECT_THAT(wire.log.verdicts(), Contains("would_deny:out_of_resources"));
}

TEST(Paths, AreAskedOnThePacketPathWithoutTakingMemory) {
    PolicyParts parts;
    parts.path_expressions = {"/support-[a-z]+(,[a-z]+)*/_search"};
    parts.patterns.paths = *PatternSet::compile(parts.path_expressions, Extent::whole);
    parts.patterns.heads = *PatternSet::compile({"\\$\\{jndi:"}, Extent::anywhere);
    parts.patches = {{.name = "log4j", .head = 0}};
    parts.rules[0].paths = {0};
    Wire wire(std::move(parts));
    wire.log.keep = false;
    Connection c(wire);
    c.open();
    std::uint64_t allocations = 0;
    wire.around_inspect = [&](bool before) {
        if (before) allocations -= counted_allocations();
        count_allocations(before);
        if (!before) allocations += counted_allocations();
    };
    const auto ask = [&](const std::string& path, const std::string& more = "") {
        c.client("GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n" + more + "\r\n");
        c.server(ok_response);
    };
    for (int i = 0; i < 5; ++i) ask("/support-cases/_search");
    ask("/support-cases%2Cnotes/_search/");
    EXPECT_EQ(wire.counters().requests_allowed, 6U);
    ask("/support-cases/_search", "User-Agent: ${jndi:ldap://x}\r\n");
    EXPECT_EQ(wire.counters().requests_denied[static_cast<std::size_t>(Reason::patched)], 1U);
    EXPECT_EQ(allocations, 0U);
}

}  // namespace
}  // namespace springlatch::test
