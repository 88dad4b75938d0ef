// Who can reach what: what an operator is told must be what the policy does.
#include "config/effect/reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "config/load.h"

namespace springlatch::effect {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

LoadedPolicy policy_of(const std::string& rules, const std::string& more = "") {
    const std::string text = R"({"version": 1, )" + more + R"(
  "zones": {"internet": ["0.0.0.0/0", "::/0"], "office": ["203.0.113.0/24"]},
  "services": {"cases": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200, 9201]},
               "cache": {"protocol": "tcp", "addresses": ["198.51.100.11"], "ports": [6379]}},
  "identities": {"ops": {"bearer": {"sha256": "181e2abe7c6af72c428f00b8bef3bcc4b45ddbfda1c82819588edf337d1ca6c4"}}},
  "rules": [)" + rules + "]}";
    auto loaded = parse_policy(text, "policy.json", {});
    if (!loaded) {
        ADD_FAILURE() << lines_of(loaded.error());
        return {};
    }
    return std::move(*loaded);
}

TEST(Reach, TheMistakeOf2019IsTheFirstThingOneSees) {
    const auto policy = policy_of(
        R"({"id": "oops", "from": ["internet"], "to": ["cases"], "credentials": "any", "action": "allow"})");
    const Reach found = reach(*policy.policy, 0, {});
    ASSERT_FALSE(found.ways.empty());
    EXPECT_EQ(found.ways.front().zone, "internet");
    EXPECT_EQ(found.ways.front().strength, Strength::nothing);
    EXPECT_THAT(*found.ways.front().credentials, ElementsAre("without credentials"));
    EXPECT_EQ(found.ways.front().requests, "every request");
    EXPECT_THAT(table_of(found), HasSubstr("cache  nobody"));
}

TEST(Reach, AnIdentityIsNamedAndATcpServiceIsJudgedBySource) {
    const auto policy = policy_of(
        R"({"id": "ops", "from": ["office"], "to": ["cases"], "credentials": "verified", "operations": ["info"], "action": "allow"},
           {"id": "app", "from": ["office"], "to": ["cache"], "action": "allow"})");
    const Reach found = reach(*policy.policy, 0, {});
    ASSERT_EQ(found.ways.size(), 2U);
    EXPECT_EQ(found.ways[0].service, "cache");
    EXPECT_EQ(found.ways[0].strength, Strength::source);
    EXPECT_EQ(found.ways[1].strength, Strength::verified);
    EXPECT_THAT(*found.ways[1].credentials, ElementsAre("identity ops"));
    EXPECT_EQ(found.ways[1].requests, "info");
}

TEST(Reach, WhatIsOnlyObservedIsToldAsOpen) {
    const auto policy = policy_of("", R"("mode": "observe",)");
    const Reach found = reach(*policy.policy, 0, {});
    const auto open = [&](const char* requests) {
        return std::any_of(found.ways.begin(), found.ways.end(), [&](const Way& way) {
            return way.service == "cases" && way.observed && way.requests == requests;
        });
    };
    EXPECT_TRUE(open("every request"));
    EXPECT_TRUE(open("bytes that are no request; TLS"));
}

TEST(Reach, ARuleThatEndsSaysWhenAndIsGoneThen) {
    const auto policy = policy_of(
        R"({"id": "trial", "from": ["office"], "to": ["cases"], "credentials": "present", "action": "allow",
            "expires": "2027-01-01T00:00:00Z", "owner": "ops", "reason": "a trial"})");
    constexpr std::uint64_t new_year = 1'798'761'600'000'000'000;
    EXPECT_THAT(table_of(reach(*policy.policy, new_year - 1, {})), HasSubstr("until 2027-01-01T00:00:00Z"));
    EXPECT_TRUE(reach(*policy.policy, new_year, {}).ways.empty());
}

TEST(Reach, OnlyWhatWasAskedFor) {
    const auto policy = policy_of(
        R"({"id": "all", "from": ["office", "internet"], "to": ["cases"], "credentials": "present", "action": "allow"})");
    const Reach found = reach(*policy.policy, 0, {.service = {}, .zone = std::uint16_t{1}});
    ASSERT_EQ(found.zones.size(), 1U);
    EXPECT_THAT(*found.zones[0].addresses, ElementsAre("203.0.113.0/24"));
    ASSERT_EQ(found.ways.size(), 1U);
    EXPECT_EQ(found.ways[0].zone, "office");
}

TEST(ReachDrawing, HasEveryZoneAndServiceAndTheSameBytesEachTime) {
    const auto policy = policy_of(
        R"({"id": "all", "from": ["office"], "to": ["cases"], "credentials": "present", "paths": ["/<a&b>.*"], "action": "allow"})");
    const Reach found = reach(*policy.policy, 0, {});
    const std::string svg = svg_of(found);
    for (const char* name : {">internet<", ">office<", ">cases<", ">cache<", "nobody can reach it"}) {
        EXPECT_THAT(svg, HasSubstr(name));
    }
    EXPECT_EQ(svg, svg_of(reach(*policy.policy, 0, {})));
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
}

TEST(ReachDrawing, ANameOfAPolicyCannotBreakOutOfTheDrawing) {
    const auto policy = policy_of(
        R"({"id": "all", "from": ["office"], "to": ["cases"], "credentials": "present", "paths": ["/<script>&\"x.*"], "action": "allow"})");
    Reach found = reach(*policy.policy, 0, {});
    for (Place* place : {&found.zones[1], &found.services[0]}) {
        for (Way& way : found.ways) {
            (way.zone == place->name ? way.zone : way.service) = "</text><script>\"'&\x01";
        }
        place->name = "</text><script>\"'&\x01";
    }
    const std::string svg = svg_of(found);
    EXPECT_THAT(svg, Not(HasSubstr("<script")));
    EXPECT_THAT(svg, HasSubstr("&lt;/text&gt;&lt;script&gt;&quot;'&amp;?"));
    EXPECT_EQ(svg.find('\x01'), std::string::npos);
    // Every tag that opens is closed.
    std::vector<std::string> open;
    const std::string body = svg.substr(svg.find("<svg"));
    const std::regex tag("<(/?)([a-z]+)[^>]*?(/?)>");
    for (std::sregex_iterator at(body.begin(), body.end(), tag); at != std::sregex_iterator(); ++at) {
        if ((*at)[1].length() > 0) {
            ASSERT_FALSE(open.empty());
            EXPECT_EQ(open.back(), (*at)[2]);
            open.pop_back();
        } else if ((*at)[3].length() == 0) {
            open.push_back((*at)[2]);
        }
    }
    EXPECT_TRUE(open.empty());
}

}  // namespace
}  // namespace springlatch::effect
