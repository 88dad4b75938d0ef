#pragma once
#include <chrono>
#include <cstdint>

namespace springlatch::control {

/// Now by the machine's clock, in nanoseconds since the Unix epoch.
[[nodiscard]] inline std::uint64_t unix_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace springlatch::control
