// Policies that load and are wrong all the same, and the exact lines an operator reads.
#include "config/lint/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/lint/posture.h"
#include "config/time_text.h"

namespace springlatch::lint {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string world = R"("internet": ["0.0.0.0/0", "::/0"], "office": ["203.0.113.0/24"])";
const std::string search =
    R"("search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200], "owner": "ops"})";

/// A policy whose second to fourth lines are zones, services and rules; its other ports do not pass.
std::string policy(const std::string& zones, const std::string& services, const std::string& rules,
                   const std::string& rest = "") {
    return "{\"version\": 1, \"transit\": \"drop\",\n\"zones\": {" + zones + "},\n\"services\": {" +
           services + "},\n\"rules\": [" + rules + "]" + rest + "}";
}

Options at(const std::string& time) {
    return {.now_ns = *parse_time(time), .soon_days = 30, .open_servers = {}};
}

std::vector<std::string> lines_for(const std::string& text, const Options& options = at("2026-06-01")) {
    std::vector<std::string> lines;
    for (const Finding& finding : lint_text(text, "p", options).findings) {
        lines.push_back(finding.str());
    }
    return lines;
}

std::vector<std::string> kinds_for(const std::string& text, const Options& options = at("2026-06-01")) {
    std::vector<std::string> found;
    for (const Finding& finding : lint_text(text, "p", options).findings) {
        found.push_back(std::string(name_of(finding.level)) + " " + std::string(finding.kind));
    }
    return found;
}

const std::string office_reads =
    R"({"id": "office-reads", "from": ["office"], "to": ["search"], "credentials": "verified", "operations": ["info", "read"], "action": "allow"})";
const std::string identities =
    R"(, "identities": {"alice": {"bearer": {"sha256": "181e2abe7c6af72c428f00b8bef3bcc4b45ddbfda1c82819588edf337d1ca6c4"}},
"bob": {"bearer": {"sha256": "281e2abe7c6af72c428f00b8bef3bcc4b45ddbfda1c82819588edf337d1ca6c4"}}})";

std::string rule(const std::string& id, const std::string& rest) {
    return R"({"id": ")" + id + R"(", "to": ["search"], )" + rest + "}";
}

TEST(Lint, APolicyThatNeedsNothingGetsNoWarning) {
    EXPECT_THAT(kinds_for(policy(world, search, office_reads, identities)),
                IsEmpty());  // `internet` names everybody else in events
}

TEST(Lint, TheMistakeOfDecember2019IsAnError) {
    const std::string open = rule(
        "public", R"("from": ["internet"], "credentials": "any", "operations": ["read"], "action": "allow")");
    EXPECT_THAT(
        lines_for(policy(world, search, open)),
        Contains(
            "p:4:54: error: /rules/0/from: rule \"public\" lets anybody reach \"search\" from everywhere "
            "without credentials; name the zones that need it, or ask for verified credentials; if it is "
            "meant, give the rule an owner and a reason [open-to-everyone]"));
    EXPECT_TRUE(fails(lint_text(policy(world, search, open), "p", {}).findings, false));
}

TEST(Lint, TheWholeWorldInPiecesIsTheWholeWorld) {
    const std::string open = rule("r", R"("from": ["a", "b"], "credentials": "any", "action": "allow")");
    const std::string a = R"("from": ["a"], "credentials": "any", "action": "allow")";
    const std::string b = R"("from": ["b"], "credentials": "any", "action": "allow")";
    for (const char* zones :
         {R"("a": ["0.0.0.0/1"], "b": ["128.0.0.0/1"])", R"("a": ["8.0.0.0/6"], "b": ["32.0.0.0/4"])",
          R"("a": ["2600::/12"], "b": ["2a00::/12"])", R"("a": ["2000::/3"], "b": ["10.0.0.0/8"])"}) {
        EXPECT_THAT(kinds_for(policy(zones, search, open)), Contains("error open-to-everyone")) << zones;
    }
    const std::string halves = R"("a": ["0.0.0.0/5"], "b": ["16.0.0.0/5"])";
    EXPECT_THAT(kinds_for(policy(halves, search, rule("a", a))), Not(Contains("error open-to-everyone")));
    EXPECT_THAT(kinds_for(policy(halves, search, rule("a", a) + "," + rule("b", b))),
                Contains("error open-to-everyone"))
        << "each alone is not, both together are";
}

TEST(Lint, AnOrganisationsOwnNetworksAreNotTheWorld) {
    const std::string own =
        R"("own": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8", "17.0.0.0/8", "2001:db8::/32"])";
    EXPECT_THAT(kinds_for(policy(own, search,
                                 rule("r", R"("from": ["own"], "credentials": "any", "action": "allow")"))),
                IsEmpty());
}

TEST(Lint, AnExposureThatSomebodyAnswersForIsAWarning) {
    const std::string meant = rule(
        "public", R"("from": ["internet"], "credentials": "any", "operations": ["read"], "action": "allow",
        "owner": "web team", "reason": "the catalogue is public")");
    EXPECT_THAT(kinds_for(policy(world, search, meant)), Contains("warning open-to-everyone"));
    EXPECT_FALSE(fails(lint_text(policy(world, search, meant), "p", {}).findings, false));
    EXPECT_TRUE(fails(lint_text(policy(world, search, meant), "p", {}).findings, true));
}

TEST(Lint, MadeUpCredentialsFromEverywhereAreAWarningAndVerifiedOnesAreFine) {
    const std::string present =
        rule("r", R"("from": ["internet"], "credentials": "present", "action": "allow")");
    EXPECT_THAT(kinds_for(policy(world, search, present)), Contains("warning open-to-everyone"));
    const std::string verified =
        rule("r", R"("from": ["internet"], "credentials": "verified", "action": "allow")");
    EXPECT_THAT(kinds_for(policy(world, search, verified, identities)),
                Not(Contains(HasSubstr("open-to-everyone"))));
}

TEST(Lint, ADatabaseJudgedBySourceAloneMustNotBeOpenToEveryone) {
    const std::string redis =
        R"("redis": {"protocol": "tcp", "addresses": ["198.51.100.11"], "ports": [6379], "owner": "ops"})";
    EXPECT_THAT(
        lines_for(
            policy(world, redis, R"({"id": "r", "from": ["internet"], "to": ["redis"], "action": "allow"})")),
        Contains(HasSubstr(
            "rule \"r\" lets anybody reach \"redis\" from everywhere without credentials; name the zones")));
}

TEST(Lint, ADenialThatOnlyObservesLeavesTheServiceOpen) {
    const std::string observed =
        rule("deny", R"("from": ["internet"], "credentials": "any", "action": "drop", "mode": "observe")");
    EXPECT_THAT(kinds_for(policy(world, search, observed)),
                testing::IsSupersetOf({"error open-to-everyone", "warning observe-leaves-open"}));
}

TEST(Lint, WhatAnEarlierRuleStopsIsNotOpen) {
    const std::string stopped =
        rule("stop", R"("from": ["internet"], "credentials": "any", "action": "drop")") + "," +
        rule("open", R"("from": ["internet"], "credentials": "any", "action": "allow")");
    EXPECT_THAT(kinds_for(policy(world, search, stopped)), Not(Contains("error open-to-everyone")));
    EXPECT_THAT(lines_for(policy(world, search, stopped)),
                Contains(HasSubstr(
                    "warning: /rules/1: rule \"open\" is never asked, since rule \"stop\" takes all that it "
                    "matches, so it lets nobody in; move it up, or remove it [shadowed-rule]")));
}

TEST(Lint, TwoRulesTogetherShadowAThird) {
    const std::string pieces =
        rule("get",
             R"("from": ["office"], "credentials": "any", "methods": ["GET", "HEAD"], "action": "allow")") +
        "," +
        rule(
            "post",
            R"("from": ["office"], "credentials": "present", "methods": ["POST", "PUT"], "action": "allow")") +
        ",";
    EXPECT_THAT(
        lines_for(policy(
            world, search,
            pieces +
                rule(
                    "late",
                    R"("from": ["office"], "credentials": "present", "methods": ["GET", "POST"], "action": "drop")"))),
        Contains(HasSubstr(
            "rule \"late\" is never asked, since rules \"get\" and \"post\" together take all that it "
            "matches, so it stops nobody")));
    EXPECT_THAT(
        kinds_for(policy(
            world, search,
            pieces +
                rule(
                    "late",
                    R"("from": ["office"], "credentials": "any", "methods": ["GET", "POST"], "action": "drop")"))),
        Not(Contains("warning shadowed-rule")))
        << "a POST without credentials is left to it";
}

/// Two rules over the same source and credentials, each with paths and an action.
std::vector<std::string> kinds_for_paths(const std::string& first, const std::string& second) {
    const std::string common = R"("from": ["office"], "credentials": "any", )";
    return kinds_for(policy(world, search, rule("a", common + first) + "," + rule("b", common + second)));
}

TEST(Lint, RegularExpressionsShadowOnlyTheirEqual) {
    const std::string both = R"("paths": ["/logs/.*", "/public/.*"], "action": )";
    EXPECT_THAT(kinds_for_paths(both + R"("allow")", R"("paths": ["/public/.*"], "action": "allow")"),
                Contains("warning shadowed-rule"));
    EXPECT_THAT(kinds_for_paths(both + R"("drop")", R"("paths": ["/public/.*"], "action": "allow")"),
                Contains("warning shadowed-rule"));
    EXPECT_THAT(kinds_for_paths(both + R"("allow")", R"("paths": ["/public/a.*"], "action": "allow")"),
                Not(Contains("warning shadowed-rule")));
    EXPECT_THAT(kinds_for_paths(both + R"("allow")", R"("paths": ["/public/.*"], "action": "drop")"),
                Not(Contains("warning shadowed-rule")))
        << "/%70ublic/ is left to the rule that denies";
}

TEST(Lint, ARuleThatEndsShadowsNothing) {
    const std::string ends =
        rule(
            "a",
            R"("from": ["office"], "credentials": "any", "action": "allow", "expires": "2030-01-01T00:00:00Z", "owner": "o", "reason": "r")") +
        ",";
    EXPECT_THAT(
        kinds_for(policy(world, search,
                         ends + rule("b", R"("from": ["office"], "credentials": "any", "action": "drop")"))),
        Not(Contains("warning shadowed-rule")));
}

TEST(Lint, ConditionsThatExcludeEachOtherByTheCatalogue) {
    EXPECT_THAT(
        lines_for(policy(
            world, search,
            rule(
                "r",
                R"("from": ["office"], "credentials": "any", "methods": ["DELETE"], "operations": ["info"], "action": "allow")"))),
        Contains(HasSubstr("no request meets rule \"r\": by the endpoint catalogue its \"methods\" and "
                           "\"operations\" exclude each other")));
    EXPECT_THAT(
        kinds_for(policy(
            world, search,
            rule(
                "r",
                R"("from": ["office"], "credentials": "any", "apis": ["bulk"], "operations": ["read"], "action": "allow")"))),
        Contains("warning never-matches"));
    EXPECT_THAT(
        kinds_for(policy(
            world, search,
            rule(
                "r",
                R"("from": ["office"], "credentials": "any", "apis": ["bulk"], "methods": ["POST"], "operations": ["write"], "action": "allow")"))),
        Not(Contains("warning never-matches")));
}

TEST(Lint, AZoneThatOthersHaveTakenWhollyIsSaid) {
    const std::string eaten = R"("all": ["10.0.0.0/8"], "low": ["10.0.0.0/9"], "high": ["10.128.0.0/9"])";
    const auto kinds = kinds_for(
        policy(eaten, search, rule("r", R"("from": ["all"], "credentials": "any", "action": "allow")")));
    EXPECT_THAT(kinds,
                testing::IsSupersetOf({"warning empty-zone", "warning never-matches", "note service-shut"}));
}

TEST(Lint, ADenialByOperationLetsUnknownPathsPass) {
    const std::string deny =
        rule(
            "no-writes",
            R"("from": ["office"], "credentials": "any", "operations": ["write", "manage", "security"], "action": "reject")") +
        ",";
    EXPECT_THAT(lines_for(policy(
                    world, search,
                    deny + rule("rest", R"("from": ["office"], "credentials": "any", "action": "allow")"))),
                Contains(HasSubstr("goes on to rule \"rest\", which allows it")));
    EXPECT_THAT(
        kinds_for(policy(
            world, search,
            deny +
                rule(
                    "rest",
                    R"("from": ["office"], "credentials": "any", "operations": ["read"], "action": "allow")"))),
        Not(Contains("warning deny-misses-unknown")));
}

TEST(Lint, RulesNearTheirEndAndPastIt) {
    const std::string ends = rule(
        "r",
        R"("from": ["office"], "credentials": "any", "action": "allow", "expires": "2026-06-11T00:00:00Z", "owner": "ann", "reason": "move")");
    EXPECT_THAT(lines_for(policy(world, search, ends), at("2026-06-01")),
                Contains(HasSubstr("rule \"r\" matches no more in 10 days")));
    EXPECT_THAT(kinds_for(policy(world, search, ends), at("2026-05-01")),
                Not(Contains("warning expires-soon")));
    EXPECT_THAT(kinds_for(policy(world, search, ends), at("2026-06-11")),
                testing::IsSupersetOf({"warning expired", "note service-shut"}));
}

TEST(Lint, PortsOfAnElasticsearchHostThatAreInNoService) {
    const std::string forwarding = "{\"version\": 1, \"zones\": {" + world + "},\n\"services\": {" + search +
                                   "},\n\"rules\": [" + office_reads + "]" + identities + "}";
    EXPECT_THAT(lines_for(forwarding),
                Contains(HasSubstr(
                    "to 198.51.100.10 of service \"search\" ports 5601, 9300-9399 are in no service")));
    EXPECT_THAT(kinds_for(policy(world, search, office_reads, identities)),
                Not(Contains("warning uncovered-port")))
        << "they do not pass";
    const std::string nodes =
        search + R"(, "nodes": {"protocol": "tcp", "addresses": ["198.51.100.0/24"], "ports": [9300, 5601]})";
    const std::string covered = "{\"version\": 1, \"zones\": {" + world + "},\n\"services\": {" + nodes +
                                "},\n\"rules\": [" + office_reads + "]" + identities + "}";
    EXPECT_THAT(lines_for(covered), Contains(HasSubstr("ports 9301-9399 are in no service")));
}

TEST(Lint, AHoleInTheMiddleOfAServicesPrefixIsFound) {
    const std::string text = R"({"version": 1, "zones": {"office": ["203.0.113.0/24"]},
        "services": {"search": {"protocol": "elasticsearch", "addresses": ["198.51.100.8/30"], "ports": [9200], "owner": "o"},
                     "nodes": {"protocol": "tcp", "addresses": ["198.51.100.8/31", "198.51.100.11"], "ports": [5601, 9300]}},
        "rules": [{"id": "r", "from": ["office"], "to": ["search"], "credentials": "any", "action": "allow"}]})";
    EXPECT_THAT(lines_for(text),
                Contains(HasSubstr("to 198.51.100.8 of service \"search\" ports 5601, 9300-9399")));
    EXPECT_THAT(lines_for(text), Not(Contains(HasSubstr("ports 9301-9399 are"))));
}

TEST(Lint, NobodyAnswersForAService) {
    const std::string nobodys =
        R"("search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]})";
    EXPECT_THAT(kinds_for(policy(world, nobodys, office_reads, identities)), Contains("warning no-owner"));
    EXPECT_THAT(kinds_for(policy(world, nobodys, office_reads, identities + R"(, "owner": "ops")")),
                Not(Contains("warning no-owner")));
}

TEST(Lint, WhatNoRuleNames) {
    const auto lines = lines_for(policy(world, search, "", identities));
    EXPECT_THAT(lines,
                Contains(HasSubstr(
                    "no rule lets anything through to service \"search\": it is shut [service-shut]")));
    EXPECT_THAT(lines, Contains(HasSubstr("no rule names zone \"office\"")));
    EXPECT_THAT(lines, Contains(HasSubstr("no rule names identity \"alice\"")));
}

TEST(Lint, TheModeObserveIsNotForgotten) {
    EXPECT_THAT(kinds_for(policy(world, search, office_reads, identities + R"(, "mode": "observe")")),
                Contains("warning observes-only"));
    const std::string trial =
        R"("search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200], "owner": "o", "mode": "observe"})";
    EXPECT_THAT(lines_for(policy(world, trial, office_reads, identities)),
                Contains(HasSubstr("/services/search/mode: service \"search\" observes")));
}

TEST(Lint, TlsThatPassesUnreadFromEverywhere) {
    const std::string tls =
        R"("search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200], "owner": "o", "tls": "allow"})";
    const std::string verified =
        rule("r", R"("from": ["internet"], "credentials": "verified", "action": "allow")");
    EXPECT_THAT(kinds_for(policy(world, tls, verified, identities)), Contains("warning tls-unread"));
    EXPECT_THAT(kinds_for(policy(world, tls, office_reads, identities)), Not(Contains("warning tls-unread")));
}

TEST(Lint, AHealthCheckForEverybody) {
    const std::string check =
        R"(, "health_checks": [{"id": "h", "from": ["internet"], "to": ["search"], "method": "GET", "path": "/_cluster/health", "per_minute": 60}])";
    EXPECT_THAT(kinds_for(policy(world, search, office_reads, identities + check)),
                Contains("warning health-check-from-everyone"));
}

TEST(Lint, CredentialsAreNotLeftToAServerThatAnswersStrangers) {
    const auto open = parse_posture(
        R"({"version": 1, "servers": [{"address": "198.51.100.9", "port": 9200, "state": "closed"},
        {"address": "198.51.100.10", "port": 9200, "state": "open", "since": "2026-05-01T00:00:00Z"}]})");
    ASSERT_TRUE(open) << open.error();
    Options options = at("2026-06-01");
    options.open_servers = *open;
    const std::string present =
        rule("r", R"("from": ["office"], "credentials": "present", "action": "allow")");
    EXPECT_THAT(
        lines_for(policy(world, search, present), options),
        Contains(HasSubstr(
            "error: /rules/0/credentials: rule \"r\" leaves it to the server to check credentials, but "
            "198.51.100.10 port 9200 of service \"search\" answers without any, since "
            "2026-05-01T00:00:00Z")));
    EXPECT_THAT(kinds_for(policy(world, search, office_reads, identities), options),
                Not(Contains(HasSubstr("open-server"))));
}

TEST(Lint, BadPostureFilesAreSaidInOneLine) {
    for (const char* text :
         {"", "[]", "{", R"({"version": 2, "servers": []})", R"({"version": 1})",
          R"({"version": 1, "servers": [1]})",
          R"({"version": 1, "servers": [{"address": "10.0.0.0/8", "port": 1, "state": "open"}]})",
          R"({"version": 1, "servers": [{"address": "10.0.0.1", "port": 0, "state": "open"}]})",
          R"({"version": 1, "servers": [{"address": "10.0.0.1", "port": 1, "state": "ajar"}]})"}) {
        const auto parsed = parse_posture(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().find('\n'), std::string::npos);
    }
}

TEST(Lint, APolicyThatDoesNotLoadIsToldAsTheLoaderTellsIt) {
    EXPECT_THAT(lines_for("{\"version\": 1,\n\"servises\": {}}"),
                Contains(HasSubstr("p:2:1: error: /servises: ")));
    const Result result = lint_file("/none/there.json", {});
    ASSERT_EQ(result.findings.size(), 1U);
    EXPECT_EQ(result.findings[0].str(),
              "/none/there.json: error: cannot be opened: No such file or directory");
    EXPECT_FALSE(result.policy);
}

TEST(Lint, ProgramsGetTheSameFindingsAsPeople) {
    const Finding finding{Level::error, "open-to-everyone", "dir/p \"1\".json", 4, 2, "/rules/0", "text",
                          "remedy"};
    EXPECT_EQ(json_of({finding}), R"({
  "findings": [
    {
      "file": "dir/p \"1\".json",
      "line": 4,
      "column": 2,
      "pointer": "/rules/0",
      "level": "error",
      "rule": "open-to-everyone",
      "text": "text",
      "remedy": "remedy"
    }
  ],
  "errors": 1,
  "warnings": 0,
  "notes": 0
}
)");
}

TEST(Lint, FindingsStandInTheOrderOfTheText) {
    const auto findings =
        lint_text(policy(world, search,
                         rule("a", R"("from": ["internet"], "credentials": "any", "action": "allow")")),
                  "p", {})
            .findings;
    ASSERT_GE(findings.size(), 2U);
    for (std::size_t i = 1; i < findings.size(); ++i) {
        EXPECT_LE(std::make_pair(findings[i - 1].line, findings[i - 1].column),
                  std::make_pair(findings[i].line, findings[i].column));
    }
}

}  // namespace
}  // namespace springlatch::lint
