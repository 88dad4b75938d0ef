#pragma once
// `springlatch reach`: who can reach what, with which credentials, for which operations.
#include <CLI/App.hpp>

namespace springlatch::control {

/// `code`: 0 told, 1 the policy is bad or cannot be read, 2 usage.
void add_reach(CLI::App& parent, int& code);

}  // namespace springlatch::control
