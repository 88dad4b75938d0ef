#pragma once
// `springlatch policy sign`: a policy file into a signed bundle.
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// `parent`: `springlatch policy`.
void add_sign(CLI::App& parent, int& code);

}  // namespace springlatch::control
