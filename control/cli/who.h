#pragma once
// springlatch who: who was given what of a service, and how complete that answer is.
#include <CLI/CLI.hpp>

namespace springlatch::control {

/// Adds the command; `code` becomes its exit code: 0 answered, 1 the store cannot be read, 2 usage.
void add_who(CLI::App& parent, int& code);

}  // namespace springlatch::control
