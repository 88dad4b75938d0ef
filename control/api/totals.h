#pragma once
// The counters of all workers as one.
#include <vector>

#include "control/ingest/ingest.h"
#include "dataplane/event/counters.h"

namespace springlatch::control {

/// The sum over the workers that told a status; workers that did not are left out.
[[nodiscard]] Counters sum_of(const std::vector<WorkerSnapshot>& workers);

}  // namespace springlatch::control
