#pragma once
// How often each rule decided, as JSON.
#include <string>
#include <vector>

#include "control/store/hit_store.h"

namespace springlatch::control {

/// `{"rules": [{"rule", "since", "hits", "limited", "first", "last"}]}` in the policy's order; the last two
/// only where there was a hit. Times are RFC 3339.
[[nodiscard]] std::string rules_json(const std::vector<RuleHitsTotal>& rules);

}  // namespace springlatch::control
