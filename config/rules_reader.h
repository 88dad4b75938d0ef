#pragma once
// The policy's rules and health checks.
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "config/reading.h"

namespace springlatch {

using RuleIds = std::map<std::string, std::string>;  ///< → where it is used: a pointer

/// Fills Parts::rules and Parts::path_expressions; zones, services, identities and groups must have been
/// read. `ids`: of every rule.
void read_rules(const nlohmann::json& rules, Reading& reading, RuleIds& ids);
/// Fills Parts::health_checks. `ids`: those taken already.
void read_health_checks(const nlohmann::json& checks, Reading& reading, RuleIds& ids);

}  // namespace springlatch
