#include "config/effect/comparison.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "config/effect/words.h"

namespace springlatch::effect {
namespace {

/// True if everything that `tight` lets through, `loose` lets through too.
[[nodiscard]] bool within(const Outcome& tight, const Outcome& loose) {
    if (loose.per_minute != 0 && (tight.per_minute == 0 || tight.per_minute > loose.per_minute)) {
        return false;
    }
    return std::all_of(loose.limits.begin(), loose.limits.end(), [&](const RuleLimit& limit) {
        return std::any_of(tight.limits.begin(), tight.limits.end(), [&](const RuleLimit& other) {
            return other.per == limit.per && other.of == limit.of && other.most <= limit.most &&
                   other.within_seconds >= limit.within_seconds &&
                   other.quarantine_seconds >= limit.quarantine_seconds;
        });
    });
}

[[nodiscard]] std::optional<Kind> change_of(const Outcome& before, const Outcome& after) {
    if (before.passes() != after.passes()) {
        return after.passes() ? Kind::opens : Kind::closes;
    }
    if (!before.passes()) {
        return before.action == after.action ? std::nullopt : std::optional{Kind::other};
    }
    if (before.bodies != after.bodies) {
        return after.bodies ? Kind::opens : Kind::closes;
    }
    if (!within(after, before)) {
        return Kind::opens;
    }
    if (!within(before, after)) {
        return Kind::closes;
    }
    return before.gate == after.gate && before.record == after.record ? std::nullopt
                                                                      : std::optional{Kind::other};
}

/// The calls for which the two lists are compared with this credential: where neither side reads requests,
/// there is only the connection.
[[nodiscard]] CallSet asked(const Compared& compared, const RuleList& before, const RuleList& after,
                            const Credential& credential) {
    const auto reads = [](const Side& side, const RuleList& list) {
        return list.service != no_service &&
               side.policy().parts().services[list.service].protocol == ServiceProtocol::elasticsearch;
    };
    CallSet result = compared.calls.none();
    const bool anybody = credential.bearer == Bearer::nobody;
    if (reads(compared.before, before) || reads(compared.after, after)) {
        result |= compared.calls.requests();
        if (anybody) {
            result.add(call_unreadable);
            result.add(call_tls);
        }
    } else if (anybody) {
        result.add(call_connection);
    }
    return result;
}

void add_times(const Side& side, const RuleList& list, std::uint64_t at_ns, std::set<std::uint64_t>& times) {
    for (const std::uint16_t index : list.rules) {
        const std::uint64_t expires = side.policy().parts().rules[index].expires_ns;
        if (expires != never_ns && expires > at_ns) {
            times.insert(expires);
        }
    }
}

/// Two cubes that differ only in whether one condition holds, as one without it.
[[nodiscard]] std::optional<Cube> without_difference(const Cube& a, const Cube& b) {
    if (a.literals().size() != b.literals().size()) {
        return std::nullopt;
    }
    std::optional<std::uint16_t> differing;
    for (std::size_t i = 0; i < a.literals().size(); ++i) {
        const Literal& x = a.literals()[i];
        const Literal& y = b.literals()[i];
        if (x == y) {
            continue;
        }
        if (x.condition != y.condition || differing) {
            return std::nullopt;
        }
        differing = x.condition;
    }
    return differing ? std::optional{a.without(*differing)} : std::nullopt;
}

/// Merges what `same` says is alike but for its cube, as long as two cubes make one.
template <class Item, class Same>
void merge_cubes(std::vector<Item>& items, Same same) {
    constexpr std::size_t items_max = 200;  // it is only for shorter texts
    for (bool again = items.size() <= items_max; again;) {
        again = false;
        for (std::size_t i = 0; i < items.size() && !again; ++i) {
            for (std::size_t j = i + 1; j < items.size() && !again; ++j) {
                if (!same(items[i], items[j])) {
                    continue;
                }
                if (auto cube = without_difference(items[i].cube, items[j].cube)) {
                    items[i].cube = std::move(*cube);
                    items.erase(items.begin() + static_cast<std::ptrdiff_t>(j));
                    again = true;
                }
            }
        }
    }
}

class ListsComparison {
  public:
    ListsComparison(const Compared& compared, const RuleList& before, const RuleList& after)
        : compared_(compared), before_(before), after_(after) {}

    [[nodiscard]] ListComparison run() {
        std::set<std::uint64_t> times = {compared_.at_ns};
        add_times(compared_.before, before_, compared_.at_ns, times);
        add_times(compared_.after, after_, compared_.at_ns, times);
        if (times.size() > times_max) {
            result_.exact = false;
            return std::move(result_);
        }
        for (const auto& group :
             alike(compared_.before, &before_, compared_.after, &after_, compared_.credentials)) {
            found_.clear();
            for (const std::uint64_t time : times) {
                at(time, group);
            }
            result_.differences.insert(result_.differences.end(), found_.begin(), found_.end());
        }
        unite_credentials();
        merge_cubes(result_.differences, [](const Difference& a, const Difference& b) {
            return std::tie(a.kind, a.credentials, a.calls, a.before, a.after, a.from_ns) ==
                   std::tie(b.kind, b.credentials, b.calls, b.before, b.after, b.from_ns);
        });
        return std::move(result_);
    }

  private:
    void at(std::uint64_t time, const std::vector<std::size_t>& group) {
        const Credential& credential = compared_.credentials[group.front()];
        const CallSet all = asked(compared_, before_, after_, credential);
        if (all.empty()) {
            return;
        }
        auto a = judge(compared_.before, 0, compared_.calls, before_, credential, all, time);
        auto b = judge(compared_.after, 1, compared_.calls, after_, credential, all, time);
        if (!a || !b) {
            result_.exact = false;
            return;
        }
        a = condensed(std::move(*a));
        b = condensed(std::move(*b));
        std::map<std::tuple<Kind, Cube, std::string, std::string>, CallSet> here;
        for (const Leaf& x : *a) {
            for (const Leaf& y : *b) {
                const auto kind = change_of(x.outcome, y.outcome);
                if (!kind) {
                    continue;
                }
                CallSet calls = x.calls & y.calls;
                const auto cube = calls.empty() ? std::nullopt : Cube::both(x.cube, y.cube);
                if (!cube) {
                    continue;
                }
                const auto [place, is_new] =
                    here.try_emplace({*kind, *cube, outcome_text(compared_.before.policy(), x.outcome),
                                      outcome_text(compared_.after.policy(), y.outcome)},
                                     calls);
                if (!is_new) {
                    place->second |= calls;
                }
            }
        }
        const std::uint64_t from = time == compared_.at_ns ? 0 : time;
        const std::size_t earlier = found_.size();
        for (auto& [key, calls] : here) {
            const auto& [kind, cube, before, after] = key;
            for (std::size_t i = 0; i < earlier; ++i) {
                const Difference& told = found_[i];
                if (told.kind == kind && told.before == before && told.after == after &&
                    told.cube.contains(cube)) {
                    calls -= told.calls;
                }
            }
            // Bytes that are no request bring no credentials.
            const CallSet special = calls - compared_.calls.requests();
            calls &= compared_.calls.requests();
            if (!calls.empty()) {
                found_.push_back({kind, group, calls, cube, before, after, from});
            }
            if (!special.empty()) {
                found_.push_back({kind, {}, special, cube, before, after, from});
            }
        }
    }

    void unite_credentials() {
        std::vector<Difference> united;
        std::map<Difference, std::size_t> known;
        for (Difference& difference : result_.differences) {
            Difference key = difference;
            key.credentials.clear();
            const auto [place, is_new] = known.emplace(std::move(key), united.size());
            if (is_new) {
                united.push_back(std::move(difference));
                continue;
            }
            auto& all = united[place->second].credentials;
            all.insert(all.end(), difference.credentials.begin(), difference.credentials.end());
            std::sort(all.begin(), all.end());
        }
        result_.differences = std::move(united);
    }

    const Compared& compared_;
    const RuleList& before_;
    const RuleList& after_;
    ListComparison result_;
    std::vector<Difference> found_;  ///< for the group at hand
};

}  // namespace

ListComparison compare(const Compared& compared, const RuleList& before, const RuleList& after) {
    return ListsComparison(compared, before, after).run();
}

std::vector<std::vector<std::size_t>> alike(const Side& before, const RuleList* before_list,
                                            const Side& after, const RuleList* after_list,
                                            const std::vector<Credential>& credentials) {
    using Key = std::tuple<Bearer, bool, bool>;
    std::map<Key, std::uint32_t> kinds;
    std::vector<std::uint32_t> group(credentials.size());
    for (std::size_t i = 0; i < credentials.size(); ++i) {
        const Credential& c = credentials[i];
        const Key key{c.bearer, c.identity[0] == no_identity, c.identity[1] == no_identity};
        group[i] = kinds.emplace(key, static_cast<std::uint32_t>(kinds.size())).first->second;
    }
    auto groups = static_cast<std::uint32_t>(kinds.size());
    const std::array<std::pair<const Side*, const RuleList*>, 2> lists = {
        {{&before, before_list}, {&after, after_list}}};
    for (std::size_t which = 0; which < lists.size(); ++which) {
        const auto& [side, list] = lists.at(which);
        std::vector<std::size_t> of_identity(side->policy().parts().identity_names.size(), SIZE_MAX);
        for (std::size_t i = 0; i < credentials.size(); ++i) {
            if (const std::uint16_t identity = credentials[i].identity.at(which); identity != no_identity) {
                of_identity[identity] = i;
            }
        }
        std::set<std::vector<std::uint16_t>> seen;
        for (const std::uint16_t index : list->rules) {
            const Rule& rule = side->policy().parts().rules[index];
            if (rule.credentials != CredentialNeed::verified || rule.identities.empty() ||
                !seen.insert(rule.identities).second) {
                continue;
            }
            std::map<std::uint32_t, std::uint32_t> split;
            for (const std::uint16_t identity : rule.identities) {
                std::uint32_t& mine = group[of_identity[identity]];
                const auto [place, is_new] = split.emplace(mine, groups);
                groups += is_new ? 1U : 0U;
                mine = place->second;
            }
        }
    }
    std::map<std::uint32_t, std::vector<std::size_t>> result;
    for (std::size_t i = 0; i < credentials.size(); ++i) {
        result[group[i]].push_back(i);
    }
    std::vector<std::vector<std::size_t>> sorted;
    sorted.reserve(result.size());
    for (auto& entry : result) {
        sorted.push_back(std::move(entry.second));
    }
    std::sort(sorted.begin(), sorted.end());
    return sorted;
}

std::vector<Leaf> condensed(std::vector<Leaf> leaves) {
    using Key = std::tuple<Cube, std::uint16_t, Gate, bool>;
    std::map<Key, std::size_t> known;
    std::vector<Leaf> result;
    for (Leaf& leaf : leaves) {
        const Key key{leaf.cube, leaf.outcome.rule, leaf.outcome.gate, leaf.outcome.bodies};
        const auto [place, is_new] = known.emplace(key, result.size());
        if (is_new) {
            result.push_back(std::move(leaf));
        } else {
            result[place->second].calls |= leaf.calls;
        }
    }
    merge_cubes(result, [](const Leaf& a, const Leaf& b) {
        return a.calls == b.calls && a.outcome.rule == b.outcome.rule && a.outcome.gate == b.outcome.gate &&
               a.outcome.bodies == b.outcome.bodies;
    });
    return result;
}

}  // namespace springlatch::effect
