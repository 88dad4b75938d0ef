#include "config/effect/calls.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "config/catalogue.h"

namespace springlatch::effect {
namespace {

using elasticsearch::Operation;
using http::Method;

constexpr std::array<Method, 7> methods = {Method::get,     Method::head,    Method::post, Method::put,
                                           Method::delete_, Method::options, Method::patch};

/// A path that the template, and no literal segment, leads to: no endpoint has a segment of this name.
[[nodiscard]] std::string instance_of(const std::string& path) {
    std::string result;
    bool inside = false;
    for (const char c : path) {
        if (c == '{') {
            inside = true;
            result += "a-name";
        } else if (c == '}') {
            inside = false;
        } else if (!inside) {
            result += c;
        }
    }
    return result;
}

/// The path, and what it is with the name of an API whose body names the indices where a placeholder ends it:
/// "/_alias/{name}", "/_alias/_mget", …
[[nodiscard]] std::vector<std::string> readings_of(const std::string& path) {
    std::vector<std::string> result = {path};
    const std::size_t last = path.rfind('/');
    if (last == std::string::npos) {
        return result;
    }
    const bool ends_in_name = path.compare(last, 2, "/{") == 0;
    for (const char* api : {"_bulk", "_mget", "_msearch", "_mtermvectors"}) {
        if (ends_in_name) {
            result.push_back(path.substr(0, last + 1) + api);
        }
    }
    const std::size_t before = last == 0 ? std::string::npos : path.rfind('/', last - 1);
    if (before != std::string::npos && path.compare(before, 2, "/{") == 0 &&
        (ends_in_name || path.substr(last) == "/template")) {
        result.push_back(path.substr(0, before) + "/_msearch/template");
    }
    return result;
}

}  // namespace

void Calls::add(Call call) {
    calls_.push_back(std::move(call));
}

Calls::Calls(const CompiledPolicy& before, const CompiledPolicy& after) {
    calls_.resize(special_calls);
    const std::array<const CompiledPolicy*, 2> policies = {&before, &after};
    const auto meanings_of = [&](Method method, const std::string& path) {
        return std::array{before.meaning_of(method, path), after.meaning_of(method, path)};
    };
    for (const Method method : methods) {
        add({.method = method});
    }
    // Rows that differ in their placeholders' names only are one. A path that may be two APIs is a call of
    // its own: see Catalogue.
    using Key =
        std::tuple<Method, Operation, std::uint16_t, std::uint16_t, Operation, std::uint16_t, std::uint16_t>;
    std::set<Key> known;
    for (const elasticsearch::Endpoint& endpoint : builtin_endpoints()) {
        for (const Method method : methods) {
            if (name_of(method == Method::head ? Method::get : method) != endpoint.method) {
                continue;
            }
            for (std::string& path : readings_of(endpoint.path)) {
                const auto meanings = meanings_of(method, instance_of(path));
                const auto& [a, b] = meanings;
                if (known.emplace(method, a.operation, a.flags, a.endpoint, b.operation, b.flags, b.endpoint)
                        .second) {
                    add({.method = method, .path = std::move(path), .meanings = meanings});
                }
            }
        }
    }
    std::set<std::pair<Method, std::string>> exact;
    for (const CompiledPolicy* policy : policies) {
        for (const HealthCheck& check : policy->parts().health_checks) {
            const std::string target = check.query.empty() ? check.path : check.path + "?" + check.query;
            if (exact.emplace(check.method, target).second) {
                add({.method = check.method,
                     .path = target,
                     .exact = true,
                     .meanings = meanings_of(check.method, check.path)});
            }
        }
    }
    requests_ = none();
    for (std::size_t call = special_calls; call < calls_.size(); ++call) {
        requests_.add(call);
    }
}

CallSet Calls::matching(const CompiledPolicy& policy, const Rule& rule, std::size_t side) const {
    CallSet result = none();
    for (std::size_t i = special_calls; i < calls_.size(); ++i) {
        const Call& call = calls_[i];
        const elasticsearch::Meaning& meaning = call.meanings.at(side);
        const auto apis = policy.parts().catalogue.apis_of(meaning.endpoint);
        if (matches_call(rule, call.method, meaning.operation, meaning.flags, apis)) {
            result.add(i);
        }
    }
    return result;
}

CallSet Calls::matching(const HealthCheck& check) const {
    CallSet result = none();
    const std::string target = check.query.empty() ? check.path : check.path + "?" + check.query;
    for (std::size_t i = special_calls; i < calls_.size(); ++i) {
        if (calls_[i].exact && calls_[i].method == check.method && calls_[i].path == target) {
            result.add(i);
        }
    }
    return result;
}

CallSet Calls::with_methods(std::uint16_t wanted) const {
    CallSet result = none();
    for (std::size_t i = special_calls; i < calls_.size(); ++i) {
        if (bit_allows(wanted, static_cast<unsigned>(calls_[i].method))) {
            result.add(i);
        }
    }
    return result;
}

}  // namespace springlatch::effect
