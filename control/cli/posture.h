#pragma once
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// `springlatch posture`; its exit code goes into `code`.
void add_posture(CLI::App& parent, int& code);

}  // namespace springlatch::control
