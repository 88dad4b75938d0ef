#include "dataplane/flow/half_open.h"

#include <algorithm>
#include <bit>

namespace springlatch {
namespace {

/// Frames of one burst may carry times that run backwards by up to a second.
constexpr std::uint16_t backward_seconds_max = 2;

[[nodiscard]] std::uint32_t tag_of(const FlowKey& key) noexcept {
    return static_cast<std::uint32_t>(key.high);
}

[[nodiscard]] bool is_used(const HalfOpen& entry) noexcept {
    return (entry.flags & half_open_flag::used) != 0;
}

/// Seconds since the entry was touched plus backward_seconds_max, modulo 2^16.
[[nodiscard]] std::uint16_t shifted_age(const HalfOpen& entry, std::uint32_t now_seconds) noexcept {
    return static_cast<std::uint16_t>(now_seconds - entry.second + backward_seconds_max);
}

}  // namespace

HalfOpenCache::HalfOpenCache(std::uint32_t entries, std::uint16_t seconds_max)
    : entries_(std::bit_ceil(std::max<std::size_t>(entries, ways))), seconds_max_(seconds_max) {}

bool HalfOpenCache::is_live(const HalfOpen& entry, std::uint32_t now_seconds) const noexcept {
    // An entry that nobody touched for 2^16 seconds looks young again. That is harmless: it passes nothing by
    // itself, and whoever matches it must still complete its handshake with the sequence numbers it holds.
    return is_used(entry) && shifted_age(entry, now_seconds) <= seconds_max_ + backward_seconds_max;
}

std::size_t HalfOpenCache::set_of(const FlowKey& key) const noexcept {
    return static_cast<std::size_t>(key.low) & (entries_.size() - 1) & ~(ways - 1);
}

void HalfOpenCache::prefetch(const FlowKey& key) const noexcept {
    __builtin_prefetch(&entries_[set_of(key)], 1);
}

HalfOpen* HalfOpenCache::find(const FlowKey& key, std::uint32_t now_seconds) noexcept {
    HalfOpen* set = &entries_[set_of(key)];
    for (std::size_t way = 0; way < ways; ++way) {
        if (set[way].tag == tag_of(key) && is_live(set[way], now_seconds)) return &set[way];
    }
    return nullptr;
}

HalfOpen& HalfOpenCache::claim(const FlowKey& key, std::uint32_t now_seconds) noexcept {
    const auto second = static_cast<std::uint16_t>(now_seconds);
    HalfOpen* set = &entries_[set_of(key)];
    HalfOpen* place = set;
    bool place_is_live = is_live(set[0], now_seconds);
    for (std::size_t way = 0; way < ways; ++way) {
        HalfOpen& entry = set[way];
        const bool live = is_live(entry, now_seconds);
        if (is_used(entry) && entry.tag == tag_of(key)) {
            // A dead entry of this very key is taken over, so that a set never holds a key twice.
            if (live) {
                entry.second = second;
                return entry;
            }
            place = &entry;
            place_is_live = false;
            break;
        }
        const bool is_older = shifted_age(entry, now_seconds) > shifted_age(*place, now_seconds);
        if (place_is_live && (!live || is_older)) {
            place = &entry;
            place_is_live = live;
        }
    }
    if (place_is_live) ++evicted_;
    *place = HalfOpen{.tag = tag_of(key), .second = second, .flags = half_open_flag::used};
    return *place;
}

void HalfOpenCache::erase(HalfOpen& entry) noexcept {
    entry = {};
}

}  // namespace springlatch
