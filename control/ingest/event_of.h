#pragma once
// From a record of the data plane to an event as it is stored and shown.
#include "control/ingest/joiner.h"
#include "control/ingest/names.h"
#include "control/store/event.h"

namespace springlatch::control {

/// Of a `request` or `connection` record; texts cleaned, indices named. Leaves out life, worker and sequence.
[[nodiscard]] Event event_of(const WholeEvent& whole, const Names& names);

}  // namespace springlatch::control
