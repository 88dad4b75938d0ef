// A diff as people and programs read it.
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/effect/effect.h"
#include "config/effect/words.h"
#include "config/time_text.h"

namespace springlatch::effect {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t prefixes_shown = 4;
constexpr std::size_t names_shown = 8;

[[nodiscard]] std::string lines(const char* sign, const std::vector<Change>& changes) {
    std::string text;
    for (const Change& change : changes) {
        text += sign + line_of(change) + '\n';
    }
    return text;
}

/// A list that stands once, however many changes have it.
class NamedLists {
  public:
    explicit NamedLists(std::string prefix) : prefix_(std::move(prefix)) {}
    [[nodiscard]] const std::string& name_of(const SharedNames& names) {
        const auto [place, is_new] = known_.emplace(names.get(), prefix_ + std::to_string(known_.size() + 1));
        if (is_new) {
            lists_[place->second] = *names;
        }
        return place->second;
    }
    [[nodiscard]] Json take() { return std::move(lists_); }

  private:
    std::string prefix_;
    std::map<const std::vector<std::string>*, std::string> known_;
    Json lists_ = Json::object();
};

[[nodiscard]] Json json_of(const std::vector<Change>& changes, NamedLists& calls, NamedLists& prefixes) {
    Json list = Json::array();
    for (const Change& change : changes) {
        Json json;
        json["zones"] = *change.zones;
        json["prefixes"] = prefixes.name_of(change.prefixes);
        json["services"] = *change.services;
        json["listeners"] = *change.listeners;
        json["credentials"] = *change.credentials;
        json["requests"] = change.requests;
        json["calls"] = calls.name_of(change.calls);
        json["conditions"] = change.conditions;
        json["before"] = change.before;
        json["after"] = change.after;
        if (change.from_ns != 0) {
            json["from"] = rfc3339(change.from_ns);
        }
        list.push_back(std::move(json));
    }
    return list;
}

}  // namespace

std::string line_of(const Change& change) {
    std::string text = some_of(*change.zones, names_shown);
    if (change.zones->front() != "everywhere") {
        text += change.all_but->empty() ? " (" + some_of(*change.prefixes, prefixes_shown) + ")"
                                        : " (all but " + some_of(*change.all_but, prefixes_shown) + ")";
    }
    text += " to " + some_of(*change.services, names_shown);
    if (!change.listeners->empty()) {
        text += " (" + some_of(*change.listeners, prefixes_shown) + ")";
    }
    text += ": " + change.requests;
    if (!change.credentials->empty()) {
        text += ", " + some_of(*change.credentials, names_shown);
    }
    if (!change.conditions.empty()) {
        text += ", where " + joined(change.conditions, " and ");
    }
    text += "; was " + change.before + ", now " + change.after;
    if (change.from_ns != 0) {
        text += ", from " + rfc3339(change.from_ns).substr(0, 19) + "Z on";
    }
    return text;
}

std::string text_of(const EffectDiff& diff) {
    std::string text =
        lines("+ OPENS   ", diff.opens) + lines("- CLOSES  ", diff.closes) + lines("  CHANGES ", diff.others);
    for (const std::string& sentence : diff.inexact) {
        text += "+ UNKNOWN " + sentence + '\n';
    }
    return text;
}

std::string json_of(const EffectDiff& diff) {
    Json json;
    json["version"] = 1;
    json["widens"] = diff.widens();
    NamedLists calls("calls-");
    NamedLists prefixes("prefixes-");
    json["opens"] = json_of(diff.opens, calls, prefixes);
    json["closes"] = json_of(diff.closes, calls, prefixes);
    json["others"] = json_of(diff.others, calls, prefixes);
    json["inexact"] = diff.inexact;
    json["prefixes"] = prefixes.take();
    json["calls"] = calls.take();
    return json.dump(2) + "\n";
}

}  // namespace springlatch::effect
