#pragma once
#include <cstdint>
#include <ctime>

namespace springlatch {

/// Now, in nanoseconds since the Unix epoch as it was at the first call: somebody who sets the clock moves no
/// time-out.
[[nodiscard]] inline std::uint64_t unix_ns() noexcept {
    const auto read = [](clockid_t clock) {
        timespec now{};
        clock_gettime(clock, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
               static_cast<std::uint64_t>(now.tv_nsec);
    };
    static const std::uint64_t offset = read(CLOCK_REALTIME) - read(CLOCK_MONOTONIC);
    return read(CLOCK_MONOTONIC) + offset;
}

}  // namespace springlatch
