// A diff as people and programs read it.
#include <nlohmann/json.hpp>

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

[[nodiscard]] Json json_of(const std::vector<Change>& changes) {
    Json list = Json::array();
    for (const Change& change : changes) {
        Json json;
        json["zones"] = change.zones;
        json["prefixes"] = change.prefixes;
        json["services"] = change.services;
        json["listeners"] = change.listeners;
        json["credentials"] = change.credentials;
        json["requests"] = change.requests;
        json["calls"] = change.calls;
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
    std::string text = some_of(change.zones, names_shown);
    if (change.zones.empty() || change.zones.front() != "everywhere") {
        text += " (" + some_of(change.prefixes, prefixes_shown) + ")";
    }
    text += " to " + some_of(change.services, names_shown);
    if (!change.listeners.empty()) {
        text += " (" + some_of(change.listeners, prefixes_shown) + ")";
    }
    text += ": " + change.requests;
    if (!change.credentials.empty()) {
        text += ", " + some_of(change.credentials, names_shown);
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
    json["opens"] = json_of(diff.opens);
    json["closes"] = json_of(diff.closes);
    json["others"] = json_of(diff.others);
    json["inexact"] = diff.inexact;
    return json.dump(2) + "\n";
}

}  // namespace springlatch::effect
