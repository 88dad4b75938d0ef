// Requests in IP fragments, where the policy says that they are put together: judged as if they had come
// whole, and what leaves is never a fragment.
#include "tests/support/fragments.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "dataplane/flow/reassembly.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Reassembling : PolicyParts {
    Reassembling() {
        reassemble_fragments = true;
        limits.fragments = 256;
    }
};

struct FragmentTest : ::testing::Test {
    Wire wire{Reassembling{}};
    Connection c{wire};
    void SetUp() override {
        wire.room = 2048;
        wire.on_leave = [](const Left& left) {
            EXPECT_NE(left.outcome, DecodeOutcome::fragment) << "a fragment left";
        };
        c.open();
    }
    void send(const std::vector<Bytes>& frames, Side side = Side::outside) {
        for (const Bytes& frame : frames) wire.send(side, frame);
    }
    void refused(const Bytes& frame, Reason reason) {
        const std::uint64_t before = wire.dropped(reason);
        wire.send(Side::outside, frame);
        EXPECT_THAT(wire.to_server(), IsEmpty());
        EXPECT_GT(wire.dropped(reason), before) << name_of(reason);
    }
    [[nodiscard]] Bytes request(const std::string& text = with_credentials) const {
        return c.client_frame().payload(text).build();
    }
    void expect_each_frame_counted_once() const {
        const Counters& counters = wire.counters();
        std::uint64_t accounted = counters.frames_held + counters.frames_forwarded[0] +
                                  counters.frames_forwarded[1] + counters.frames_reassembled;
        for (const std::uint64_t dropped : counters.frames_dropped) accounted += dropped;
        EXPECT_EQ(accounted, counters.frames_in[0] + counters.frames_in[1]);
    }
    void TearDown() override { expect_each_frame_counted_once(); }
};

// 5
TEST_F(FragmentTest, AnAllowedRequestInFragmentsLeavesAsOneFrame) {
    std::vector<Bytes> parts = fragments_of(request(), {24, 64, 104});
    std::reverse(parts.begin(), parts.end());
    send(parts);
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].bytes, reassembled(request()));
    EXPECT_EQ(left[0].outcome, DecodeOutcome::tcp) << "both checksums";
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed"));
    EXPECT_EQ(wire.counters().frames_reassembled, 3U);
    EXPECT_EQ(wire.counters().frames_held, 0U);
}
TEST_F(FragmentTest, ADeniedRequestInFragmentsIsCutAndNothingOfItLeaves) {
    send(fragments_of(request(without_credentials), {24, 64}));
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_TRUE(left[0].made);
    EXPECT_TRUE(left[0].has(tcp_flag::rst));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
    const auto reply = wire.to_client();
    ASSERT_THAT(reply, SizeIs(1));
    EXPECT_THAT(reply[0].payload(), ::testing::StartsWith("HTTP/1.1 401"));
}
TEST_F(FragmentTest, OfAnAllowedAndADeniedRequestInOneDatagramTheAllowedOneLeaves) {
    send(fragments_of(request(with_credentials + without_credentials), {80, 128}));
    const auto left = wire.to_server();
    EXPECT_EQ(stream_of(left, c.base), with_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:no_credentials"));
}
TEST_F(FragmentTest, ADatagramAheadOfItsTurnWaitsLikeAnySegment) {
    const std::size_t half = with_credentials.size() / 2;
    const Bytes second = c.client_frame()
                             .seq(c.base + static_cast<std::uint32_t>(half))
                             .payload(with_credentials.substr(half))
                             .build();
    send(fragments_of(second, {24, 40}, 1));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    send(fragments_of(request(with_credentials.substr(0, half)), {40}, 2));
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials);
    EXPECT_EQ(wire.counters().frames_held, 0U);
}
TEST_F(FragmentTest, ManyDatagramsOnTheirWayAtOnceAreKeptApart) {
    std::string stream;
    for (int i = 0; i < 20; ++i) stream += with_credentials;
    std::vector<Bytes> first;
    std::vector<Bytes> last;
    std::uint32_t id = 0;
    for (std::size_t at = 0; at < stream.size(); at += 40, ++id) {
        const Bytes whole = c.client_frame()
                                .seq(c.base + static_cast<std::uint32_t>(at))
                                .payload(stream.substr(at, 40))
                                .build();
        const auto parts = fragments_of(whole, {40}, id);
        first.push_back(parts[0]);
        last.push_back(parts[1]);
        if (first.size() == 60) {
            send(last);
            send(first);
            first.clear();
            last.clear();
        }
    }
    send(last);
    send(first);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), stream);
}
TEST_F(FragmentTest, WholeSegmentsAndFragmentsMayTakeTurns) {
    c.client(with_credentials.substr(0, 30));
    const Bytes rest = c.client_frame().payload(with_credentials.substr(30)).build();
    send(fragments_of(rest, {24}));
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials);
}

// 1, 2
TEST_F(FragmentTest, TinyFirstFragmentsAreRefused) {
    refused(fragment_of(request(), 0, 8, true, 1), Reason::fragment);
    refused(fragment_of(request(), 0, 16, true, 2), Reason::fragment);
    refused(fragment_of(request(), 8, 40, true, 3), Reason::fragment);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:fragment", "denied:fragment", "denied:fragment"));
}
// 3, 4
TEST_F(FragmentTest, OverlapsOfEqualAndOfDifferingBytesDropTheWholeDatagram) {
    std::uint32_t id = 100;
    for (const bool equal : {true, false}) {
        for (const auto& [from, bytes] : {std::pair{16, 16}, {24, 8}, {56, 16}, {32, 40}, {0, 32}}) {
            Bytes overlap =
                fragment_of(request(equal ? with_credentials : without_credentials),
                            static_cast<std::size_t>(from), static_cast<std::size_t>(bytes), true, ++id);
            if (from == 16) overlap = fragment_of(request(), 24, 24, true, id);
            const std::uint64_t before = wire.dropped(Reason::fragment_overlap);
            send(
                {fragment_of(request(), 0, 24, true, id), fragment_of(request(), 24, 40, true, id), overlap});
            send(fragments_of(request(), {24, 64}, id));
            EXPECT_THAT(wire.to_server(), IsEmpty()) << from << " " << bytes;
            EXPECT_EQ(wire.dropped(Reason::fragment_overlap), before + 6);
        }
    }
    EXPECT_THAT(wire.log.verdicts(), SizeIs(10)) << "one event a datagram";
}
TEST_F(FragmentTest, FragmentsOfTwoDatagramsCannotBeMixedBehindUs) {
    // Where fragments themselves left, one of each pair could be made to die on the way (its hop limit), and
    // the server would put the other two together.
    Bytes good = request();
    Bytes other = request(with_credentials);
    const std::string mix = without_credentials.substr(0, 40);
    send({fragment_of(good, 0, 64, true, 9), fragment_of(good, 64, ip_payload_bytes(good) - 64, false, 9)});
    send(
        {fragment_of(other, 0, 64, true, 9), fragment_of(other, 64, ip_payload_bytes(other) - 64, false, 9)});
    for (const Left& left : wire.to_server()) EXPECT_EQ(left.bytes, reassembled(good, 9));
}
TEST_F(FragmentTest, ADatagramWithAWrongTcpChecksumIsDropped) {
    Bytes spoiled = request();
    spoiled.back() ^= std::byte{1};
    send(fragments_of(spoiled, {24, 64}));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::bad_checksum), 1U);
}

// 6
TEST_F(FragmentTest, AMillionNeverCompletedDatagramsAreBoundedAndHonestOnesStillPass) {
    for (std::uint32_t i = 0; i < 1'000'000; ++i) {
        Bytes frame = fragment_of(request(), 24, 40, true, i);
        frame[26 + 2] = static_cast<std::byte>(i >> 8U);  // the source address
        frame[14 + 10] = frame[14 + 11] = std::byte{0};
        const std::uint16_t sum = slow_checksum(std::span{frame}.subspan(14, 20));
        frame[14 + 10] = static_cast<std::byte>(sum >> 8U);
        frame[14 + 11] = static_cast<std::byte>(sum & 0xffU);
        wire.send(Side::outside, frame);
        ASSERT_LE(wire.counters().frames_held, 256U);
    }
    EXPECT_EQ(wire.counters().frames_held, 256U);
    EXPECT_EQ(wire.dropped(Reason::out_of_resources), 1'000'000U - 256U);
    send(fragments_of(request(), {24, 64}, 0x1234'5678));
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials);
    wire.advance_seconds(fragment_seconds_max + 1);
    for (int i = 0; i < 1000; ++i) wire.idle();
    EXPECT_EQ(wire.counters().frames_held, 0U);
    EXPECT_GE(wire.dropped(Reason::fragment_timeout), 190U);
}
TEST_F(FragmentTest, FragmentsThatNeverBecomeWholeTimeOutAndTheSegmentCanBeSentAgain) {
    const auto parts = fragments_of(request(), {24, 64});
    send({parts[0], parts[2]});
    wire.advance_seconds(fragment_seconds_max + 1);
    for (int i = 0; i < 10; ++i) wire.idle();
    EXPECT_EQ(wire.counters().frames_held, 0U);
    EXPECT_EQ(wire.dropped(Reason::fragment_timeout), 2U);
    send(fragments_of(request(), {40}));
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials);
}
TEST_F(FragmentTest, DatagramsThatContradictThemselvesAreRefused) {
    const Bytes whole = request();
    refused(fragment_at(whole, 0, 64, false, 1, 65'512), Reason::malformed_ip);  // the ping of death
    refused(fragment_of(whole, 24, 36, true, 2), Reason::malformed_ip);
    wire.send(Side::outside, fragment_of(whole, 64, 40, false, 3));
    refused(fragment_of(whole, 104, ip_payload_bytes(whole) - 104, false, 3), Reason::malformed_ip);
}
TEST_F(FragmentTest, ADatagramForWhichNoFrameHasRoomIsRefused) {
    const Bytes large = request("POST / HTTP/1.1\r\n" + std::string(3000, 'x'));
    send(fragments_of(large, {1480, 2960}));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::frame_too_large), 3U);
}
TEST(FragmentMtu, NoPacketLongerThanThePortsTakeIsMade) {
    InspectorOptions options;
    options.packet_bytes_max = 1500;
    Wire wire(Reassembling{}, options);
    wire.room = 2048;
    Connection c(wire);
    c.open();
    for (const std::size_t payload : {1460U, 1461U}) {
        const Bytes whole = c.client_frame().payload("GET /" + std::string(payload - 5, 'x')).build();
        for (const Bytes& part : fragments_of(whole, {1400})) wire.send(Side::outside, part);
        EXPECT_THAT(wire.to_server(), SizeIs(payload == 1460 ? 1 : 0));
    }
}

// 8, 10
TEST_F(FragmentTest, OptionsAndExtensionHeadersAreStillRefused) {
    refused(c.client_frame().ip_options(raw({1, 1, 1, 1})).fragment_word(0x2000).payload("12345678").build(),
            Reason::ip_options);
    TcpFrame before;
    before.from("2001:db8:1::5", 40000).to("2001:db8::10", 9200).seq(1).ack(2).payload("12345678");
    before.extension(60, {0, 0, 0, 0, 0, 0, 0}).extension(44, {0, 0, 1, 0, 0, 0, 9});
    refused(before.build(), Reason::extension_headers);
    TcpFrame inside;
    inside.from("2001:db8:1::5", 40000).to("2001:db8::10", 9200).seq(1).ack(2).payload("12345678");
    for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{0, 43, 60}) {
        TcpFrame atomic = inside;
        atomic.extension(44, {0, 0, 0, 0, 0, 0, 9}).extension(kind, {0, 0, 0, 0, 0, 0, 0});
        refused(atomic.build(), Reason::extension_headers);
    }
    TcpFrame nested = inside;
    nested.extension(44, {0, 0, 0, 0, 0, 0, 9}).extension(44, {0, 0, 1, 0, 0, 0, 9});
    refused(nested.build(), Reason::extension_headers);
}

struct FragmentV6 : FragmentTest {
    Connection six{wire, "2001:db8:1::5", 41000, "2001:db8::10", 9200};
    void SetUp() override {
        FragmentTest::SetUp();
        six.open();
    }
};
TEST_F(FragmentV6, RequestsInFragmentsAreJudgedWhole) {
    send(fragments_of(six.client_frame().payload(with_credentials).build(), {24, 64}));
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].bytes, six.client_frame().payload(with_credentials).build());
    six.client_next += static_cast<std::uint32_t>(with_credentials.size());
    send(fragments_of(six.client_frame().payload(without_credentials).build(), {24, 64}));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:no_credentials"));
}
// 7
TEST_F(FragmentV6, AnAtomicFragmentIsJudgedAndLeavesWithoutItsFragmentHeader) {
    const Bytes whole = six.client_frame().payload(with_credentials).build();
    wire.send(Side::outside, fragment_of(whole, 0, ip_payload_bytes(whole), false));
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].bytes, whole);
}
TEST_F(FragmentV6, AnAtomicFragmentWithADeniedRequestIsCut) {
    const Bytes whole = six.client_frame().payload(without_credentials).build();
    wire.send(Side::outside, fragment_of(whole, 0, ip_payload_bytes(whole), false));
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:no_credentials"));
}

// The server's direction
TEST_F(FragmentTest, AnswersInFragmentsAreReadAndLeaveWhole) {
    c.client(with_credentials);
    (void)wire.to_server();
    c.client_acked = c.client_next;
    const Bytes answer = c.server_frame().payload(ok_response).build();
    send(fragments_of(answer, {24, 40}), Side::inside);
    const auto left = wire.to_client();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].bytes, reassembled(answer));
    const auto responses = wire.log.of(EventKind::response);
    ASSERT_THAT(responses, SizeIs(1));
    EXPECT_EQ(responses[0].record.status, 200);
    EXPECT_EQ(responses[0].record.response_bytes, 5U);
}
TEST_F(FragmentTest, FragmentsWithTheServersAddressFromOutsideAreRefused) {
    const Bytes answer = c.server_frame().payload(ok_response).build();
    send(fragments_of(answer, {24, 40}), Side::outside);
    EXPECT_THAT(wire.to_client(), IsEmpty());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::spoofed_source), 1U);
}
TEST_F(FragmentTest, FragmentsOfBothSidesAreNotMixed) {
    const Bytes answer = c.server_frame().payload(ok_response).build();
    const auto parts = fragments_of(answer, {40});
    wire.send(Side::inside, parts[0]);
    wire.send(Side::outside, parts[1]);
    EXPECT_EQ(wire.counters().frames_held, 2U);
    wire.send(Side::inside, parts[1]);
    EXPECT_THAT(wire.to_client(), SizeIs(1));
}

TEST_F(FragmentTest, OtherProtocolsTowardsAProtectedAddressAreJudgedWholeToo) {
    TcpFrame dns;
    dns.from("198.18.0.1", 0)
        .to("198.51.100.10", 0)
        .layer4(17, to_bytes("\x01\x02\x03\x04" + std::string(100, 'd')));
    send(fragments_of(dns.build(), {8, 48}));
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    Bytes vxlan = raw({0x10, 0x00, 0x12, 0xb5, 0, 108, 0, 0});
    vxlan.resize(108);
    TcpFrame tunnel;
    tunnel.from("198.18.0.1", 0).to("198.51.100.10", 0).layer4(17, vxlan);
    send(fragments_of(tunnel.build(), {8, 48}));
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::tunnel_not_allowed), 1U);
}
TEST_F(FragmentTest, FragmentsOfOthersPassAsTheyCame) {
    wire.on_leave = nullptr;
    TcpFrame other;
    other.from("192.0.2.1", 1).to("198.51.100.99", 80).seq(1).ack(1).payload(std::string(100, 'x'));
    for (const Bytes& part : fragments_of(other.build(), {40})) {
        wire.send(Side::outside, part);
        const auto left = wire.to_server();
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_EQ(left[0].bytes, part);
    }
    TcpFrame ntp;
    ntp.from("198.51.100.10", 0).to("192.0.2.1", 0).layer4(17, to_bytes(std::string(100, 'n')));
    for (const Bytes& part : fragments_of(ntp.build(), {40})) {
        wire.send(Side::inside, part);
        EXPECT_THAT(wire.to_client(), SizeIs(1));
    }
}
TEST(FragmentObserve, ObserveModeForwardsEveryFragmentAsItCame) {
    Reassembling parts;
    parts.mode = Mode::observe;
    Wire wire(std::move(parts));
    Connection c(wire);
    c.open();
    for (const Bytes& part : fragments_of(c.client_frame().payload(without_credentials).build(), {24, 64})) {
        wire.send(Side::outside, part);
        const auto left = wire.to_server();
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_EQ(left[0].bytes, part);
    }
}
TEST(FragmentEnd, FragmentsStillWaitingAtTheEndComeBack) {
    Wire wire(Reassembling{});
    Connection c(wire);
    c.open();
    const Bytes whole = c.client_frame().payload(with_credentials).build();
    for (std::uint32_t id = 0; id < 10; ++id) wire.send(Side::outside, fragment_of(whole, 24, 40, true, id));
}

// Properties

[[nodiscard]] std::vector<std::size_t> random_cuts(std::size_t first, std::size_t total) {
    std::vector<std::size_t> cuts;
    const int rarity = *rc::gen::element(1, 3, 10);
    for (std::size_t at = (first + 7) / 8 * 8; at < total; at += 8) {
        if (*rc::gen::inRange(0, rarity) == 0) cuts.push_back(at);
    }
    return cuts;
}
template <typename T>
void shuffle(std::vector<T>& list) {
    for (std::size_t i = list.size(); i > 1; --i) {
        std::swap(list[i - 1], list[*rc::gen::inRange<std::size_t>(0, i)]);
    }
}
[[nodiscard]] Connection connection(Wire& wire, bool v6) {
    return v6 ? Connection(wire, "2001:db8:1::5", 40000, "2001:db8::10", 9200) : Connection(wire);
}

RC_GTEST_PROP(Fragments, AnyFragmentationInAnyOrderGivesTheVerdictsAndBytesOfTheUnfragmentedStream, ()) {
    std::string stream;
    const std::size_t requests = *rc::gen::inRange<std::size_t>(1, 5);
    for (std::size_t i = 0; i < requests; ++i) {
        stream += *rc::gen::element(
            with_credentials, with_credentials, without_credentials,
            std::string(
                "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\nContent-Length: 30\r\n"
                "\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n"
                ""),
            std::string("GET / HTTP/1.1\nHost: x\r\n\r\n"));
    }
    const bool v6 = *rc::gen::arbitrary<bool>();
    const bool stamps = *rc::gen::arbitrary<bool>();
    Wire plain{Reassembling{}};
    Wire wire{Reassembling{}};
    wire.room = 2048;
    Connection reference = connection(plain, v6);
    Connection c = connection(wire, v6);
    reference.open();
    c.open();
    std::vector<Left> expected;
    std::vector<Left> left;
    std::uint32_t id = *rc::gen::arbitrary<std::uint16_t>();
    for (std::size_t at = 0; at < stream.size();) {
        const std::size_t bytes =
            std::min<std::size_t>(stream.size() - at, *rc::gen::inRange<std::size_t>(1, 400));
        TcpFrame segment =
            c.client_frame().seq(c.base + static_cast<std::uint32_t>(at)).payload(stream.substr(at, bytes));
        if (stamps) segment.timestamp(1000, 2000);
        const Bytes whole = segment.build();
        plain.send(Side::outside, whole);
        for (Left& one : plain.to_server()) expected.push_back(std::move(one));
        auto parts = fragments_of(whole, random_cuts(stamps ? 32 : 20, ip_payload_bytes(whole)), ++id);
        if (parts.size() > 1 && *rc::gen::arbitrary<bool>())
            parts.push_back(parts[*rc::gen::inRange<std::size_t>(0, parts.size())]);
        if (*rc::gen::arbitrary<bool>()) shuffle(parts);
        for (const Bytes& part : parts) wire.send(Side::outside, part);
        for (Left& one : wire.to_server()) left.push_back(std::move(one));
        at += bytes;
    }
    RC_ASSERT(plain.log.verdicts() == wire.log.verdicts());
    RC_ASSERT(stream_of(expected, c.base) == stream_of(left, c.base));
    RC_ASSERT(left.size() == expected.size());
    for (const Left& one : left) RC_ASSERT(one.outcome == DecodeOutcome::tcp);
}

RC_GTEST_PROP(Fragments, NoMixtureOfFragmentsEverMakesMoreThanWasJudged, ()) {
    // Fragments of an allowed and of a denied request with one identification, overlapping in any way, in any
    // order, with any hop limits: what leaves are whole frames, and their stream has no denied request.
    Wire wire{Reassembling{}};
    wire.room = 2048;
    const bool v6 = *rc::gen::arbitrary<bool>();
    Connection c = connection(wire, v6);
    c.open();
    const std::string bad =
        without_credentials + std::string(with_credentials.size() - without_credentials.size(), ' ');
    RC_ASSERT(bad.size() == with_credentials.size());
    const Bytes good_frame = c.client_frame().payload(with_credentials).build();
    const std::size_t total = ip_payload_bytes(good_frame);
    const std::size_t count = *rc::gen::inRange<std::size_t>(2, 20);
    std::vector<Bytes> parts;
    for (std::size_t i = 0; i < count; ++i) {
        TcpFrame frame = c.client_frame().payload(*rc::gen::element(with_credentials, bad));
        frame.ttl(*rc::gen::element<std::uint8_t>(1, 64));
        const Bytes whole = frame.build();
        const std::uint32_t id = *rc::gen::element(1U, 1U, 2U);
        if (*rc::gen::arbitrary<bool>()) {
            for (Bytes& part : fragments_of(whole, random_cuts(20, total), id))
                parts.push_back(std::move(part));
            continue;
        }
        const std::size_t from = *rc::gen::inRange<std::size_t>(0, total / 8) * 8;
        const std::size_t bytes = *rc::gen::inRange<std::size_t>(1, total - from + 1);
        const bool more = bytes % 8 == 0 && from + bytes < total;
        if (from != 0 || more) {
            parts.push_back(fragment_at(whole, from, bytes, more, id, from));
        }
    }
    if (*rc::gen::arbitrary<bool>()) shuffle(parts);
    std::vector<Left> left;
    for (const Bytes& part : parts) {
        wire.send(Side::outside, part);
        for (Left& one : wire.to_server()) left.push_back(std::move(one));
    }
    for (const Left& one : left) {
        RC_ASSERT(one.outcome == DecodeOutcome::tcp);
        RC_ASSERT(one.payload().empty() || one.payload() == with_credentials);
    }
}

}  // namespace
}  // namespace springlatch::test
