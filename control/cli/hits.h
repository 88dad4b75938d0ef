#pragma once
// `springlatch policy hits`: how often each rule decided.
#include <CLI/App.hpp>

namespace springlatch::control {

/// Adds `hits` to `policy`; its callback sets `code`.
void add_hits(CLI::App& policy, int& code);

}  // namespace springlatch::control
