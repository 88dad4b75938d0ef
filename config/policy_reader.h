#pragma once
// From a policy document to the parts of a CompiledPolicy: everything that a schema cannot say.
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "config/schema_check.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

/// Tolerates a document that breaks the schema (what breaks it is skipped), so that all mistakes come out at
/// once. The parts are meant for use only if neither this nor the schema check found a mistake. Leaves out
/// the generation.
[[nodiscard]] CompiledPolicy::Parts read_policy(const nlohmann::json& document,
                                                elasticsearch::Catalogue catalogue,
                                                std::vector<Mistake>& mistakes);

}  // namespace springlatch
