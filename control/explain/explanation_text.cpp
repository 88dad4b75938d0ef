// Explanations for people and for programs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/api/ecs.h"
#include "control/explain/explanation.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : text;
}

[[nodiscard]] std::string verdict_words(const Explanation& explanation) {
    if (explanation.action.empty()) {
        return "none: nothing was judged";
    }
    const std::string by = explanation.rule.empty() ? "" : " by " + explanation.rule;
    return explanation.action + by + (explanation.reason.empty() ? "" : ": " + explanation.reason);
}

[[nodiscard]] std::string step_lines(const Explanation& explanation) {
    std::size_t width = 0;
    for (const Step& step : explanation.steps) {
        width = std::max(width, step.rule.size());
    }
    std::string lines;
    for (const Step& step : explanation.steps) {
        const std::string gap(width - step.rule.size() + 2, ' ');
        lines += "  " + step.rule + gap +
                 (step.why_not.empty() ? "decides" : "does not match: " + step.why_not) + '\n';
    }
    const bool decided = !explanation.steps.empty() && explanation.steps.back().why_not.empty();
    if (!explanation.service.empty() && !explanation.action.empty() && !decided && explanation.rule.empty()) {
        lines += explanation.steps.empty() && explanation.request.empty()
                     ? "  none is asked about what cannot be read in exactly one way\n"
                     : "  none decides: what is not allowed is denied\n";
    }
    return lines;
}

}  // namespace

std::string text_of(const Explanation& explanation) {
    std::string text;
    text += "service      " + or_dash(explanation.service) + '\n';
    text += "zone         " + or_dash(explanation.zone) + '\n';
    text += "request      " + or_dash(explanation.request) + '\n';
    text += "credentials  " + or_dash(explanation.credentials) + '\n';
    text += "rules\n" + step_lines(explanation);
    text += "verdict      " + verdict_words(explanation) + '\n';
    text += "client gets  " + explanation.client + '\n';
    text += "server gets  " + explanation.server + '\n';
    text += "recorded     ";
    text += explanation.events.empty() ? "nothing\n" : "";
    for (std::size_t i = 0; i < explanation.events.size(); ++i) {
        text += (i == 0 ? "" : "             ") + ecs_json(explanation.events[i]) + '\n';
    }
    return text;
}

std::string json_of(const Explanation& explanation) {
    Json rules = Json::array();
    for (const Step& step : explanation.steps) {
        Json entry = {{"rule", step.rule}, {"decides", step.why_not.empty()}};
        if (!step.why_not.empty()) {
            entry["why_not"] = step.why_not;
        }
        rules.push_back(std::move(entry));
    }
    Json events = Json::array();
    for (const Event& event : explanation.events) {
        events.push_back(Json::parse(ecs_json(event)));
    }
    const Json document = {{"service", explanation.service}, {"zone", explanation.zone},
                           {"request", explanation.request}, {"credentials", explanation.credentials},
                           {"rules", std::move(rules)},      {"action", explanation.action},
                           {"reason", explanation.reason},   {"rule", explanation.rule},
                           {"status", explanation.status},   {"client", explanation.client},
                           {"server", explanation.server},   {"events", std::move(events)}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace springlatch::control
