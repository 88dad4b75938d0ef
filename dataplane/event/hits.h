#pragma once
// How often each rule decided: counters that the control process reads while a worker writes them.
//
// Overview
//   Each worker has HitPages of its own, in memory that it shares with the control process (ipc/) and that
//   outlives it there. A page belongs to one generation of the policy; generations take turns, so that the
//   counts of the policy before can still be read when the next one is in force.
// Exactness
//   Every request that the policy decided is counted once, when it is: these numbers, not the events, are
//   the truth, since events may be lost or left out. A reader may see a count a moment before its times.
#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/policy/rule.h"

namespace springlatch {

/// A policy has at most 10,000 rules, 1,000 health checks and the patches of the catalogue.
inline constexpr std::uint32_t hit_slots = 16'384;

struct RuleHits {
    std::atomic<std::uint64_t> hits;      ///< requests (of a `tcp` service: connections) that it decided
    std::atomic<std::uint64_t> limited;   ///< of them denied by one of its limits, or for a quarantine
    std::atomic<std::uint64_t> first_ns;  ///< since the Unix epoch; 0: never
    std::atomic<std::uint64_t> last_ns;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(RuleHits) == 32);

struct alignas(64) HitPage {
    std::atomic<std::uint32_t> generation;  ///< 0: of none, not to be read
    alignas(64) std::array<RuleHits, hit_slots> slots;
};

/// All zero is a valid beginning.
struct HitPages {
    std::array<HitPage, 2> pages;
};

/// [0] is `default`, [i + 1] what Decision::rule counts as i.
[[nodiscard]] constexpr std::uint32_t hit_slot(std::uint16_t rule) noexcept {
    const std::uint32_t slot = rule == no_rule ? 0U : rule + 1U;
    return slot < hit_slots ? slot : hit_slots - 1;
}

/// A worker's end.
class HitCounter {
  public:
    /// Null: nothing is counted.
    HitCounter(HitPages* pages, std::uint32_t generation) noexcept : pages_(pages) {
        prepare(generation);
        adopt(generation);
    }
    /// Off the packet path: clears the page that the next generation will use.
    void prepare(std::uint32_t generation) const noexcept {
        if (pages_ == nullptr) {
            return;
        }
        HitPage& page = page_of(generation);
        page.generation.store(0, std::memory_order_seq_cst);
        for (RuleHits& slot : page.slots) {
            for (auto* const number : {&slot.hits, &slot.limited, &slot.first_ns, &slot.last_ns}) {
                number->store(0, std::memory_order_relaxed);
            }
        }
    }
    void adopt(std::uint32_t generation) noexcept {
        if (pages_ != nullptr) {
            page_ = &page_of(generation);
            page_->generation.store(generation, std::memory_order_release);
        }
    }
    void count(std::uint16_t rule, bool limited, std::uint64_t now_ns) noexcept {
        if (page_ == nullptr) {
            return;
        }
        RuleHits& slot = page_->slots[hit_slot(rule)];
        // One writer: no read-modify-write of the processor is needed.
        const std::uint64_t before = slot.hits.load(std::memory_order_relaxed);
        slot.hits.store(before + 1, std::memory_order_relaxed);
        slot.last_ns.store(now_ns, std::memory_order_relaxed);
        if (before == 0) {
            slot.first_ns.store(now_ns, std::memory_order_relaxed);
        }
        if (limited) {
            slot.limited.store(slot.limited.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    }

  private:
    [[nodiscard]] HitPage& page_of(std::uint32_t generation) const noexcept {
        return pages_->pages[generation % 2];
    }

    HitPages* pages_;
    HitPage* page_ = nullptr;
};

}  // namespace springlatch
