#include "control/settings/settings.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "control/settings/reading.h"

namespace springlatch {
std::string_view settings_schema();
}

namespace springlatch::control {
namespace {

using Errors = std::vector<PolicyError>;
constexpr std::string_view what = "the settings file";

}  // namespace

tl::expected<Settings, Errors> parse_settings(std::string_view text, const std::string& name) {
    if (Errors errors = unreadable(text, name, what); !errors.empty()) {
        return tl::unexpected(std::move(errors));
    }
    const JsonPositions positions(text);
    std::vector<JsonProblem> problems = positions.problems();
    if (!positions.complete()) {
        return tl::unexpected(located(name, positions, std::move(problems)));
    }
    const auto document = nlohmann::json::parse(text);
    static const SchemaCheck schema(settings_schema());
    std::vector<Mistake> mistakes;
    const bool matches = schema.matches(document, mistakes);
    const SettingsPart whole(document, "", mistakes);
    Settings settings;
    read_posture(whole.part("posture"), settings.posture);
    read_alerts(whole.part("alerts"), settings.alerts);
    if (!matches && mistakes.empty()) {
        mistakes.push_back({"", false, "does not match the schema of the settings"});
    }
    add_mistakes(text, positions, std::move(mistakes), problems);
    if (!problems.empty()) {
        return tl::unexpected(located(name, positions, std::move(problems)));
    }
    return settings;
}

tl::expected<Settings, Errors> load_settings(const std::string& path) {
    auto text = read_json_file(path, what);
    if (!text) {
        return tl::unexpected(std::move(text.error()));
    }
    return parse_settings(*text, path);
}

}  // namespace springlatch::control
