// Who can reach what, as a table and as JSON.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "config/effect/reach.h"
#include "config/effect/words.h"
#include "config/time_text.h"

namespace springlatch::effect {
namespace {

constexpr std::size_t names_shown = 4;

/// Characters, not bytes.
[[nodiscard]] std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

[[nodiscard]] std::string how_text(const Way& way) {
    std::string text = way.how;
    if (way.until_ns != never_ns) {
        text += ", until " + rfc3339(way.until_ns).substr(0, 19) + "Z";
    }
    return text;
}

[[nodiscard]] const char* name_of(Strength strength) {
    constexpr std::array<const char*, 4> names = {"nothing", "unproved", "verified", "source"};
    return names.at(static_cast<std::size_t>(strength));
}

}  // namespace

std::string table_of(const Reach& reach) {
    using Row = std::array<std::string, 5>;
    std::vector<Row> rows = {{"TO", "FROM", "CREDENTIALS", "REQUESTS", "HOW"}};
    for (const Way& way : reach.ways) {
        std::string requests = way.requests;
        if (!way.conditions.empty()) {
            requests += ", where " + joined(way.conditions, " and ");
        }
        rows.push_back({way.service, way.zone,
                        way.credentials->empty() ? "(not read)" : some_of(*way.credentials, names_shown),
                        std::move(requests), how_text(way)});
    }
    for (const Place& service : reach.services) {
        const bool reached = std::any_of(reach.ways.begin(), reach.ways.end(),
                                         [&](const Way& way) { return way.service == service.name; });
        if (!reached) {
            rows.push_back({service.name, "nobody", "", "", ""});
        }
    }
    std::array<std::size_t, 4> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < widths.size(); ++i) {
            widths.at(i) = std::max(widths.at(i), width_of(row.at(i)));
        }
    }
    std::string text;
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            line += row.at(i) + std::string(widths.at(i) - width_of(row.at(i)) + 2, ' ');
        }
        line += row.back();
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    for (const std::string& sentence : reach.inexact) {
        text += "UNKNOWN: " + sentence + '\n';
    }
    return text;
}

std::string json_of(const Reach& reach) {
    using Json = nlohmann::ordered_json;
    const auto places = [](const std::vector<Place>& all, const char* what) {
        Json list = Json::array();
        for (const Place& place : all) {
            Json json;
            json["name"] = place.name;
            json[what] = *place.addresses;
            list.push_back(std::move(json));
        }
        return list;
    };
    Json json;
    json["version"] = 1;
    json["zones"] = places(reach.zones, "prefixes");
    json["services"] = places(reach.services, "listeners");
    json["ways"] = Json::array();
    for (const Way& way : reach.ways) {
        Json one;
        one["from"] = way.zone;
        one["to"] = way.service;
        one["needs"] = name_of(way.strength);
        one["credentials"] = *way.credentials;
        one["requests"] = way.requests;
        one["calls"] = *way.calls;
        one["conditions"] = way.conditions;
        one["how"] = way.how;
        one["observed"] = way.observed;
        if (way.until_ns != never_ns) {
            one["until"] = rfc3339(way.until_ns);
        }
        json["ways"].push_back(std::move(one));
    }
    json["inexact"] = reach.inexact;
    return json.dump(2) + "\n";
}

}  // namespace springlatch::effect
