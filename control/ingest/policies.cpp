#include "control/ingest/policies.h"

#include <algorithm>
#include <utility>

namespace springlatch::control {

void PolicyBook::own(KnownPolicy policy) {
    known_.push_back(std::make_shared<const KnownPolicy>(std::move(policy)));
    if (known_.size() > known_max) {
        known_.pop_front();
    }
}

void PolicyBook::greet(std::uint32_t generation, const std::array<std::uint8_t, 32>& sha256, bool same_life) {
    if (!same_life) {
        generations_.clear();
    }
    if (const KnownPolicy* expected = find(generation); expected != nullptr && expected->names.fits(sha256)) {
        return;
    }
    const auto found = std::find_if(known_.rbegin(), known_.rend(),
                                    [&](const auto& policy) { return policy->names.fits(sha256); });
    generations_[generation] = found == known_.rend() ? nullptr : *found;
}

void PolicyBook::expect(std::uint32_t generation, KnownPolicy policy) {
    generations_[generation] = std::make_shared<const KnownPolicy>(std::move(policy));
    if (generations_.size() > generations_max) {
        generations_.erase(generations_.begin());
    }
}

std::uint32_t PolicyBook::next() const noexcept {
    return generations_.empty() ? 1 : generations_.rbegin()->first + 1;
}

const KnownPolicy* PolicyBook::find(std::uint32_t generation) const noexcept {
    const auto found = generations_.find(generation);
    return found == generations_.end() ? nullptr : found->second.get();
}

const Names& PolicyBook::names(std::uint32_t generation) const noexcept {
    const KnownPolicy* policy = find(generation);
    return policy == nullptr ? unnamed_ : policy->names;
}

}  // namespace springlatch::control
