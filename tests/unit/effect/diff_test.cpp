// A diff must tell of every request that another policy decides otherwise, and of no other: it is what
// stands between an operator and the change that nobody understood.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "config/effect/effect.h"
#include "tests/unit/effect/random_policy.h"

namespace springlatch::effect {
namespace {

using test::one_in;
using test::random_parts;
using test::random_rule;
using test::test_time;

struct Probe {
    IpAddress source;
    IpAddress server;
    std::uint16_t port = 0;
    enum class What { request, unreadable, tls } what = What::request;
    http::Method method = http::Method::get;
    std::string path;
    std::string endpoint;  ///< as list_of() names it
    http::Credentials credentials = http::Credentials::none;
    std::string identity;  ///< whose they are; "": nobody's
    bool body = false;
    bool in_transit = false;  ///< before and after
    std::uint64_t time_ns = test_time;
};

/// Paths of few endpoints, told by the texts that the pool's expressions know.
struct KnownPath {
    http::Method method;
    const char* path;
    const char* endpoint;
};
const std::vector<KnownPath> known_paths = {
    {http::Method::get, "/", "GET /"},
    {http::Method::head, "/", "HEAD /"},
    {http::Method::get, "/logs-1/_search", "GET /{index}/_search"},
    {http::Method::post, "/logs-2/_search", "POST /{index}/_search"},
    {http::Method::get, "/%6Cogs-1/_search", "GET /{index}/_search"},
    {http::Method::get, "/_search", "GET /_search"},
    {http::Method::get, "/other/_doc/1", "GET /{index}/_doc/{id}"},
    {http::Method::put, "/logs-1/_doc/1", "PUT /{index}/_doc/{id}"},
    {http::Method::delete_, "/logs-1", "DELETE /{index}"},
    {http::Method::get, "/_cat/indices", "GET /_cat/indices"},
    {http::Method::get, "/_nothing/known", "GET (in no entry of the catalogue)"},
    {http::Method::post, "/logs-2/_doc/_search", "POST /{index}/_doc/_search"},
};

Probe random_probe() {
    Probe probe;
    probe.source = parse_prefix(*rc::gen::elementOf(test::source_pool))->first;
    probe.server = parse_prefix(*rc::gen::elementOf(test::server_pool))->first;
    probe.port = *rc::gen::element<std::uint16_t>(9200, 9201, 9203, 6379);
    probe.what =
        one_in(6) ? *rc::gen::element(Probe::What::unreadable, Probe::What::tls) : Probe::What::request;
    const KnownPath& known = *rc::gen::elementOf(known_paths);
    probe.method = known.method;
    probe.path = known.path;
    probe.endpoint = known.endpoint;
    probe.credentials =
        *rc::gen::element(http::Credentials::none, http::Credentials::malformed, http::Credentials::basic,
                          http::Credentials::bearer, http::Credentials::other);
    if (probe.credentials == http::Credentials::basic) {
        probe.identity = *rc::gen::element<std::string>("", "anna", "bert", "carl", "dora");
    }
    probe.body = one_in(3);
    return probe;
}

/// What the data plane does with it.
bool passes(const CompiledPolicy& policy, const Probe& probe) {
    const std::uint16_t service = policy.service_at(probe.server, probe.port);
    if (service == no_service) {
        return policy.parts().transit_forward;
    }
    const std::uint16_t zone = policy.zone_of(probe.source);
    const Decision connection = policy.decide_connection(zone, service, probe.time_ns);
    if (policy.parts().services[service].protocol == ServiceProtocol::tcp) {
        return connection.action == Action::allow || connection.mode == Mode::observe;
    }
    if (!policy.reachable(zone, service, probe.time_ns) && connection.mode == Mode::enforce) {
        return false;
    }
    const bool observed = policy.mode_of(service) == Mode::observe;
    if (probe.what == Probe::What::tls) {
        return observed || (policy.parts().services[service].tls_allowed &&
                            policy.reachable_by_rule(zone, service, probe.time_ns));
    }
    if (probe.what == Probe::What::unreadable) {
        return observed;
    }
    const auto meaning = policy.meaning_of(probe.method, probe.path);
    PatternScratch scratch(policy.parts().patterns, 4096);
    PatternQuestion texts(scratch, probe.path, "", "");
    RequestFacts facts{.method = probe.method,
                       .operation = meaning.operation,
                       .credentials = probe.credentials,
                       .time_ns = probe.time_ns,
                       .flags = meaning.flags,
                       .endpoint = meaning.endpoint,
                       .texts = &texts};
    Decision decision = policy.decide(zone, service, facts);
    if (decision.needs_verification) {
        const auto& names = policy.parts().identity_names;
        const auto place = std::find(names.begin(), names.end(), probe.identity);
        facts.verification = place == names.end() ? Verification::refused : Verification::accepted;
        facts.identity =
            place == names.end() ? no_identity : static_cast<std::uint16_t>(place - names.begin());
        decision = policy.decide(zone, service, facts);
    }
    const bool allowed = decision.action == Action::allow && !(decision.without_credentials && probe.body);
    return allowed || decision.mode == Mode::observe;
}

bool holds_address(const std::vector<std::string>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& text) {
        const auto prefix = parse_prefix(text);
        RC_ASSERT(prefix.has_value());
        return prefix->first.is_v4() == address.is_v4() && prefix->first <= address &&
               address <= prefix->last();
    });
}

bool holds_listener(const std::vector<std::string>& listeners, const Probe& probe) {
    return std::any_of(listeners.begin(), listeners.end(), [&](const std::string& text) {
        const std::size_t middle = text.find(" port ");
        if (!holds_address({text.substr(0, middle)}, probe.server)) {
            return false;
        }
        std::istringstream ports(text.substr(middle + 6));
        for (std::string part; std::getline(ports, part, ',');) {
            const std::size_t dash = part.find('-');
            const int low = std::stoi(part);
            const int high = dash == std::string::npos ? low : std::stoi(part.substr(dash + 1));
            if (low <= probe.port && probe.port <= high) {
                return true;
            }
        }
        return false;
    });
}

bool holds_credentials(const std::vector<std::string>& all, const Probe& probe) {
    const bool formed =
        probe.credentials == http::Credentials::basic || probe.credentials == http::Credentials::bearer;
    return std::any_of(all.begin(), all.end(), [&](const std::string& text) {
        if (text == "malformed credentials") {
            return probe.credentials == http::Credentials::malformed;
        }
        if (text == "with or without credentials") {
            return probe.credentials != http::Credentials::malformed;
        }
        if (text == "without credentials") {
            return !formed && probe.credentials != http::Credentials::malformed;
        }
        if (text == "any well-formed credentials") {
            return formed;
        }
        if (text == "credentials of nobody known") {
            return formed && probe.identity.empty();
        }
        return formed && text == "identity " + probe.identity;
    });
}

bool holds_condition(const std::string& text, const Probe& probe) {
    std::string plain = probe.path;
    const bool encoded = plain.find('%') != std::string::npos;
    if (encoded) {
        plain.replace(plain.find('%'), 3, "l");
    }
    const auto matches = [&](const std::string& expression) {
        return std::regex_match(plain, std::regex(expression));
    };
    if (text.starts_with("path matches ")) {
        return matches(text.substr(13));
    }
    if (text.starts_with("path does not match ")) {
        return !matches(text.substr(20));
    }
    if (text == "known to patch:plugin") {
        return matches("/logs-2.*");
    }
    if (text == "not known to patch:plugin") {
        return !matches("/logs-2.*");
    }
    return (text == "the path has needless percent-encoding") == encoded;
}

bool covers(const Change& change, const Probe& probe) {
    if (change.listeners->empty()) {
        return probe.in_transit && change.requests == "frames that are not towards a service";
    }
    if (!holds_address(*change.prefixes, probe.source) || !holds_listener(*change.listeners, probe)) {
        return false;
    }
    const auto has = [&](const std::string& call) {
        return std::find(change.calls->begin(), change.calls->end(), call) != change.calls->end();
    };
    if (has("connections")) {
        return true;
    }
    if (probe.what != Probe::What::request) {
        return has(probe.what == Probe::What::tls ? "TLS" : "bytes that are no request");
    }
    const bool shut_before = change.before.starts_with("denied");
    const bool shut_after = change.after.starts_with("denied");
    const auto without_body = [](const std::string& text) {
        return text.find("without a body") != std::string::npos;
    };
    if (probe.body &&
        (without_body(change.before) ? shut_after : shut_before && without_body(change.after))) {
        return false;  // neither before nor after
    }
    const bool speaks_of_bodies = without_body(change.before) != without_body(change.after);
    if (!shut_before && !shut_after && !(probe.body && speaks_of_bodies)) {
        return false;  // it speaks of bodies, or of rates
    }
    return has(probe.endpoint) && holds_credentials(*change.credentials, probe) &&
           std::all_of(change.conditions.begin(), change.conditions.end(),
                       [&](const std::string& text) { return holds_condition(text, probe); });
}

bool any_covers(const std::vector<Change>& changes, const Probe& probe) {
    return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
        return change.from_ns <= (probe.time_ns == test_time ? 0 : probe.time_ns) && covers(change, probe);
    });
}

CompiledPolicy::Parts with_rules(std::size_t most) {
    CompiledPolicy::Parts parts = random_parts();
    const auto rules = *rc::gen::inRange<std::size_t>(0, most + 1);
    for (std::size_t i = 0; i < rules; ++i) {
        parts.rules.push_back(random_rule(parts, i));
    }
    return parts;
}

bool knows(const CompiledPolicy& policy, const std::string& identity) {
    const auto& names = policy.parts().identity_names;
    return std::find(names.begin(), names.end(), identity) != names.end();
}

void compare_with_probes(const CompiledPolicy& before, const CompiledPolicy& after) {
    const EffectDiff found = diff(before, after, test_time);
    RC_ASSERT(found.inexact.empty());
    for (int i = 0; i < 60; ++i) {
        Probe probe = random_probe();
        if (!knows(before, probe.identity) && !knows(after, probe.identity)) {
            probe.identity.clear();
        }
        for (const CompiledPolicy* policy : {&before, &after}) {
            for (const HealthCheck& check : policy->parts().health_checks) {
                if (check.method == probe.method && check.path == probe.path) {
                    probe.endpoint = "exactly " + std::string(http::name_of(check.method)) + " " + check.path;
                }
            }
        }
        probe.in_transit = before.service_at(probe.server, probe.port) == no_service &&
                           after.service_at(probe.server, probe.port) == no_service;
        const bool was = passes(before, probe);
        const bool is = passes(after, probe);
        RC_LOG() << (was ? "passed" : "stopped") << " before, " << (is ? "passes" : "stopped")
                 << " after: " << address_text(probe.source) << " to " << address_text(probe.server) << ":"
                 << probe.port << " " << probe.endpoint << " (" << probe.path << ") credentials "
                 << http::name_of(probe.credentials) << " of " << probe.identity << " body " << probe.body
                 << "\n"
                 << text_of(found);
        RC_ASSERT(any_covers(found.opens, probe) == (!was && is));
        RC_ASSERT(any_covers(found.closes, probe) == (was && !is));
        for (const std::uint64_t later : {200U, 300U}) {
            probe.time_ns = later;
            const bool was_later = passes(before, probe);
            const bool is_later = passes(after, probe);
            if (!was_later && is_later) {
                RC_ASSERT(any_covers(found.opens, probe));
            }
            if (was_later && !is_later) {
                RC_ASSERT(any_covers(found.closes, probe));
            }
        }
    }
}

RC_GTEST_PROP(EffectDiff, TellsOfExactlyTheRequestsThatAreDecidedOtherwise, ()) {
    const CompiledPolicy before(with_rules(6));
    const CompiledPolicy after(with_rules(6));
    compare_with_probes(before, after);
}

RC_GTEST_PROP(EffectDiff, TellsOfExactlyWhatOneMoreRuleChanges, ()) {
    CompiledPolicy::Parts parts = with_rules(5);
    const Rule more = random_rule(parts, 9);
    const auto copy = [&] {
        CompiledPolicy::Parts result;
        result.mode = parts.mode;
        result.default_action = parts.default_action;
        result.transit_forward = parts.transit_forward;
        result.zone_names = parts.zone_names;
        result.zones = parts.zones;
        result.identity_names = parts.identity_names;
        result.services = parts.services;
        result.rules = parts.rules;
        result.patches = parts.patches;
        result.health_checks = parts.health_checks;
        result.path_expressions = parts.path_expressions;
        result.patterns = parts.patterns;
        result.catalogue = elasticsearch::Catalogue(builtin_endpoints());
        return result;
    };
    CompiledPolicy::Parts changed = copy();
    const auto place =
        *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(parts.rules.size()) + 1);
    changed.rules.insert(changed.rules.begin() + place, more);
    RC_ASSERT(diff(CompiledPolicy(copy()), CompiledPolicy(copy()), test_time).same());
    compare_with_probes(CompiledPolicy(copy()), CompiledPolicy(std::move(changed)));
}

}  // namespace
}  // namespace springlatch::effect
