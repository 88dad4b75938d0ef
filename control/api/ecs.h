#pragma once
// Events as Elastic Common Schema JSON.
#include <optional>
#include <string>

#include "control/store/event.h"

namespace springlatch::control {

/// One JSON object on one line, without a line end. Fields that are not known are left out. See
/// control/README.md for the fields.
[[nodiscard]] std::string ecs_json(const Event& event);

/// An address as events have it; nothing if `text` is none.
[[nodiscard]] std::optional<std::string> canonical_address(const std::string& text);

}  // namespace springlatch::control
