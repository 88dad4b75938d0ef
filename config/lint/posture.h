#pragma once
// What is known of servers, as far as lint needs it: those that answer strangers.
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/lint/lint.h"

namespace springlatch::lint {

/// Reads `{"version": 1, "servers": [{"address": "198.51.100.10", "port": 9200, "state": "open", "since":
/// "2026-11-01T00:00:00Z"}]}`; `state` is `open`, `closed` or `unknown`, `since` optional, other keys are
/// left alone. Returns the open ones. Error: `/json/pointer: text`, one line.
[[nodiscard]] tl::expected<std::vector<OpenServer>, std::string> parse_posture(std::string_view text);

}  // namespace springlatch::lint
