#include "config/lint/requests.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <tuple>

#include "config/catalogue.h"

namespace springlatch::lint {
namespace {

constexpr std::array<http::Method, 7> methods = {
    http::Method::get,     http::Method::head,    http::Method::post, http::Method::put,
    http::Method::delete_, http::Method::options, http::Method::patch};

/// What some rule asks for, so that nothing else has to be told apart.
struct Asked {
    std::uint16_t flags = 0;
    std::vector<std::uint16_t> apis;  // sorted
};

[[nodiscard]] Asked asked_by(const std::vector<Rule>& rules) {
    Asked asked;
    std::set<std::uint16_t> apis;
    for (const Rule& rule : rules) {
        asked.flags |= rule.flags;
        apis.insert(rule.apis.begin(), rule.apis.end());
    }
    asked.apis.assign(apis.begin(), apis.end());
    return asked;
}

}  // namespace

bool Requests::Kind::operator<(const Kind& other) const noexcept {
    return std::tie(method, operation, flags, apis) <
           std::tie(other.method, other.operation, other.flags, other.apis);
}

Requests::Requests(const CompiledPolicy& policy) {
    const elasticsearch::Catalogue& catalogue = policy.parts().catalogue;
    const Asked asked = asked_by(policy.parts().rules);
    const std::vector<elasticsearch::Endpoint> endpoints = builtin_endpoints();
    std::set<Kind> found;
    for (const http::Method method : methods) {
        found.insert(Kind{.method = method, .operation = {}, .flags = 0, .apis = {}});
        for (const elasticsearch::Endpoint& endpoint : endpoints) {
            const bool same = endpoint.method == http::name_of(method);
            const bool as_get = method == http::Method::head && endpoint.method == "GET";
            if (!same && !as_get) {
                continue;
            }
            const auto meaning = catalogue.meaning_of(endpoint.method, endpoint.path);
            const auto apis = catalogue.apis_of(meaning.endpoint);
            Kind kind{.method = method,
                      .operation = meaning.operation,
                      .flags = static_cast<std::uint16_t>(meaning.flags & asked.flags),
                      .apis = {}};
            std::set_intersection(apis.begin(), apis.end(), asked.apis.begin(), asked.apis.end(),
                                  std::back_inserter(kind.apis));
            found.insert(std::move(kind));
        }
    }
    kinds_.assign(found.begin(), found.end());
    unknown_ = RequestSet(kinds_.size());
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        const Kind& kind = kinds_[i];
        if (kind.operation == elasticsearch::Operation::unknown && kind.flags == 0 && kind.apis.empty()) {
            unknown_.add(i);
        }
    }
}

RequestSet Requests::of(const Rule& rule) const {
    RequestSet set(kinds_.size());
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
        const Kind& kind = kinds_[i];
        if (matches_call(rule, kind.method, kind.operation, kind.flags, kind.apis)) {
            set.add(i);
        }
    }
    return set;
}

}  // namespace springlatch::lint
