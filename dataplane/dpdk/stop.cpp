#include "dataplane/dpdk/stop.h"

#include <atomic>
#include <csignal>

namespace springlatch {
namespace {

std::atomic<bool> stopping{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

}  // namespace

void stop_on_signals() noexcept {
    struct sigaction action {};
    action.sa_handler = [](int) { request_stop(); };
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
}
bool stop_requested() noexcept {
    return stopping.load(std::memory_order_relaxed);
}
void request_stop() noexcept {
    stopping.store(true, std::memory_order_relaxed);
}

}  // namespace springlatch
