// What a rule's limits promise its owner, on the inspector as it runs: who does too much is denied, who is
// shut out stays out for his time, and nobody else notices.
#include <gmock/gmock.h>

#include "tests/support/allocations.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

const std::string right = "Basic cmlnaHQ6cmlnaHQ=";

std::string request(const std::string& authorization, const std::string& path = "/a/_search") {
    return "GET " + path + " HTTP/1.1\r\nHost: db\r\nAuthorization: " + authorization + "\r\n\r\n";
}
std::string guess(int number) {
    return request("Basic d3Jv" + std::to_string(1'000 + number));
}
std::string answer_of(std::size_t bytes) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" +
           std::string(bytes, 'x');
}

/// Knows one value, at once.
struct Control final : CredentialVerifier {
    std::uint64_t asked = 0;
    [[nodiscard]] bool ready() const noexcept override { return true; }
    [[nodiscard]] Asked ask(const CheckRequest& question, CheckAnswer& answer) noexcept override {
        ++asked;
        const bool good = std::string_view{reinterpret_cast<const char*>(question.value.data()),
                                           question.value.size()} == right;
        answer.result = good ? CheckResult::accepted : CheckResult::refused;
        answer.identity = 0;
        return Asked::answered;
    }
};

struct Scene {
    explicit Scene(std::vector<RuleLimit> limits, bool verified = false) {
        parts.rules[0].limits = std::move(limits);
        if (verified) {
            parts.identity_names = {"owner"};
            parts.rules[0].credentials = CredentialNeed::verified;
            parts.limits.credentials.checks_per_minute = 1000;
        }
    }
    Wire& wire() {
        if (!made) {
            InspectorOptions options;
            options.verifier = &control;
            made = std::make_unique<Wire>(std::move(parts), options);
        }
        return *made;
    }
    /// One request on a connection of its own: the verdict that its event told; "" if its SYN was answered by
    /// a reset or nothing.
    std::string ask(const std::string& text, const std::string& source = "192.0.2.1",
                    const std::string& answer = answer_of(5)) {
        const bool v6 = source.find(':') != std::string::npos;
        Connection one(wire(), source, ++port, v6 ? "2001:db8::10" : "198.51.100.10");
        const std::size_t before = wire().log.verdicts().size();
        one.open();
        if (wire().log.verdicts().size() > before) {
            return "refused at the SYN: " + wire().log.verdicts()[before];
        }
        one.client(text);
        const std::string verdict = wire().log.verdicts().back();
        if (!wire().to_server().empty() && verdict == "allowed") one.server(answer);
        return verdict;
    }
    PolicyParts parts;
    Control control;
    std::unique_ptr<Wire> made;
    std::uint16_t port = 10'000;
};

RuleLimit requests(std::uint64_t most, std::uint32_t quarantine = 0, LimitPer per = LimitPer::source) {
    return {.per = per,
            .of = LimitOf::requests,
            .most = most,
            .within_seconds = 60,
            .quarantine_seconds = quarantine};
}

TEST(Limits, WhatIsAboveTheLimitIsDeniedAndOnlyThat) {
    Scene s({requests(3)});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "denied:rate_limited");
    EXPECT_EQ(s.ask(with_credentials), "denied:rate_limited");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.2"), "allowed") << "another source has its own";
    s.wire().advance_seconds(20);
    EXPECT_EQ(s.ask(with_credentials), "allowed") << "a third of the time gives a third back";
    EXPECT_EQ(s.ask(with_credentials), "denied:rate_limited");
}

TEST(Limits, TheClientIsToldByA429) {
    Scene s({requests(1)});
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    Connection one(s.wire(), "192.0.2.1");
    one.open();
    one.client(with_credentials);
    EXPECT_TRUE(stream_of(s.wire().to_server(), one.base).empty());
    EXPECT_THAT(stream_of(s.wire().to_client(), one.server_next), ::testing::StartsWith("HTTP/1.1 429 "));
}

TEST(Limits, AWholeSlash64IsOneSourceSinceWhoHasOneAddressHasThemAll) {
    Scene s({requests(2)});
    EXPECT_EQ(s.ask(with_credentials, "2001:db8:1::1"), "allowed");
    EXPECT_EQ(s.ask(with_credentials, "2001:db8:1::2:2"), "allowed");
    EXPECT_EQ(s.ask(with_credentials, "2001:db8:1::ffff:3"), "denied:rate_limited");
}

TEST(Limits, AQuarantinedSourceIsRefusedAtItsSynAndOnEveryConnectionUntilItsTimeIsUp) {
    Scene s({requests(2, 300)});
    Connection old(s.wire(), "192.0.2.1", 9999);
    old.open();
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "denied:quarantined");
    EXPECT_EQ(s.wire().log.events.back().record.rule, 0) << "the event says by which rule";
    EXPECT_EQ(s.ask(with_credentials), "refused at the SYN: denied:quarantined");
    old.client(with_credentials);
    EXPECT_EQ(s.wire().log.verdicts().back(), "denied:quarantined") << "a connection opened before";
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.2"), "allowed") << "nobody else notices";
    s.wire().advance_seconds(299);
    EXPECT_EQ(s.ask(with_credentials), "refused at the SYN: denied:quarantined");
    s.wire().advance_seconds(2);
    EXPECT_EQ(s.ask(with_credentials), "allowed");
}

TEST(Limits, KnockingDoesNotProlongAQuarantine) {
    Scene s({requests(1, 60)});
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "denied:quarantined");
    for (int i = 0; i < 59; ++i) {
        s.wire().advance_seconds(1);
        EXPECT_EQ(s.ask(with_credentials), "refused at the SYN: denied:quarantined");
    }
    s.wire().advance_seconds(1);
    EXPECT_EQ(s.ask(with_credentials), "allowed");
}

TEST(Limits, TheQuarantinedAreShownInTheCounters) {
    Scene s({requests(1, 60)});
    (void)s.ask(with_credentials);
    (void)s.ask(with_credentials);
    (void)s.ask(with_credentials);
    for (int i = 0; i < 3000; ++i) s.wire().idle();
    const Counters& counters = s.wire().counters();
    const auto quarantined = static_cast<std::size_t>(Reason::quarantined);
    EXPECT_EQ(counters.quarantined, 1U);
    EXPECT_EQ(counters.quarantines, 1U);
    EXPECT_EQ(counters.requests_denied[quarantined], 1U);
    EXPECT_EQ(counters.connections_refused[quarantined], 2U) << "the cut connection and the refused SYN";
}

TEST(Limits, GuessesShutTheGuesserOutAndAreNotEvenCheckedAnyMore) {
    Scene s({{.of = LimitOf::failed_credentials, .most = 5, .within_seconds = 60, .quarantine_seconds = 300}},
            true);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(s.ask(guess(i)), "denied:bad_credentials");
    const std::uint64_t asked = s.control.asked;
    EXPECT_EQ(s.ask(guess(6)), "denied:quarantined");
    EXPECT_EQ(s.control.asked, asked) << "nobody's time is spent on it";
    EXPECT_EQ(s.ask(guess(7)), "refused at the SYN: denied:quarantined");
    EXPECT_EQ(s.ask(request(right), "192.0.2.9"), "allowed") << "the owner works on, from elsewhere";
}

TEST(Limits, WithoutQuarantineTheOwnerWorksOnFromTheGuessersAddress) {
    Scene s({{.of = LimitOf::failed_credentials, .most = 5, .within_seconds = 60}}, true);
    EXPECT_EQ(s.ask(request(right)), "allowed");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(s.ask(guess(i)), "denied:bad_credentials");
    EXPECT_EQ(s.ask(guess(6)), "denied:rate_limited");
    EXPECT_EQ(s.ask(guess(1)), "denied:rate_limited") << "a guess known to be wrong as well";
    EXPECT_EQ(s.ask(request(right)), "allowed");
}

TEST(Limits, ARefusedValueThatAnotherRuleAllowsHasNotFailed) {
    Scene s({{.of = LimitOf::failed_credentials, .most = 1, .within_seconds = 60, .quarantine_seconds = 300}},
            true);
    Rule present = s.parts.rules[0];
    present.credentials = CredentialNeed::present;
    present.limits.clear();
    s.parts.rules.insert(s.parts.rules.begin() + 1, present);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(s.ask(guess(0)), "allowed");
}

TEST(Limits, AnIdentityIsOneWhereverItComesFrom) {
    Scene s({requests(2, 300, LimitPer::identity)}, true);
    EXPECT_EQ(s.ask(request(right)), "allowed");
    EXPECT_EQ(s.ask(request(right), "192.0.2.2"), "allowed");
    EXPECT_EQ(s.ask(request(right), "192.0.2.3"), "denied:quarantined");
    EXPECT_EQ(s.ask(request(right), "192.0.2.4"), "denied:quarantined")
        << "not its SYN: who it is shows later";
    s.wire().advance_seconds(301);
    EXPECT_EQ(s.ask(request(right)), "allowed");
}

TEST(Limits, BytesGivenAreCountedAsTheyPassAndTheNextRequestIsDenied) {
    Scene s({{.of = LimitOf::bytes_given, .most = 10'000, .within_seconds = 60}});
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.1", answer_of(4'000)), "allowed");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.1", answer_of(1'400)), "allowed");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.1", answer_of(5'000)), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "denied:rate_limited");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.2"), "allowed");
}

TEST(Limits, AnAnswerStillOnItsWayCountsForThoseWhoAskMeanwhile) {
    Scene s({{.of = LimitOf::bytes_given, .most = 20'000, .within_seconds = 60}});
    Connection slow(s.wire(), "192.0.2.1", 9999);
    slow.open();
    slow.client(with_credentials);
    slow.server("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 40; ++i) slow.server(std::string(1'000, 'x'));
    EXPECT_EQ(s.ask(with_credentials), "denied:rate_limited");
}

TEST(Limits, APipelinedRequestWaitsSoThatBytesAreChargedToTheirOwnRequest) {
    Scene s({{.of = LimitOf::bytes_given, .most = 6'000, .within_seconds = 60}});
    Connection one(s.wire(), "192.0.2.1");
    one.open();
    one.client(with_credentials + with_credentials);
    EXPECT_EQ(stream_of(s.wire().to_server(), one.base), with_credentials);
    one.client_next -= static_cast<std::uint32_t>(with_credentials.size());
    one.server(answer_of(7'000));
    one.client(with_credentials);
    EXPECT_EQ(s.wire().log.verdicts().back(), "denied:rate_limited");
}

TEST(Limits, InObserveModeTheyAreToldAndShutNobodyOut) {
    Scene s({requests(1, 300)});
    s.parts.mode = Mode::observe;
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "would_deny:quarantined");
    EXPECT_EQ(s.ask(with_credentials), "refused at the SYN: would_deny:quarantined");
    const std::uint64_t in = s.wire().counters().frames_in[0] + s.wire().counters().frames_in[1];
    EXPECT_EQ(s.wire().counters().frames_forwarded[0] + s.wire().counters().frames_forwarded[1], in);
}

TEST(Limits, AnObservedServiceShutsNobodyOutOfAnotherOne) {
    Scene s({requests(1, 300)});
    Service other = s.parts.services[0];
    other.name = "trial";
    other.ports = {9201};
    other.mode = Mode::observe;
    s.parts.services[0].ports = {9200};
    s.parts.services.push_back(other);
    s.parts.rules[0].services = {0, 2};
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1000, 1001, 1002}) {
        Connection trial(s.wire(), "192.0.2.1", port, "198.51.100.10", 9201);
        trial.open();
        trial.client(with_credentials);
    }
    EXPECT_EQ(s.wire().log.verdicts().back(), "would_deny:quarantined");
    Connection real(s.wire(), "192.0.2.1", 2000);
    real.open();
    real.client(without_credentials);
    EXPECT_EQ(s.wire().log.verdicts().back(), "denied:no_credentials") << "the rules hold as ever";
}

TEST(Limits, ARuleThatDeniesMayShutOutWhoComesTooOften) {
    Scene s({});
    Rule trap = s.parts.rules[0];
    trap.id = "trap";
    trap.credentials = CredentialNeed::any;
    trap.operations = 1U << static_cast<unsigned>(elasticsearch::Operation::unknown);
    trap.action = Action::reject;
    trap.limits = {requests(2, 60)};
    s.parts.rules.insert(s.parts.rules.begin(), trap);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(s.ask(without_credentials), "denied:operation_not_allowed");
    EXPECT_EQ(s.ask(without_credentials), "refused at the SYN: denied:quarantined");
}

TEST(Limits, AFloodOfSourcesFreesNoGuesser) {
    Scene s({{.of = LimitOf::failed_credentials, .most = 1, .within_seconds = 60, .quarantine_seconds = 300}},
            true);
    s.parts.limits.credentials.checks_per_minute = 60'000;
    EXPECT_EQ(s.ask(guess(0)), "denied:bad_credentials");
    EXPECT_EQ(s.ask(guess(0)), "denied:quarantined");
    s.wire().log.keep = false;
    for (unsigned i = 0; i < 20'000; ++i) {
        Connection one(s.wire(), "2001:db8:1::1", static_cast<std::uint16_t>(i + 1), "2001:db8::10");
        one.open();
        one.client(guess(1));
    }
    s.wire().log.keep = true;
    EXPECT_EQ(s.ask(guess(0)), "refused at the SYN: denied:quarantined");
}

TEST(Limits, AnotherPolicyFreesNobodyAndGivesNothingBack) {
    Scene s({requests(2, 300)});
    PolicyParts next;
    next.rules[0].limits = {requests(2, 300)};
    Rule first;
    first.id = "new-first-rule";
    first.zones = {0};
    first.services = {0};
    next.rules.insert(next.rules.begin(), first);
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.2"), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "denied:quarantined");
    s.wire().adopt(std::move(next));
    EXPECT_EQ(s.ask(with_credentials), "refused at the SYN: denied:quarantined");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.2"), "allowed");
    EXPECT_EQ(s.ask(with_credentials, "192.0.2.2"), "denied:quarantined") << "the third, whatever the policy";
}

TEST(Limits, APolicyMayBringTheFirstLimits) {
    Scene s({});
    PolicyParts next;
    next.rules[0].limits = {requests(1)};
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    s.wire().adopt(std::move(next));
    EXPECT_EQ(s.ask(with_credentials), "allowed");
    EXPECT_EQ(s.ask(with_credentials), "denied:rate_limited");
}

TEST(Limits, AllocateNothingOnThePath) {
    Scene s({requests(1'000),
             {.of = LimitOf::bytes_given, .most = 1'000'000, .within_seconds = 60},
             {.of = LimitOf::failed_credentials, .most = 2, .within_seconds = 60, .quarantine_seconds = 1}},
            true);
    const std::uint64_t before = counted_allocations();
    s.wire().log.keep = false;
    s.wire().around_inspect = [](bool begins) { count_allocations(begins); };
    for (int i = 0; i < 50; ++i) {
        for (const std::string& text : {request(right), guess(i)}) {
            Connection one(s.wire(), "192.0.2." + std::to_string(1 + i % 3), ++s.port);
            one.open();
            one.client(text);
            one.server(answer_of(100));
        }
        if (i % 10 == 0) s.wire().advance_seconds(2);
    }
    EXPECT_GT(s.wire().counters().quarantines, 0U);
    EXPECT_GT(s.wire().counters().requests_allowed, 10U);
    EXPECT_EQ(counted_allocations(), before);
}

}  // namespace
}  // namespace springlatch::test
