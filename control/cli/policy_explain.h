#pragma once
// `springlatch policy explain`: which rule decides a request, and why.
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// Adds the command; it leaves its exit code in `code`.
void add_policy_explain(CLI::App& policy, int& code);

}  // namespace springlatch::control
