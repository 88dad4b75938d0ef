#pragma once
#include <cstdint>
#include <ctime>

namespace springlatch {

/// Now, in nanoseconds since the Unix epoch.
[[nodiscard]] inline std::uint64_t unix_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace springlatch
