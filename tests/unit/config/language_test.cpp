// The conditions of rules and what stands beside them: what reaches the policy, and what an operator reads
// who got one wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "config/load.h"
#include "config/patches.h"
#include "config/time_text.h"

namespace springlatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string start = R"({"version": 1,
"zones": {"office": ["203.0.113.0/24"]},
"services": {"search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]},
"redis": {"protocol": "tcp", "addresses": ["198.51.100.10"], "ports": [6379]}},
"identities": {"alice": {"bearer": {"sha256": "0000000000000000000000000000000000000000000000000000000000000001"}},
"bob": {"bearer": {"sha256": "0000000000000000000000000000000000000000000000000000000000000002"}},
"eve": {"bearer": {"sha256": "0000000000000000000000000000000000000000000000000000000000000003"}}},
)";

tl::expected<LoadedPolicy, std::vector<PolicyError>> load(const std::string& rest) {
    return parse_policy(start + rest + "}", "p", {});
}

std::vector<std::string> mistakes(const std::string& rest) {
    std::vector<std::string> lines;
    if (const auto loaded = load(rest); !loaded) {
        for (const PolicyError& error : loaded.error()) {
            lines.push_back(error.str());
        }
    }
    return lines;
}

/// One rule for `search` that allows, with `more` keys.
std::string rule(const std::string& more) {
    return R"("rules": [{"id": "r", "from": ["office"], "to": ["search"], "action": "allow", )" + more + "}]";
}

TEST(Language, EveryConditionReachesThePolicy) {
    const auto loaded = load(
        rule(
            R"("credentials": "verified", "identities": ["staff", "eve"], "apis": ["search", "cat.indices"],
        "flags": ["destructive", "script_possible"], "paths": ["/logs-[0-9]+/_search", "/_cat/.*"],
        "expires": "2026-12-31T19:00:00+01:00", "owner": "ops", "reason": "migration",
        "tags": ["b", "a", "b"], "severity": "high", "record": "aggregate",
        "limits": [{"per": "source", "of": "requests", "most": 100, "within": "60s", "quarantine": "5m"},
                   {"per": "identity", "of": "bytes_given", "most": 1000000, "within": "1d"}])") +
        R"(, "groups": {"staff": ["alice", "admins"], "admins": ["bob"]})");
    ASSERT_TRUE(loaded) << lines_of(loaded.error());
    const CompiledPolicy::Parts& parts = loaded->policy->parts();
    const Rule& got = parts.rules.at(0);
    EXPECT_THAT(got.identities, ElementsAre(0, 1, 2)) << "groups are resolved";
    ASSERT_EQ(got.apis.size(), 2U);
    EXPECT_EQ(parts.catalogue.api_names()[got.apis[0]], "cat.indices");
    EXPECT_EQ(got.flags,
              elasticsearch::endpoint_flag::destructive | elasticsearch::endpoint_flag::script_possible);
    EXPECT_THAT(got.paths, ElementsAre(0, 1));
    EXPECT_THAT(parts.path_expressions, ElementsAre("/logs-[0-9]+/_search", "/_cat/.*"));
    EXPECT_EQ(got.expires_ns, parse_time("2026-12-31T18:00:00Z"));
    EXPECT_EQ(got.labels.owner, "ops");
    EXPECT_EQ(got.labels.reason, "migration");
    EXPECT_THAT(got.labels.tags, ElementsAre("a", "b"));
    EXPECT_EQ(got.labels.severity, Severity::high);
    EXPECT_EQ(got.record, Record::aggregate);
    ASSERT_EQ(got.limits.size(), 2U);
    EXPECT_EQ(got.limits[0].most, 100U);
    EXPECT_EQ(got.limits[0].within_seconds, 60U);
    EXPECT_EQ(got.limits[0].quarantine_seconds, 300U);
    EXPECT_EQ(got.limits[1].per, LimitPer::identity);
    EXPECT_EQ(got.limits[1].of, LimitOf::bytes_given);
    EXPECT_EQ(got.limits[1].quarantine_seconds, 0U);
}

TEST(Language, WhatStandsBesideTheRulesReachesThePolicy) {
    const auto loaded = load(
        R"("record": "aggregate", "owner": "security team", "tags": ["gdpr"], "patches": ["CVE-2021-44228"],
        "health_checks": [{"id": "lb", "from": ["office"], "to": ["search"], "method": "HEAD", "path": "/_cluster/health?local=true", "per_minute": 60}])");
    ASSERT_TRUE(loaded) << lines_of(loaded.error());
    const CompiledPolicy& policy = *loaded->policy;
    const CompiledPolicy::Parts& parts = policy.parts();
    EXPECT_EQ(parts.record, Record::aggregate);
    EXPECT_EQ(parts.labels.owner, "security team");
    EXPECT_THAT(parts.labels.tags, ElementsAre("gdpr"));
    ASSERT_EQ(parts.patches.size(), 1U);
    ASSERT_EQ(parts.health_checks.size(), 1U);
    EXPECT_EQ(parts.health_checks[0].method, http::Method::head);
    EXPECT_EQ(parts.health_checks[0].path, "/_cluster/health");
    EXPECT_EQ(parts.health_checks[0].query, "local=true");
    EXPECT_EQ(parts.health_checks[0].per_minute, 60U);
    EXPECT_EQ(policy.rule_id(0), "lb");
    EXPECT_EQ(policy.rule_id(1), "patch:CVE-2021-44228");
    EXPECT_EQ(policy.rule_id(2), "");
}

TEST(Language, ServicesHaveAModeOfTheirOwn) {
    const auto loaded = parse_policy(R"({"version": 1, "services": {
        "a": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200], "mode": "observe", "record": "aggregate", "owner": "x", "tags": ["t"], "severity": "low"},
        "b": {"protocol": "elasticsearch", "addresses": ["198.51.100.11"], "ports": [9200]}}})",
                                     "p", {});
    ASSERT_TRUE(loaded) << lines_of(loaded.error());
    const CompiledPolicy& policy = *loaded->policy;
    EXPECT_EQ(policy.mode_of(0), Mode::observe);
    EXPECT_EQ(policy.mode_of(1), Mode::enforce);
    EXPECT_EQ(policy.record_of(no_rule, 0), Record::aggregate);
    EXPECT_EQ(policy.record_of(no_rule, 1), Record::full);
    EXPECT_EQ(policy.parts().services[0].labels.severity, Severity::low);
}

TEST(Language, PatchesByNameOrAll) {
    const auto all = load(R"("patches": ["all"])");
    ASSERT_TRUE(all) << lines_of(all.error());
    EXPECT_EQ(all->policy->parts().patches.size(), known_exploits().size());
    EXPECT_THAT(mistakes(R"("patches": ["CVE-2015-1428"])"),
                ElementsAre("p:8:13: error: /patches/0: there is no patch \"CVE-2015-1428\"; did you mean "
                            "\"CVE-2015-1427\"?"));
}

TEST(LanguageErrors, GroupsThatHoldThemselvesOrNobody) {
    EXPECT_THAT(
        mistakes(R"("groups": {"a": ["b"], "b": ["c"], "c": ["a"]})"),
        ElementsAre("p:8:42: error: /groups/c/0: the group \"a\" holds itself, by way of this; groups "
                    "may nest, but not in a circle"));
    EXPECT_THAT(
        mistakes(R"("groups": {"a": ["alcie"], "bob": ["alice"]})"),
        ElementsAre("p:8:18: error: /groups/a/0: there is no identity or group \"alcie\"; did you mean "
                    "\"alice\"?",
                    "p:8:28: error: /groups/bob: the name \"bob\" is an identity's; a group needs "
                    "another one"));
    EXPECT_THAT(mistakes(R"("groups": {"a": []})"),
                ElementsAre("p:8:17: error: /groups/a: found no entries; at least one entry must be here"));
}

TEST(LanguageErrors, AThousandNestedGroupsAreNoProblem) {
    std::string groups = R"("groups": {"g0": ["alice"])";
    for (int i = 1; i < 1000; ++i) {
        groups += ", \"g" + std::to_string(i) + "\": [\"g" + std::to_string(i - 1) + "\", \"bob\"]";
    }
    const auto loaded = load(groups + "}, " + rule(R"("credentials": "verified", "identities": ["g999"])"));
    ASSERT_TRUE(loaded) << lines_of(loaded.error());
    EXPECT_THAT(loaded->policy->parts().rules[0].identities, ElementsAre(0, 1));
}

TEST(LanguageErrors, RulesThatExpireSayWhoAnswersForThem) {
    EXPECT_THAT(
        mistakes(rule(R"("credentials": "any", "expires": "2026-12-31")")),
        ElementsAre(HasSubstr("the key \"owner\" is missing"), HasSubstr("the key \"reason\" is missing"),
                    HasSubstr("/rules/0/expires: found \"2026-12-31\"; this must be a time as in RFC "
                              "3339, with its zone")));
    EXPECT_THAT(
        mistakes(
            rule(R"("credentials": "any", "expires": "2026-12-31T00:00:00Z", "owner": " ", "reason": "x")")),
        ElementsAre(HasSubstr("/rules/0/owner: found \" \"; this must say something")));
}

TEST(LanguageErrors, ApisThatAreInNoCatalogue) {
    EXPECT_THAT(mistakes(rule(R"("credentials": "any", "apis": ["serach", "indices.exists"])")),
                ElementsAre(HasSubstr("/rules/0/apis/0: there is no API \"serach\" in the catalogue; did you "
                                      "mean \"search\"?"),
                            HasSubstr("\"indices.exists\" in the catalogue; HEAD counts as GET there")));
    EXPECT_THAT(mistakes(rule(R"("credentials": "any", "flags": ["destuctive"])")),
                ElementsAre(HasSubstr("did you mean \"destructive\"?")));
}

TEST(LanguageErrors, ExpressionsAreShownAtTheByteThatIsWrong) {
    EXPECT_THAT(mistakes(R"("rules": [{"id": "r", "from": ["office"], "to": ["search"], "credentials": "any",
"paths": ["/a", "/\\d\u00e9(b"], "action": "allow"}])"),
                ElementsAre("p:9:28: error: /rules/0/paths/1: the expression \"/\\dé(b\": Missing close "
                            "parenthesis for group started"));
}

TEST(LanguageErrors, ExpressionsThatHyperscanDoesNotKnowAreRefused) {
    for (const char* expression : {"(a)\\\\1", "(?=a)b", "a++b", "[a", "a)|(b", "\\\\Qa", "(?R)", "\\\\X"}) {
        EXPECT_THAT(mistakes(rule(std::string(R"("credentials": "any", "paths": [")") + expression + "\"]")),
                    ElementsAre(HasSubstr("/rules/0/paths/0: the expression ")))
            << expression;
    }
    EXPECT_THAT(mistakes(rule(R"("credentials": "any", "paths": [""])")), ElementsAre(HasSubstr("is empty")));
}

TEST(LanguageErrors, ExpressionBombsAreRefusedAtOnce) {
    const auto began = std::chrono::steady_clock::now();
    for (const std::string& expression :
         {std::string("((((a{1,50}){1,50}){1,50}){1,50})"), std::string("(a|aa|aaa){1,100000}"),
          std::string("(.{1,255}x){2}"), std::string("[^a{2}]{300}"), std::string(513, 'a'),
          std::string("(?x)a #)\\n(b{255}){2}"), std::string("(\\\\Q)\\\\Eb{255}){2}")}) {
        EXPECT_THAT(mistakes(rule(R"("credentials": "any", "paths": [")" + expression + "\"]")),
                    ElementsAre(HasSubstr("/rules/0/paths/0: the expression ")))
            << expression;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST(LanguageErrors, ATcpServiceIsJudgedBySourceAlone) {
    const std::string keys =
        R"("apis": ["search"], "flags": ["destructive"], "paths": ["/.*"], "limits": [{"per": "source", "of": "requests", "most": 1, "within": "1s"}])";
    EXPECT_THAT(mistakes(R"("rules": [{"id": "r", "from": ["office"], "to": ["redis"], "action": "allow", )" +
                         keys + "}]"),
                ElementsAre(HasSubstr("/rules/0/apis: apis cannot be judged for the tcp service"),
                            HasSubstr("/rules/0/flags: flags cannot be judged"),
                            HasSubstr("/rules/0/paths: paths cannot be judged"),
                            HasSubstr("/rules/0/limits: limits cannot be judged")));
}

TEST(LanguageErrors, Limits) {
    EXPECT_THAT(
        mistakes(rule(
            R"("credentials": "present", "limits": [{"per": "identity", "of": "requests", "most": 1, "within": "0s"},
{"per": "source", "of": "failed_credentials", "most": 0, "within": "5 m", "quarantine": "8d"}])")),
        ElementsAre(HasSubstr("/rules/0/limits/0/per: identities are known only where"),
                    HasSubstr("/rules/0/limits/0/within: found \"0s\"; allowed: a number above 0 and a unit"),
                    HasSubstr("/rules/0/limits/1/of: credentials fail only where"),
                    HasSubstr("/rules/0/limits/1/most: found 0; allowed: 1 to"),
                    HasSubstr("/rules/0/limits/1/within: found \"5 m\""),
                    HasSubstr("/rules/0/limits/1/quarantine: found \"8d\"; allowed: ")));
    EXPECT_THAT(
        mistakes(rule(
            R"("credentials": "verified", "limits": [{"per": "identity", "of": "failed_credentials", "most": 1, "within": "1s"}])")),
        ElementsAre(HasSubstr("credentials that fail are nobody's")));
}

TEST(LanguageErrors, HealthChecksAreOneExactRequest) {
    for (const char* path :
         {"_cluster/health", "/_cluster/*", "/a//b", "/a/../b", "/%5fcluster", "/a b", ""}) {
        EXPECT_THAT(
            mistakes(
                std::string(
                    R"("health_checks": [{"id": "lb", "from": ["office"], "to": ["search"], "method": "GET", "per_minute": 1, "path": ")") +
                path + "\"}]"),
            ElementsAre(HasSubstr("/health_checks/0/path: found ")))
            << path;
    }
    EXPECT_THAT(
        mistakes(
            rule(R"("credentials": "any")") +
            R"(, "health_checks": [{"id": "r", "from": ["ofice"], "to": ["redis"], "method": "GET", "per_minute": 1, "path": "/"}])"),
        ElementsAre(
            HasSubstr("/health_checks/0/id: the id \"r\" is used by /rules/0 already"),
            HasSubstr("/health_checks/0/from/0: there is no zone \"ofice\"; did you mean \"office\"?"),
            HasSubstr("/health_checks/0/to: a health check is a request")));
}

TEST(LanguageErrors, Tags) {
    EXPECT_THAT(mistakes(R"("tags": ["a b"])"),
                ElementsAre(HasSubstr("/tags/0: the tag \"a b\" is not allowed")));
    EXPECT_THAT(mistakes(R"("record": "some")"), ElementsAre(HasSubstr("allowed: full, aggregate")));
}

TEST(Durations, AreANumberAndAUnit) {
    EXPECT_EQ(parse_duration("90s"), 90U);
    EXPECT_EQ(parse_duration("5m"), 300U);
    EXPECT_EQ(parse_duration("2h"), 7200U);
    EXPECT_EQ(parse_duration("1d"), 86400U);
    for (const char* bad :
         {"", "s", "5", "0s", "-5s", "+5s", " 5s", "5 s", "5S", "1.5h", "1w", "99999999999s", "367d"}) {
        EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
    }
}

TEST(Times, NeedADateATimeAndAZone) {
    EXPECT_EQ(parse_rfc3339("2019-12-05T00:00:00Z"), 1'575'504'000'000'000'000U);
    EXPECT_EQ(parse_rfc3339("2019-12-05T01:00:00.0+01:00"), 1'575'504'000'000'000'000U);
    for (const char* bad :
         {"", "2019-12-05", "2019-12-05T00:00:00", "2019-12-05 00:00:00Z", "2019-13-05T00:00:00Z"}) {
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace springlatch
