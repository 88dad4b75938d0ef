#pragma once
// Events as Elastic Common Schema JSON.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/store/event.h"

namespace springlatch::control {

/// One JSON object on one line, without a line end. Fields that are not known are left out. See
/// control/README.md for the fields.
[[nodiscard]] std::string ecs_json(const Event& event);

/// RFC 3339 in UTC with nanoseconds: 2019-12-05T00:00:00.000000000Z.
[[nodiscard]] std::string rfc3339(std::uint64_t time_ns);
/// `2019-12-05`, or `2019-12-05T10:00:00` with optional fraction and a zone (`Z`, `+01:00`; none means UTC).
/// Nothing if it is neither or lies before 1970 or after 2200.
[[nodiscard]] std::optional<std::uint64_t> parse_time(std::string_view text);

/// An address as events have it; nothing if `text` is none.
[[nodiscard]] std::optional<std::string> canonical_address(const std::string& text);

}  // namespace springlatch::control
