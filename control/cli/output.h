#pragma once
// What a command prints, to the end: a full disk behind a pipe is no success.
#include <string>

namespace springlatch::control {

/// Everything printed so far is out. False: told on standard error.
[[nodiscard]] bool flush_output();
/// Prints `text`, and likewise.
[[nodiscard]] bool print_whole(const std::string& text);

}  // namespace springlatch::control
