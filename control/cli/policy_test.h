#pragma once
// `springlatch policy test`: does a policy give the verdicts that its table expects?
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// Adds the command; it leaves its exit code in `code`.
void add_policy_test(CLI::App& policy, int& code);

}  // namespace springlatch::control
