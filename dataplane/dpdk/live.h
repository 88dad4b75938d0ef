#pragma once
// The appliance: two ports, one or more workers, until SIGTERM.
#include "config/load.h"
#include "dataplane/dpdk/options.h"
#include "dataplane/dpdk/policy_change.h"

namespace springlatch {

/// Returns the exit code; what went wrong is told on stderr in one line. `reader`: for policies that the
/// control process sends.
[[nodiscard]] int run_live(const DataplaneOptions& options, const LoadedPolicy& policy,
                           const PolicyReader& reader);

}  // namespace springlatch
