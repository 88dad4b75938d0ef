#include "dataplane/policy/compiled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <utility>

namespace springlatch {
namespace {

using elasticsearch::Operation;
using http::Credentials;
using http::Method;

constexpr std::uint16_t bit(Method method) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(method));
}
constexpr std::uint16_t bit(Operation operation) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(operation));
}

constexpr std::uint64_t now = 1'575'504'000'000'000'000;  // 2019-12-05

constexpr std::uint16_t office = 0;
constexpr std::uint16_t probe = 1;
constexpr std::uint16_t scanners = 2;
constexpr std::uint16_t trial = 3;
constexpr std::uint16_t stranger = 4;  // a zone that no rule names
constexpr std::uint16_t search = 0;
constexpr std::uint16_t redis = 1;

constexpr IpAddress search_address = IpAddress::v4(0xc633640a);  // 198.51.100.10
constexpr IpAddress redis_address = IpAddress::v4(0xc633640b);

Rule rule(std::string id, std::uint16_t zone, std::uint16_t service, CredentialNeed need, Action action) {
    Rule result;
    result.id = std::move(id);
    result.zones = {zone};
    result.services = {service};
    result.credentials = need;
    result.action = action;
    return result;
}

CompiledPolicy::Parts parts() {
    CompiledPolicy::Parts parts;
    parts.default_action = Action::reject;
    parts.zone_names = {"office", "probe", "scanners", "trial", "stranger"};
    parts.services = {{"search",
                       ServiceProtocol::elasticsearch,
                       false,
                       {{search_address, search_address, 0}},
                       {9200, 9201}},
                      {"redis", ServiceProtocol::tcp, false, {{redis_address, redis_address, 1}}, {6379}}};

    Rule no_delete = rule("office-never-deletes", office, search, CredentialNeed::any, Action::reset);
    no_delete.methods = bit(Method::delete_);
    Rule reads = rule("office-reads", office, search, CredentialNeed::present, Action::allow);
    reads.operations = static_cast<std::uint16_t>(bit(Operation::info) | bit(Operation::read));
    Rule health = rule("health", probe, search, CredentialNeed::any, Action::allow);
    health.methods = bit(Method::get);
    health.operations = bit(Operation::info);
    Rule blocked = rule("scanners", scanners, search, CredentialNeed::any, Action::drop);
    Rule watched = rule("trial", trial, search, CredentialNeed::any, Action::drop);
    watched.mode = Mode::observe;
    Rule cache = rule("cache", office, redis, CredentialNeed::any, Action::allow);
    Rule no_cache = rule("no-cache", scanners, redis, CredentialNeed::any, Action::drop);
    parts.rules = {no_delete, reads, health, blocked, watched, cache, no_cache};
    return parts;
}

struct Case {
    const char* says;
    std::uint16_t zone;
    RequestFacts facts;
    Action action;
    Reason reason;
    std::uint16_t rule;
    bool without_credentials = false;
};

TEST(Decide, FollowsTheFirstRuleWhoseConditionsAllHold) {
    const CompiledPolicy policy(parts());
    const std::vector<Case> cases = {
        {"a read with Basic",
         office,
         {Method::get, Operation::read, Credentials::basic},
         Action::allow,
         Reason::none,
         1},
        {"… with Bearer",
         office,
         {Method::get, Operation::read, Credentials::bearer},
         Action::allow,
         Reason::none,
         1},
        {"… with ApiKey",
         office,
         {Method::get, Operation::info, Credentials::api_key},
         Action::allow,
         Reason::none,
         1},
        {"no credentials",
         office,
         {Method::get, Operation::read, Credentials::none},
         Action::reject,
         Reason::no_credentials,
         no_rule},
        {"a scheme that is none of ours",
         office,
         {Method::get, Operation::read, Credentials::other},
         Action::reject,
         Reason::no_credentials,
         no_rule},
        {"malformed credentials",
         office,
         {Method::get, Operation::read, Credentials::malformed},
         Action::reject,
         Reason::malformed_credentials,
         no_rule},
        {"a write where reads are allowed",
         office,
         {Method::put, Operation::write, Credentials::basic},
         Action::reject,
         Reason::operation_not_allowed,
         no_rule},
        {"a path in no catalogue entry",
         office,
         {Method::get, Operation::unknown, Credentials::basic},
         Action::reject,
         Reason::operation_not_allowed,
         no_rule},
        {"an earlier rule denies the method",
         office,
         {Method::delete_, Operation::write, Credentials::basic},
         Action::reset,
         Reason::operation_not_allowed,
         0},
        {"a health probe without credentials",
         probe,
         {Method::get, Operation::info, Credentials::none},
         Action::allow,
         Reason::none,
         2,
         true},
        {"… with a scheme that is none of ours",
         probe,
         {Method::get, Operation::info, Credentials::other},
         Action::allow,
         Reason::none,
         2,
         true},
        {"… with credentials",
         probe,
         {Method::get, Operation::info, Credentials::basic},
         Action::allow,
         Reason::none,
         2},
        {"… with malformed ones: not even by `any`",
         probe,
         {Method::get, Operation::info, Credentials::malformed},
         Action::reject,
         Reason::malformed_credentials,
         no_rule},
        {"the probe reads documents",
         probe,
         {Method::get, Operation::read, Credentials::none},
         Action::reject,
         Reason::operation_not_allowed,
         no_rule},
        {"the probe posts",
         probe,
         {Method::post, Operation::info, Credentials::basic},
         Action::reject,
         Reason::operation_not_allowed,
         no_rule},
        {"a method outside the list",
         probe,
         {Method::unknown, Operation::info, Credentials::basic},
         Action::reject,
         Reason::operation_not_allowed,
         no_rule},
        {"a zone that is denied",
         scanners,
         {Method::get, Operation::info, Credentials::basic},
         Action::drop,
         Reason::source_not_allowed,
         3},
        {"… with malformed credentials",
         scanners,
         {Method::get, Operation::info, Credentials::malformed},
         Action::drop,
         Reason::malformed_credentials,
         3},
        {"a zone that no rule names",
         stranger,
         {Method::get, Operation::info, Credentials::basic},
         Action::reject,
         Reason::source_not_allowed,
         no_rule},
        {"an address in no zone",
         no_zone,
         {Method::get, Operation::info, Credentials::basic},
         Action::reject,
         Reason::source_not_allowed,
         no_rule},
    };
    for (const Case& wanted : cases) {
        const Decision got = policy.decide(wanted.zone, search, wanted.facts);
        EXPECT_EQ(got.action, wanted.action) << wanted.says;
        EXPECT_EQ(name_of(got.reason), name_of(wanted.reason)) << wanted.says;
        EXPECT_EQ(got.rule, wanted.rule) << wanted.says;
        EXPECT_EQ(got.without_credentials, wanted.without_credentials) << wanted.says;
        EXPECT_EQ(got.mode, Mode::enforce) << wanted.says;
    }
}

TEST(Decide, AllowsWithoutAReasonAndDeniesWithOneForEveryCombination) {
    const CompiledPolicy policy(parts());
    for (const std::uint16_t zone : {office, probe, scanners, trial, stranger, no_zone}) {
        for (unsigned method = 0; method <= static_cast<unsigned>(Method::connect); ++method) {
            for (unsigned operation = 0; operation <= static_cast<unsigned>(Operation::security);
                 ++operation) {
                for (unsigned credentials = 0; credentials <= static_cast<unsigned>(Credentials::other);
                     ++credentials) {
                    const RequestFacts facts{static_cast<Method>(method), static_cast<Operation>(operation),
                                             static_cast<Credentials>(credentials)};
                    const Decision got = policy.decide(zone, search, facts);
                    EXPECT_EQ(got.action == Action::allow, got.reason == Reason::none);
                    EXPECT_FALSE(got.action == Action::allow && facts.credentials == Credentials::malformed);
                    EXPECT_FALSE(got.action == Action::allow && facts.operation == Operation::unknown);
                    EXPECT_TRUE(got.action != Action::allow || policy.reachable(zone, search, now));
                }
            }
        }
    }
}

TEST(Decide, ARuleOnTrialDeniesInObserveModeAndKeepsItsSourcesReachable) {
    const CompiledPolicy policy(parts());
    const Decision got = policy.decide(trial, search, {Method::get, Operation::read, Credentials::none});
    EXPECT_EQ(got.action, Action::drop);
    EXPECT_EQ(got.mode, Mode::observe);
    EXPECT_TRUE(policy.reachable(trial, search, now));
    EXPECT_FALSE(policy.reachable(scanners, search, now));
    EXPECT_FALSE(policy.reachable(stranger, search, now));
}

TEST(Decide, ARulesOwnModeBeatsThePolicys) {
    CompiledPolicy::Parts observing = parts();
    observing.mode = Mode::observe;
    observing.rules[3].mode = Mode::enforce;
    const CompiledPolicy policy(std::move(observing));
    EXPECT_EQ(policy.decide(scanners, search, {}).mode, Mode::enforce);
    EXPECT_EQ(policy.decide(stranger, search, {}).mode, Mode::observe);
    EXPECT_FALSE(policy.reachable(scanners, search, now));
}

TEST(Reachable, ADenialThatCoversEverythingShutsOutWhatLaterRulesAllow) {
    CompiledPolicy::Parts shadowed = parts();
    shadowed.rules.push_back(rule("late-search", scanners, search, CredentialNeed::present, Action::allow));
    shadowed.rules.push_back(rule("late-cache", scanners, redis, CredentialNeed::any, Action::allow));
    const CompiledPolicy policy(std::move(shadowed));
    EXPECT_FALSE(policy.reachable(scanners, search, now));
    EXPECT_FALSE(policy.reachable(scanners, redis, now));
    EXPECT_TRUE(policy.reachable(office, search, now)) << "its denial covers DELETE only";
}

TEST(Decide, AnEmptyListOfZonesMeansEverySourceEvenInNoZone) {
    CompiledPolicy::Parts open = parts();
    open.rules.resize(1);
    open.rules[0] = rule("open", 0, 0, CredentialNeed::any, Action::allow);
    open.rules[0].zones.clear();
    const CompiledPolicy policy(std::move(open));
    EXPECT_EQ(policy.decide(no_zone, search, {}).action, Action::allow);
    EXPECT_EQ(policy.decide(stranger, search, {}).action, Action::allow);
    EXPECT_EQ(policy.decide_connection(stranger, redis, now).action, Action::reject);
}

TEST(Decide, NothingOutsideThePolicyIsAllowed) {
    const CompiledPolicy policy(parts());
    EXPECT_EQ(policy.decide(office, no_service, {Method::get, Operation::read, Credentials::basic}).action,
              Action::reject);
    EXPECT_EQ(policy.decide(77, search, {Method::get, Operation::read, Credentials::basic}).reason,
              Reason::source_not_allowed);
    EXPECT_EQ(policy.decide_connection(77, 77, now).action, Action::reject);
    EXPECT_FALSE(policy.reachable(office, no_service, now));
}

TEST(DecideConnection, ATcpServiceIsJudgedBySourceAlone) {
    const CompiledPolicy policy(parts());
    EXPECT_EQ(policy.decide_connection(office, redis, now).action, Action::allow);
    EXPECT_EQ(policy.decide_connection(office, redis, now).reason, Reason::none);
    EXPECT_EQ(policy.decide_connection(office, redis, now).rule, 5);
    EXPECT_EQ(policy.decide_connection(scanners, redis, now).action, Action::drop);
    EXPECT_EQ(policy.decide_connection(scanners, redis, now).reason, Reason::source_not_allowed);
    EXPECT_EQ(policy.decide_connection(stranger, redis, now).action, Action::reject);
    EXPECT_EQ(policy.decide_connection(stranger, redis, now).rule, no_rule);
}

TEST(DecideConnection, WhatNeverBecameARequestIsNeverAllowedToElasticsearch) {
    CompiledPolicy::Parts open = parts();
    open.rules.push_back(rule("open", stranger, search, CredentialNeed::any, Action::allow));
    const CompiledPolicy policy(std::move(open));
    for (const std::uint16_t zone : {office, probe, scanners, trial, stranger, no_zone}) {
        EXPECT_NE(policy.decide_connection(zone, search, now).action, Action::allow);
    }
    EXPECT_EQ(policy.decide_connection(scanners, search, now).action, Action::drop);
    EXPECT_EQ(policy.decide_connection(trial, search, now).mode, Mode::observe);
    EXPECT_EQ(policy.decide_connection(office, search, now).action, Action::reject)
        << "its denial covers DELETE only";
}

TEST(ServiceAt, FindsAServiceByAddressAndPort) {
    const CompiledPolicy policy(parts());
    EXPECT_EQ(policy.service_at(search_address, 9200), search);
    EXPECT_EQ(policy.service_at(search_address, 9201), search);
    EXPECT_EQ(policy.service_at(search_address, 6379), no_service);
    EXPECT_EQ(policy.service_at(redis_address, 6379), redis);
    EXPECT_TRUE(policy.is_protected(search_address));
    EXPECT_FALSE(policy.is_protected(IpAddress::v4(0xc633640c)));
}

TEST(ServiceAt, TellsServicesOnNestedAddressesApartByPortUpToTheLastAddress) {
    constexpr IpAddress highest{std::numeric_limits<std::uint64_t>::max(),
                                std::numeric_limits<std::uint64_t>::max()};
    const IpAddress low{0x2001'0db8'0000'0000U, 0};
    const IpAddress inner{0x2001'0db8'0000'0000U, 5};
    CompiledPolicy::Parts nested = parts();
    nested.services[0].addresses = {{low, highest, 0}};
    nested.services[1].addresses = {{inner, inner, 1}, {highest, highest, 1}};
    const CompiledPolicy policy(std::move(nested));
    EXPECT_EQ(policy.service_at(inner, 6379), redis);
    EXPECT_EQ(policy.service_at(inner, 9200), search);
    EXPECT_EQ(policy.service_at(IpAddress{low.high, 4}, 6379), no_service);
    EXPECT_EQ(policy.service_at(IpAddress{low.high, 6}, 9200), search);
    EXPECT_EQ(policy.service_at(highest, 6379), redis);
    EXPECT_EQ(policy.service_at(highest, 9200), search);
    EXPECT_FALSE(policy.is_protected(IpAddress::v4(1)));
}

TEST(Decide, VerifiedCredentialsAreAskedForOnlyWhereTheyDecide) {
    CompiledPolicy::Parts with = parts();
    with.identity_names = {"dashboard", "shipper"};
    Rule everyone = rule("verified-info", office, search, CredentialNeed::verified, Action::allow);
    everyone.operations = bit(Operation::info);
    Rule shipper = rule("shipper-writes", office, search, CredentialNeed::verified, Action::allow);
    shipper.operations = bit(Operation::write);
    shipper.identities = {1};
    Rule banned = rule("dashboard-never-manages", office, search, CredentialNeed::verified, Action::drop);
    banned.identities = {0};
    banned.operations = bit(Operation::manage);
    Rule manages = rule("others-manage", office, search, CredentialNeed::present, Action::allow);
    manages.operations = bit(Operation::manage);
    with.rules = {everyone, shipper, banned, manages};
    const CompiledPolicy policy(std::move(with));
    const auto decide = [&policy](Operation operation, Verification verification, std::uint16_t identity,
                                  Credentials credentials = Credentials::basic) {
        return policy.decide(office, search, {Method::post, operation, credentials, verification, identity});
    };

    EXPECT_TRUE(decide(Operation::info, Verification::unknown, no_identity).needs_verification);
    EXPECT_NE(decide(Operation::info, Verification::unknown, no_identity).action, Action::allow);
    EXPECT_EQ(decide(Operation::info, Verification::accepted, 0).rule, 0);
    EXPECT_EQ(decide(Operation::write, Verification::accepted, 1).rule, 1);
    EXPECT_EQ(decide(Operation::write, Verification::accepted, 0).reason, Reason::operation_not_allowed);
    EXPECT_EQ(decide(Operation::write, Verification::refused, no_identity).reason, Reason::bad_credentials);
    EXPECT_EQ(decide(Operation::write, Verification::unknown, no_identity, Credentials::none).reason,
              Reason::no_credentials);
    EXPECT_EQ(decide(Operation::manage, Verification::accepted, 0).action, Action::drop);
    EXPECT_EQ(decide(Operation::manage, Verification::accepted, 1).rule, 3);
    EXPECT_EQ(decide(Operation::manage, Verification::refused, no_identity).rule, 3)
        << "a later rule does not ask whose they are";
    const Decision unasked = decide(Operation::read, Verification::unknown, no_identity);
    EXPECT_FALSE(unasked.needs_verification);
    EXPECT_EQ(unasked.reason, Reason::operation_not_allowed);
}

}  // namespace
}  // namespace springlatch
