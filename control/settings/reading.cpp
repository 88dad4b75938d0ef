#include "control/settings/reading.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/json_positions.h"
#include "config/reading.h"
#include "config/time_text.h"

namespace springlatch::control {

const nlohmann::json& SettingsPart::at(const char* key) const {
    return member(object_, key);
}

bool SettingsPart::has(const char* key) const {
    return !at(key).is_null();
}

SettingsPart SettingsPart::part(const char* key) const {
    return {at(key), pointer_to(pointer_, key), mistakes_};
}

void SettingsPart::say(const char* key, std::string text, bool at_key) const {
    mistakes_.push_back({key == nullptr ? pointer_ : pointer_to(pointer_, key), at_key, std::move(text)});
}

void SettingsPart::read_flag(const char* key, bool& target) const {
    if (const auto& value = at(key); value.is_boolean()) {
        target = value.get<bool>();
    }
}

void SettingsPart::read_text(const char* key, std::string& target) const {
    const auto& value = at(key);
    if (!value.is_string()) {
        return;
    }
    target = value.get<std::string>();
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (target.empty() || std::any_of(target.begin(), target.end(), is_control)) {
        say(key, "found " + in_quotes(target) + "; this must be a text without control characters");
    }
}

void SettingsPart::read_duration(const char* key, std::uint32_t& seconds, std::uint32_t least,
                                 std::uint32_t most) const {
    const auto& value = at(key);
    if (!value.is_string()) {
        return;
    }
    const auto& text = value.get_ref<const std::string&>();
    const auto parsed = parse_duration(text);
    if (!parsed || *parsed < least || *parsed > most) {
        say(key, "found " + in_quotes(text) + "; allowed: a number and a unit, 90s, 5m, 2h or 1d, from " +
                     std::to_string(least) + "s to " + std::to_string(most) + "s");
        return;
    }
    seconds = *parsed;
}

bool SettingsPart::number(const char* key, std::uint64_t& value) const {
    const auto& found = at(key);
    if (!found.is_number_unsigned()) {
        return false;
    }
    value = found.get<std::uint64_t>();
    return true;
}

}  // namespace springlatch::control
