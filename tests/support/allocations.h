#pragma once
// Counts calls of operator new while asked to; the counting operators live in a file of their own
// (count_allocations.cpp).
#include <cstdint>

namespace springlatch::test {
void count_allocations(bool on) noexcept;
[[nodiscard]] std::uint64_t counted_allocations() noexcept;
}  // namespace springlatch::test
