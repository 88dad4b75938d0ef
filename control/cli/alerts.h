#pragma once
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// `springlatch alerts` and `alerts ack`; the exit code goes into `code`.
void add_alerts(CLI::App& parent, int& code);

}  // namespace springlatch::control
