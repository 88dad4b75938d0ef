#pragma once
// How the processes are, as JSON.
#include <cstdint>
#include <string>

#include "control/ingest/ingest.h"
#include "control/ingest/names.h"
#include "control/store/store.h"

namespace springlatch::control {

/// `now_ns`: since the Unix epoch. The keys are listed in control/README.md.
[[nodiscard]] std::string status_json(const Snapshot& told, const StoreState& store, const Names& names,
                                      std::uint64_t now_ns);

}  // namespace springlatch::control
