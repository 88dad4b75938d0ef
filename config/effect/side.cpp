#include "config/effect/side.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace springlatch::effect {
namespace {

[[nodiscard]] std::string limits_text(const std::vector<RuleLimit>& limits) {
    std::string text;
    for (const RuleLimit& limit : limits) {
        text += std::to_string(static_cast<int>(limit.per)) + ',' +
                std::to_string(static_cast<int>(limit.of)) + ',' + std::to_string(limit.most) + ',' +
                std::to_string(limit.within_seconds) + ',' + std::to_string(limit.quarantine_seconds) + ';';
    }
    return text;
}

/// Everything that the rule's effect depends on, but for its mode and record, which the service decides too.
[[nodiscard]] std::string content_text(const CompiledPolicy& policy, const Rule& rule,
                                       const IdentityKeys& identities) {
    std::string text = std::to_string(static_cast<int>(rule.credentials)) + ' ' +
                       std::to_string(rule.methods) + ' ' + std::to_string(rule.operations) + ' ' +
                       std::to_string(rule.flags) + ' ' + std::to_string(static_cast<int>(rule.action)) +
                       ' ' + std::to_string(rule.expires_ns) + ' ' + limits_text(rule.limits);
    // A rule that names none means all there are: another identity changes it.
    const bool everybody = rule.credentials == CredentialNeed::verified && rule.identities.empty();
    std::vector<std::string> names = everybody ? identities : std::vector<std::string>{};
    for (const std::uint16_t identity : rule.identities) {
        names.push_back(identities[identity]);
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        text += "\ni" + name;
    }
    for (const std::uint16_t api : rule.apis) {
        text += "\na" + policy.parts().catalogue.api_names()[api];
    }
    names.clear();
    for (const std::uint16_t path : rule.paths) {
        names.push_back(policy.parts().path_expressions[path]);
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        text += "\np" + std::to_string(name.size()) + ' ' + name;
    }
    return text;
}

/// Zones or services that a rule names; none named: all, and what is in none.
template <class Take>
void each_of(const std::vector<std::uint16_t>& named, std::size_t count, Take take) {
    if (named.empty()) {
        for (std::size_t i = 0; i < count; ++i) {
            take(i);
        }
    } else {
        std::for_each(named.begin(), named.end(), take);
    }
}

struct ListHash {
    std::size_t operator()(const std::vector<std::uint16_t>& key) const noexcept {
        std::uint64_t hash = 0xcbf29ce484222325U;
        for (const std::uint16_t part : key) {
            hash = (hash ^ part) * 0x100000001b3U;
        }
        return hash;
    }
};

}  // namespace

std::uint16_t Conditions::number_of(const std::string& text) {
    const auto [place, is_new] = numbers_.emplace(text, static_cast<std::uint16_t>(texts_.size()));
    if (is_new) {
        texts_.push_back(text);
    }
    return place->second;
}

std::size_t Contents::Hash::operator()(const std::vector<std::uint64_t>& key) const noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const std::uint64_t part : key) {
        hash = (hash ^ part ^ (part >> 32U)) * 0x100000001b3U;
    }
    return hash;
}

Side::Side(const CompiledPolicy& policy, std::size_t side, const IdentityKeys& identities,
           std::uint64_t at_ns, const Calls& calls, Conditions& conditions, Contents& contents)
    : policy_(policy) {
    prepare_rules(side, identities, calls, conditions, contents);
    for (const Patch& patch : policy.parts().patches) {
        patches_.push_back(conditions.number_of("patch:" + patch.name));
    }
    prepare_lists(at_ns, contents);
}

void Side::prepare_rules(std::size_t side, const IdentityKeys& identities, const Calls& calls,
                         Conditions& conditions, Contents& contents) {
    std::map<std::string, CallSet> known;  // by what decides it
    for (const Rule& rule : policy_.parts().rules) {
        PreparedRule prepared;
        prepared.content = contents.number_of(content_text(policy_, rule, identities));
        std::string key = std::to_string(rule.methods) + ' ' + std::to_string(rule.operations) + ' ' +
                          std::to_string(rule.flags);
        if (!rule.apis.empty()) {
            key += rule.action == Action::allow ? " allow" : " deny";
        }
        for (const std::uint16_t api : rule.apis) {
            key += ' ' + std::to_string(api);
        }
        const auto place = known.find(key);
        prepared.calls = place != known.end()
                             ? place->second
                             : known.emplace(key, calls.matching(policy_, rule, side)).first->second;
        for (const std::uint16_t path : rule.paths) {
            prepared.paths.push_back(conditions.number_of("path " + policy_.parts().path_expressions[path]));
        }
        std::sort(prepared.paths.begin(), prepared.paths.end());
        rules_.push_back(std::move(prepared));
    }
}

/// Rules and health checks are dealt out to the cells that they name, so that the work is what the policy
/// says and not zones × services × rules.
void Side::prepare_lists(std::uint64_t at_ns, Contents& contents) {
    const CompiledPolicy::Parts& parts = policy_.parts();
    const std::size_t services = parts.services.size();
    const std::size_t rows = parts.zone_names.size() + 1;
    std::vector<std::uint32_t> starts(rows * services + 1);
    // An entry: a rule's index, or behind them a health check's.
    const auto deal = [&](auto take) {
        const auto put = [&](const std::vector<std::uint16_t>& zones, const std::vector<std::uint16_t>& named,
                             std::size_t entry) {
            each_of(zones, rows, [&](std::size_t zone) {
                each_of(named, services,
                        [&](std::size_t service) { take(zone * services + service, entry); });
            });
        };
        for (std::size_t i = 0; i < parts.rules.size(); ++i) {
            if (parts.rules[i].expires_ns > at_ns) {
                put(parts.rules[i].zones, parts.rules[i].services, i);
            }
        }
        for (std::size_t i = 0; i < parts.health_checks.size(); ++i) {
            put(parts.health_checks[i].zones, parts.health_checks[i].services, parts.rules.size() + i);
        }
    };
    deal([&](std::size_t cell, std::size_t) { ++starts[cell + 1]; });
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    std::vector<std::uint16_t> entries(starts.back());
    std::vector<std::uint32_t> next(starts.begin(), starts.end() - 1);
    deal([&](std::size_t cell, std::size_t entry) {
        entries[next[cell]++] = static_cast<std::uint16_t>(entry);
    });

    std::string wide = std::to_string(static_cast<int>(parts.default_action));
    for (const Patch& patch : parts.patches) {
        wide += ' ' + patch.name;
    }
    const std::uint32_t policy_wide = contents.number_of(wide);
    lists_.push_back({});
    lists_[0].content = contents.number_of(std::vector<std::uint64_t>{parts.transit_forward ? 1U : 0U});
    std::unordered_map<std::vector<std::uint16_t>, std::uint32_t, ListHash> known;
    of_cell_.resize(rows * services);
    for (std::size_t cell = 0; cell < of_cell_.size(); ++cell) {
        std::vector<std::uint16_t> key(entries.begin() + starts[cell], entries.begin() + starts[cell + 1]);
        key.push_back(static_cast<std::uint16_t>(cell % services));
        const auto [place, is_new] = known.emplace(std::move(key), static_cast<std::uint32_t>(lists_.size()));
        of_cell_[cell] = place->second;
        if (is_new) {
            RuleList list;
            list.service = static_cast<std::uint16_t>(cell % services);
            for (std::size_t i = starts[cell]; i < starts[cell + 1]; ++i) {
                if (entries[i] < parts.rules.size()) {
                    list.rules.push_back(entries[i]);
                } else {
                    list.health_checks.push_back(static_cast<std::uint16_t>(entries[i] - parts.rules.size()));
                }
            }
            list.content = content_of(list, policy_wide, contents);
            lists_.push_back(std::move(list));
        }
    }
}

std::uint32_t Side::content_of(const RuleList& list, std::uint32_t policy_wide, Contents& contents) const {
    const CompiledPolicy::Parts& parts = policy_.parts();
    const Service& service = parts.services[list.service];
    std::vector<std::uint64_t> key = {
        policy_wide, static_cast<std::uint64_t>(service.protocol), service.tls_allowed ? 1U : 0U,
        static_cast<std::uint64_t>(policy_.mode_of(list.service)), list.health_checks.size()};
    for (const std::uint16_t index : list.health_checks) {
        const HealthCheck& check = parts.health_checks[index];
        key.push_back(contents.number_of("check " + std::to_string(static_cast<int>(check.method)) + ' ' +
                                         std::to_string(check.per_minute) + ' ' + check.path + '?' +
                                         check.query));
    }
    for (const std::uint16_t index : list.rules) {
        const Rule& rule = parts.rules[index];
        key.push_back(std::uint64_t{rules_[index].content} << 8U |
                      static_cast<std::uint64_t>(mode_of(rule, list.service)) << 4U |
                      static_cast<std::uint64_t>(policy_.record_of(index, list.service)));
    }
    return contents.number_of(std::move(key));
}

std::uint32_t Side::list_of(std::uint16_t zone, std::uint16_t service) const noexcept {
    const std::size_t services = policy_.parts().services.size();
    if (service >= services) {
        return 0;
    }
    const std::size_t row = std::min<std::size_t>(zone, policy_.parts().zone_names.size());
    return of_cell_[row * services + service];
}

}  // namespace springlatch::effect
