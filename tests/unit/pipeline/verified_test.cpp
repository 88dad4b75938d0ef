// `credentials: "verified"`: a guess never reaches the server, and the owner is delayed once.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>

#include "tests/support/allocations.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string right = "Basic cmlnaHQ6cmlnaHQ=";
const std::string wrong = "Basic d3Jvbmc6d3Jvbmc=";

std::string request(const std::string& authorization, const std::string& path = "/a/_search") {
    return "GET " + path + " HTTP/1.1\r\nHost: db\r\nAuthorization: " + authorization + "\r\n\r\n";
}

std::string post(const std::string& authorization, const std::string& body) {
    return "POST /x/_search HTTP/1.1\r\nHost: db\r\nAuthorization: " + authorization +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// The control process, played by the test: answers at once, later, or never.
struct Control final : CredentialVerifier {
    bool there = true;
    bool at_once = false;
    bool remembers = true;
    Fingerprint last;
    std::vector<std::pair<Fingerprint, std::string>> asked;
    [[nodiscard]] bool ready() const noexcept override { return there; }
    [[nodiscard]] Asked ask(const CheckRequest& request, CheckAnswer& answer) noexcept override {
        last = request.fingerprint;
        if (!remembers) return Asked::queued;
        asked.emplace_back(request.fingerprint, to_text(request.value));
        answer = answer_of(asked.back());
        return at_once ? Asked::answered : Asked::queued;
    }
    static CheckAnswer answer_of(const std::pair<Fingerprint, std::string>& question) {
        return {question.first, question.second == right ? CheckResult::accepted : CheckResult::refused, 0,
                UINT32_MAX, 1};
    }
};

struct Verified {
    static PolicyParts parts() {
        PolicyParts parts;
        parts.identity_names = {"owner", "somebody-else"};
        parts.rules[0].credentials = CredentialNeed::verified;
        parts.rules[0].identities = {0};
        return parts;
    }
    static InspectorOptions options(Control& control) {
        InspectorOptions options;
        options.verifier = &control;
        options.credential_key = {3, 4};
        return options;
    }
    explicit Verified(PolicyParts policy = parts()) : wire(std::move(policy), options(control)) {}

    void control_answers() { wire.learn(Control::answer_of(control.asked.back())); }

    Control control;
    Wire wire;
};

std::string payloads(const std::vector<Left>& frames) {
    std::string all;
    for (const Left& left : frames) all += left.payload();
    return all;
}

TEST(VerifiedCredentials, TheFirstRequestWaitsOneRetransmissionAndLaterOnesPassAtOnce) {
    Verified v;
    Connection c(v.wire);
    c.open();
    const Verdict first = c.client(request(right));
    EXPECT_EQ(first.fate, Fate::drop);
    EXPECT_EQ(first.reason, Reason::credentials_pending);
    EXPECT_THAT(v.wire.to_server(), IsEmpty());
    EXPECT_THAT(v.wire.to_client(), IsEmpty())
        << "the connection must not be cut while the answer is awaited";
    (void)c.client_at(0, request(right));
    EXPECT_EQ(v.control.asked.size(), 1U) << "a retransmission before the answer is no new question";
    EXPECT_THAT(v.wire.to_server(), IsEmpty());
    v.control_answers();
    (void)c.client_at(0, request(right));
    EXPECT_EQ(payloads(v.wire.to_server()), request(right));
    c.server(ok_response);
    c.client(request(right, "/b/_search"));
    EXPECT_EQ(payloads(v.wire.to_server()), request(right, "/b/_search"));
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("allowed", "allowed"));
    EXPECT_EQ(v.wire.log.of(EventKind::request)[0].record.identity, 0);
    EXPECT_EQ(v.control.asked.size(), 1U);
}

TEST(VerifiedCredentials, AWrongSecretGets401AndNeverReachesTheServer) {
    Verified v;
    Connection c(v.wire);
    c.open();
    c.client(request(wrong));
    v.control_answers();
    (void)c.client_at(0, request(wrong));
    EXPECT_EQ(payloads(v.wire.to_server()), "");
    EXPECT_THAT(payloads(v.wire.to_client()), StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("denied:bad_credentials"));
}

TEST(VerifiedCredentials, TheRetransmissionIsJudgedByItsOwnBytes) {
    // The right secret first, so that it is known to be right; then another in its place.
    Verified v;
    Connection c(v.wire);
    c.open();
    c.client(request(right));
    v.control_answers();
    (void)c.client_at(0, request(wrong));
    EXPECT_EQ(payloads(v.wire.to_server()), "");
    v.control_answers();
    (void)c.client_at(0, request(wrong));
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("denied:bad_credentials"));
}

TEST(VerifiedCredentials, AHeadInPiecesWaitsWithItsLastOneWhereverItIsCut) {
    const std::string whole = request(right);
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
        Verified v;
        Connection c(v.wire);
        c.open();
        c.client(whole.substr(0, cut));
        c.client(whole.substr(cut));
        std::vector<Left> left = v.wire.to_server();
        const std::string before = payloads(left);
        // The head is complete at the CR of its empty line: only then is there anything to judge.
        ASSERT_EQ(before, whole.substr(0, cut < whole.size() - 1 ? cut : 0)) << "cut at " << cut;
        ASSERT_EQ(v.control.asked.size(), 1U) << "cut at " << cut;
        v.control_answers();
        (void)c.client_at(static_cast<std::uint32_t>(before.size()), whole.substr(before.size()));
        for (Left& later : v.wire.to_server()) left.push_back(std::move(later));
        ASSERT_EQ(stream_of(left, c.base), whole) << "cut at " << cut;
        ASSERT_THAT(v.wire.log.verdicts(), ElementsAre("allowed"));
    }
}

TEST(VerifiedCredentials, OfPipelinedRequestsThoseBeforeTheUnknownOneLeave) {
    Verified v;
    v.control.at_once = true;
    Connection c(v.wire);
    c.open();
    c.client(request(right));
    v.control.at_once = false;
    (void)v.wire.to_server();
    c.client(request(right, "/1/_search") + request(wrong, "/2/_search") + request(right, "/3/_search"));
    EXPECT_EQ(payloads(v.wire.to_server()), request(right, "/1/_search"));
    v.control_answers();
    const auto offset =
        static_cast<std::uint32_t>(request(right).size() + request(right, "/1/_search").size());
    (void)c.client_at(offset, request(wrong, "/2/_search") + request(right, "/3/_search"));
    EXPECT_EQ(payloads(v.wire.to_server()), "");
    EXPECT_THAT(v.wire.log.verdicts(),
                ElementsAre("allowed", "allowed", "denied:bad_credentials", "denied:connection_cut"));
}

TEST(VerifiedCredentials, SegmentsBehindTheOneThatWaitsAreHeldAndLeaveInOrder) {
    Verified v;
    Connection c(v.wire);
    c.open();
    const std::string body = "{\"query\":1}";
    const std::string head = "POST /a/_search HTTP/1.1\r\nHost: db\r\nAuthorization: " + right +
                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    c.client(head);
    c.client(body);
    EXPECT_EQ(payloads(v.wire.to_server()), "");
    v.control_answers();
    (void)c.client_at(0, head);
    EXPECT_EQ(stream_of(v.wire.to_server(), c.base), head + body);
}

TEST(VerifiedCredentials, WhatWasLostBehindTheApplianceIsSentAgainThoughWhatFollowsInItsSegmentWaits) {
    Verified v;
    v.control.at_once = true;
    Connection c(v.wire);
    c.open();
    c.client(request(right));
    v.control.at_once = false;
    EXPECT_EQ(payloads(v.wire.to_server()), request(right));
    // The server never got it; the client sends it again, and the next request in the same segment.
    (void)c.client_at(0, request(right) + request(wrong));
    EXPECT_EQ(payloads(v.wire.to_server()), request(right));
    Connection probe(v.wire, "203.0.113.5");
    probe.open();
    probe.client(without_credentials);
    (void)v.wire.to_server();
    (void)probe.client_at(0, without_credentials + without_credentials);
    EXPECT_EQ(payloads(v.wire.to_server()), without_credentials)
        << "the second waits for the answer to the first";
}

TEST(VerifiedCredentials, AnotherIdentityThanTheRuleNamesIsForbidden) {
    PolicyParts parts = Verified::parts();
    parts.rules[0].identities = {1};
    Verified v(std::move(parts));
    v.control.at_once = true;
    Connection c(v.wire);
    c.open();
    c.client(request(right));
    EXPECT_THAT(payloads(v.wire.to_client()), StartsWith("HTTP/1.1 403 "));
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("denied:operation_not_allowed"));
    EXPECT_EQ(v.wire.log.of(EventKind::request)[0].record.identity, 0) << "the record says who it was";
}

TEST(VerifiedCredentials, WithoutTheControlProcessKnownValuesPassAndUnknownOnesGet503) {
    Verified v;
    v.control.at_once = true;
    Connection known(v.wire);
    known.open();
    known.client(request(right));
    v.control.there = false;
    known.server(ok_response);
    (void)v.wire.to_server();
    (void)v.wire.to_client();
    known.client(request(right));
    EXPECT_EQ(payloads(v.wire.to_server()), request(right));
    Connection unknown(v.wire, "192.0.2.1", 40001);
    unknown.open();
    unknown.client(request(wrong));
    EXPECT_EQ(payloads(v.wire.to_server()), "");
    EXPECT_THAT(payloads(v.wire.to_client()), StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("allowed", "allowed", "denied:credentials_unchecked"));
}

TEST(VerifiedCredentials, AnInspectorWithoutAVerifierLetsNobodyIn) {
    Wire wire(Verified::parts());
    Connection c(wire);
    c.open();
    c.client(request(right));
    EXPECT_EQ(payloads(wire.to_server()), "");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("denied:credentials_unchecked"));
}

TEST(VerifiedCredentials, ARequestWhoseCheckIsNeverAnsweredIsDenied) {
    Verified v;
    Connection c(v.wire);
    c.open();
    c.client(request(right));
    v.wire.advance_seconds(6);
    (void)c.client_at(0, request(right));
    EXPECT_EQ(payloads(v.wire.to_server()), "");
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("denied:credentials_unchecked"));
}

TEST(VerifiedCredentials, AThousandGuessesReachNobodyAndTheOwnerBehindTheSameAddressWorksOn) {
    Verified v;
    v.control.at_once = true;
    std::uint16_t port = 41000;
    Connection owner(v.wire);
    owner.open();
    owner.client(request(right));
    std::map<std::string, int> verdicts;
    for (int guess = 0; guess < 1000; ++guess) {
        v.wire.log.events.clear();
        (void)v.wire.to_server();
        (void)v.wire.to_client();
        Connection c(v.wire, "192.0.2.1", ++port);
        c.open();
        c.client(request("Basic " + std::to_string(100'000'000 + guess) + "abc"));
        ASSERT_EQ(payloads(v.wire.to_server()), "");
        ASSERT_EQ(v.wire.log.verdicts().size(), 1U);
        ++verdicts[v.wire.log.verdicts()[0]];
        if (guess % 100 == 0) {
            owner.server(ok_response);
            owner.client(request(right));
            ASSERT_EQ(payloads(v.wire.to_server()), request(right));
        }
    }
    EXPECT_EQ(verdicts["denied:bad_credentials"], 29) << "30 checks at once, one of them the owner's";
    EXPECT_EQ(verdicts["denied:rate_limited"], 971);
}

TEST(VerifiedCredentials, NoCheckIsSpentWhereAnotherConditionDecidesAlready) {
    PolicyParts parts = Verified::parts();
    parts.rules[0].methods = 1U << static_cast<unsigned>(http::Method::head);
    Verified v(std::move(parts));
    Connection c(v.wire);
    c.open();
    c.client(request(wrong));
    EXPECT_THAT(v.control.asked, IsEmpty());
    EXPECT_THAT(v.wire.log.verdicts(), ElementsAre("denied:operation_not_allowed"));
}

TEST(VerifiedCredentials, MalformedMissingOrForeignOnesAreNeverChecked) {
    for (const std::string value : {"Basic ====", "Digest username=a", ""}) {
        Verified v;
        Connection c(v.wire);
        c.open();
        c.client(request(value));
        EXPECT_THAT(v.control.asked, IsEmpty()) << value;
        EXPECT_EQ(payloads(v.wire.to_server()), "");
        EXPECT_THAT(payloads(v.wire.to_client()), StartsWith("HTTP/1.1 401 "));
    }
}

TEST(VerifiedCredentials, ObserveModeForwardsAtOnceAndSaysWhatItDidNotKnow) {
    PolicyParts parts = Verified::parts();
    parts.mode = Mode::observe;
    Verified v(std::move(parts));
    Connection c(v.wire);
    c.open();
    c.client(request(right));
    EXPECT_EQ(payloads(v.wire.to_server()), request(right));
    v.control_answers();
    c.server(ok_response);
    c.client(request(right));
    c.server(ok_response);
    v.control.at_once = true;
    c.client(request(wrong));
    EXPECT_THAT(v.wire.log.verdicts(),
                ElementsAre("would_deny:credentials_pending", "allowed", "would_deny:bad_credentials"));
}

TEST(VerifiedCredentials, NeitherKnownNorUnknownValuesAllocateOnThePacketPath) {
    Verified v;
    v.control.asked.reserve(100);
    v.wire.log.keep = false;
    Connection c(v.wire);
    c.open();
    const std::uint64_t before = counted_allocations();
    v.wire.around_inspect = [](bool begins) { count_allocations(begins); };
    v.control.remembers = false;
    c.client(request(right));
    v.wire.learn({v.control.last, CheckResult::accepted, 0, UINT32_MAX, 1});
    (void)c.client_at(0, request(right));
    c.server(ok_response);
    c.client(request(right));
    c.server(ok_response);
    c.client(request(wrong));
    EXPECT_EQ(counted_allocations(), before);
}

/// A client that sends again from what the server acknowledged, in segments of any size, some of them lost or
/// out of order, while answers come whenever they come.
RC_GTEST_PROP(VerifiedCredentials,
              WhateverTheNetworkAndTheControlProcessDoOnlyRequestsWithTheRightSecretArrive, ()) {
    Verified v;
    Connection c(v.wire);
    c.open();
    const auto kinds = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6));
    std::string stream;
    std::string allowed;
    bool denied = false;
    for (const int kind : kinds) {
        const std::string value = kind == 0 ? wrong : right;
        const std::string body = kind >= 3 ? std::string(static_cast<std::size_t>(kind) * 20, 'b') : "";
        const std::string one = post(value, body);
        denied = denied || kind == 0;
        stream += one;
        allowed += denied ? "" : one;
    }
    std::vector<Left> left;
    std::size_t answered = 0;
    std::size_t done = 0;
    for (int round = 0; round < 12 && done < allowed.size(); ++round) {
        const bool calm =
            round >= 8;  // in the end everything gets through, as it does in any network worth its name
        const auto longest = calm ? std::size_t{1448} : *rc::gen::element<std::size_t>(1, 40, 150, 1448);
        std::vector<std::pair<std::size_t, std::size_t>> segments;
        for (std::size_t at = done; at < stream.size(); at += longest) {
            segments.emplace_back(at, std::min(longest, stream.size() - at));
        }
        if (!calm && !segments.empty() && *rc::gen::inRange(0, 3) == 0) {
            std::swap(segments.front(), segments[*rc::gen::inRange<std::size_t>(0, segments.size())]);
        }
        const bool lossy = !calm && *rc::gen::arbitrary<bool>();
        for (const auto& [at, bytes] : segments) {
            if (lossy && *rc::gen::inRange(0, 4) == 0) continue;
            (void)c.client_at(static_cast<std::uint32_t>(at), std::string_view(stream).substr(at, bytes));
            if (answered < v.control.asked.size() && (calm || *rc::gen::inRange(0, 5) == 0)) {
                v.wire.learn(Control::answer_of(v.control.asked[answered++]));
            }
        }
        for (Left& one : v.wire.to_server()) left.push_back(std::move(one));
        done = stream_of(left, c.base).size();
        c.client_next = c.base + static_cast<std::uint32_t>(done);
        c.server_acks();
    }
    const std::string arrived = stream_of(left, c.base);
    RC_ASSERT(stream.starts_with(arrived));
    // Of the first request that is denied its head's beginning may arrive, its end never does.
    const std::size_t head_end = stream.find("\r\n\r\n", allowed.size());
    RC_ASSERT(!denied || arrived.size() < head_end + 3);
    // A denial cuts the connection, whatever of an earlier body was still on its way.
    RC_ASSERT(denied || arrived == stream);
}

}  // namespace
}  // namespace springlatch::test
