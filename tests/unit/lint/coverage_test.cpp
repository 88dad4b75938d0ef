// What lint says of rules that never decide, against the data plane itself: every kind of request is asked.
#include "config/lint/coverage.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "config/catalogue.h"
#include "tests/support/frames.h"

namespace springlatch::lint {
namespace {

constexpr std::uint64_t now_ns = 1'700'000'000'000'000'000;

class Maker {
  public:
    explicit Maker(std::uint32_t seed) : random_(seed) {}

    CompiledPolicy::Parts parts() {
        CompiledPolicy::Parts made;
        made.zone_names = {"a", "b", "empty"};
        made.zones = RangeMap({{test::ip("10.0.0.0"), test::ip("10.0.0.255"), 0},
                               {test::ip("10.0.1.0"), test::ip("10.0.1.255"), 1}});
        made.identity_names = {"alice", "bob", "carol"};
        for (int i = 0; i < 2; ++i) {
            Service service;
            service.name = std::to_string(i);
            made.services.push_back(service);
        }
        made.catalogue = elasticsearch::Catalogue(builtin_endpoints());
        const std::size_t rules = 1 + below(7);
        for (std::size_t i = 0; i < rules; ++i) {
            made.rules.push_back(rule(i, made.catalogue));
        }
        return made;
    }

  private:
    std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }
    bool one_in(std::uint32_t n) { return below(n) == 0; }

    std::vector<std::uint16_t> some_of(std::uint16_t end) {
        std::vector<std::uint16_t> chosen;
        for (std::uint16_t i = 0; i < end; ++i) {
            if (one_in(2)) {
                chosen.push_back(i);
            }
        }
        return chosen.empty() ? std::vector<std::uint16_t>{static_cast<std::uint16_t>(below(end))} : chosen;
    }

    Rule rule(std::size_t index, const elasticsearch::Catalogue& catalogue) {
        Rule made;
        made.id = std::to_string(index);
        made.zones = some_of(3);
        made.services = some_of(2);
        made.credentials = static_cast<CredentialNeed>(below(3));
        if (made.credentials == CredentialNeed::verified && one_in(2)) {
            made.identities = some_of(3);
        }
        if (one_in(2)) {
            made.methods = static_cast<std::uint16_t>((below(127) + 1) << 1U);
        }
        if (one_in(2)) {
            made.operations = static_cast<std::uint16_t>((below(31) + 1) << 1U);
        }
        if (one_in(4)) {
            made.flags = static_cast<std::uint16_t>(1 + below(255));
        }
        if (one_in(4)) {
            made.apis = {*catalogue.api_index("bulk"), *catalogue.api_index("search")};
            std::sort(made.apis.begin(), made.apis.end());
        }
        if (one_in(5)) {
            made.expires_ns = now_ns - 1;
        }
        made.action = one_in(2) ? Action::allow : Action::reset;
        return made;
    }

    std::mt19937 random_;
};

/// Calls `ask` with every kind of request there is, from each zone to each service, by whoever may send it.
template <class Ask>
void ask_everything(const CompiledPolicy& policy, Ask ask) {
    const auto endpoints = builtin_endpoints();
    std::vector<RequestFacts> requests;
    for (const http::Method method :
         {http::Method::get, http::Method::head, http::Method::post, http::Method::put, http::Method::delete_,
          http::Method::options, http::Method::patch}) {
        RequestFacts facts;
        facts.method = method;
        facts.time_ns = now_ns;
        requests.push_back(facts);
        for (const auto& endpoint : endpoints) {
            const bool as_get = method == http::Method::head && endpoint.method == "GET";
            if (endpoint.method != http::name_of(method) && !as_get) {
                continue;
            }
            const auto meaning = policy.parts().catalogue.meaning_of(endpoint.method, endpoint.path);
            facts.operation = meaning.operation;
            facts.flags = meaning.flags;
            facts.endpoint = meaning.endpoint;
            requests.push_back(facts);
        }
    }
    for (std::uint16_t zone = 0; zone < 2; ++zone) {
        for (std::uint16_t service = 0; service < 2; ++service) {
            for (RequestFacts facts : requests) {
                facts.credentials = http::Credentials::none;
                ask(zone, service, facts);
                facts.credentials = http::Credentials::basic;
                facts.verification = Verification::refused;
                ask(zone, service, facts);
                facts.verification = Verification::accepted;
                for (facts.identity = 0; facts.identity < 3; ++facts.identity) {
                    ask(zone, service, facts);
                }
            }
        }
    }
}

/// The rules that decide at least one request.
std::set<std::uint16_t> deciders(const CompiledPolicy& policy) {
    std::set<std::uint16_t> found;
    ask_everything(policy, [&](std::uint16_t zone, std::uint16_t service, const RequestFacts& facts) {
        found.insert(policy.decide(zone, service, facts).rule);
    });
    return found;
}

/// The first rule that nothing is said against.
std::uint16_t first_without_objection(const CompiledPolicy& policy, std::uint16_t zone, std::uint16_t service,
                                      const RequestFacts& facts) {
    for (std::uint16_t rule = 0; rule < policy.parts().rules.size(); ++rule) {
        if (policy.first_unmet(rule, zone, service, facts) == Unmet::none) {
            return rule;
        }
    }
    return no_rule;
}

TEST(WhyNot, TheRuleThatDecidesIsTheFirstWhoseConditionsAllHold) {
    EXPECT_TRUE(rc::check("first_unmet agrees with decide", [](std::uint32_t seed) {
        const CompiledPolicy policy(Maker(seed).parts());
        ask_everything(policy, [&](std::uint16_t zone, std::uint16_t service, const RequestFacts& facts) {
            RC_ASSERT(policy.decide(zone, service, facts).rule ==
                      first_without_objection(policy, zone, service, facts));
        });
    }));
}

TEST(Coverage, ARuleIsAliveExactlyIfSomeRequestIsDecidedByIt) {
    EXPECT_TRUE(rc::check("alive == decides", [](std::uint32_t seed) {
        const CompiledPolicy policy(Maker(seed).parts());
        const Coverage coverage(policy, now_ns);
        const std::set<std::uint16_t> found = deciders(policy);
        for (std::uint16_t rule = 0; rule < policy.parts().rules.size(); ++rule) {
            RC_ASSERT(coverage.alive(rule) == (found.count(rule) != 0));
        }
    }));
}

TEST(Coverage, ThousandsOfRulesAreComparedInBoundedTime) {
    CompiledPolicy::Parts parts = Maker(1).parts();
    parts.rules.clear();
    for (int i = 0; i < 10'000; ++i) {
        Rule rule;
        rule.id = std::to_string(i);
        rule.zones = {static_cast<std::uint16_t>(i % 2)};
        rule.services = {static_cast<std::uint16_t>(i / 2 % 2)};
        rule.credentials = CredentialNeed::any;
        parts.rules.push_back(rule);
    }
    const CompiledPolicy policy(std::move(parts));
    const Coverage coverage(policy, now_ns);
    EXPECT_TRUE(coverage.alive(3));
    EXPECT_TRUE(coverage.shadowed(4));
    EXPECT_TRUE(coverage.shadowed(9'999));
}

}  // namespace
}  // namespace springlatch::lint
