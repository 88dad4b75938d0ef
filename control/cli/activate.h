#pragma once
// `springlatch policy activate`, `confirm`, `rollback` and `history`: by way of springlatchd, which decides.
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// `parent`: `springlatch policy`. Exit codes: 0 done, 1 refused or failed, 2 usage.
void add_activate(CLI::App& parent, int& code);
void add_confirm(CLI::App& parent, int& code);
void add_rollback(CLI::App& parent, int& code);
void add_history(CLI::App& parent, int& code);

}  // namespace springlatch::control
