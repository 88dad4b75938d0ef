#pragma once
// Everything a client can bring that either policy tells apart.
#include <vector>

#include "config/effect/judge.h"
#include "config/identities.h"

namespace springlatch::effect {

/// What proves each identity, as one text: equal texts are proved by the same secret.
[[nodiscard]] IdentityKeys proofs_of(const std::vector<Identity>& identities);

/// nobody, malformed, unverified, then the identities of both policies; one whose keys are equal is one.
[[nodiscard]] std::vector<Credential> credentials_of(const CompiledPolicy& before,
                                                     const IdentityKeys& before_keys,
                                                     const CompiledPolicy& after,
                                                     const IdentityKeys& after_keys);

}  // namespace springlatch::effect
