#pragma once
// A capture through the data plane: the pcap poll-mode driver on both sides, the same exchange as live.
#include "config/load.h"
#include "dataplane/dpdk/options.h"

namespace springlatch {

/// Runs to the end of the capture. Returns the exit code; what went wrong is told on stderr in one line.
[[nodiscard]] int run_replay(const DataplaneOptions& options, const LoadedPolicy& policy);

}  // namespace springlatch
