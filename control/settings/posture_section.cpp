#include <nlohmann/json.hpp>

#include "config/json_positions.h"
#include "config/prefixes.h"
#include "config/reading.h"
#include "control/settings/reading.h"

namespace springlatch::control {
namespace {

void read_from(const SettingsPart& probe, std::vector<IpAddress>& from) {
    const nlohmann::json& value = probe.at("from");
    const auto list = value.is_array() ? value : nlohmann::json::array({value});
    for (const nlohmann::json& entry : list) {
        if (!entry.is_string()) {
            continue;
        }
        const std::string text = entry.get<std::string>();
        const auto prefix = parse_prefix(text);
        const bool single = prefix && prefix->bits == 128 && text.find('/') == std::string::npos;
        if (!single) {
            probe.say("from", "found " + in_quotes(text) +
                                  "; this must be an address of this machine, 192.0.2.7 or 2001:db8::7");
        } else if (!from.empty() && from.front().is_v4() == prefix->first.is_v4()) {
            probe.say("from", "found two addresses of one family; allowed: one IPv4 and one IPv6 address");
        } else {
            from.push_back(prefix->first);
        }
    }
}

}  // namespace

void read_posture(const SettingsPart& part, PostureSettings& posture) {
    const SettingsPart probe = part.part("probe");
    read_from(probe, posture.probe.from);
    probe.read_duration("every", posture.probe.every_seconds, 1, 7 * 86400);
    probe.read_duration("timeout", posture.probe.timeout_seconds, 1, 60);
    probe.read_number("per_minute", posture.probe.per_minute);
}

}  // namespace springlatch::control
