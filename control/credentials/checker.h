#pragma once
// The slow check: whose is this Authorization value?
//
// A wrong user costs as much time as a wrong password: where there is nothing to compare with, a hash of the
// same cost is computed all the same. Comparisons of secrets take the same time wherever they differ.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/identities.h"
#include "control/credentials/presented.h"
#include "dataplane/credentials/verifier.h"

namespace springlatch::control {

/// Immutable, so threads may share it.
class Checker {
  public:
    explicit Checker(std::vector<Identity> identities);
    /// Nothing can be accepted.
    [[nodiscard]] bool empty() const noexcept { return identities_.empty(); }
    /// The answer without its fingerprint. `now_seconds`: since the Unix epoch, for a token's `exp` and
    /// `nbf`. Allocates up to argon2_memory_kib_max while it runs.
    [[nodiscard]] CheckAnswer check(std::string_view value, std::uint64_t now_seconds) const;

  private:
    [[nodiscard]] CheckAnswer check_basic(const Presented& presented) const;
    [[nodiscard]] CheckAnswer check_api_key(const Presented& presented) const;
    [[nodiscard]] CheckAnswer check_bearer(const Presented& presented, std::uint64_t now_seconds) const;
    [[nodiscard]] CheckAnswer check_jwt(const Jwt& jwt, std::uint16_t index, std::uint64_t now_seconds) const;
    /// The costliest hash of a kind, of a secret nobody knows; "" if the kind has none.
    [[nodiscard]] std::string decoy_of(IdentityKind kind) const;

    std::vector<Identity> identities_;
    std::string basic_decoy_;
    std::string api_key_decoy_;
};

}  // namespace springlatch::control
