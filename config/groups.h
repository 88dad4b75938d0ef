#pragma once
// Identities under one name: the policy's `groups`.
#include <nlohmann/json_fwd.hpp>

#include "config/reading.h"

namespace springlatch {

/// Fills Parts::groups and Reading::groups, nested groups resolved; the identities must have been read.
void read_groups(const nlohmann::json& groups, Reading& reading);

}  // namespace springlatch
