// P4: bounded. Every table, pool and queue has a fixed size, taken at start; nothing is allocated on the
// packet path; full means a defined, counted outcome, never a crash and never "let it through".
//
// Each test fills one of them, with limits that a few packets reach. All of them hold the inspector to its
// memory and to the allocations it may make: none.
#include <gmock/gmock.h>

#include <deque>

#include "tests/support/allocations.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint32_t flows = 64;

PolicyParts tight() {
    PolicyParts parts;
    parts.limits.flows = flows;
    parts.limits.held_segments = 8;
    parts.limits.held_segments_per_flow = 5;
    parts.limits.open_heads = 2;
    parts.limits.retained_bytes = 16 * 512;
    parts.limits.requests_in_flight = 4;
    return parts;
}

struct P4Bounded : ::testing::Test {
    Wire wire{tight()};
    std::size_t memory = 0;
    std::uint64_t allocations = 0;
    std::deque<Connection> connections;

    void SetUp() override {
        wire.log.keep = false;
        memory = wire.memory_bytes();
        allocations = counted_allocations();
        wire.around_inspect = [](bool begins) { count_allocations(begins); };
    }
    void TearDown() override {
        EXPECT_EQ(wire.memory_bytes(), memory);
        EXPECT_EQ(counted_allocations(), allocations) << "the packet path allocated";
        wire.around_inspect = nullptr;
    }
    Connection& connect() {
        const auto number = static_cast<std::uint32_t>(connections.size());
        connections.emplace_back(wire, "192.0.2." + std::to_string(number % 250 + 1),
                                 static_cast<std::uint16_t>(40000 + number));
        connections.back().open();
        return connections.back();
    }
    std::uint64_t refused() const {
        return wire.counters().connections_refused[static_cast<std::size_t>(Reason::out_of_resources)];
    }
    /// What of a connection's bytes is on its way to the server now.
    std::string reached(const Connection& c) { return stream_of(wire.to_server(), c.base); }
};

TEST_F(P4Bounded, AFullFlowTableTakesNoNewConnectionAndKeepsThoseItHas) {
    while (wire.counters().connections < flows && connections.size() < std::size_t{2} * flows) connect();
    for (int i = 0; i < 20; ++i) connect();
    EXPECT_GE(wire.counters().connections, flows * 9 / 10);
    EXPECT_GE(refused(), 20U);
    EXPECT_GE(wire.dropped(Reason::out_of_resources), 20U) << "the third packet does not pass";
    Connection& late = connections.back();
    for (const std::string& text : {with_credentials, without_credentials}) {
        late.client(text);
        for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty()) << "let through";
    }
    Connection& first = connections.front();
    first.client(with_credentials);
    EXPECT_EQ(reached(first), with_credentials);
    // Once one of them is over, its record serves the next.
    first.outside(first.client_frame().flags(tcp_flag::rst));
    for (std::size_t i = 1; i < flows / 2; ++i) {
        connections[i].outside(connections[i].client_frame().flags(tcp_flag::rst));
    }
    const std::uint64_t before = wire.counters().connections;
    Connection& next = connect();
    EXPECT_EQ(wire.counters().connections, before + 1);
    EXPECT_GE(wire.counters().flows_evicted, 1U);
    next.client(with_credentials);
    EXPECT_EQ(reached(next), with_credentials);
}

TEST_F(P4Bounded, ASynFloodForgetsHandshakesAndLetsNothingInWithoutOne) {
    Connection& open = connect();
    Connection slow(wire, "192.0.2.200", 50000);
    slow.outside(TcpFrame().from("192.0.2.200", 50000).to("198.51.100.10", 9200).seq(1000).syn());
    slow.inside(TcpFrame().from("198.51.100.10", 9200).to("192.0.2.200", 50000).seq(5000).ack(1001).syn());
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        wire.send(Side::outside, TcpFrame()
                                     .from(IpAddress::v4(0xc0000200U + i % 250U),
                                           static_cast<std::uint16_t>(1024U + i / 250U))
                                     .to("198.51.100.10", 9200)
                                     .seq(i)
                                     .syn()
                                     .build());
    }
    EXPECT_GT(wire.counters().half_open_evicted, 19'000U);
    EXPECT_EQ(wire.counters().flows, 1U) << "a flood of SYNs never touches the flow table";
    (void)wire.to_server();
    slow.client_next = 1001;
    slow.server_next = 5001;
    slow.client(with_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::midstream), 1U) << "its handshake was pushed out";
    open.client(with_credentials);
    EXPECT_EQ(reached(open), with_credentials);
}

TEST_F(P4Bounded, FullHeldPoolDropsWhatComesTooEarlyForTcpToSendAgain) {
    Connection& a = connect();
    Connection& b = connect();
    for (std::uint32_t i = 0; i < 30; ++i) {
        a.client_at(10 + i, std::string_view{without_credentials}.substr(10 + i, 1));
        b.client_at(10 + i, std::string_view{with_credentials}.substr(10 + i, 1));
    }
    EXPECT_EQ(wire.counters().frames_held, 8U) << "five of one connection, three of the other";
    EXPECT_EQ(wire.dropped(Reason::out_of_resources), 60U - 8U);
    EXPECT_THAT(wire.to_server(), IsEmpty());
    b.client_at(0, with_credentials);
    EXPECT_EQ(reached(b), with_credentials);
    a.client_at(0, without_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_EQ(wire.counters().requests_denied[static_cast<std::size_t>(Reason::no_credentials)], 1U);
    EXPECT_EQ(wire.counters().frames_held, 0U);
}

TEST_F(P4Bounded, FullCopiesOfControlBytesHoldTheClientBackUntilTheServerAcknowledges) {
    // Pipelined requests whose answers come while the server acknowledges nothing of them.
    Connection& c = connect();
    const std::string request =
        "GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nX: " + std::string(400, 'x') + "\r\n\r\n";
    std::string sent;
    while (wire.dropped(Reason::out_of_resources) == 0 && sent.size() < 100'000) {
        c.client(request);
        sent += request;
        c.inside(c.server_frame().payload(ok_response));
        c.server_next += static_cast<std::uint32_t>(ok_response.size());
    }
    ASSERT_EQ(wire.dropped(Reason::out_of_resources), 1U);
    const std::string passed = sent.substr(0, sent.size() - request.size());
    EXPECT_EQ(reached(c), passed);
    c.client_next = c.base + static_cast<std::uint32_t>(passed.size());
    c.client(request);
    EXPECT_THAT(wire.to_server(), IsEmpty()) << "neither forwarded unread nor kept elsewhere";
    c.client_next = c.base + static_cast<std::uint32_t>(passed.size());
    c.server_acks();
    c.client(request);
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "with the acknowledgement it goes on";
    c.client(without_credentials);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
}

TEST_F(P4Bounded, FullOpenHeadsGiveUpTheOldest) {
    for (int i = 0; i < 5; ++i) connect().client("GET /slow HTTP/1.1\r\n");
    (void)wire.to_server();
    EXPECT_EQ(refused(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        connections[i].client("Host: x\r\nAuthorization: Basic dTpw\r\n\r\n");
        for (const Left& left : wire.to_server())
            EXPECT_THAT(left.payload(), IsEmpty()) << "connection " << i;
    }
    connections[4].client("Host: x\r\n\r\n");
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_EQ(wire.counters().requests_denied[static_cast<std::size_t>(Reason::no_credentials)], 1U);
}

TEST_F(P4Bounded, RequestsInFlightWaitForAnswers) {
    Connection& c = connect();
    std::string many;
    for (int i = 0; i < 6; ++i) many += with_credentials;
    c.client(many + without_credentials);
    EXPECT_EQ(reached(c), many.substr(0, 4 * with_credentials.size()));
    c.client_next = c.base + static_cast<std::uint32_t>(4 * with_credentials.size());
    for (int i = 0; i < 4; ++i) c.server(ok_response);
    c.client(many.substr(4 * with_credentials.size()) + without_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), c.base + static_cast<std::uint32_t>(4 * with_credentials.size())),
              many.substr(4 * with_credentials.size()));
}

/// A control process that takes every question and answers none.
struct Silent final : CredentialVerifier {
    std::uint64_t asked = 0;
    [[nodiscard]] bool ready() const noexcept override { return true; }
    [[nodiscard]] Asked ask(const CheckRequest&, CheckAnswer&) noexcept override {
        ++asked;
        return Asked::queued;
    }
};

TEST(P4BoundedChecks, CredentialsThatFindNoRoomToBeCheckedAreDeniedAndNothingGrows) {
    PolicyParts parts = tight();
    parts.limits.flows = 256;
    parts.identity_names = {"somebody"};
    parts.rules[0].credentials = CredentialNeed::verified;
    parts.limits.credentials.checks_per_minute = 1000;
    Silent control;
    InspectorOptions options;
    options.verifier = &control;
    Wire wire(std::move(parts), options);
    wire.log.keep = false;
    const std::size_t memory = wire.memory_bytes();
    const std::uint64_t allocations = counted_allocations();
    wire.around_inspect = [](bool begins) { count_allocations(begins); };
    std::deque<Connection> connections;
    for (std::size_t i = 0; i < 2 * pending_checks_max; ++i) {
        connections.emplace_back(wire, "192.0.2.1", static_cast<std::uint16_t>(41000 + i));
        connections.back().open();
        connections.back().client("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess" +
                                  std::to_string(i) + "\r\n\r\n");
    }
    EXPECT_EQ(control.asked, pending_checks_max);
    EXPECT_EQ(wire.dropped(Reason::credentials_pending), pending_checks_max);
    EXPECT_EQ(wire.counters().requests_denied[static_cast<std::size_t>(Reason::credentials_unchecked)],
              pending_checks_max);
    for (const Left& left : wire.to_server()) EXPECT_THAT(left.payload(), IsEmpty());
    EXPECT_EQ(wire.memory_bytes(), memory);
    EXPECT_EQ(counted_allocations(), allocations) << "the packet path allocated";
    wire.around_inspect = nullptr;
}

/// A sink that never has room: the control process is away and the ring is full.
class FullSink final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return false;
    }
};

TEST(P4BoundedEvents, AFullRingChangesNoVerdict) {
    FullSink full;
    const auto policy = std::make_shared<const CompiledPolicy>(tight());
    Inspector inspector(policy, full, {});
    Output out(policy->limits().held_segments);
    std::vector<Bytes> frames = {
        TcpFrame().seq(1000).syn().build(),
        TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", 40000).seq(5000).ack(1001).syn().build(),
        TcpFrame().seq(1001).ack(5001).build(),
        TcpFrame().seq(1001).ack(5001).payload(with_credentials).build(),
        TcpFrame()
            .seq(1001 + static_cast<std::uint32_t>(with_credentials.size()))
            .ack(5001)
            .payload(without_credentials)
            .build(),
    };
    std::vector<std::size_t> payloads;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        std::array<Frame, 1> burst{Frame{.bytes = frames[i],
                                         .time_ns = 1'700'000'000'000'000'000U + i,
                                         .handle = &frames[i],
                                         .arrived = i == 1 ? Side::inside : Side::outside}};
        out.clear();
        inspector.inspect(burst, out);
        for (const Departure& left : out.departures)
            if (left.out == Side::inside && left.handle != nullptr) payloads.push_back(i);
    }
    EXPECT_THAT(payloads, testing::ElementsAre(0U, 2U, 3U));
    EXPECT_EQ(inspector.counters().requests_denied[static_cast<std::size_t>(Reason::no_credentials)], 1U);
    EXPECT_EQ(inspector.counters().events_lost, inspector.counters().events);
    EXPECT_GE(inspector.counters().events_lost, 2U);
    out.clear();
    inspector.finish(1, out);
}

}  // namespace
}  // namespace springlatch::test
