#pragma once
// SIGTERM and SIGINT as a flag: what runs comes to its end in order.
namespace springlatch {

/// From now on the two signals only set the flag.
void stop_on_signals() noexcept;
[[nodiscard]] bool stop_requested() noexcept;
void request_stop() noexcept;

}  // namespace springlatch
