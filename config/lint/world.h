#pragma once
// How much of the public Internet a zone holds.
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/policy/compiled.h"

namespace springlatch::lint {

/// Parts of the public addresses, from 0 to 1: IPv4 without what RFC 6890 reserves, and of IPv6 2000::/3, of
/// which all global addresses are (RFC 4291 §2.5.4).
struct Share {
    double v4 = 0;
    double v6 = 0;
    Share& operator+=(const Share& other) noexcept;
    /// More than anybody's own networks: a sixteenth of IPv4 (a /4; nobody has more than some /8), or an IPv6
    /// /12, which is what a whole region of the world is given.
    [[nodiscard]] bool is_everywhere() const noexcept;
    /// "from everywhere", or "from 25 % of the public IPv4 addresses".
    [[nodiscard]] std::string str() const;
};

/// [zone]; longer prefixes of other zones have taken their part already.
[[nodiscard]] std::vector<Share> shares_of_zones(const CompiledPolicy::Parts& parts);

}  // namespace springlatch::lint
