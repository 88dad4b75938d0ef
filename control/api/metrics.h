#pragma once
// The numbers for Prometheus.
#include <cstdint>
#include <string>
#include <vector>

#include "control/ingest/ingest.h"
#include "control/store/hit_store.h"
#include "control/store/store.h"

namespace springlatch::control {

/// The text exposition format, version 0.0.4. `now_ns`: since the Unix epoch, for the age of the last status.
[[nodiscard]] std::string metrics_text(const Snapshot& told, const StoreState& store, std::uint64_t now_ns,
                                       const std::vector<RuleHitsTotal>& rules = {});

}  // namespace springlatch::control
