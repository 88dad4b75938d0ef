#include "control/cli/outcome.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/api/counters_json.h"
#include "control/api/totals.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

/// `text` in a column of `width` characters; multi-byte characters count once.
[[nodiscard]] std::string column(const std::string& text, std::size_t width) {
    std::string result;
    std::size_t characters = 0;
    for (const char c : text) {
        const bool begins = (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
        if (begins && characters == width) {
            return result;
        }
        characters += begins ? 1U : 0U;
        result += c;
    }
    return result + std::string(width - characters, ' ');
}

[[nodiscard]] std::string request_text(const Event& event) {
    if (event.method.empty()) {
        return event.request ? "(not a readable request)" : "(connection)";
    }
    const std::string target = event.query.empty() ? event.path : event.path + "?" + event.query;
    return event.method + " " + target;
}

}  // namespace

std::string summary_json(const Snapshot& told, bool observe) {
    const Counters sum = sum_of(told.workers);
    Json json;
    json["version"] = 1;
    json["mode"] = observe ? "observe" : "policy";
    json["workers"] = told.workers.size();
    put_counters(json, sum);
    json["events"] = sum.events;
    json["events_lost"] = std::max(sum.events_lost, told.events_lost);
    json["records_bad"] = told.records_bad;
    return json.dump(2) + "\n";
}

void StoppedTable::add(const Event& event) {
    if (event.action == "allowed") {
        ++allowed_;
        return;
    }
    const Key key{event.source, event.service, event.reason, event.action};
    const auto found = groups_.find(key);
    if (found != groups_.end()) {
        ++found->second.count;
    } else if (groups_.size() < groups_max) {
        groups_.emplace(key, Group{.count = 1, .first = request_text(event)});
    } else {
        ++other_;
    }
}

std::string StoppedTable::text(std::size_t rows_max) const {
    if (groups_.empty()) {
        return "Nothing was stopped; allowed: " + std::to_string(allowed_) + "\n";
    }
    std::vector<std::pair<Key, Group>> rows(groups_.begin(), groups_.end());
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
    std::string result = column("source", 16) + "  " + column("service", 16) + "  " + column("reason", 24) +
                         "  " + column("verdict", 10) + "   count  first request\n";
    for (std::size_t i = 0; i < std::min(rows.size(), rows_max); ++i) {
        const auto& [source, service, reason, action] = rows[i].first;
        std::string count = std::to_string(rows[i].second.count);
        count.insert(0, count.size() < 6 ? 6 - count.size() : 0, ' ');
        std::string first = rows[i].second.first;
        if (first.size() > 60) {
            first = column(first, 57) + "...";
        }
        for (const std::string& cell :
             {column(source, std::max<std::size_t>(16, source.size())), column(service, 16),
              column(reason, 24), column(action, 10), count, first}) {
            result.append(cell).append("  ");
        }
        result.resize(result.size() - 2);
        result += '\n';
    }
    std::uint64_t rest = other_;
    for (std::size_t i = rows_max; i < rows.size(); ++i) {
        rest += rows[i].second.count;
    }
    if (rest > 0) {
        result += "and " + std::to_string(rest) + " more of other groups (events.ndjson has them all)\n";
    }
    return result + "allowed: " + std::to_string(allowed_) + "\n";
}

}  // namespace springlatch::control
