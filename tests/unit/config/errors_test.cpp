// A policy with a mistake, and the exact lines an operator reads. Each text is compact, so that columns can
// be counted by eye.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/load.h"

namespace springlatch {
namespace {

std::vector<std::string> lines_for(const std::string& text) {
    std::vector<std::string> lines;
    if (const auto loaded = parse_policy(text, "p", {}); !loaded) {
        for (const PolicyError& error : loaded.error()) {
            lines.push_back(error.str());
        }
    }
    return lines;
}

/// A good policy whose second to fifth lines are what a case replaces.
std::string policy(const std::string& zones, const std::string& services, const std::string& rules,
                   const std::string& rest) {
    return "{\"version\": 1,\n" + zones + ",\n" + services + ",\n" + rules + ",\n" + rest + "}";
}

const std::string good_zones = R"("zones": {"office": ["203.0.113.0/24"]})";
const std::string good_services =
    R"("services": {"search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]},
"redis": {"protocol": "tcp", "addresses": ["198.51.100.10"], "ports": [6379]}})";
const std::string good_rules =
    R"("rules": [{"id": "a", "from": ["office"], "to": ["search"], "credentials": "present", "action": "allow"}])";
const std::string good_rest = R"("default": {"action": "reject"})";

std::vector<std::string> with_zones(const std::string& zones) {
    return lines_for(policy(zones, good_services, R"("rules": [])", good_rest));
}
std::vector<std::string> with_services(const std::string& services) {
    return lines_for(policy(good_zones, services, R"("rules": [])", good_rest));
}
std::vector<std::string> with_rule(const std::string& rule) {
    return lines_for(policy(good_zones, good_services, "\"rules\": [\n" + rule + "]", good_rest));
}
std::vector<std::string> with_rest(const std::string& rest) {
    return lines_for(policy(good_zones, good_services, good_rules, rest));
}

using testing::ElementsAre;

TEST(PolicyErrors, TheGoodPolicyOfTheseTestsLoads) {
    EXPECT_THAT(with_rest(good_rest), ElementsAre());
}

TEST(PolicyErrors, Text) {
    EXPECT_THAT(lines_for(""), ElementsAre("p: error: is empty; a policy is a JSON object"));
    EXPECT_THAT(lines_for(" \n\t"), ElementsAre("p: error: is empty; a policy is a JSON object"));
    EXPECT_THAT(
        lines_for("\xef\xbb\xbf{}"),
        ElementsAre("p: error: starts with a byte order mark (EF BB BF); save it as UTF-8 without one"));
    EXPECT_THAT(lines_for("\xff\xfe{"), ElementsAre("p: error: is UTF-16; save it as UTF-8"));
    EXPECT_THAT(
        lines_for("{\"a\":\"\xff\"}"),
        ElementsAre("p:1:7: error: not valid JSON: in value - invalid string: ill-formed UTF-8 byte"));
    EXPECT_THAT(lines_for("{\"version\": 1,\n \"services\": {,}}"),
                ElementsAre("p:2:15: error: /services: not valid JSON: in object key - unexpected ','; "
                            "expected string literal"));
    EXPECT_THAT(
        lines_for("{\"version\": 1"),
        ElementsAre("p:1:14: error: not valid JSON: in object - unexpected end of input; expected '}'"));
    EXPECT_THAT(lines_for("[1]"), ElementsAre("p:1:1: error: found an array; this must be an object"));
    EXPECT_THAT(lines_for(std::string(20'000'000, ' ')),
                ElementsAre("p: error: larger than 16777216 bytes, which is the most a policy may have"));
}

TEST(PolicyErrors, NothingHidesBehindANulByte) {
    const std::string good = policy(good_zones, good_services, good_rules, good_rest);
    EXPECT_THAT(lines_for(good + std::string("\0garbage", 8)),
                ElementsAre("p:6:33: error: not valid JSON: a NUL byte"));
}

TEST(PolicyErrors, ABillionBracketsAreRefusedEarly) {
    const std::string pointer = "/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0";
    EXPECT_THAT(lines_for(std::string(10'000'000, '[')),
                ElementsAre("p:1:34: error: " + pointer + ": nested deeper than 32 levels"));
}

TEST(PolicyErrors, ADuplicateKeyCannotReplaceTheOneThatWasReviewed) {
    EXPECT_THAT(
        with_rest(R"("default": {"action": "drop"}, "default": {"action": "reject"})"),
        ElementsAre(
            "p:6:32: error: /default: duplicate key \"default\": each key may stand once in an object"));
}

TEST(PolicyErrors, Versions) {
    EXPECT_THAT(lines_for(R"({"version": 2, "services": {}})"),
                ElementsAre("p:1:13: error: /version: found 2; this version supports 1 only",
                            "p:1:28: error: /services: a policy without services protects nothing"));
    EXPECT_THAT(lines_for("{}"), ElementsAre("p:1:1: error: the key \"version\" is missing",
                                             "p:1:1: error: the key \"services\" is missing"));
}

TEST(PolicyErrors, Zones) {
    EXPECT_THAT(with_zones(R"("zones": {"a": ["10.0.0.1/8"]})"),
                ElementsAre("p:2:17: error: /zones/a/0: \"10.0.0.1/8\": bits are set behind the prefix "
                            "length; did you mean 10.0.0.0/8?"));
    EXPECT_THAT(with_zones(R"("zones": {"a": ["2001:db8::1/32"]})"),
                ElementsAre("p:2:17: error: /zones/a/0: \"2001:db8::1/32\": bits are set behind the prefix "
                            "length; did you mean 2001:db8::/32?"));
    EXPECT_THAT(
        with_zones(R"("zones": {"a": ["10.0.0.0/33"]})"),
        ElementsAre(
            "p:2:17: error: /zones/a/0: \"10.0.0.0/33\": the prefix length must be a number from 0 to 32"));
    EXPECT_THAT(with_zones(R"("zones": {"a": ["010.0.0.0/8"]})"),
                ElementsAre("p:2:17: error: /zones/a/0: \"010.0.0.0/8\": not an IP address; a prefix looks "
                            "like 203.0.113.0/24 or 2001:db8::/32"));
    EXPECT_THAT(with_zones(R"("zones": {"a": ["::ffff:10.0.0.1"]})"),
                ElementsAre("p:2:17: error: /zones/a/0: \"::ffff:10.0.0.1\": an IPv4 address in IPv6 form; "
                            "write it as IPv4"));
    EXPECT_THAT(with_zones(R"("zones": {"a": ["10.0.0.0/8"], "b": ["10.0.0.0/8"]})"),
                ElementsAre("p:2:38: error: /zones/b/0: this prefix stands in zone \"a\" already, at "
                            "/zones/a/0; a prefix may be listed once"));
    EXPECT_THAT(with_zones(R"("zones": {"a": []})"),
                ElementsAre("p:2:16: error: /zones/a: found no entries; at least one entry must be here"));
    EXPECT_THAT(with_zones(R"("zones": {"a b": ["10.0.0.0/8"]})"),
                ElementsAre("p:2:11: error: /zones/a b: the name \"a b\" is not allowed; a name has 1 to 64 "
                            "letters, digits, dots, underscores or hyphens"));
    EXPECT_THAT(with_zones(R"("zones": {"a": "10.0.0.0/8"})"),
                ElementsAre("p:2:16: error: /zones/a: found \"10.0.0.0/8\"; this must be an array"));
}

TEST(PolicyErrors, Services) {
    EXPECT_THAT(
        with_services(
            R"("services": {"s": {"protocol": "elastic", "addresses": ["10.0.0.1"], "ports": [0, 9200, 9200]}})"),
        ElementsAre("p:3:32: error: /services/s/protocol: found \"elastic\"; allowed: elasticsearch, tcp",
                    "p:3:80: error: /services/s/ports/0: found 0; allowed: 1 to 65535",
                    "p:3:89: error: /services/s/ports/2: port 9200 is listed twice"));
    EXPECT_THAT(
        with_services(
            R"("services": {"s": {"protocol": "tcp", "addresses": ["10.0.0.1"], "ports": ["9300-9200", "80", "1-70000", "1-2-3", "5-7", 6]}})"),
        ElementsAre(
            testing::HasSubstr(
                "/services/s/ports/0: \"9300-9200\" is no range of ports; one is written as \"9300-9399\""),
            testing::HasSubstr("/services/s/ports/1: \"80\" is no range of ports"),
            testing::HasSubstr("/services/s/ports/2: \"1-70000\" is no range"),
            testing::HasSubstr("/services/s/ports/3: \"1-2-3\" is no range"),
            testing::HasSubstr("/services/s/ports/5: port 6 is listed twice")));

    EXPECT_THAT(
        with_services(
            R"("services": {"s": {"protocol": "tcp", "addresses": ["10.0.0.1"], "ports": [1], "tls": "allow"}})"),
        ElementsAre("p:3:80: error: /services/s/tls: tls is for elasticsearch services; a tcp service is "
                    "judged by source alone, whatever its bytes are"));
    EXPECT_THAT(
        with_services(R"("services": {"a": {"protocol": "tcp", "addresses": ["10.0.0.0/8"], "ports": [1, 2]},
"b": {"protocol": "tcp", "addresses": ["10.1.0.0/16"], "ports": [2, 3]}})"),
        ElementsAre("p:4:1: error: /services/b: port 2 at 10.1.0.0 is in service \"a\" too; an address and "
                    "port may be in one service only"));
}

TEST(PolicyErrors, Rules) {
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": ["ofice"], "to": ["serch"], "credentials": "any", "action": "allow"})"),
        ElementsAre("p:6:22: error: /rules/0/from/0: there is no zone \"ofice\"; did you mean \"office\"?",
                    "p:6:39: error: /rules/0/to/0: there is no service \"serch\"; did you mean \"search\"?"));
    EXPECT_THAT(
        with_rule(R"({"id": "a", "from": ["office"], "to": ["search"], "action": "allow"})"),
        ElementsAre(
            "p:6:1: error: /rules/0: the key \"credentials\" is missing: a rule for the "
            "elasticsearch service \"search\" says whether it needs them; allowed: any, present, verified"));
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": ["office"], "to": ["redis"], "credentials": "present", "action": "allow"})"),
        ElementsAre("p:6:50: error: /rules/0/credentials: credentials cannot be judged for the tcp service "
                    "\"redis\": it is judged by source alone; write a rule of its own for it"));
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": ["office"], "to": ["redis", "search"], "credentials": "any", "methods": ["GET"], "action": "allow"})"),
        ElementsAre("p:6:82: error: /rules/0/methods: methods cannot be judged for the tcp service "
                    "\"redis\": it is judged by source alone; write a rule of its own for it"));
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": ["office"], "to": ["search"], "credentials": "any", "operations": ["raed"], "methods": ["Get", "TRACE"], "action": "allow"})"),
        ElementsAre("p:6:88: error: /rules/0/operations/0: found \"raed\"; allowed: info, read, write, "
                    "manage, security; did you mean \"read\"?",
                    "p:6:109: error: /rules/0/methods/0: found \"Get\"; allowed: GET, HEAD, POST, PUT, "
                    "DELETE, OPTIONS, PATCH; did you mean \"GET\"?",
                    "p:6:116: error: /rules/0/methods/1: found \"TRACE\"; allowed: GET, HEAD, POST, PUT, "
                    "DELETE, OPTIONS, PATCH"));
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": ["office"], "to": ["search"], "credentials": "any", "mode": "observe", "action": "allow"})"),
        ElementsAre("p:6:81: error: /rules/0/mode: \"observe\" is for rules that deny; a rule that allows "
                    "has no denial to observe"));
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": ["office"], "to": ["redis"], "action": "drop"}, {"id": "a", "from": ["office"], "to": ["redis"], "action": "drop"})"),
        ElementsAre("p:6:76: error: /rules/1/id: the id \"a\" is used by /rules/0 already"));
}

TEST(PolicyErrors, AnEmptyListOfConditionsNeverMeansEverything) {
    EXPECT_THAT(
        with_rule(
            R"({"id": "a", "from": [], "to": [], "credentials": "any", "methods": [], "operations": [], "action": "allow"})"),
        ElementsAre("p:6:21: error: /rules/0/from: found no entries; at least one entry must be here",
                    "p:6:31: error: /rules/0/to: found no entries; at least one entry must be here",
                    "p:6:68: error: /rules/0/methods: found no entries; at least one entry must be here",
                    "p:6:86: error: /rules/0/operations: found no entries; at least one entry must be here"));
    EXPECT_THAT(with_rule(R"({"id": "a", "credentials": "any", "action": "allow"})"),
                ElementsAre("p:6:1: error: /rules/0: the key \"from\" is missing",
                            "p:6:1: error: /rules/0: the key \"to\" is missing"));
}

TEST(PolicyErrors, FragmentsAreRefusedOrReassembled) {
    EXPECT_THAT(
        with_rest(R"("fragments": "reasemble")"),
        ElementsAre("p:6:14: error: /fragments: found \"reasemble\"; allowed: refuse, reassemble; did you "
                    "mean \"reassemble\"?"));
    EXPECT_THAT(with_rest(R"("fragments": "reassemble", "limits": {"fragments": 63})"),
                ElementsAre("p:6:52: error: /limits/fragments: found 63; allowed: 64 to 65536"));
}

TEST(PolicyErrors, DefaultTransitAndLimits) {
    EXPECT_THAT(with_rest(R"("default": {"action": "allow"})"),
                ElementsAre("p:6:23: error: /default/action: \"allow\" is not allowed here: the default can "
                            "only deny; allowed: reject, reset, drop"));
    EXPECT_THAT(
        with_rest(R"("transit": "foward")"),
        ElementsAre(
            "p:6:12: error: /transit: found \"foward\"; allowed: forward, drop; did you mean \"forward\"?"));
    EXPECT_THAT(with_rest(R"("transit": {"tunnels": "yes"})"),
                ElementsAre("p:6:24: error: /transit/tunnels: found \"yes\"; allowed: allow, refuse"));
    EXPECT_THAT(
        with_rest(R"("limits": {"requests_in_flight": 65, "headers": -1, "idle_seconds": "5m"})"),
        ElementsAre("p:6:34: error: /limits/requests_in_flight: found 65; allowed: 1 to 64",
                    "p:6:49: error: /limits/headers: found -1; allowed: 1 to 10000",
                    "p:6:69: error: /limits/idle_seconds: found \"5m\"; this must be a whole number"));
    EXPECT_THAT(
        with_rest(R"("limits": {"head_bytes": 2000})"),
        ElementsAre(
            "p:6:26: error: /limits/head_bytes: line_bytes (4096) must not exceed head_bytes (2000)"));
    EXPECT_THAT(with_rest(R"("defualt": {"action": "drop"})"),
                ElementsAre(testing::AllOf(
                    testing::StartsWith("p:6:1: error: /defualt: unknown key \"defualt\"; allowed: "),
                    testing::EndsWith("; did you mean \"default\"?"))));
}

TEST(PolicyErrors, AnErrorStaysOneLineWhateverTheKeysAre) {
    EXPECT_THAT(with_zones("\"zones\": {\"a\\nroot: ok\": [\"10.0.0.0/8\"]}"),
                ElementsAre("p:2:11: error: /zones/a\\u000aroot: ok: the name \"a\\u000aroot: ok\" is not "
                            "allowed; a name has "
                            "1 to 64 letters, digits, dots, underscores or hyphens"));
}

}  // namespace
}  // namespace springlatch
