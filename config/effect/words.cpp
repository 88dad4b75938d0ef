#include "config/effect/words.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace springlatch::effect {
namespace {

constexpr std::size_t endpoints_named_max = 6;

using elasticsearch::Operation;

[[nodiscard]] std::string limit_text(const RuleLimit& limit) {
    constexpr std::array<const char*, 3> what = {"requests", "bytes given", "failed credentials"};
    std::string text = std::to_string(limit.most) + " " + what.at(static_cast<std::size_t>(limit.of)) +
                       " in " + std::to_string(limit.within_seconds) + " s per " +
                       (limit.per == LimitPer::source ? "source" : "identity");
    if (limit.quarantine_seconds > 0) {
        text += ", then " + std::to_string(limit.quarantine_seconds) + " s of quarantine";
    }
    return text;
}

/// "exactly": what a health check names, and not its kind.
[[nodiscard]] std::string name_of(const Call& call) {
    return (call.exact ? "exactly " : "") + std::string(http::name_of(call.method)) + " " +
           (call.path.empty() ? "(in no entry of the catalogue)" : call.path);
}

/// Calls by method: all of a method's, or some.
[[nodiscard]] std::string methods_text(const Calls& calls, const CallSet& set, const CallSet& whole) {
    std::set<http::Method> in;
    std::set<http::Method> all;
    for (std::size_t i = special_calls; i < calls.size(); ++i) {
        if (whole.has(i)) {
            all.insert(calls[i].method);
        }
        if (set.has(i)) {
            in.insert(calls[i].method);
        }
    }
    for (std::size_t i = special_calls; i < calls.size(); ++i) {
        if (whole.has(i) && in.contains(calls[i].method) && !set.has(i)) {
            return "";  // not all of some method's
        }
    }
    if (in == all) {
        return "all";
    }
    std::vector<std::string> names;
    names.reserve(in.size());
    for (const http::Method method : in) {
        names.emplace_back(http::name_of(method));
    }
    return joined(names);
}

}  // namespace

std::string joined(std::span<const std::string> parts, const char* between) {
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : between) + part;
    }
    return text;
}

std::string some_of(std::span<const std::string> parts, std::size_t most) {
    if (parts.size() <= most + 1) {
        return joined(parts);
    }
    return joined(parts.first(most)) + " and " + std::to_string(parts.size() - most) + " more";
}

std::string zone_name(const CompiledPolicy& policy, std::uint16_t zone) {
    return zone == no_zone ? "(no zone)" : policy.parts().zone_names[zone];
}

std::string service_name(const CompiledPolicy& policy, std::uint16_t service) {
    return service == no_service ? "(not protected)" : policy.parts().services[service].name;
}

std::string moved(const std::string& before, const std::string& after) {
    return before == after ? before : before + " → " + after;
}

const char* name_of(Action action) noexcept {
    constexpr std::array<const char*, 4> names = {"allow", "reject", "reset", "drop"};
    return names.at(static_cast<std::size_t>(action));
}

std::string outcome_text(const CompiledPolicy& policy, const Outcome& outcome) {
    const std::string id = outcome.rule == no_rule ? "" : policy.rule_id(outcome.rule);
    const std::string by = id.empty() ? " by default" : " by " + id;
    switch (outcome.gate) {
        case Gate::shut:
            return "denied" + by + " (" + name_of(outcome.action) + ")";
        case Gate::observed:
            return "forwarded: denial" + by + " only observed";
        case Gate::unread:
            return id.empty() ? "forwarded unread" : "forwarded unread" + by;
        case Gate::open:
            break;
    }
    std::string text = "allowed" + by;
    if (!outcome.bodies) {
        text += ", without a body";
    }
    if (outcome.per_minute > 0) {
        text += ", at most " + std::to_string(outcome.per_minute) + " a minute";
    }
    for (const RuleLimit& limit : outcome.limits) {
        text += ", at most " + limit_text(limit);
    }
    return outcome.record == Record::aggregate ? text + ", recorded in aggregate" : text;
}

std::vector<std::string> conditions_text(const Conditions& conditions, const Cube& cube) {
    std::vector<std::string> result;
    for (const Literal& literal : cube.literals()) {
        const std::string& text = conditions.text_of(literal.condition);
        if (literal.condition == Conditions::plain_path) {
            result.push_back(literal.holds ? text : "the path has needless percent-encoding");
        } else if (text.starts_with("path ")) {
            result.push_back((literal.holds ? "path matches " : "path does not match ") + text.substr(5));
        } else {
            result.push_back((literal.holds ? "known to " : "not known to ") + text);
        }
    }
    return result;
}

std::vector<std::string> credentials_text(const std::vector<Credential>& all,
                                          const std::vector<std::size_t>& chosen) {
    std::set<Bearer> bearers;
    std::vector<std::string> identities;
    for (const std::size_t index : chosen) {
        bearers.insert(all[index].bearer);
        if (all[index].bearer == Bearer::identity) {
            identities.push_back("identity " + all[index].name);
        }
    }
    const auto known = static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [](const Credential& c) { return c.bearer == Bearer::identity; }));
    std::vector<std::string> result;
    const bool whole = identities.size() == known;
    const bool any = bearers.contains(Bearer::unverified) && whole;
    if (any && bearers.contains(Bearer::nobody)) {
        result.emplace_back("with or without credentials");
        if (bearers.contains(Bearer::malformed)) {
            result.emplace_back("malformed credentials");
        }
        return result;
    }
    if (bearers.contains(Bearer::nobody)) {
        result.emplace_back("without credentials");
    }
    if (bearers.contains(Bearer::malformed)) {
        result.emplace_back("malformed credentials");
    }
    if (any) {
        result.emplace_back("any well-formed credentials");
        return result;
    }
    if (bearers.contains(Bearer::unverified)) {
        result.emplace_back("credentials of nobody known");
    }
    result.insert(result.end(), identities.begin(), identities.end());
    return result;
}

std::string text_of(const Calls& calls, const CallSet& set, const CompiledPolicy& names, std::size_t side) {
    std::vector<std::string> parts;
    const CallSet requests = set & calls.requests();
    if (requests == calls.requests()) {
        parts.emplace_back("every request");
    } else if (const std::string only = methods_text(calls, requests, calls.requests());
               !only.empty() && !requests.empty()) {
        parts.push_back("every " + only);
    } else {
        std::map<std::string, std::vector<std::string>> by_methods;  // → operations
        for (const Operation operation : {Operation::info, Operation::read, Operation::write,
                                          Operation::manage, Operation::security, Operation::unknown}) {
            CallSet whole = calls.none();
            CallSet part = calls.none();
            std::set<std::string> apis;
            for (std::size_t i = special_calls; i < calls.size(); ++i) {
                const elasticsearch::Meaning& meaning = calls[i].meanings.at(side);
                if (meaning.operation != operation) {
                    continue;
                }
                whole.add(i);
                if (requests.has(i)) {
                    part.add(i);
                    const auto indices = names.parts().catalogue.apis_of(meaning.endpoint);
                    const std::string method(http::name_of(calls[i].method));
                    if (calls[i].exact || indices.empty()) {
                        apis.insert(calls[i].path.empty() ? "unknown by " + method : name_of(calls[i]));
                    }
                    for (const std::uint16_t api :
                         calls[i].exact ? std::span<const std::uint16_t>{} : indices) {
                        apis.insert(names.parts().catalogue.api_names()[api]);
                    }
                }
            }
            if (part.empty()) {
                continue;
            }
            const std::string name(elasticsearch::name_of(operation));
            if (const std::string methods = methods_text(calls, part, whole); !methods.empty()) {
                by_methods[methods == "all" ? "" : methods].push_back(name);
            } else {
                const std::vector<std::string> sorted(apis.begin(), apis.end());
                parts.push_back((operation == Operation::unknown ? "" : name + ": ") +
                                some_of(sorted, endpoints_named_max));
            }
        }
        for (const auto& [methods, operations] : by_methods) {
            parts.insert(parts.begin(), joined(operations) + (methods.empty() ? "" : " by " + methods));
        }
    }
    if (set.has(call_connection)) {
        parts.emplace_back("connections");
    }
    if (set.has(call_unreadable)) {
        parts.emplace_back("bytes that are no request");
    }
    if (set.has(call_tls)) {
        parts.emplace_back("TLS");
    }
    return joined(parts, "; ");
}

std::vector<std::string> list_of(const Calls& calls, const CallSet& set) {
    std::vector<std::string> result;
    for (std::size_t i = special_calls; i < calls.size(); ++i) {
        if (set.has(i)) {
            result.push_back(name_of(calls[i]));
        }
    }
    for (const auto& [call, text] :
         {std::pair{call_connection, "connections"}, std::pair{call_unreadable, "bytes that are no request"},
          std::pair{call_tls, "TLS"}}) {
        if (set.has(call)) {
            result.emplace_back(text);
        }
    }
    return result;
}

}  // namespace springlatch::effect
