#pragma once
// Counters as JSON, the same for the status and for a replay's summary.
#include <nlohmann/json_fwd.hpp>

#include "dataplane/event/counters.h"

namespace springlatch::control {

/// Adds every counter up to the requests to `json`. Reasons that never happened are left out.
void put_counters(nlohmann::ordered_json& json, const Counters& counters);

}  // namespace springlatch::control
