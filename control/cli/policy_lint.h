#pragma once
// `springlatch policy lint`: what is wrong with a policy, or may be.
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// Adds the command; it leaves its exit code in `code`.
void add_policy_lint(CLI::App& policy, int& code);

}  // namespace springlatch::control
