#pragma once
// Counts the calls of operator new in this program.
#include <cstddef>

namespace springlatch::test {

[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace springlatch::test
