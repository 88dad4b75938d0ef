#pragma once
// Pieces of an effect in words.
#include <span>
#include <string>
#include <vector>

#include "config/effect/calls.h"
#include "config/effect/judge.h"

namespace springlatch::effect {

[[nodiscard]] std::string joined(std::span<const std::string> parts, const char* between = ", ");
/// The first few, and how many more.
[[nodiscard]] std::string some_of(std::span<const std::string> parts, std::size_t most);
[[nodiscard]] std::string zone_name(const CompiledPolicy& policy, std::uint16_t zone);
[[nodiscard]] std::string service_name(const CompiledPolicy& policy, std::uint16_t service);
/// `office`, or `internet → office`.
[[nodiscard]] std::string moved(const std::string& before, const std::string& after);
[[nodiscard]] std::string outcome_text(const CompiledPolicy& policy, const Outcome& outcome);
[[nodiscard]] std::vector<std::string> conditions_text(const Conditions& conditions, const Cube& cube);
/// As few as say it: all credentials that a client could bring become "any".
[[nodiscard]] std::vector<std::string> credentials_text(const std::vector<Credential>& all,
                                                        const std::vector<std::size_t>& chosen);
[[nodiscard]] const char* name_of(Action action) noexcept;

}  // namespace springlatch::effect
