#pragma once
// Copies of control bytes (heads, chunk framing) that left but are not acknowledged: each interpreted
// position has one value until the server has it (the second of the three invariants that make insertion
// tricks harmless).
//
// Overview
//   Fixed blocks in one bounded pool; a flow's `retained` is the index of its last block, whose next is the
//   first. Blocks are in stream order. Body bytes are not kept: their content cannot change the framing.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/huge_pages.h"

namespace springlatch {

class RetainedPool {
  public:
    static constexpr std::size_t block_bytes = 512;

    explicit RetainedPool(std::uint64_t bytes);

    /// True if keep() of `bytes` in up to `pieces` pieces is sure to succeed.
    [[nodiscard]] bool has_room(std::size_t bytes, std::size_t pieces) const noexcept;

    /// Keeps `bytes` that begin at `sequence`, behind everything kept before on this list. Call has_room()
    /// first.
    void keep(std::uint32_t& last, std::uint32_t sequence, std::span<const std::byte> bytes) noexcept;

    /// For what is about to be released: `last` as given to release().
    void prefetch(std::uint32_t last) const noexcept {
        if (last != no_index) {
            __builtin_prefetch(&blocks_[last], 1);
        }
    }
    /// Gives up what lies before `acknowledged`.
    void release(std::uint32_t& last, std::uint32_t acknowledged) noexcept;
    void release_all(std::uint32_t& last) noexcept;

    /// True if no kept position in [sequence, sequence + bytes) has another value than here.
    [[nodiscard]] bool agrees(std::uint32_t last, std::uint32_t sequence,
                              std::span<const std::byte> bytes) const noexcept;

    [[nodiscard]] std::uint32_t used_blocks() const noexcept { return used_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return blocks_.capacity() * sizeof(Block) + bytes_.capacity();
    }

  private:
    /// What a block holds; apart from the bytes, so that giving blocks back touches none of them.
    struct Block {
        std::uint32_t next = no_index;
        std::uint32_t sequence = 0;
        std::uint32_t bytes = 0;
    };
    void prefetch_free() const noexcept;
    [[nodiscard]] std::byte* data(std::uint32_t block) noexcept {
        return bytes_.data() + std::size_t{block} * block_bytes;
    }
    [[nodiscard]] const std::byte* data(std::uint32_t block) const noexcept {
        return bytes_.data() + std::size_t{block} * block_bytes;
    }

    TableMemory<Block> blocks_;
    TableMemory<std::byte> bytes_;
    std::uint32_t free_ = no_index;
    std::uint32_t used_ = 0;
};

}  // namespace springlatch
