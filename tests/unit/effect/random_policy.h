#pragma once
// Random policies of few names, so that rules meet, and random requests to them.
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "config/catalogue.h"
#include "config/prefixes.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::test {

inline const std::vector<std::string> prefix_pool = {"0.0.0.0/0",         "::/0",
                                                     "192.0.2.0/24",      "192.0.2.0/25",
                                                     "192.0.2.77/32",     "203.0.113.0/24",
                                                     "203.0.113.128/25",  "2001:db8::/32",
                                                     "2001:db8:0:1::/64", "2001:db8:0:1::5/128"};
inline const std::vector<std::string> source_pool = {"8.8.8.8",
                                                     "0.0.0.0",
                                                     "255.255.255.255",
                                                     "192.0.2.1",
                                                     "192.0.2.77",
                                                     "192.0.2.200",
                                                     "203.0.113.127",
                                                     "203.0.113.128",
                                                     "2001:db8:ffff::1",
                                                     "2001:db8:0:1::5",
                                                     "2001:db8:0:1::6",
                                                     "2a00::1",
                                                     "::"};
inline const std::vector<std::string> server_pool = {"198.51.100.10", "198.51.100.11", "198.51.100.12"};
inline const std::vector<std::string> path_pool = {"/logs.*", "/.*_search", "/logs-1/.*", "/"};

/// Of the pool, each with this chance in ten.
template <class T>
std::vector<T> some(const std::vector<T>& pool, int chance) {
    std::vector<T> result;
    for (const T& item : pool) {
        if (*rc::gen::inRange(0, 10) < chance) {
            result.push_back(item);
        }
    }
    return result;
}

inline std::vector<std::uint16_t> some_indices(std::size_t size, int chance) {
    std::vector<std::uint16_t> all(size);
    for (std::size_t i = 0; i < size; ++i) {
        all[i] = static_cast<std::uint16_t>(i);
    }
    auto chosen = some(all, chance);
    if (chosen.empty() && size > 0) {
        chosen.push_back(*rc::gen::inRange<std::uint16_t>(0, static_cast<std::uint16_t>(size)));
    }
    return chosen;
}

inline bool one_in(int n) {
    return *rc::gen::inRange(0, n) == 0;
}

inline std::optional<Mode> some_mode() {
    return one_in(5) ? std::optional{one_in(2) ? Mode::observe : Mode::enforce} : std::nullopt;
}

/// Times at which rules end: 100, 200, 300; policies are compared as of 100.
inline constexpr std::uint64_t test_time = 100;

inline Rule random_rule(const CompiledPolicy::Parts& parts, std::size_t number) {
    Rule rule;
    rule.id = "rule-" + std::to_string(number);
    rule.zones = some_indices(parts.zone_names.size(), 4);
    rule.services = some_indices(parts.services.size(), 6);
    rule.credentials = *rc::gen::element(CredentialNeed::any, CredentialNeed::present,
                                         CredentialNeed::verified, CredentialNeed::verified);
    if (rule.credentials == CredentialNeed::verified && one_in(2)) {
        rule.identities = some_indices(parts.identity_names.size(), 5);
    }
    rule.methods = one_in(3) ? static_cast<std::uint16_t>(*rc::gen::inRange(0, 128) << 1U) : 0;
    rule.operations = one_in(2) ? static_cast<std::uint16_t>(*rc::gen::inRange(0, 32) << 1U) : 0;
    rule.flags = one_in(4) ? static_cast<std::uint16_t>(*rc::gen::inRange(0, 256)) : 0;
    if (one_in(4)) {
        for (const char* api : {"search", "cat.indices", "index"}) {
            const auto index = parts.catalogue.api_index(api);
            if (index && one_in(2)) {
                rule.apis.push_back(*index);
            }
        }
        std::sort(rule.apis.begin(), rule.apis.end());
    }
    if (one_in(3)) {
        rule.paths = some_indices(parts.path_expressions.size(), 4);
    }
    rule.expires_ns = one_in(4) ? *rc::gen::element<std::uint64_t>(100, 200, 300) : never_ns;
    rule.action = *rc::gen::element(Action::allow, Action::allow, Action::reject, Action::reset);
    if (rule.action != Action::allow) {
        rule.mode = some_mode();
    }
    return rule;
}

/// Everything but the rules.
inline CompiledPolicy::Parts random_parts() {
    CompiledPolicy::Parts parts;
    parts.generation = 1;
    parts.catalogue = elasticsearch::Catalogue(builtin_endpoints());
    parts.mode = one_in(6) ? Mode::observe : Mode::enforce;
    parts.default_action = one_in(3) ? Action::drop : Action::reject;
    parts.transit_forward = !one_in(4);
    parts.zone_names = {"a", "b", "c"};
    std::vector<Prefix> prefixes;
    for (const std::string& text : some(prefix_pool, 6)) {
        Prefix prefix = *parse_prefix(text);
        prefix.value = *rc::gen::inRange<std::uint16_t>(0, 3);
        prefixes.push_back(prefix);
    }
    parts.zones = RangeMap(longest_prefix_ranges(prefixes));
    parts.identity_names = one_in(3) ? std::vector<std::string>{"anna", "bert", "dora"}
                                     : std::vector<std::string>{"anna", "bert", "carl"};
    // Port i of server j belongs to one service at most, as in every policy that loads.
    parts.services.resize(2);
    for (std::size_t i = 0; i < 2; ++i) {
        Service& service = parts.services[i];
        service.name = i == 0 ? "search" : "other";
        service.protocol = one_in(4) ? ServiceProtocol::tcp : ServiceProtocol::elasticsearch;
        service.tls_allowed = one_in(4);
        service.mode = some_mode();
        for (const std::string& text : some(server_pool, 7)) {
            const IpAddress address = parse_prefix(text)->first;
            service.addresses.push_back({address, address, 0});
        }
        service.ports = i == 0 ? some(std::vector<std::uint16_t>{9200, 9201, 9202}, 7)
                               : some(std::vector<std::uint16_t>{6379, 9203}, 7);
    }
    parts.path_expressions = some(path_pool, 6);
    if (parts.path_expressions.empty()) {
        parts.path_expressions = {path_pool.front()};
    }
    std::vector<std::string> expressions = parts.path_expressions;
    if (one_in(3)) {
        parts.patches.push_back(
            {.name = "plugin", .methods = 0, .path = static_cast<std::uint16_t>(expressions.size())});
        expressions.emplace_back("/logs-2.*");
    }
    if (one_in(2)) {
        parts.health_checks.push_back({.id = "probe",
                                       .zones = some_indices(parts.zone_names.size(), 4),
                                       .services = some_indices(parts.services.size(), 6),
                                       .method = one_in(2) ? http::Method::get : http::Method::head,
                                       .path = one_in(2) ? "/" : "/_cat/indices",
                                       .query = "",
                                       .per_minute = 60});
    }
    parts.patterns.paths = *PatternSet::compile(expressions, Extent::whole);
    return parts;
}

}  // namespace springlatch::test
