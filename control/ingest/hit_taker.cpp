#include "control/ingest/hit_taker.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "config/secrets.h"

namespace springlatch::control {
namespace {

constexpr std::size_t generations_max = 4;

void add(HitCount& sum, const RuleHits& slot) noexcept {
    const std::uint64_t hits = slot.hits.load(std::memory_order_relaxed);
    if (hits == 0) {
        return;
    }
    const std::uint64_t first = slot.first_ns.load(std::memory_order_relaxed);
    sum.first_ns = sum.hits == 0 ? first : std::min(sum.first_ns, first);
    sum.hits += hits;
    sum.limited += slot.limited.load(std::memory_order_relaxed);
    sum.last_ns = std::max(sum.last_ns, slot.last_ns.load(std::memory_order_relaxed));
}

}  // namespace

void HitTaker::begin(std::uint64_t life, std::uint32_t generation, const std::array<std::uint8_t, 32>& sha256,
                     std::vector<std::string> rules, std::uint64_t unix_ns) {
    if (store_ == nullptr) {
        return;
    }
    if (!known_.empty() && known_.begin()->second.run.life != life) {
        known_.clear();
    }
    Known known;
    known.run = {.policy = hex_of(sha256), .life = life, .generation = generation};
    known.since_ns = unix_ns;
    known.named = !rules.empty();
    known.rules.emplace_back(default_rule_id);
    for (std::size_t i = 0;
         i + 1 < (known.named ? std::min<std::size_t>(rules.size() + 1, hit_slots) : hit_slots); ++i) {
        known.rules.push_back(known.named ? std::move(rules[i]) : std::to_string(i));
    }
    known.saved.assign(known.rules.size(), 0);
    if (known.named) {
        known.listed.assign(known.rules.begin() + 1, known.rules.end());
    }
    known.listed.emplace_back(default_rule_id);
    (void)store(known, {});  // if it fails: when there are counts to be stored
    known_[generation] = std::move(known);
    if (known_.size() > generations_max) {
        known_.erase(known_.begin());
    }
}

bool HitTaker::store(Known& known, const std::vector<RuleHitsOfRun>& changed) {
    if (!known.begun) {
        const auto begun = store_->begin(known.run, known.listed, known.since_ns);
        if (!begun) {
            tell(begun.error());
            return false;
        }
        known.begun = true;
    }
    if (const auto saved = store_->save(known.run, changed); !saved) {
        tell(saved.error());
        return false;
    }
    failing_ = false;
    return true;
}

void HitTaker::take(std::span<const HitPages* const> workers) {
    for (auto& entry : known_) {
        take(entry.second, workers);
    }
}

void HitTaker::take(Known& known, std::span<const HitPages* const> workers) {
    std::vector<HitCount> sums(known.rules.size());
    for (const HitPages* const worker : workers) {
        const HitPage& page = worker->pages[known.run.generation % 2];
        if (page.generation.load(std::memory_order_acquire) != known.run.generation) {
            return;
        }
        for (std::size_t i = 0; i < sums.size(); ++i) {
            add(sums[i], page.slots[i]);
        }
        std::atomic_thread_fence(std::memory_order_acquire);
        if (page.generation.load(std::memory_order_relaxed) != known.run.generation) {
            return;
        }
    }
    std::vector<RuleHitsOfRun> changed;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (sums[i].hits == known.saved[i]) {
            continue;
        }
        changed.push_back({.rule = known.rules[i], .count = sums[i]});
        if (!known.named && i > 0 &&
            std::find(known.listed.begin(), known.listed.end(), known.rules[i]) == known.listed.end()) {
            known.listed.insert(known.listed.end() - 1, known.rules[i]);
            known.begun = false;
        }
    }
    if (changed.empty() || !store(known, changed)) {
        return;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
        known.saved[i] = sums[i].hits;
    }
}

/// Once for each time that it fails: the counters go on in the data plane, and are stored when it works
/// again.
void HitTaker::tell(const std::string& problem) {
    if (!std::exchange(failing_, true)) {
        std::fprintf(stderr, "springlatch: %s\n", problem.c_str());
    }
}

}  // namespace springlatch::control
