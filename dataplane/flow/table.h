#pragma once
// The flow table: fixed size, all memory taken at construction, no allocation afterwards.
//
// Overview
//   Buckets of ten (16-bit tag, 32-bit index) slots, a cache line each, point into two dense arrays, FlowHot
//   and FlowCold. A key has two possible buckets; an insert takes the second one only if the first is full,
//   so that nine of ten look-ups need one line. Where both are full, it moves one of their entries to that
//   entry's other bucket: records never move, so an index stays good until erase(). Look-up in stages, each
//   for a whole burst: the prefetches, then find(key).
// Memory
//   At most 128 bytes a flow, index included, at the capacity asked for.
// Threads
//   One owner; nothing is shared.
#include <cstddef>
#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/huge_pages.h"

namespace springlatch {

class FlowTable {
  public:
    /// Room for `capacity` flows (1 to 2^28); rounds the number of buckets up, never the memory above 128
    /// bytes a flow (for capacity >= 1024).
    explicit FlowTable(std::uint32_t capacity);
    ~FlowTable();
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;

    void prefetch_bucket(const FlowKey& key) const noexcept;  ///< stage 1: the index line of most flows
    /// Stage 2: the record of the first slot whose tag matches, or the other index line. Returns the index,
    /// the hint for find(), or no_index.
    std::uint32_t prefetch_flow(const FlowKey& key) const noexcept;
    /// Stage 3, where stage 2 found nothing: likewise by the other index line.
    std::uint32_t prefetch_displaced(const FlowKey& key) const noexcept;

    /// Index of the flow or no_index.
    [[nodiscard]] std::uint32_t find(const FlowKey& key) const noexcept;
    /// The same, without a search where the hint is right. A hint may be out of date.
    [[nodiscard]] std::uint32_t find(const FlowKey& key, std::uint32_t hint) const noexcept {
        return hint != no_index && hot_[hint].key == key ? hint : find(key);
    }

    /// A fresh record (default-constructed, state open, key set), or no_index if no record or no slot is
    /// free. The key must not be present.
    [[nodiscard]] std::uint32_t insert(const FlowKey& key) noexcept;
    /// A record that insert(key) could use after erasing it: the longest unseen among those in both buckets
    /// whose state is closed or cut, else whose last_seen is older than `now_seconds - idle_seconds`;
    /// no_index if there is none. If the table has no free record at all, the sweep position is searched a
    /// bounded number of steps further.
    [[nodiscard]] std::uint32_t victim(const FlowKey& key, std::uint32_t now_seconds,
                                       std::uint32_t idle_seconds) const noexcept;
    void erase(std::uint32_t index) noexcept;

    [[nodiscard]] FlowHot& hot(std::uint32_t index) noexcept { return hot_[index]; }
    [[nodiscard]] const FlowHot& hot(std::uint32_t index) const noexcept { return hot_[index]; }
    [[nodiscard]] FlowCold& cold(std::uint32_t index) noexcept { return cold_[index]; }
    [[nodiscard]] const FlowCold& cold(std::uint32_t index) const noexcept { return cold_[index]; }

    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

  private:
    struct Bucket;

    [[nodiscard]] std::uint32_t prefetch_in(const Bucket& bucket, const FlowKey& key) const noexcept;
    [[nodiscard]] std::uint32_t first_bucket(const FlowKey& key) const noexcept;
    [[nodiscard]] std::uint32_t second_bucket(const FlowKey& key) const noexcept;
    [[nodiscard]] bool make_room(
        std::uint32_t number) noexcept;  ///< in a full bucket; false if no entry can move
    [[nodiscard]] std::uint32_t better_victim(std::uint32_t best, std::uint32_t candidate,
                                              std::uint32_t now_seconds,
                                              std::uint32_t idle_seconds) const noexcept;

    TableMemory<FlowHot> hot_;
    TableMemory<FlowCold> cold_;
    TableMemory<Bucket> buckets_;
    std::uint32_t capacity_;
    std::uint32_t size_ = 0;
    std::uint32_t free_ = 0;           ///< first record of the list of free ones
    mutable std::uint32_t sweep_ = 0;  ///< where victim() searches on; no look-up depends on it
};

}  // namespace springlatch
