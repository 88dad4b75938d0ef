#include "config/effect/reach.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "config/effect/comparison.h"
#include "config/effect/credentials.h"
#include "config/effect/space.h"
#include "config/effect/words.h"

namespace springlatch::effect {
namespace {

[[nodiscard]] SharedNames shared(std::vector<std::string> names) {
    return std::make_shared<const std::vector<std::string>>(std::move(names));
}

class Finder {
  public:
    Finder(const CompiledPolicy& policy, std::uint64_t at_ns)
        : policy_(policy),
          calls_(policy, policy),
          side_(policy, 0, policy.parts().identity_names, at_ns, calls_, conditions_, contents_),
          credentials_(
              credentials_of(policy, policy.parts().identity_names, policy, policy.parts().identity_names)),
          at_ns_(at_ns) {}

    [[nodiscard]] Reach run(const ReachFilter& filter) {
        std::map<std::uint16_t, std::vector<Span>> zones;
        for (std::size_t i = 0; i < policy_.parts().zone_names.size(); ++i) {
            zones[static_cast<std::uint16_t>(i)];
        }
        for (Sources& sources : sources_of(policy_, policy_)) {
            zones[sources.before] = std::move(sources.spans);
        }
        std::vector<std::uint16_t> services;
        for (std::size_t i = 0; i < policy_.parts().services.size(); ++i) {
            const auto service = static_cast<std::uint16_t>(i);
            if (!filter.service || *filter.service == service) {
                services.push_back(service);
                result_.services.push_back(place_of(policy_.parts().services[i]));
            }
        }
        for (auto& [zone, spans] : zones) {
            if (filter.zone && *filter.zone != zone) {
                continue;
            }
            result_.zones.push_back({zone_name(policy_, zone), shared(prefixes_of(std::move(spans)))});
            for (const std::uint16_t service : services) {
                ways(zone, service);
            }
        }
        const auto name = [](const Place& a, const Place& b) {
            return std::pair{a.name.starts_with('('), a.name} < std::pair{b.name.starts_with('('), b.name};
        };
        std::sort(result_.zones.begin(), result_.zones.end(), name);
        std::sort(result_.services.begin(), result_.services.end(), name);
        std::stable_sort(result_.ways.begin(), result_.ways.end(), [](const Way& a, const Way& b) {
            return std::tie(a.service, a.zone, a.strength) < std::tie(b.service, b.zone, b.strength);
        });
        return std::move(result_);
    }

  private:
    [[nodiscard]] static Place place_of(const Service& service) {
        std::vector<Span> spans;
        for (const AddressRange& range : service.addresses) {
            spans.push_back({range.first, range.last});
        }
        std::vector<std::string> places = prefixes_of(std::move(spans));
        for (std::string& place : places) {
            place += " port " + ports_text(service.ports);
        }
        return {service.name, shared(std::move(places))};
    }

    void ways(std::uint16_t zone, std::uint16_t service) {
        const std::uint32_t number = side_.list_of(zone, service);
        const auto [place, is_new] = known_.try_emplace(number);
        if (is_new) {
            find(number, place->second);
        }
        if (place->second.empty() && inexact_.contains(number)) {
            result_.inexact.push_back("cannot be told exactly from " + zone_name(policy_, zone) + " to " +
                                      service_name(policy_, service) +
                                      ": too many combinations of path expressions and patches");
        }
        for (Way way : place->second) {
            way.zone = zone_name(policy_, zone);
            way.service = service_name(policy_, service);
            result_.ways.push_back(std::move(way));
        }
    }

    void find(std::uint32_t number, std::vector<Way>& found) {
        const RuleList& list = side_.list(number);
        struct Piece {
            Leaf leaf;
            std::vector<std::size_t> credentials;
        };
        using Key = std::tuple<Cube, CallSet, std::uint16_t, Gate, bool>;
        std::map<Key, Piece> pieces;
        for (const auto& group : alike(side_, &list, side_, &list, credentials_)) {
            auto leaves = judge(side_, 0, calls_, list, credentials_[group.front()],
                                asked(list, credentials_[group.front()]), at_ns_);
            if (!leaves) {
                inexact_.insert(number);
                return;
            }
            for (Leaf& leaf : condensed(std::move(*leaves))) {
                if (!leaf.outcome.passes()) {
                    continue;
                }
                // Bytes that are no request bring no credentials.
                for (const bool special : {false, true}) {
                    Leaf part = leaf;
                    part.calls = special ? leaf.calls - calls_.requests() : leaf.calls & calls_.requests();
                    if (part.calls.empty()) {
                        continue;
                    }
                    const Key key{part.cube, part.calls, part.outcome.rule, part.outcome.gate,
                                  part.outcome.bodies};
                    Piece& piece = pieces.try_emplace(key, Piece{std::move(part), {}}).first->second;
                    if (!special) {
                        piece.credentials.insert(piece.credentials.end(), group.begin(), group.end());
                    }
                }
            }
        }
        for (auto& [key, piece] : pieces) {
            std::sort(piece.credentials.begin(), piece.credentials.end());
            found.push_back(way_of(piece.leaf, piece.credentials));
        }
    }

    [[nodiscard]] CallSet asked(const RuleList& list, const Credential& credential) const {
        CallSet result = calls_.none();
        const bool reads = policy_.parts().services[list.service].protocol == ServiceProtocol::elasticsearch;
        if (reads) {
            result |= calls_.requests();
        }
        if (credential.bearer == Bearer::nobody) {
            result.add(reads ? call_unreadable : call_connection);
            if (reads) {
                result.add(call_tls);
            }
        }
        return result;
    }

    [[nodiscard]] Way way_of(const Leaf& leaf, const std::vector<std::size_t>& credentials) const {
        Way way;
        way.strength = strength_of(credentials);
        way.credentials = shared(credentials_text(credentials_, credentials));
        way.calls = shared(list_of(calls_, leaf.calls));
        way.requests = text_of(calls_, leaf.calls, policy_, 0);
        way.conditions = conditions_text(conditions_, leaf.cube);
        way.how = outcome_text(policy_, leaf.outcome);
        way.observed = leaf.outcome.gate == Gate::observed;
        if (leaf.outcome.rule < policy_.parts().rules.size()) {
            way.until_ns = policy_.parts().rules[leaf.outcome.rule].expires_ns;
        }
        return way;
    }

    [[nodiscard]] Strength strength_of(const std::vector<std::size_t>& credentials) const {
        const auto has = [&](Bearer bearer) {
            return std::any_of(credentials.begin(), credentials.end(),
                               [&](std::size_t i) { return credentials_[i].bearer == bearer; });
        };
        if (credentials.empty()) {
            return Strength::source;
        }
        if (has(Bearer::nobody) || has(Bearer::malformed)) {
            return Strength::nothing;
        }
        return has(Bearer::unverified) ? Strength::unproved : Strength::verified;
    }

    const CompiledPolicy& policy_;
    Calls calls_;
    Conditions conditions_;
    Contents contents_;
    Side side_;
    std::vector<Credential> credentials_;
    std::uint64_t at_ns_;
    std::map<std::uint32_t, std::vector<Way>> known_;  ///< by list
    std::set<std::uint32_t> inexact_;
    Reach result_;
};

}  // namespace

Reach reach(const CompiledPolicy& policy, std::uint64_t at_ns, const ReachFilter& filter) {
    return Finder(policy, at_ns).run(filter);
}

}  // namespace springlatch::effect
