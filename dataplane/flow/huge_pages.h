#pragma once
// Memory for the large tables: aligned to cache lines, and on huge pages where the kernel gives them, because
// a look-up at random in a gigabyte of 4 KB pages costs a page walk on top of the cache miss.
#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace springlatch {

template <typename T>
struct HugePageAllocator {
    using value_type = T;
    static constexpr std::size_t line_bytes = 64;
    static constexpr std::size_t huge_page_bytes = std::size_t{2} << 20U;

    HugePageAllocator() = default;
    template <typename U>
    explicit HugePageAllocator(const HugePageAllocator<U>& /*other*/) noexcept {}

    [[nodiscard]] T* allocate(std::size_t count) {
        const std::size_t bytes = count * sizeof(T);
        void* memory = ::operator new(bytes, alignment(bytes));
        // A wish, not a need: without transparent huge pages everything works, only slower.
        if (bytes >= huge_page_bytes) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) noexcept {
        ::operator delete(memory, alignment(count * sizeof(T)));
    }

    bool operator==(const HugePageAllocator&) const = default;

  private:
    [[nodiscard]] static std::align_val_t alignment(std::size_t bytes) noexcept {
        return std::align_val_t{bytes >= huge_page_bytes ? huge_page_bytes : line_bytes};
    }
};

/// A vector whose construction writes, and thereby takes, every page.
template <typename T>
using TableMemory = std::vector<T, HugePageAllocator<T>>;

}  // namespace springlatch
