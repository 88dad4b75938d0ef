#pragma once
// From one policy to the next while the data plane runs: what stays the same, and what cannot be changed.
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/policy/compiled.h"

namespace springlatch {

/// The keys in which `next` asks for other memory than was taken at the start under `running`, each with both
/// values; empty if a running data plane can go over to `next`.
[[nodiscard]] std::vector<std::string> needs_restart(const CompiledPolicy& running,
                                                     const CompiledPolicy& next);

/// [index in `running`]: index in `next` of the same identity, by name and definition, or no_identity.
[[nodiscard]] std::vector<std::uint16_t> same_identities(const CompiledPolicy& running,
                                                         const CompiledPolicy& next);

}  // namespace springlatch
