#include "dataplane/flow/table.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>

#include "dataplane/flow/sequence.h"

namespace springlatch {
namespace {

constexpr std::uint32_t small_capacity = 1024;
constexpr std::uint32_t sweep_steps = 32;

/// Below small_capacity the memory does not matter, and a few keys spread too unevenly for a tight index.
[[nodiscard]] std::uint32_t buckets_for(std::uint32_t capacity) noexcept {
    return capacity < small_capacity ? capacity / 2 + 1 : capacity / 8;
}

/// 0 marks an empty slot.
[[nodiscard]] std::uint16_t tag_of(const FlowKey& key) noexcept {
    const auto tag = static_cast<std::uint16_t>(key.high >> 48U);
    return tag == 0 ? std::uint16_t{1} : tag;
}

/// A free record's first word links it to the next free one.
[[nodiscard]] std::uint32_t& next_free(FlowHot& record) noexcept {
    return record.client_gate;
}

[[nodiscard]] std::int32_t idle_time(const FlowHot& record, std::uint32_t now_seconds) noexcept {
    return seq::distance(record.last_seen, now_seconds);
}

[[nodiscard]] bool is_over(const FlowHot& record) noexcept {
    return record.state == FlowState::closed || record.state == FlowState::cut;
}

}  // namespace

/// One bit a slot.
using SlotSet = std::uint32_t;

/// 10 slots in one cache line. At capacity 8 of 10 are taken on average.
struct alignas(64) FlowTable::Bucket {
    static constexpr std::uint32_t slots = 10;
    static constexpr SlotSet all = (1U << slots) - 1;

    std::uint16_t tags[slots] = {};
    std::uint16_t unused[2] = {};
    std::uint32_t records[slots] = {};

    /// Slots with this tag. Compares 16 positions, of which the last six are no tags.
    [[nodiscard]] SlotSet with_tag(std::uint16_t tag) const noexcept {
        const __m128i wanted = _mm_set1_epi16(static_cast<short>(tag));
        const auto* line = reinterpret_cast<const __m128i*>(this);
        const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(line), wanted);
        const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted);
        return static_cast<SlotSet>(_mm_movemask_epi8(_mm_packs_epi16(low, high))) & all;
    }
    [[nodiscard]] SlotSet empty() const noexcept { return with_tag(0); }
    [[nodiscard]] SlotSet taken() const noexcept { return ~empty() & all; }
};

FlowTable::FlowTable(std::uint32_t capacity)
    : hot_(capacity), cold_(capacity), buckets_(buckets_for(capacity)), capacity_(capacity) {
    static_assert(sizeof(Bucket) == 64);
    for (std::uint32_t index = 0; index < capacity; ++index)
        next_free(hot_[index]) = index + 1 < capacity ? index + 1 : no_index;
}

FlowTable::~FlowTable() = default;

std::uint32_t FlowTable::first_bucket(const FlowKey& key) const noexcept {
    return static_cast<std::uint32_t>((key.low & 0xffff'ffffU) * buckets_.size() >> 32U);
}
std::uint32_t FlowTable::second_bucket(const FlowKey& key) const noexcept {
    return static_cast<std::uint32_t>((key.low >> 32U) * buckets_.size() >> 32U);
}

void FlowTable::prefetch_bucket(const FlowKey& key) const noexcept {
    __builtin_prefetch(&buckets_[first_bucket(key)]);
}

std::uint32_t FlowTable::prefetch_in(const Bucket& bucket, const FlowKey& key) const noexcept {
    const SlotSet slots = bucket.with_tag(tag_of(key));
    if (slots == 0) return no_index;
    const std::uint32_t index = bucket.records[std::countr_zero(slots)];
    __builtin_prefetch(&hot_[index], 1);
    const auto* cold = reinterpret_cast<const std::byte*>(&cold_[index]);
    __builtin_prefetch(cold, 1);
    // 56 bytes straddle two lines more often than not.
    __builtin_prefetch(cold + sizeof(FlowCold) - 1, 1);
    return index;
}

std::uint32_t FlowTable::prefetch_flow(const FlowKey& key) const noexcept {
    const std::uint32_t index = prefetch_in(buckets_[first_bucket(key)], key);
    if (index == no_index) __builtin_prefetch(&buckets_[second_bucket(key)]);
    return index;
}

std::uint32_t FlowTable::prefetch_displaced(const FlowKey& key) const noexcept {
    return prefetch_in(buckets_[second_bucket(key)], key);
}

std::uint32_t FlowTable::find(const FlowKey& key) const noexcept {
    for (const std::uint32_t number : {first_bucket(key), second_bucket(key)}) {
        const Bucket& bucket = buckets_[number];
        for (SlotSet slots = bucket.with_tag(tag_of(key)); slots != 0; slots &= slots - 1) {
            const std::uint32_t index = bucket.records[std::countr_zero(slots)];
            if (hot_[index].key == key) return index;
        }
    }
    return no_index;
}

bool FlowTable::make_room(std::uint32_t number) noexcept {
    Bucket& bucket = buckets_[number];
    for (std::uint32_t slot = 0; slot < Bucket::slots; ++slot) {
        const FlowKey& key = hot_[bucket.records[slot]].key;
        Bucket& other = buckets_[first_bucket(key) == number ? second_bucket(key) : first_bucket(key)];
        const SlotSet empty = other.empty();
        if (empty == 0) continue;
        const auto place = static_cast<std::uint32_t>(std::countr_zero(empty));
        other.tags[place] = bucket.tags[slot];
        other.records[place] = bucket.records[slot];
        bucket.tags[slot] = 0;
        return true;
    }
    return false;
}

std::uint32_t FlowTable::insert(const FlowKey& key) noexcept {
    if (free_ == no_index) return no_index;
    const std::uint32_t first = first_bucket(key);
    const std::uint32_t second = second_bucket(key);
    const auto has_room = [this](std::uint32_t number) { return buckets_[number].empty() != 0; };
    if (!has_room(first) && !has_room(second) && !make_room(first) && !make_room(second)) return no_index;
    Bucket& bucket = buckets_[has_room(first) ? first : second];
    const SlotSet empty = bucket.empty();

    const std::uint32_t index = free_;
    const auto slot = static_cast<std::uint32_t>(std::countr_zero(empty));
    free_ = next_free(hot_[index]);
    bucket.tags[slot] = tag_of(key);
    bucket.records[slot] = index;
    hot_[index] = FlowHot{};
    hot_[index].key = key;
    hot_[index].state = FlowState::open;
    cold_[index] = FlowCold{};
    ++size_;
    return index;
}

std::uint32_t FlowTable::better_victim(std::uint32_t best, std::uint32_t candidate, std::uint32_t now_seconds,
                                       std::uint32_t idle_seconds) const noexcept {
    const FlowHot& record = hot_[candidate];
    const std::int32_t idle = idle_time(record, now_seconds);
    const bool is_eligible = is_over(record) || (idle > 0 && static_cast<std::uint32_t>(idle) > idle_seconds);
    if (!is_eligible) return best;
    if (best == no_index) return candidate;
    if (is_over(record) != is_over(hot_[best])) return is_over(record) ? candidate : best;
    return idle > idle_time(hot_[best], now_seconds) ? candidate : best;
}

std::uint32_t FlowTable::victim(const FlowKey& key, std::uint32_t now_seconds,
                                std::uint32_t idle_seconds) const noexcept {
    std::uint32_t best = no_index;
    bool has_slot = false;
    for (const std::uint32_t number : {first_bucket(key), second_bucket(key)}) {
        const Bucket& bucket = buckets_[number];
        has_slot = has_slot || bucket.empty() != 0;
        for (SlotSet slots = bucket.taken(); slots != 0; slots &= slots - 1) {
            best = better_victim(best, bucket.records[std::countr_zero(slots)], now_seconds, idle_seconds);
        }
    }
    // Where a slot is free, only a record is missing, and any flow's will do.
    if (best != no_index || !has_slot || size_ < capacity_) return best;
    for (std::uint32_t step = 0; step < std::min(sweep_steps, capacity_); ++step) {
        best = better_victim(best, sweep_, now_seconds, idle_seconds);
        sweep_ = sweep_ + 1 < capacity_ ? sweep_ + 1 : 0;
    }
    return best;
}

void FlowTable::erase(std::uint32_t index) noexcept {
    FlowHot& record = hot_[index];
    for (const std::uint32_t number : {first_bucket(record.key), second_bucket(record.key)}) {
        Bucket& bucket = buckets_[number];
        for (SlotSet slots = bucket.with_tag(tag_of(record.key)); slots != 0; slots &= slots - 1) {
            const auto slot = static_cast<std::uint32_t>(std::countr_zero(slots));
            if (bucket.records[slot] != index) continue;
            bucket.tags[slot] = 0;
            record = FlowHot{};
            next_free(record) = free_;
            free_ = index;
            --size_;
            return;
        }
    }
}

std::size_t FlowTable::memory_bytes() const noexcept {
    return hot_.size() * sizeof(FlowHot) + cold_.size() * sizeof(FlowCold) + buckets_.size() * sizeof(Bucket);
}

}  // namespace springlatch
