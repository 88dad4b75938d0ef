#pragma once
// What a policy asks of a request that the catalogue cannot tell: expressions over paths, patches. Each is a
// condition that holds or does not, known by its text alone.
#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

namespace springlatch::effect {

/// A condition's number, and whether it holds.
struct Literal {
    std::uint16_t condition = 0;
    bool holds = true;
    auto operator<=>(const Literal&) const = default;
};

/// Some conditions that all hold, or do not; the rest may be either. Sorted, each condition once.
class Cube {
  public:
    [[nodiscard]] std::optional<bool> value_of(std::uint16_t condition) const noexcept {
        const auto place = place_of(condition);
        return place != literals_.end() && place->condition == condition ? std::optional{place->holds}
                                                                         : std::nullopt;
    }
    /// Of a condition that is free so far.
    [[nodiscard]] Cube with(std::uint16_t condition, bool holds) const {
        Cube result = *this;
        result.literals_.insert(result.literals_.begin() + (place_of(condition) - literals_.begin()),
                                Literal{condition, holds});
        return result;
    }
    [[nodiscard]] Cube without(std::uint16_t condition) const {
        Cube result = *this;
        std::erase_if(result.literals_, [&](const Literal& l) { return l.condition == condition; });
        return result;
    }
    /// What is in both; nothing if no request can be.
    [[nodiscard]] static std::optional<Cube> both(const Cube& a, const Cube& b) {
        Cube result;
        auto i = a.literals_.begin();
        auto j = b.literals_.begin();
        while (i != a.literals_.end() || j != b.literals_.end()) {
            if (j == b.literals_.end() || (i != a.literals_.end() && i->condition < j->condition)) {
                result.literals_.push_back(*i++);
            } else if (i == a.literals_.end() || j->condition < i->condition) {
                result.literals_.push_back(*j++);
            } else if (i->holds != j->holds) {
                return std::nullopt;
            } else {
                result.literals_.push_back(*i++);
                ++j;
            }
        }
        return result;
    }
    /// True if everything in `other` is in this.
    [[nodiscard]] bool contains(const Cube& other) const noexcept {
        return std::includes(other.literals_.begin(), other.literals_.end(), literals_.begin(),
                             literals_.end());
    }
    [[nodiscard]] const std::vector<Literal>& literals() const noexcept { return literals_; }
    auto operator<=>(const Cube&) const = default;

  private:
    [[nodiscard]] std::vector<Literal>::const_iterator place_of(std::uint16_t condition) const noexcept {
        return std::lower_bound(literals_.begin(), literals_.end(), condition,
                                [](const Literal& l, std::uint16_t wanted) { return l.condition < wanted; });
    }
    std::vector<Literal> literals_;
};

}  // namespace springlatch::effect
