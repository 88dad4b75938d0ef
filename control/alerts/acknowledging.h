#pragma once
// `springlatch alerts ack` as it goes over the operators' socket.
#include <optional>
#include <string>
#include <string_view>

#include "control/alerts/alert.h"
#include "control/policy/manager.h"

namespace springlatch::control {

[[nodiscard]] std::string json_of(const Acknowledgement& given);
/// Nothing if `json` is another command.
[[nodiscard]] std::optional<PolicyAnswer> answer_acknowledgement(AlertBook& book, std::string_view json);

}  // namespace springlatch::control
