// Another policy takes over while connections are open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/allocations.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint16_t bit(http::Method method) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method));
}

const std::string post =
    "POST /support-cases/_doc HTTP/1.1\r\nHost: db\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n"
    "Content-Length: 2\r\n\r\n{}";

PolicyParts heads_only() {
    PolicyParts parts;
    parts.rules[0].methods = bit(http::Method::head);
    return parts;
}

/// "known" may reach nothing any more.
PolicyParts without_known() {
    PolicyParts parts;
    parts.rules.erase(parts.rules.begin());
    parts.rules.pop_back();
    return parts;
}

/// The same rules; every zone and service has another index, and a stranger stands where it was.
PolicyParts renumbered() {
    PolicyParts parts;
    parts.zone_names = {"probe", "spare", "known", "internet"};
    std::vector<AddressRange> ranges(parts.zones.ranges().begin(), parts.zones.ranges().end());
    for (AddressRange& range : ranges) {
        range.value = std::array<std::uint16_t, 3>{3, 2, 0}[range.value];
    }
    parts.zones = RangeMap(std::move(ranges));
    std::swap(parts.services[0], parts.services[1]);
    parts.rules[0].zones = parts.rules[2].zones = {2};
    parts.rules[1].zones = {0};
    parts.rules[0].services = parts.rules[1].services = {1};
    parts.rules[2].services = {0};
    return parts;
}

PolicyParts observing() {
    PolicyParts parts;
    parts.mode = Mode::observe;
    return parts;
}

std::string payloads(const std::vector<Left>& frames) {
    std::string all;
    for (const Left& left : frames) all += left.payload();
    return all;
}

bool resets(const std::vector<Left>& frames) {
    return frames.size() == 1 && frames[0].made && frames[0].has(tcp_flag::rst);
}

TEST(Adopt, WhereverTheSwapFallsARequestIsJudgedByThePolicyInForceWhenItsHeadEnds) {
    const std::string& whole = with_credentials;
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        Wire wire;
        Connection c(wire);
        c.open();
        c.client(whole.substr(0, cut));
        wire.adopt(heads_only());
        c.client(whole.substr(cut));
        // A head is complete for some servers at the CR of its empty line.
        const bool complete_before = cut == whole.size() - 1;
        ASSERT_EQ(payloads(wire.to_server()), complete_before ? whole : whole.substr(0, cut)) << cut;
        ASSERT_THAT(wire.log.verdicts(),
                    ElementsAre(complete_before ? "allowed" : "denied:operation_not_allowed"))
            << cut;
    }
}

TEST(Adopt, WhatTheOldPolicyDeniedTheNewOneAllowsOnANewConnectionAtOnce) {
    Wire wire(heads_only());
    Connection before(wire);
    before.open();
    before.client(with_credentials);
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:operation_not_allowed"));
    wire.adopt(PolicyParts());
    (void)wire.to_server();
    Connection after(wire, "192.0.2.1", 40001);
    after.open();
    after.client(with_credentials);
    EXPECT_EQ(payloads(wire.to_server()), with_credentials);
}

TEST(Adopt, ASegmentHeldSinceBeforeTheSwapIsJudgedByTheNewPolicyInItsTurn) {
    Wire wire;
    Connection c(wire);
    c.open();
    const std::string body = "0123456789";
    const std::string first =
        "POST /support-cases/_doc HTTP/1.1\r\nHost: db\r\nAuthorization: Basic "
        "dXNlcjpzZWNyZXQ=\r\nContent-Length: 10\r\n\r\n";
    (void)c.client_at(static_cast<std::uint32_t>(first.size() + body.size()), with_credentials);
    wire.adopt(heads_only());
    (void)c.client_at(0, first + body);
    EXPECT_EQ(payloads(wire.to_server()), "");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:operation_not_allowed"));
}

TEST(Adopt, AConnectionWhoseSourceIsNoLongerAllowedIsCutAtBothEndsWithTheNextFrameOfEitherSide) {
    for (const bool client_speaks : {true, false}) {
        for (const bool as_tcp : {true, false}) {
            Wire wire;
            Connection c(wire, "192.0.2.1", 40000, "198.51.100.10", as_tcp ? 6379 : 9200);
            c.open();
            c.client(with_credentials);
            (void)wire.to_server();
            wire.adopt(without_known());
            const Verdict verdict = client_speaks ? c.client(with_credentials) : c.server(ok_response);
            EXPECT_EQ(verdict.fate, Fate::drop);
            EXPECT_EQ(verdict.reason, Reason::source_not_allowed);
            EXPECT_TRUE(resets(wire.to_server()));
            EXPECT_TRUE(resets(wire.to_client()));
            EXPECT_EQ(wire.log.verdicts().back(), "denied:source_not_allowed");
            c.client(with_credentials);
            EXPECT_EQ(payloads(wire.to_server()), "");
        }
    }
}

TEST(Adopt, AHandshakeThatBeganBeforeTheSwapIsNotFinishedByASourceThatIsNoLongerAllowed) {
    Wire wire;
    Connection c(wire);
    TcpFrame syn;
    c.outside(syn.from("192.0.2.1", 40000).to("198.51.100.10", 9200).seq(c.client_next++).syn());
    TcpFrame syn_ack;
    c.inside(syn_ack.from("198.51.100.10", 9200)
                 .to("192.0.2.1", 40000)
                 .seq(c.server_next++)
                 .ack(c.client_next)
                 .syn());
    (void)wire.to_server();
    (void)wire.to_client();
    wire.adopt(without_known());
    EXPECT_EQ(c.outside(c.client_frame()).reason, Reason::source_not_allowed);
    EXPECT_TRUE(resets(wire.to_server()));
    EXPECT_TRUE(resets(wire.to_client()));
}

TEST(Adopt, AnAllowedConnectionGoesOnThoughEveryIndexOfThePolicyChanges) {
    Wire wire;
    Connection probe(wire, "203.0.113.5");
    probe.open();
    Connection c(wire);
    c.open();
    c.client(with_credentials);
    wire.adopt(renumbered());
    c.server(ok_response);
    c.client(with_credentials);
    EXPECT_EQ(payloads(wire.to_server()), with_credentials + with_credentials);
    EXPECT_EQ(payloads(wire.to_client()), ok_response);
    const auto requests = wire.log.of(EventKind::request);
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0].record.generation, 1U);
    EXPECT_EQ(requests[0].record.zone, 1);
    EXPECT_EQ(requests[0].record.service, 0);
    EXPECT_EQ(requests[1].record.generation, 2U);
    EXPECT_EQ(requests[1].record.zone, 2);
    EXPECT_EQ(requests[1].record.service, 1);
    probe.client(without_credentials);
    EXPECT_EQ(payloads(wire.to_server()), without_credentials) << "its zone's old index is another's now";
}

TEST(Adopt, AnUploadUnderWayArrivesWholeAndTheRequestBehindItIsJudgedByTheNewPolicy) {
    Wire wire;
    Connection c(wire);
    c.open();
    const std::string body(3000, 'b');
    const std::string upload =
        "POST /support-cases/_doc HTTP/1.1\r\nHost: db\r\nAuthorization: Basic "
        "dXNlcjpzZWNyZXQ=\r\nContent-Length: 3000\r\n\r\n";
    c.client(upload + body.substr(0, 1000));
    wire.adopt(heads_only());
    c.client(body.substr(1000, 1000));
    c.client(body.substr(2000));
    EXPECT_EQ(payloads(wire.to_server()), upload + body);
    c.server(ok_response);
    c.client(with_credentials);
    EXPECT_EQ(payloads(wire.to_server()), "");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:operation_not_allowed"));
}

TEST(Adopt, AConnectionThatNobodyUsedDuringManySwapsIsLookedUpAgainAllTheSame) {
    for (int swaps = 1; swaps < 8; ++swaps) {
        Wire wire;
        Connection c(wire);
        c.open();
        for (int i = 1; i < swaps; ++i) {
            wire.adopt(i % 2 == 0 ? PolicyParts() : renumbered());
        }
        wire.adopt(without_known());
        EXPECT_EQ(c.client(with_credentials).reason, Reason::source_not_allowed) << swaps;
        EXPECT_EQ(payloads(wire.to_server()), "");
    }
}

TEST(Adopt, ASecondSwapWaitsUntilAllConnectionsAreMarkedAndThatTakesABoundedNumberOfBursts) {
    const auto first = std::make_shared<const CompiledPolicy>(PolicyParts());
    PolicyParts parts;
    EventLog log;
    Inspector inspector(first, log, {});
    Output out(first->frames_kept_max());
    parts.generation = 2;
    const auto adoption = inspector.prepare(std::make_shared<const CompiledPolicy>(std::move(parts)));
    EXPECT_TRUE(inspector.can_adopt());
    inspector.adopt(*adoption);
    EXPECT_EQ(adoption->policy, first) << "what is no longer used is freed elsewhere";
    EXPECT_FALSE(inspector.can_adopt());
    for (std::uint32_t bursts = 0; bursts < first->limits().flows / 256; ++bursts) {
        out.clear();
        inspector.idle(1'700'000'000'000'000'000U, out);
    }
    EXPECT_TRUE(inspector.can_adopt());
}

TEST(Adopt, AServiceThatIsNoLongerOnePassesAndOneThatBecomesOneCutsWhatItDidNotSeeBegin) {
    PolicyParts other;
    other.services[0].addresses = {{ip("198.51.100.11"), ip("198.51.100.11"), 0}};
    Wire wire;
    Connection gone(wire);
    gone.open();
    Connection fresh(wire, "192.0.2.1", 40001, "198.51.100.11");
    fresh.open();
    wire.adopt(std::move(other));
    gone.client("anything");
    EXPECT_EQ(payloads(wire.to_server()), "anything");
    EXPECT_EQ(fresh.client(with_credentials).reason, Reason::midstream);
    EXPECT_EQ(payloads(wire.to_server()), "");
}

TEST(Adopt, AServiceThatChangesItsProtocolCutsWhatWasReadOtherwise) {
    for (const bool to_tcp : {true, false}) {
        PolicyParts as_tcp;
        as_tcp.services[0].protocol = ServiceProtocol::tcp;
        PolicyParts as_search;
        as_search.services[1].protocol = ServiceProtocol::elasticsearch;
        as_search.services[1].tls_allowed = true;
        Wire wire;
        Connection c(wire, "192.0.2.1", 40000, "198.51.100.10", to_tcp ? 9200 : 6379);
        c.open();
        c.client(with_credentials);
        (void)wire.to_server();
        wire.adopt(std::move(to_tcp ? as_tcp : as_search));
        EXPECT_EQ(c.client(with_credentials).reason, Reason::midstream);
        EXPECT_TRUE(resets(wire.to_server()));
        EXPECT_TRUE(resets(wire.to_client()));
    }
}

TEST(Adopt, TlsThatIsStillAllowedGoesOnAndTlsThatIsNotIsCut) {
    const auto allowed = [] {
        PolicyParts parts;
        parts.services[0].tls_allowed = true;
        return parts;
    };
    const std::string hello("\x16\x03\x01\x00\x05hello", 10);
    for (const bool still : {true, false}) {
        Wire wire(allowed());
        Connection c(wire);
        c.open();
        c.client(hello);
        (void)wire.to_server();
        wire.adopt(still ? allowed() : PolicyParts());
        c.client("more");
        EXPECT_EQ(payloads(wire.to_server()), still ? "more" : "");
        EXPECT_EQ(wire.dropped(Reason::midstream), still ? 0U : 1U);
    }
}

TEST(Adopt, WhatWasOnlyObservedIsCutWhenEnforcementBeginsSinceBytesMayHaveLeftThatNobodyRead) {
    for (const bool sweep_first : {true, false}) {
        Wire wire(observing());
        Connection c(wire);
        c.open();
        c.client(with_credentials);
        c.server(ok_response);
        (void)wire.to_server();
        (void)wire.to_client();
        wire.adopt(PolicyParts());
        if (sweep_first) {
            for (int i = 0; i < 8; ++i) wire.idle();
        }
        c.client(with_credentials);
        EXPECT_EQ(payloads(wire.to_server()), "") << sweep_first;
        EXPECT_EQ(wire.to_client().size(), 1U) << "the client learns of it";
        EXPECT_EQ(wire.counters().connections_refused[static_cast<std::size_t>(Reason::midstream)], 1U);
        Connection again(wire, "192.0.2.1", 40001);
        again.open();
        again.client(with_credentials);
        EXPECT_EQ(payloads(wire.to_server()), with_credentials);
    }
}

TEST(Adopt, FromEnforceToObserveNothingIsDroppedAnyMore) {
    Wire wire;
    Connection c(wire);
    c.open();
    wire.adopt(observing());
    c.client(without_credentials);
    c.client("\x01 no request");
    EXPECT_EQ(payloads(wire.to_server()), without_credentials + "\x01 no request");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("would_deny:no_credentials", "would_deny:malformed_http"));
}

TEST(Adopt, NeitherTheSwapNorTheFramesBehindItAllocate) {
    Wire wire;
    wire.log.keep = false;
    Connection c(wire);
    c.open();
    Connection cut(wire, "203.0.113.5");
    cut.open();
    const std::uint64_t before = counted_allocations();
    wire.around_inspect = [](bool begins) { count_allocations(begins); };
    PolicyParts next = renumbered();
    next.rules.erase(next.rules.begin() + 1);
    next.identity_names = {"owner"};
    wire.adopt(std::move(next));
    c.client(with_credentials);
    cut.client(without_credentials);
    EXPECT_EQ(counted_allocations(), before);
    EXPECT_EQ(wire.dropped(Reason::source_not_allowed), 1U);
}

// ---- credentials ----

/// Knows which value is whose, and tells when the test says so.
struct Control final : CredentialVerifier {
    std::vector<CheckRequest> asked;
    bool ready() const noexcept override { return true; }
    Asked ask(const CheckRequest& request, CheckAnswer&) noexcept override {
        asked.push_back(request);
        return Asked::queued;
    }
    CheckAnswer accept(std::uint16_t identity) {
        return {asked.back().fingerprint, CheckResult::accepted, identity, UINT32_MAX,
                asked.back().generation};
    }
};

constexpr std::array<std::uint8_t, 32> digest_of_owner{1};
constexpr std::array<std::uint8_t, 32> digest_of_guest{2};

/// Only the identity at `owner` may come in.
PolicyParts with_identities(std::vector<std::string> names, std::vector<std::array<std::uint8_t, 32>> digests,
                            std::uint16_t owner) {
    PolicyParts parts;
    parts.identity_names = std::move(names);
    parts.identity_digests = std::move(digests);
    parts.rules[0].credentials = CredentialNeed::verified;
    parts.rules[0].identities = {owner};
    return parts;
}

struct Guarded {
    static InspectorOptions options(Control& control) {
        InspectorOptions options;
        options.verifier = &control;
        options.credential_key = {3, 4};
        return options;
    }
    explicit Guarded(PolicyParts parts) : wire(std::move(parts), options(control)), c(wire) { c.open(); }
    bool passes() {
        (void)wire.to_server();
        (void)c.client_at(c.client_next - c.base, with_credentials);
        const bool passed = payloads(wire.to_server()) == with_credentials;
        if (passed) {
            c.client_next += static_cast<std::uint32_t>(with_credentials.size());
            c.server(ok_response);
        }
        return passed;
    }
    Control control;
    Wire wire;
    Connection c;
};

TEST(AdoptCredentials, AKnownValueOfTheSameIdentityGoesOnThoughItsIndexChanges) {
    Guarded g(with_identities({"owner"}, {digest_of_owner}, 0));
    EXPECT_FALSE(g.passes());
    g.wire.learn(g.control.accept(0));
    EXPECT_TRUE(g.passes());
    g.wire.adopt(with_identities({"guest", "owner"}, {digest_of_guest, digest_of_owner}, 1));
    EXPECT_TRUE(g.passes());
    EXPECT_EQ(g.control.asked.size(), 1U) << "it was checked once";
    EXPECT_EQ(g.wire.log.of(EventKind::request).back().record.identity, 1);
}

TEST(AdoptCredentials, AKnownValueIsNeverTakenForTheIdentityThatNowHasItsIndex) {
    for (const bool same_name : {true, false}) {
        Guarded g(with_identities({"owner"}, {digest_of_owner}, 0));
        EXPECT_FALSE(g.passes());
        g.wire.learn(g.control.accept(0));
        EXPECT_TRUE(g.passes());
        g.wire.adopt(with_identities({same_name ? "owner" : "guest"}, {digest_of_guest}, 0));
        EXPECT_FALSE(g.passes()) << "another secret stands at this index now";
        EXPECT_EQ(g.control.asked.size(), 2U) << "it is asked for again";
        EXPECT_EQ(g.control.asked.back().generation, 2U);
    }
}

TEST(AdoptCredentials, AnAnswerToAQuestionOfTheOldPolicyIsNotTakenForTheNewOne) {
    Guarded g(with_identities({"owner"}, {digest_of_owner}, 0));
    EXPECT_FALSE(g.passes());
    const CheckAnswer late = g.control.accept(0);
    g.wire.adopt(with_identities({"guest"}, {digest_of_guest}, 0));
    g.wire.learn(late);
    EXPECT_FALSE(g.passes());
    EXPECT_EQ(g.control.asked.size(), 2U);
    g.wire.learn(g.control.accept(0));
    EXPECT_TRUE(g.passes()) << "the new policy's own answer counts";
}

TEST(AdoptCredentials, AnAnswerThatWasUnderWayCountsWhereItsIdentityIsTheSame) {
    Guarded g(with_identities({"owner"}, {digest_of_owner}, 0));
    EXPECT_FALSE(g.passes());
    const CheckAnswer late = g.control.accept(0);
    g.wire.adopt(with_identities({"guest", "owner"}, {digest_of_guest, digest_of_owner}, 1));
    g.wire.learn(late);
    EXPECT_TRUE(g.passes());
}

TEST(AdoptCredentials, ARefusalIsAskedForAgainSinceTheNewPolicyMayKnowTheValue) {
    Guarded g(with_identities({"owner"}, {digest_of_owner}, 0));
    EXPECT_FALSE(g.passes());
    g.wire.learn({g.control.asked.back().fingerprint, CheckResult::refused, no_identity, UINT32_MAX, 1});
    g.wire.adopt(with_identities({"owner"}, {digest_of_guest}, 0));
    EXPECT_FALSE(g.passes());
    EXPECT_EQ(g.control.asked.size(), 2U);
}

TEST(AdoptCredentials, APolicyWithoutIdentitiesIsFollowedByOneThatHasSome) {
    Guarded g{PolicyParts()};
    EXPECT_TRUE(g.passes());
    g.wire.adopt(with_identities({"owner"}, {digest_of_owner}, 0));
    EXPECT_FALSE(g.passes());
    g.wire.learn(g.control.accept(0));
    EXPECT_TRUE(g.passes());
    g.wire.adopt(PolicyParts());
    g.wire.adopt(with_identities({"owner"}, {digest_of_owner}, 0));
    EXPECT_FALSE(g.passes()) << "in between nobody could say whose it was";
}

// ---- any order of frames and swaps ----

struct Stage {
    PolicyParts (*parts)();
    bool get = false;
    bool post = false;
    [[nodiscard]] bool known_may_enter() const { return get || post; }
};

PolicyParts everything() {
    return {};
}

PolicyParts get_only() {
    PolicyParts parts = renumbered();
    parts.rules[0].methods = bit(http::Method::get);
    return parts;
}

PolicyParts post_only() {
    PolicyParts parts;
    parts.rules[0].methods = bit(http::Method::post);
    parts.limits.idle_seconds = 60;
    return parts;
}

constexpr std::array<Stage, 5> policies = {{{everything, true, true},
                                            {renumbered, true, true},
                                            {get_only, true, false},
                                            {post_only, false, true},
                                            {without_known, false, false}}};

/// Ends of heads in a stream of `with_credentials` and `post`: position of the CR that completes one → is it
/// a GET.
std::map<std::size_t, bool> heads_of(const std::string& stream) {
    std::map<std::size_t, bool> heads;
    for (std::size_t at = 0; at < stream.size();) {
        const bool get = stream[at] == 'G';
        const std::size_t end = stream.find("\r\n\r\n", at);
        if (end == std::string::npos) break;
        heads[end + 2] = get;
        at = end + 4 + (get ? 0 : 2);
    }
    return heads;
}

/// Clients that send in any segments, in any order and again, while any policies come and go: of no request
/// that the policy in force denies did the completing byte leave, and under a policy that shuts the source
/// out no byte at all.
RC_GTEST_PROP(AdoptAnywhere, NothingLeavesThatThePolicyInForceDenies, ()) {
    Wire wire(policies[0].parts());
    std::size_t in_force = 0;
    constexpr std::size_t clients = 3;
    std::vector<Connection> ends;
    std::vector<std::string> streams(clients);
    std::vector<std::size_t> sent(clients);
    for (std::size_t i = 0; i < clients; ++i) {
        ends.emplace_back(wire, "192.0.2.1", static_cast<std::uint16_t>(40000 + i));
        ends.back().open();
        const auto kinds = *rc::gen::container<std::vector<bool>>(4, rc::gen::arbitrary<bool>());
        for (const bool get : kinds) streams[i] += get ? with_credentials : post;
    }
    /// [client]: position → the policy in force when its first copy left
    std::vector<std::map<std::size_t, std::size_t>> left(clients);
    wire.on_leave = [&](const Left& frame) {
        if (frame.side != Side::inside || frame.made || frame.tcp.payload_bytes == 0) return;
        const std::size_t client = frame.tcp.source_port - 40000U;
        RC_ASSERT(policies[in_force].known_may_enter());
        const std::size_t at = frame.tcp.sequence - ends[client].base;
        for (std::size_t i = 0; i < frame.tcp.payload_bytes; ++i) left[client].emplace(at + i, in_force);
    };
    const auto steps = *rc::gen::inRange(10, 60);
    for (int step = 0; step < steps; ++step) {
        const auto client = *rc::gen::inRange<std::size_t>(0, clients);
        Connection& end = ends[client];
        const int kind = *rc::gen::inRange(0, 12);
        if (kind == 0) {
            in_force = *rc::gen::inRange<std::size_t>(0, policies.size());
            wire.adopt(policies[in_force].parts());
        } else if (kind == 1) {
            end.client_next = end.base + static_cast<std::uint32_t>(left[client].size());
            end.server(ok_response);
        } else {
            const bool in_order = kind < 9;
            const std::size_t from =
                in_order ? sent[client] : *rc::gen::inRange<std::size_t>(0, streams[client].size());
            const std::size_t most = streams[client].size() - from;
            if (most == 0) continue;
            const std::size_t bytes = std::min(most, *rc::gen::element<std::size_t>(1, 7, 60, 120, 400));
            (void)end.client_at(static_cast<std::uint32_t>(from), streams[client].substr(from, bytes));
            if (in_order) sent[client] += bytes;
        }
    }
    for (std::size_t client = 0; client < clients; ++client) {
        for (const auto& [position, get] : heads_of(streams[client])) {
            const auto found = left[client].find(position);
            if (found != left[client].end()) {
                RC_ASSERT((get ? policies[found->second].get : policies[found->second].post));
            }
        }
    }
}

}  // namespace
}  // namespace springlatch::test
