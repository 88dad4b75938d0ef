#pragma once
// What commands on policy files have in common.
#include <cstdint>
#include <optional>
#include <string>

#include "config/load.h"

namespace springlatch::control {

/// Nothing: the mistakes were told on standard error.
[[nodiscard]] std::optional<LoadedPolicy> load_or_tell(const std::string& file);
/// Since the Unix epoch; "": now. Nothing: told on standard error.
[[nodiscard]] std::optional<std::uint64_t> time_of(const std::string& text, const char* option);

}  // namespace springlatch::control
