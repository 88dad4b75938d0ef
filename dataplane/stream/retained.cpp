#include "dataplane/stream/retained.h"

#include <algorithm>
#include <cstring>

#include "dataplane/flow/sequence.h"

namespace springlatch {

RetainedPool::RetainedPool(std::uint64_t bytes)
    : blocks_(std::max<std::uint64_t>(bytes / block_bytes, 1)), bytes_(blocks_.size() * block_bytes) {
    for (auto i = static_cast<std::uint32_t>(blocks_.size()); i-- > 0;) {
        blocks_[i].next = free_;
        free_ = i;
    }
}

bool RetainedPool::has_room(std::size_t bytes, std::size_t pieces) const noexcept {
    return bytes / block_bytes + pieces + 1 <= blocks_.size() - used_;
}

void RetainedPool::keep(std::uint32_t& last, std::uint32_t sequence,
                        std::span<const std::byte> bytes) noexcept {
    while (!bytes.empty()) {
        Block* tail = last == no_index ? nullptr : &blocks_[last];
        if (tail == nullptr || tail->bytes == block_bytes || tail->sequence + tail->bytes != sequence) {
            const std::uint32_t index = free_;
            Block& fresh = blocks_[index];
            free_ = fresh.next;
            ++used_;
            fresh.sequence = sequence;
            fresh.bytes = 0;
            if (tail == nullptr) {
                fresh.next = index;
            } else {
                fresh.next = tail->next;
                tail->next = index;
            }
            last = index;
            tail = &fresh;
        }
        const std::size_t part = std::min<std::size_t>(bytes.size(), block_bytes - tail->bytes);
        std::memcpy(data(last) + tail->bytes, bytes.data(), part);
        tail->bytes += static_cast<std::uint32_t>(part);
        sequence += static_cast<std::uint32_t>(part);
        bytes = bytes.subspan(part);
    }
}

/// The block that the next head will be copied to was used long ago.
void RetainedPool::prefetch_free() const noexcept {
    constexpr std::size_t line_bytes = 64, common_head_bytes = 256;
    if (free_ != no_index) {
        __builtin_prefetch(&blocks_[free_], 1);
        for (std::size_t at = 0; at < common_head_bytes; at += line_bytes) {
            __builtin_prefetch(data(free_) + at, 1);
        }
    }
}

void RetainedPool::release(std::uint32_t& last, std::uint32_t acknowledged) noexcept {
    while (last != no_index) {
        const std::uint32_t first = blocks_[last].next;
        Block& block = blocks_[first];
        if (seq::after(block.sequence + block.bytes, acknowledged)) {
            return;
        }
        blocks_[last].next = block.next;
        if (first == last) {
            last = no_index;
        }
        block.next = free_;
        free_ = first;
        --used_;
        prefetch_free();
    }
}

void RetainedPool::release_all(std::uint32_t& last) noexcept {
    if (last == no_index) {
        return;
    }
    std::uint32_t count = 1;
    for (std::uint32_t i = blocks_[last].next; i != last; i = blocks_[i].next) {
        ++count;
    }
    const std::uint32_t first = blocks_[last].next;
    blocks_[last].next = free_;
    free_ = first;
    used_ -= count;
    last = no_index;
}

bool RetainedPool::agrees(std::uint32_t last, std::uint32_t sequence,
                          std::span<const std::byte> bytes) const noexcept {
    if (last == no_index) {
        return true;
    }
    const auto length = static_cast<std::int32_t>(bytes.size());
    std::uint32_t index = last;
    do {
        index = blocks_[index].next;
        const Block& block = blocks_[index];
        const std::int32_t offset =
            seq::distance(sequence, block.sequence);  // of the block's first byte in `bytes`
        const std::int32_t from = std::max(offset, 0);
        const std::int32_t to = std::min(offset + static_cast<std::int32_t>(block.bytes), length);
        if (from < to && std::memcmp(bytes.data() + from, data(index) + (from - offset),
                                     static_cast<std::size_t>(to - from)) != 0) {
            return false;
        }
    } while (index != last);
    return true;
}

}  // namespace springlatch
