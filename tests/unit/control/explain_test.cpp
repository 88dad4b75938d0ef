// Explanations come from the inspector: what they say is what happens on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/time_text.h"
#include "control/explain/explanation.h"
#include "control/explain/table.h"

namespace springlatch::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The secret of "alice" is the token "a-token-that-nobody-guesses".
const std::string text = R"({"version": 1,
 "zones": {"internet": ["0.0.0.0/0", "::/0"], "office": ["203.0.113.0/24"]},
 "services": {"search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10", "2001:db8::10"], "ports": [9200]},
              "cache": {"protocol": "tcp", "addresses": ["198.51.100.11"], "ports": [6379]},
              "trial": {"protocol": "elasticsearch", "addresses": ["198.51.100.12"], "ports": [9200], "mode": "observe"}},
 "identities": {"alice": {"bearer": {"sha256": ")" +
                         hex_of(sha256_of("a-token-that-nobody-guesses")) + R"("}}},
 "rules": [{"id": "guests", "from": ["office"], "to": ["search"], "credentials": "any", "operations": ["info"], "action": "allow",
            "expires": "2026-06-01T00:00:00Z", "owner": "ann", "reason": "a fair"},
           {"id": "alice-reads", "from": ["office"], "to": ["search", "trial"], "credentials": "verified", "operations": ["info", "read"], "action": "allow"},
           {"id": "office-caches", "from": ["office"], "to": ["cache"], "action": "allow"}],
 "default": {"action": "reject"}})";

LoadedPolicy policy() {
    auto loaded = parse_policy(text, "p", {});
    EXPECT_TRUE(loaded) << lines_of(loaded.error());
    return std::move(*loaded);
}

struct Asked {
    std::string from = "203.0.113.7";
    std::string to = "198.51.100.10:9200";
    std::string request = "GET /customers/_search";
    std::vector<std::string> headers = {};
    std::string at = "2026-07-01T00:00:00Z";
    bool as_alice = false;
    std::string raw = {};
};

Explanation ask(const Asked& asked) {
    const LoadedPolicy loaded = policy();
    Question question;
    question.ends.client = *address_from(asked.from);
    const auto listener = listener_from(asked.to);
    question.ends.server = listener->address;
    question.ends.server_port = listener->port;
    question.time_ns = *parse_time(asked.at);
    if (asked.as_alice) {
        question.identity = 0;
    }
    question.bytes = asked.raw.empty() ? *request_bytes(asked.request, asked.headers, question.ends,
                                                        asked.as_alice ? &loaded.identities[0] : nullptr)
                                       : asked.raw;
    return explain(loaded, question);
}

std::vector<std::string> steps_of(const Explanation& explanation) {
    std::vector<std::string> lines;
    for (const Step& step : explanation.steps) {
        lines.push_back(step.rule + ": " + (step.why_not.empty() ? "decides" : step.why_not));
    }
    return lines;
}

TEST(Explain, SaysWhichRuleDecidesAndWhyTheOnesBeforeDoNot) {
    const Explanation found = ask({.as_alice = true});
    EXPECT_EQ(found.action, "allowed");
    EXPECT_THAT(steps_of(found),
                ElementsAre("guests: it expired at 2026-06-01T00:00:00.000000000Z", "alice-reads: decides"));
    EXPECT_EQ(found.client, "the server's answer");
    EXPECT_EQ(found.server, "the whole request");
    EXPECT_EQ(found.events.at(0).user, "alice");
}

TEST(Explain, TimeIsWhatItIsAskedFor) {
    const Explanation before = ask({.request = "GET /", .at = "2026-05-01"});
    EXPECT_EQ(before.rule, "guests");
    EXPECT_EQ(ask({.request = "GET /", .at = "2026-06-01"}).reason, "no_credentials");
}

TEST(Explain, SecretsAreCheckedAndNotShown) {
    const std::string secret = "a-token-that-nobody-guesses";
    const Explanation right = ask({.headers = {"Authorization: Bearer " + secret}});
    EXPECT_EQ(right.credentials, "bearer, those of \"alice\"");
    EXPECT_EQ(right.action, "allowed");
    const Explanation wrong = ask({.headers = {"Authorization: Bearer guessed"}});
    EXPECT_EQ(wrong.reason, "bad_credentials");
    EXPECT_EQ(wrong.status, 401U);
    EXPECT_THAT(steps_of(wrong).at(1), HasSubstr("those of the request are nobody's"));
    EXPECT_EQ(text_of(right).find(secret), std::string::npos);
    EXPECT_EQ(json_of(right).find(secret), std::string::npos);
}

TEST(Explain, WhatTheClientGetsIsWhatTheInspectorSends) {
    EXPECT_EQ(ask({}).client, "401 Unauthorized from the appliance, and the end of the connection");
    EXPECT_EQ(ask({.from = "192.0.2.1"}).server, "nothing");
    EXPECT_EQ(ask({.from = "2001:db8:1::1", .to = "[2001:db8::10]:9200"}).reason, "source_not_allowed");
    EXPECT_EQ(ask({.to = "198.51.100.11:6379"}).rule, "office-caches");
    EXPECT_EQ(ask({.to = "198.51.100.99:80"}).server, "everything");
    const Explanation trial = ask({.to = "198.51.100.12:9200"});
    EXPECT_EQ(trial.action, "would_deny");
    EXPECT_EQ(trial.server, "the whole request");
}

TEST(Explain, AWholeRequestIsJudgedByteForByte) {
    const std::string two_ways =
        "POST /customers/_search HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n";
    const Explanation found = ask({.raw = two_ways});
    EXPECT_EQ(found.reason, "ambiguous_framing");
    EXPECT_TRUE(found.steps.empty()) << "no rule is asked about what can be read in two ways";
    EXPECT_EQ(ask({.raw = "GET / HTTP/1.1\r\nHost: a\r\n"}).client, "nothing yet: this is no whole request");
}

TEST(Explain, ListenersAndRequestsThatAreNone) {
    for (const char* bad : {"", "198.51.100.10", "198.51.100.10:", "198.51.100.10:0", "198.51.100.10:65536",
                            "2001:db8::10:9200", "[198.51.100.10]:9200", "db:9200", "10.0.0.0/8:9200"}) {
        EXPECT_FALSE(listener_from(bad)) << bad;
    }
    EXPECT_TRUE(listener_from("[2001:db8::10]:9200"));
    EXPECT_FALSE(request_bytes("GET", {}, {}, nullptr));
    EXPECT_FALSE(request_bytes("GET /\r\nX: y", {}, {}, nullptr));
    EXPECT_FALSE(request_bytes("GET /", {"no colon"}, {}, nullptr));
    EXPECT_FALSE(request_bytes("GET /", {"X: y\r\nZ: a"}, {}, nullptr));
}

TEST(PolicyTable, TellsWhatFailsAndWhy) {
    const auto result = run_table(policy(), R"({"to": "198.51.100.10:9200", "at": "2026-07-01", "cases": [
 {"name": "alice", "from": "203.0.113.7", "as": "alice", "request": "GET /_search", "expect": "allowed", "rule": "alice-reads"},
 {"name": "a guest", "from": "203.0.113.7", "request": "GET /", "expect": "allowed", "rule": "guests"}]})",
                                  "t");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->cases, 2U);
    EXPECT_THAT(result->failures,
                ElementsAre("t:3:2: error: /cases/1: \"a guest\": action should be allowed and is denied, "
                            "rule should be guests "
                            "and is default; office-caches does not match: it is for the services cache"));
}

TEST(PolicyTable, AMistakeInATableFailsInsteadOfBeingSkipped) {
    const std::string good =
        R"("name": "x", "from": "203.0.113.7", "to": "198.51.100.10:9200", "request": "GET /", )";
    const auto lines = [&](const std::string& entry) {
        const auto result = run_table(policy(), "{\"cases\": [{" + entry + "}]}", "t");
        return result ? std::vector<std::string>{} : result.error();
    };
    EXPECT_THAT(lines(good + R"("expect": "denied")"), ElementsAre());
    EXPECT_THAT(lines(good + R"("expects": "denied")"),
                testing::Contains(HasSubstr("/cases/0/expects: unknown key; did you mean \"expect\"?")));
    EXPECT_THAT(lines(good + R"("headers": "Authorization: Basic AAAA", "expect": "denied")"),
                ElementsAre(HasSubstr("this must be an array of strings")));
    EXPECT_FALSE(run_table(policy(), R"({"cases": []})", "t"))
        << "it would pass without having asked anything";
    EXPECT_THAT(lines(good + R"("expect": "deny")"),
                ElementsAre(HasSubstr("found \"deny\"; allowed: allowed, denied, would_deny")));
    EXPECT_THAT(lines(good + R"("as": "alicia", "expect": "denied")"),
                ElementsAre(HasSubstr("did you mean \"alice\"?")));
    EXPECT_THAT(lines(good + R"("from": "x", "expect": "denied")"),
                testing::Contains(HasSubstr("duplicate key")));
    EXPECT_FALSE(run_table(policy(), "[]", "t"));
    EXPECT_FALSE(run_table(policy(), "", "t"));
}

}  // namespace
}  // namespace springlatch::control
