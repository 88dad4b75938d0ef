// A SYN-ACK that is late: it answers an earlier SYN than the connection that we have seen since, and whoever
// knows its numbers tries to begin the stream anew at a place where the server is not.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The beginning of a request without credentials, and one with credentials and the same length.
const std::string secret_part = "GET /secret HTTP/1.1\r\nHost: x\r\nX: aaaaaaaaaaaaaaaaaaaaa";
const std::string decoy_part = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nX: ";
const std::string end_of_head = "\r\n\r\n";

struct HandshakeRace : testing::Test {
    void syn(Connection& of, std::uint32_t isn) {
        of.client_next = isn;
        of.outside(of.client_frame().ack_number(0).flags(tcp_flag::syn));
        of.client_next = of.client_acked = of.base = isn + 1;
    }
    void syn_ack(Connection& of, std::uint32_t isn) {
        of.server_next = isn;
        of.inside(of.server_frame().syn());
        of.server_next = isn + 1;
    }
    /// SYNs with 1,000 and 200,000; the server answers both, and the second answer is on its way when the
    /// first is completed. With SYN cookies the answers' numbers differ as the SYNs' do.
    void answer_late() {
        syn(other, 1000);
        syn(real, 200'000);
        syn(other, 1000);
        syn_ack(real, 900'000);
        real.client(secret_part);
        syn_ack(other, 900'000 - 199'000);
    }
    void expect_that_the_other_stays_closed() {
        (void)wire.to_server();
        for (int tries = 0; tries < 3; ++tries) {
            other.client_at(0, decoy_part + end_of_head);
            for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
        }
    }
    /// Where the server has bytes already it ignores others; what it lacks is read as their continuation.
    void expect_that_the_stream_goes_on() {
        (void)wire.to_server();
        real.client_at(0, decoy_part + end_of_head);
        for (const Left& left : wire.to_server()) {
            EXPECT_EQ(left.payload(), left.made ? "" : decoy_part);
        }
        EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
    }
    Wire wire;
    Connection real{wire};
    Connection other{wire};
};

TEST_F(HandshakeRace, ALateCopyOfTheSynAckDoesNotBeginTheStreamAnew) {
    ASSERT_EQ(secret_part.size(), decoy_part.size());
    real.open();
    real.client(secret_part);
    syn(other, 500'000);  // makes us forget what the first SYN was
    (void)wire.to_client();
    real.inside(real.server_frame().seq(real.server_next - 1).syn());
    EXPECT_THAT(wire.to_client(), SizeIs(1));
    real.server_acks();
    expect_that_the_stream_goes_on();
}
TEST_F(HandshakeRace, WhatMayBeALateCopyBehindTheAcknowledgementCuts) {
    real.open();
    real.client(secret_part);
    syn(other, 500'000);
    real.server_acks();
    real.inside(real.server_frame().seq(real.server_next - 1).ack(real.base).syn());
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:bad_handshake"));
    (void)wire.to_server();
    real.client_at(0, decoy_part + end_of_head);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
}
/// A new connection whose numbers lie a little below those of one that ended: what is old to that one is new
/// to the server, and its acknowledgements are not beyond what was sent.
struct NumbersBelow : HandshakeRace {
    static constexpr std::uint32_t below = 20'000;
    void SetUp() override {
        real.open();
        for (int i = 0; i < 40; ++i) {
            real.client(with_credentials);
            real.server("HTTP/1.1 200 OK\r\nContent-Length: 960\r\n\r\n" + std::string(960, 'x'));
        }
        (void)wire.to_client();
    }
    void begin_below() {
        syn(other, real.client_next - 1000);
        other.server_next = real.server_next - below;
        (void)wire.to_server();
    }
    void nothing_unjudged_leaves() {
        other.outside(other.client_frame());
        other.client_at(0, without_credentials);
        for (const Left& left : wire.to_server()) {
            EXPECT_THAT(left.payload(), IsEmpty());
            EXPECT_TRUE(left.has(tcp_flag::rst)) << "it would complete the handshake";
        }
    }
};
TEST_F(NumbersBelow, OfAnOpenOnePassNothing) {
    begin_below();
    syn_ack(other, other.server_next);
    nothing_unjudged_leaves();
}
TEST_F(NumbersBelow, OfAClosedOnePassNothing) {
    real.outside(real.client_frame().rst());
    begin_below();
    syn_ack(other, other.server_next);
    nothing_unjudged_leaves();
}
TEST_F(NumbersBelow, WhoseSynIsForgottenPassNothing) {
    real.outside(real.client_frame().rst());
    begin_below();
    other.inside(other.server_frame().syn().payload("as if we had forgotten the SYN"));
    ++other.server_next;
    nothing_unjudged_leaves();
}
TEST_F(NumbersBelow, WorkOnceTheServerSaysItAgain) {
    real.outside(real.client_frame().rst());
    begin_below();
    for (int i = 0; i < 2; ++i) {
        other.server_next = real.server_next - below;
        syn_ack(other, other.server_next);
    }
    (void)wire.to_server();
    other.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), other.base), with_credentials);
}
TEST_F(HandshakeRace, TheAnswerToAnEarlierSynCutsWhatHasBegunMeanwhile) {
    answer_late();
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:bad_handshake"));
    expect_that_the_other_stays_closed();
    real.server_acks();
    expect_that_the_other_stays_closed();
    syn(other, 1000);
    syn_ack(other, 900'000 - 199'000);
    expect_that_the_other_stays_closed();
}
// A cookie is good for two minutes; a handshake is remembered here for less.
TEST_F(HandshakeRace, WhatTheServerLeftStaysShutWhenTheNewHandshakeIsForgotten) {
    real.open();
    real.client(with_credentials);
    real.server(ok_response);
    syn(other, real.client_next - 100'000);
    syn_ack(other, real.server_next - 100'000);
    wire.advance_seconds(90);
    (void)wire.to_server();
    other.outside(other.client_frame());
    other.client_at(0, without_credentials);
    EXPECT_THAT(wire.to_server(), IsEmpty());
}
TEST_F(HandshakeRace, NothingThatWasOnItsWayIsBelievedBehindAResetThatTheServerMayNeverGet) {
    real.open();
    real.outside(real.client_frame().ttl(1).flags(tcp_flag::rst));
    syn(other, 500'000);
    syn_ack(other, 700'000);
    expect_that_the_other_stays_closed();
}
TEST_F(HandshakeRace, ASynAckOfASecondLaterIsANewConnection) {
    answer_late();
    wire.advance_seconds(2);
    syn(other, 1000);
    syn_ack(other, 900'000 - 199'000);
    (void)wire.to_server();
    other.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), other.base), with_credentials);
}
TEST_F(HandshakeRace, WhereNothingLeftBeforeTheCutTheSamePortsWorkAtOnce) {
    real.open();
    real.client(without_credentials);
    syn(other, 500'000);
    syn_ack(other, 700'000);
    (void)wire.to_server();
    other.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), other.base), with_credentials);
}

}  // namespace
}  // namespace springlatch::test
