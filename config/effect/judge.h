#pragma once
// What a list of rules makes of every kind of request at once.
//
// First match: what a rule takes, no later rule is asked about. So the calls that are still undecided go down
// the list, and each rule takes its own out of them. Where a rule has a condition that the catalogue cannot
// tell, its calls go two ways: as if it held, and as if it did not.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/bit_set.h"
#include "config/effect/cube.h"
#include "config/effect/side.h"

namespace springlatch::effect {

/// A client, by what it brings.
enum class Bearer : std::uint8_t {
    nobody,      ///< no credentials, or of a scheme that is not known
    malformed,   ///< credentials that nobody could accept
    unverified,  ///< well-formed, but nobody's that either policy knows
    identity,    ///< of an identity of one of the policies, or of both
};

struct Credential {
    Bearer bearer = Bearer::nobody;
    std::string name;  ///< of the identity
    std::array<std::uint16_t, 2> identity = {no_identity,
                                             no_identity};  ///< in each policy; else it is refused
};

enum class Gate : std::uint8_t { shut, open, observed, unread };

/// What happens to it. `unread`: it passes and is not judged (in transit, or TLS where that is allowed).
struct Outcome {
    Gate gate = Gate::shut;
    Action action = Action::reset;       ///< of what is shut or observed
    bool bodies = true;                  ///< of what is open: a request may have a body
    Record record = Record::full;        ///< of what is open
    std::vector<RuleLimit> limits = {};  ///< of what is open
    std::uint32_t per_minute = 0;        ///< of a health check; 0: no bound
    std::uint16_t rule = no_rule;        ///< as Decision::rule

    [[nodiscard]] bool passes() const noexcept { return gate != Gate::shut; }
};

struct Leaf {
    Cube cube;
    CallSet calls;
    Outcome outcome;
};

/// More leaves than this are not followed.
inline constexpr std::size_t leaves_max = 2000;

/// What becomes of `calls` brought with this credential, at this time. The leaves are disjoint, and together
/// all of `calls`. Nothing: there would be more than leaves_max.
[[nodiscard]] std::optional<std::vector<Leaf>> judge(const Side& side, std::size_t which, const Calls& calls,
                                                     const RuleList& list, const Credential& credential,
                                                     const CallSet& asked, std::uint64_t at_ns);

}  // namespace springlatch::effect
