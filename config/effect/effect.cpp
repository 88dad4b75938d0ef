#include "config/effect/effect.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "config/effect/comparison.h"
#include "config/effect/credentials.h"
#include "config/effect/space.h"
#include "config/effect/words.h"

namespace springlatch::effect {
namespace {

/// A listener and a source, by their places in the lists of all.
struct Cell {
    std::uint32_t listeners = 0;
    std::uint32_t sources = 0;
    auto operator<=>(const Cell&) const = default;
};

class Diff {
  public:
    Diff(const CompiledPolicy& before, const CompiledPolicy& after, const IdentityKeys& before_keys,
         const IdentityKeys& after_keys, std::uint64_t at_ns)
        : before_(before),
          after_(after),
          calls_(before, after),
          a_(before, 0, before_keys, at_ns, calls_, conditions_, contents_),
          b_(after, 1, after_keys, at_ns, calls_, conditions_, contents_),
          credentials_(credentials_of(before, before_keys, after, after_keys)),
          sources_(sources_of(before, after)),
          listeners_(listeners_of(before, after)),
          at_ns_(at_ns) {}

    [[nodiscard]] EffectDiff run() {
        collect();
        for (const auto& [difference, cells] : found_) {
            tell(difference, cells);
        }
        whole_policy();
        return std::move(result_);
    }

  private:
    void collect() {
        std::unordered_map<std::uint64_t, std::vector<Cell>> pairs;
        for (std::uint32_t l = 0; l < listeners_.size(); ++l) {
            for (std::uint32_t s = 0; s < sources_.size(); ++s) {
                const std::uint32_t a = a_.list_of(sources_[s].before, listeners_[l].before);
                const std::uint32_t b = b_.list_of(sources_[s].after, listeners_[l].after);
                if (a_.list(a).content != b_.list(b).content) {
                    pairs[std::uint64_t{a} << 32U | b].push_back({l, s});
                }
            }
        }
        const Compared compared{a_, b_, calls_, credentials_, at_ns_};
        for (auto& [pair, cells] : pairs) {
            const ListComparison comparison =
                compare(compared, a_.list(static_cast<std::uint32_t>(pair >> 32U)),
                        b_.list(static_cast<std::uint32_t>(pair)));
            if (!comparison.exact) {
                inexact(cells.front());
            }
            for (const Difference& difference : comparison.differences) {
                std::vector<Cell>& all = found_[difference];
                all.insert(all.end(), cells.begin(), cells.end());
            }
        }
    }

    void inexact(const Cell& cell) {
        const Sources& from = sources_[cell.sources];
        const Listeners& to = listeners_[cell.listeners];
        inexact_.insert("cannot be compared exactly from " + zones_text(from) + " to " + services_text(to) +
                        ": too many combinations of path expressions, patches or times");
        result_.inexact.assign(inexact_.begin(), inexact_.end());
    }

    [[nodiscard]] std::string zones_text(const Sources& from) const {
        return moved(zone_name(before_, from.before), zone_name(after_, from.after));
    }
    [[nodiscard]] std::string services_text(const Listeners& to) const {
        return moved(service_name(before_, to.before), service_name(after_, to.after));
    }

    /// One Change for all listeners that have the same sources.
    void tell(const Difference& difference, std::vector<Cell> cells) {
        std::sort(cells.begin(), cells.end());
        std::map<std::vector<std::uint32_t>, std::vector<std::uint32_t>> by_sources;
        for (auto at = cells.begin(); at != cells.end();) {
            std::vector<std::uint32_t> sources;
            const std::uint32_t listeners = at->listeners;
            for (; at != cells.end() && at->listeners == listeners; ++at) {
                sources.push_back(at->sources);
            }
            by_sources[std::move(sources)].push_back(listeners);
        }
        for (const auto& [sources, listeners] : by_sources) {
            Change change;
            const SourceNames& from = names_of_sources(sources);
            const ListenerNames& to = names_of_listeners(listeners);
            const CallNames& calls = names_of_calls(difference.calls);
            change.zones = from.zones;
            change.prefixes = from.prefixes;
            change.all_but = from.all_but;
            change.services = to.services;
            change.listeners = to.listeners;
            change.calls = calls.calls;
            change.requests = calls.text;
            change.credentials = names_of_credentials(difference.credentials);
            change.conditions = conditions_text(conditions_, difference.cube);
            change.before = difference.before;
            change.after = difference.after;
            change.from_ns = difference.from_ns;
            add(difference.kind, std::move(change));
        }
    }

    struct SourceNames {
        SharedNames zones;
        SharedNames prefixes;
        SharedNames all_but;
    };
    const SourceNames& names_of_sources(const std::vector<std::uint32_t>& sources) {
        SourceNames& names = source_names_[sources];
        if (names.zones) {
            return names;
        }
        std::set<std::string> zones;
        std::vector<Span> spans;
        for (const std::uint32_t s : sources) {
            zones.insert(zones_text(sources_[s]));
            spans.insert(spans.end(), sources_[s].spans.begin(), sources_[s].spans.end());
        }
        const bool all = sources.size() == sources_.size();
        std::vector<std::string> others = prefixes_of(complement_of(spans));
        std::vector<std::string> prefixes = prefixes_of(std::move(spans));
        names.zones = all ? shared({"everywhere"}) : shared({zones.begin(), zones.end()});
        names.all_but =
            shared(others.size() < prefixes.size() ? std::move(others) : std::vector<std::string>{});
        names.prefixes = shared(std::move(prefixes));
        return names;
    }

    struct ListenerNames {
        SharedNames services;
        SharedNames listeners;
    };
    const ListenerNames& names_of_listeners(const std::vector<std::uint32_t>& listeners) {
        ListenerNames& names = listener_names_[listeners];
        if (names.services) {
            return names;
        }
        std::set<std::string> services;
        std::vector<std::string> places;
        for (const std::uint32_t l : listeners) {
            services.insert(services_text(listeners_[l]));
            for (const std::string& prefix : prefixes_of(listeners_[l].spans)) {
                places.push_back(prefix + " port " + ports_text(listeners_[l].ports));
            }
        }
        names.services = shared({services.begin(), services.end()});
        names.listeners = shared(std::move(places));
        return names;
    }

    struct CallNames {
        SharedNames calls;
        std::string text;
    };
    const CallNames& names_of_calls(const CallSet& calls) {
        CallNames& names = call_names_[calls];
        if (!names.calls) {
            names = {shared(list_of(calls_, calls)), text_of(calls_, calls, after_, 1)};
        }
        return names;
    }

    const SharedNames& names_of_credentials(const std::vector<std::size_t>& credentials) {
        SharedNames& names = credential_names_[credentials];
        if (!names) {
            names = shared(credentials_text(credentials_, credentials));
        }
        return names;
    }

    static SharedNames shared(std::vector<std::string> names) {
        return std::make_shared<const std::vector<std::string>>(std::move(names));
    }

    void add(Kind kind, Change change) {
        (kind == Kind::opens    ? result_.opens
         : kind == Kind::closes ? result_.closes
                                : result_.others)
            .push_back(std::move(change));
    }

    /// What no service and no rule says.
    void whole_policy() {
        const CompiledPolicy::Parts& a = before_.parts();
        const CompiledPolicy::Parts& b = after_.parts();
        const auto say = [&](Kind kind, const char* what, const char* before, const char* after) {
            Change change;
            change.zones = shared({"everywhere"});
            change.prefixes = shared({"0.0.0.0/0", "::/0"});
            change.services = shared({"(not protected)"});
            change.all_but = change.listeners = change.calls = change.credentials = shared({});
            change.requests = what;
            change.before = before;
            change.after = after;
            add(kind, std::move(change));
        };
        if (a.transit_forward != b.transit_forward) {
            say(b.transit_forward ? Kind::opens : Kind::closes, "frames that are not towards a service",
                a.transit_forward ? "forwarded" : "dropped", b.transit_forward ? "forwarded" : "dropped");
        }
        if (a.tunnels_allowed != b.tunnels_allowed) {
            say(b.tunnels_allowed ? Kind::opens : Kind::closes, "tunnels towards protected addresses",
                a.tunnels_allowed ? "forwarded unread" : "refused",
                b.tunnels_allowed ? "forwarded unread" : "refused");
        }
        if (a.reassemble_fragments != b.reassemble_fragments) {
            say(Kind::other, "fragments towards protected addresses",
                a.reassemble_fragments ? "reassembled and judged" : "refused",
                b.reassemble_fragments ? "reassembled and judged" : "refused");
        }
    }

    const CompiledPolicy& before_;
    const CompiledPolicy& after_;
    Calls calls_;
    Conditions conditions_;
    Contents contents_;
    Side a_;
    Side b_;
    std::vector<Credential> credentials_;
    std::vector<Sources> sources_;
    std::vector<Listeners> listeners_;
    std::uint64_t at_ns_;
    std::map<Difference, std::vector<Cell>> found_;
    std::map<std::vector<std::uint32_t>, SourceNames> source_names_;
    std::map<std::vector<std::uint32_t>, ListenerNames> listener_names_;
    std::map<CallSet, CallNames> call_names_;
    std::map<std::vector<std::size_t>, SharedNames> credential_names_;
    std::set<std::string> inexact_;
    EffectDiff result_;
};

}  // namespace

EffectDiff diff(const CompiledPolicy& before, const CompiledPolicy& after, std::uint64_t at_ns) {
    return Diff(before, after, before.parts().identity_names, after.parts().identity_names, at_ns).run();
}

EffectDiff diff(const LoadedPolicy& before, const LoadedPolicy& after, std::uint64_t at_ns) {
    return Diff(*before.policy, *after.policy, proofs_of(before.identities), proofs_of(after.identities),
                at_ns)
        .run();
}

}  // namespace springlatch::effect
