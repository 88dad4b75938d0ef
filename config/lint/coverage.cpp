#include "config/lint/coverage.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace springlatch::lint {
namespace {

using Indices = std::vector<std::uint16_t>;

/// Work on the words of sets, some seconds of it: more is not compared.
constexpr std::size_t work_max = 4'000'000'000;

constexpr std::uint16_t class_none = 0;
constexpr std::uint16_t class_nobodys = 1;
constexpr std::uint16_t class_identities = 2;  // the first of them

[[nodiscard]] bool meets(const Indices& a, const Indices& b) {
    Indices shared;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(shared));
    return !shared.empty();
}

/// Lists that are empty name everything.
[[nodiscard]] bool list_meets(const Indices& a, const Indices& b) {
    return a.empty() || b.empty() || meets(a, b);
}

[[nodiscard]] bool list_contains(const Indices& a, const Indices& b) {
    return a.empty() || (!b.empty() && std::includes(a.begin(), a.end(), b.begin(), b.end()));
}

/// [identity] → its class: identities that the same rules name are one.
[[nodiscard]] Indices classes_of_identities(const CompiledPolicy::Parts& parts, std::size_t& classes) {
    std::vector<Indices> named_by(parts.identity_names.size());
    std::set<Indices> lists;
    for (const Rule& rule : parts.rules) {
        if (rule.credentials == CredentialNeed::verified && !rule.identities.empty() &&
            lists.insert(rule.identities).second) {
            for (const std::uint16_t identity : rule.identities) {
                named_by[identity].push_back(static_cast<std::uint16_t>(lists.size()));
            }
        }
    }
    std::map<Indices, std::uint16_t> known;
    Indices result;
    for (const Indices& by : named_by) {
        const auto next = static_cast<std::uint16_t>(class_identities + known.size());
        result.push_back(known.emplace(by, next).first->second);
    }
    classes = class_identities + known.size();
    return result;
}

/// A rule's expressions, twice where it denies: one that allows does not match a path that is encoded
/// without need (see PatternQuestion::path_is_plain()).
[[nodiscard]] std::vector<std::uint32_t> paths_of(const Rule& rule) {
    std::vector<std::uint32_t> paths;
    for (const std::uint16_t path : rule.paths) {
        paths.push_back(2U * path);
        if (rule.action != Action::allow) {
            paths.push_back(2U * path + 1);
        }
    }
    return paths;
}

[[nodiscard]] bool paths_contain(const Rule& a, const Rule& b) {
    const std::vector<std::uint32_t> wide = paths_of(a);
    const std::vector<std::uint32_t> narrow = paths_of(b);
    return wide.empty() ||
           (!narrow.empty() && std::includes(wide.begin(), wide.end(), narrow.begin(), narrow.end()));
}

/// What the rules of one zone and service have taken so far.
class Taken {
  public:
    Taken(std::size_t classes, std::size_t kinds)
        : classes_(classes), kinds_(kinds), always_(classes, RequestSet(kinds)) {}

    void add(const Reach& reach, const RequestSet& requests, const std::vector<std::uint32_t>& paths) {
        if (paths.empty()) {
            add_to(always_, reach, requests);
        }
        for (const std::uint32_t path : paths) {
            add_to(on_path_.try_emplace(path, classes_, RequestSet(kinds_)).first->second, reach, requests);
        }
    }

    [[nodiscard]] bool covers(const Reach& reach, const RequestSet& requests,
                              const std::vector<std::uint32_t>& paths) const {
        return std::all_of(reach.credentials.begin(), reach.credentials.end(), [&](std::uint16_t kind) {
            if (always_[kind].contains(requests)) {
                return true;
            }
            return !paths.empty() && std::all_of(paths.begin(), paths.end(), [&](std::uint32_t path) {
                const auto found = on_path_.find(path);
                if (found == on_path_.end()) {
                    return false;
                }
                RequestSet both = always_[kind];
                both |= found->second[kind];
                return both.contains(requests);
            });
        });
    }

  private:
    using ByClass = std::vector<RequestSet>;

    static void add_to(ByClass& sets, const Reach& reach, const RequestSet& requests) {
        for (const std::uint16_t kind : reach.credentials) {
            sets[kind] |= requests;
        }
    }

    std::size_t classes_;
    std::size_t kinds_;
    ByClass always_;
    std::map<std::uint32_t, ByClass> on_path_;
};

}  // namespace

Coverage::Coverage(const CompiledPolicy& policy, std::uint64_t now_ns)
    : parts_(policy.parts()),
      requests_(policy),
      zones_(parts_.zone_names.size()),
      seen_(parts_.rules.size()),
      shadowed_(parts_.rules.size()) {
    for (const AddressRange& range : parts_.zones.ranges()) {
        zones_[range.value] = true;
    }
    make_reaches(now_ns);
    make_shadows();
}

void Coverage::make_reaches(std::uint64_t now_ns) {
    const Indices classes = classes_of_identities(parts_, classes_);
    using Conditions = std::tuple<std::uint16_t, std::uint16_t, std::uint16_t, Indices, bool>;
    std::map<Conditions, std::uint32_t> known;
    for (const Rule& rule : parts_.rules) {
        std::set<std::uint16_t> credentials;
        if (rule.credentials == CredentialNeed::any) {
            credentials.insert(class_none);
        }
        if (rule.credentials != CredentialNeed::verified) {
            credentials.insert(class_nobodys);
        }
        for (std::size_t identity = 0; identity < classes.size(); ++identity) {
            if (rule.credentials != CredentialNeed::verified || rule.identities.empty() ||
                std::binary_search(rule.identities.begin(), rule.identities.end(), identity)) {
                credentials.insert(classes[identity]);
            }
        }
        const auto [place, is_new] = known.emplace(
            Conditions{rule.methods, rule.operations, rule.flags, rule.apis, rule.action == Action::allow},
            static_cast<std::uint32_t>(request_sets_.size()));
        if (is_new) {
            request_sets_.push_back(requests_.of(rule));
        }
        reaches_.push_back(
            {{credentials.begin(), credentials.end()}, place->second, rule.expires_ns <= now_ns});
    }
}

void Coverage::make_shadows() {
    const std::size_t services = parts_.services.size();
    std::map<std::size_t, Indices> cells;  // zone × services + service → its rules in order
    std::size_t entries = 0;
    for (std::size_t i = 0; i < parts_.rules.size(); ++i) {
        for (const std::uint16_t zone : parts_.rules[i].zones) {
            for (const std::uint16_t service : parts_.rules[i].services) {
                if (zones_[zone]) {
                    cells[zone * services + service].push_back(static_cast<std::uint16_t>(i));
                    ++entries;
                }
            }
        }
    }
    if (entries * classes_ * RequestSet(requests_.kinds()).words() > work_max) {
        seen_.assign(seen_.size(), true);
        return;
    }
    shadowed_.assign(shadowed_.size(), true);  // until a cell is found where it decides something
    for (const auto& cell : cells) {
        look_at(cell.second);
    }
    for (std::size_t i = 0; i < shadowed_.size(); ++i) {
        shadowed_[i] =
            shadowed_[i] && seen_[i] && !reaches_[i].expired && !request_sets_[reaches_[i].requests].empty();
    }
}

void Coverage::look_at(const Indices& rules) {
    Taken taken(classes_, requests_.kinds());
    for (const std::uint16_t index : rules) {
        const Rule& rule = parts_.rules[index];
        const Reach& reach = reaches_[index];
        const std::vector<std::uint32_t> paths = paths_of(rule);
        seen_[index] = true;
        if (reach.expired) {
            continue;
        }
        if (!taken.covers(reach, requests_of(index), paths)) {
            shadowed_[index] = false;
        }
        if (rule.expires_ns == never_ns) {  // what ends gives back what it took
            taken.add(reach, requests_of(index), paths);
        }
    }
}

bool Coverage::alive(std::uint16_t rule) const noexcept {
    return seen_[rule] && !shadowed_[rule] && !reaches_[rule].expired && !requests_of(rule).empty();
}

bool Coverage::meet(std::uint16_t one, std::uint16_t other) const {
    const Rule& a = parts_.rules[one];
    const Rule& b = parts_.rules[other];
    return list_meets(a.zones, b.zones) && list_meets(a.services, b.services) &&
           meets(reaches_[one].credentials, reaches_[other].credentials) &&
           requests_of(one).meets(requests_of(other));
}

bool Coverage::takes_all_of(std::uint16_t early, std::uint16_t late) const {
    const Rule& a = parts_.rules[early];
    const Rule& b = parts_.rules[late];
    return list_contains(a.zones, b.zones) && list_contains(a.services, b.services) && paths_contain(a, b) &&
           list_contains(reaches_[early].credentials, reaches_[late].credentials) &&
           requests_of(early).contains(requests_of(late));
}

std::vector<std::uint16_t> Coverage::shadows_of(std::uint16_t rule, std::size_t most) const {
    Indices some;
    for (std::uint16_t early = 0; early < rule; ++early) {
        if (reaches_[early].expired || parts_.rules[early].expires_ns != never_ns) {
            continue;
        }
        if (takes_all_of(early, rule)) {
            return {early};
        }
        if (some.size() < most && meet(early, rule)) {
            some.push_back(early);
        }
    }
    return some;
}

}  // namespace springlatch::lint
