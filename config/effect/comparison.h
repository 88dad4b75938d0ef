#pragma once
// Two lists of rules, compared for every kind of request and credentials.
#include <cstdint>
#include <string>
#include <vector>

#include "config/effect/judge.h"

namespace springlatch::effect {

enum class Kind : std::uint8_t { opens, closes, other };

/// A piece in which the effect differs.
struct Difference {
    Kind kind = Kind::other;
    std::vector<std::size_t> credentials;  ///< indices, ascending
    CallSet calls;
    Cube cube;
    std::string before;
    std::string after;
    std::uint64_t from_ns = 0;  ///< 0: at once
    auto operator<=>(const Difference&) const = default;
};

struct ListComparison {
    std::vector<Difference> differences;
    bool exact = true;  ///< else there were too many cases
};

/// Rules that end within one pair of lists at more times than this are not followed.
inline constexpr std::size_t times_max = 64;

struct Compared {
    const Side& before;
    const Side& after;
    const Calls& calls;
    const std::vector<Credential>& credentials;
    std::uint64_t at_ns = 0;
};

[[nodiscard]] ListComparison compare(const Compared& compared, const RuleList& before, const RuleList& after);

/// Credentials that no rule of the lists tells apart, together. Each group is ascending.
[[nodiscard]] std::vector<std::vector<std::size_t>> alike(const Side& before, const RuleList* before_list,
                                                          const Side& after, const RuleList* after_list,
                                                          const std::vector<Credential>& credentials);

/// Leaves of one outcome in one cube are made one; cubes that together are a larger one too.
[[nodiscard]] std::vector<Leaf> condensed(std::vector<Leaf> leaves);

}  // namespace springlatch::effect
