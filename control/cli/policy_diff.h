#pragma once
// `springlatch policy diff`: what another policy would open and close.
#include <CLI/App.hpp>

namespace springlatch::control {

/// `code`: 0 the same effect, 1 different, 2 usage, or a file that cannot be read or is no policy.
void add_policy_diff(CLI::App& parent, int& code);

}  // namespace springlatch::control
