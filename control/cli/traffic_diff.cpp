#include "control/cli/traffic_diff.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "control/cli/redecide.h"
#include "control/cli/replay.h"
#include "control/store/store.h"

namespace springlatch::control {
namespace {

constexpr std::size_t groups_max = 10'000;
constexpr std::size_t groups_shown = 30;
constexpr std::size_t path_bytes_max = 65'536;

[[nodiscard]] std::string what_of(const Event& event) {
    if (event.method.empty()) {
        return "(connection)";
    }
    return event.method + " " + event.path;
}

[[nodiscard]] std::string verdict_of(const Event& event) {
    return event.action == "allowed" ? "allowed" : event.action + ": " + event.reason;
}

/// Collects what is decided otherwise, alike to alike.
class Groups {
  public:
    void add(const Redecided& one) {
        const Key key{one.opens, one.what, one.source, one.service, one.identity, one.before, one.after};
        if (const auto place = groups_.find(key); place != groups_.end()) {
            ++place->second.count;
        } else if (groups_.size() < groups_max) {
            groups_.emplace(key, one).first->second.count = 1;
        } else {
            Redecided& rest = one.opens ? other_opens_ : other_closes_;
            rest.opens = one.opens;
            rest.what = "(others)";
            ++rest.count;
        }
    }
    [[nodiscard]] std::vector<Redecided> take() {
        std::vector<Redecided> result;
        for (auto& entry : groups_) {
            result.push_back(std::move(entry.second));
        }
        for (const Redecided* rest : {&other_opens_, &other_closes_}) {
            if (rest->count > 0) {
                result.push_back(*rest);
            }
        }
        std::stable_sort(result.begin(), result.end(), [](const Redecided& a, const Redecided& b) {
            return std::pair{a.opens, a.count} > std::pair{b.opens, b.count};
        });
        return result;
    }

  private:
    using Key =
        std::tuple<bool, std::string, std::string, std::string, std::string, std::string, std::string>;
    std::map<Key, Redecided> groups_;
    Redecided other_opens_;
    Redecided other_closes_;
};

/// Gone at the end, with all that is in it.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base == nullptr || *base == '\0' ? "/tmp" : base) + "/springlatch-diff-XXXXXX";
        if (mkdtemp(path_.data()) == nullptr) {
            path_.clear();
        }
    }
    ~TemporaryFolder() {
        if (!path_.empty()) {
            std::error_code ignored;
            std::filesystem::remove_all(path_, ignored);
        }
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
};

using Flow = std::tuple<std::string, std::uint16_t, std::string, std::uint16_t>;
/// The how-manyth request of its text, on its connection.
using Place = std::tuple<Flow, std::string, std::uint32_t>;

struct Replayed {
    std::map<Place, Event> events;
    std::map<Flow, std::string> cut;  ///< why the connection ended: its first denial
};

[[nodiscard]] tl::expected<Replayed, std::string> replayed(const std::string& capture,
                                                           const std::string& policy,
                                                           const std::string& out) {
    ReplayOptions options;
    options.capture = capture;
    options.policy = policy;
    options.out = out;
    options.quiet = true;
    if (replay(options) != 0) {
        return tl::unexpected(std::string());
    }
    auto reader = StoreReader::open(out + "/store");
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    Replayed result;
    std::map<std::pair<Flow, std::string>, std::uint32_t> counts;
    const auto read = reader->each({}, EventOrder::by_sequence, 0, [&](const Event& event) {
        const Flow flow{event.source, event.source_port, event.destination, event.destination_port};
        const std::string text = what_of(event) + "?" + event.query;
        result.events.emplace(Place{flow, text, counts[{flow, text}]++}, event);
        if (event.action == "denied") {
            result.cut.emplace(flow, "cut: " + event.reason);
        }
        return true;
    });
    if (!read) {
        return tl::unexpected(read.error());
    }
    return result;
}

/// Nothing: this policy never came to judge it.
[[nodiscard]] Redecision fate_of(const Replayed& replayed, const Place& place) {
    if (const auto found = replayed.events.find(place); found != replayed.events.end()) {
        const Event& event = found->second;
        return {event.action == "denied" ? Redecision::Fate::stopped : Redecision::Fate::passes,
                verdict_of(event), event.service};
    }
    if (const auto cut = replayed.cut.find(std::get<0>(place)); cut != replayed.cut.end()) {
        return {Redecision::Fate::stopped, cut->second, ""};
    }
    if (std::get<1>(place) == "(connection)?") {
        return {Redecision::Fate::passes, "let in", ""};
    }
    return {};
}

void compare(const Event& event, const Redecision& before, const Redecision& after, TrafficDiff& result,
             Groups& groups) {
    using Fate = Redecision::Fate;
    if (before.fate == Fate::unknown || after.fate == Fate::unknown) {
        ++result.not_redecided;
        return;
    }
    ++result.judged;
    if (before.fate != after.fate) {
        groups.add({.opens = after.fate == Fate::passes,
                    .what = what_of(event),
                    .source = event.source,
                    .service = after.service.empty() ? before.service : after.service,
                    .identity = event.user,
                    .before = before.words,
                    .after = after.words});
    }
}

}  // namespace

tl::expected<TrafficDiff, std::string> diff_of_capture(const std::string& capture, const std::string& before,
                                                       const std::string& after) {
    const TemporaryFolder folder;
    if (folder.path().empty()) {
        return tl::unexpected(std::string("no temporary folder can be made: ") + std::strerror(errno));
    }
    const auto a = replayed(capture, before, folder.path() + "/before");
    if (!a) {
        return tl::unexpected(a.error());
    }
    const auto b = replayed(capture, after, folder.path() + "/after");
    if (!b) {
        return tl::unexpected(b.error());
    }
    std::map<Place, const Event*> all;
    for (const auto& [place, event] : a->events) {
        all.emplace(place, &event);
    }
    for (const auto& [place, event] : b->events) {
        all.emplace(place, &event);
    }
    TrafficDiff result;
    Groups groups;
    for (const auto& [place, event] : all) {
        compare(*event, fate_of(*a, place), fate_of(*b, place), result, groups);
    }
    result.differences = groups.take();
    return result;
}

tl::expected<TrafficDiff, std::string> diff_of_store(const std::string& dir, std::uint64_t from_ns,
                                                     std::uint64_t at_ns, const CompiledPolicy& before,
                                                     const CompiledPolicy& after) {
    auto reader = StoreReader::open(dir);
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    PatternScratch scratch_before(before.parts().patterns, path_bytes_max);
    PatternScratch scratch_after(after.parts().patterns, path_bytes_max);
    TrafficDiff result;
    Groups groups;
    EventFilter filter;
    filter.from_ns = from_ns;
    const auto read = reader->each(filter, EventOrder::oldest_first, 0, [&](const Event& event) {
        compare(event, redecide(before, scratch_before, event, at_ns),
                redecide(after, scratch_after, event, at_ns), result, groups);
        return true;
    });
    if (!read) {
        return tl::unexpected(read.error());
    }
    result.differences = groups.take();
    return result;
}

std::string text_of(const TrafficDiff& diff) {
    std::string text;
    if (diff.differences.empty()) {
        text = "None of these requests would have been decided otherwise.\n";
    } else {
        text = "These requests would have been decided otherwise:\n";
    }
    for (std::size_t i = 0; i < std::min(diff.differences.size(), groups_shown); ++i) {
        const Redecided& one = diff.differences[i];
        text += std::string(one.opens ? "+ " : "- ") + std::to_string(one.count) + " x " + one.what;
        if (!one.source.empty()) {
            text += " from " + one.source + " to " + one.service;
        }
        if (!one.identity.empty()) {
            text += ", identity " + one.identity;
        }
        text += (one.before.empty() ? "" : "; was " + one.before + ", now " + one.after) + "\n";
    }
    if (diff.differences.size() > groups_shown) {
        text +=
            "and " + std::to_string(diff.differences.size() - groups_shown) + " more (--json has them all)\n";
    }
    text += std::to_string(diff.judged) + " decided under both";
    if (diff.not_redecided > 0) {
        text += ", " + std::to_string(diff.not_redecided) +
                " could not be: what is known of them does not say enough";
    }
    return text + ".\n";
}

std::string json_of(const TrafficDiff& diff) {
    nlohmann::ordered_json json;
    json["judged"] = diff.judged;
    json["not_redecided"] = diff.not_redecided;
    json["differences"] = nlohmann::ordered_json::array();
    for (const Redecided& one : diff.differences) {
        json["differences"].push_back({{"change", one.opens ? "opens" : "closes"},
                                       {"request", one.what},
                                       {"source", one.source},
                                       {"service", one.service},
                                       {"identity", one.identity},
                                       {"before", one.before},
                                       {"after", one.after},
                                       {"count", one.count}});
    }
    return json.dump(2);
}

}  // namespace springlatch::control
