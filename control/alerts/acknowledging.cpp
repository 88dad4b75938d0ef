#include "control/alerts/acknowledging.h"

#include <nlohmann/json.hpp>

#include "config/time_text.h"
#include "control/clock.h"

namespace springlatch::control {

std::string json_of(const Acknowledgement& given) {
    return nlohmann::json{{"command", "alerts_ack"},
                          {"id", given.id},
                          {"owner", given.owner},
                          {"reason", given.reason},
                          {"until_ns", given.until_ns}}
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<PolicyAnswer> answer_acknowledgement(AlertBook& book, std::string_view json) {
    const auto told = nlohmann::json::parse(json, nullptr, false);
    if (!told.is_object() || told.value("command", nlohmann::json()) != "alerts_ack") {
        return std::nullopt;
    }
    PolicyAnswer answer;
    try {
        const auto done = book.acknowledge({.id = told.at("id"),
                                            .owner = told.at("owner"),
                                            .reason = told.at("reason"),
                                            .until_ns = told.at("until_ns")},
                                           unix_ns());
        if (!done) {
            answer.error = done.error();
        } else {
            answer.lines.push_back("alert " + std::to_string(done->id) + " is taken by " + done->owner +
                                   " until " + rfc3339(done->until_ns));
        }
    } catch (const nlohmann::json::exception&) {
        answer.error = "the command is not understood (another version of springlatch?)";
    }
    return answer;
}

}  // namespace springlatch::control
