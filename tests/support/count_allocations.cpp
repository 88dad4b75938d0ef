#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/allocations.h"

namespace springlatch::test {
namespace {
std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};
}  // namespace

void count_allocations(bool on) noexcept {
    counting = on;
}
std::uint64_t counted_allocations() noexcept {
    return allocations;
}

[[gnu::noinline]] void* allocate(std::size_t bytes) {
    if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void release(void* memory) noexcept {
    std::free(memory);
}

}  // namespace springlatch::test

void* operator new(std::size_t bytes) {
    return springlatch::test::allocate(bytes);
}
// Temporary buffers of the standard library's sorting are asked for in this way and given back in the other.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    try {
        return springlatch::test::allocate(bytes);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* memory) noexcept {
    springlatch::test::release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    springlatch::test::release(memory);
}
