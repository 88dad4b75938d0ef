#pragma once
// From a policy file to a CompiledPolicy, or to a list of mistakes.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/identities.h"
#include "config/json_file.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

struct LoadedPolicy {
    std::shared_ptr<const CompiledPolicy> policy;
    Sha256 sha256{};                   ///< of the file's bytes
    std::vector<Identity> identities;  ///< in the order of CompiledPolicy::Parts::identity_names
};

struct LoadOptions {
    std::uint32_t generation = 1;
    std::optional<Mode>
        mode;  ///< replaces the policy's and every service's and rule's own mode (`replay --observe`)
    bool one_connection = false;  ///< limits that ask for memory are lowered to what one connection may need:
                                  ///< for asking a policy about single requests
};

/// Reads, validates (JSON, schema, meaning) and compiles. On error: every mistake found, in the order of the
/// text, at least one.
[[nodiscard]] tl::expected<LoadedPolicy, std::vector<PolicyError>> load_policy(const std::string& path,
                                                                               const LoadOptions& options);

/// The file's bytes, read once: what is checked is what is compiled, even while somebody writes to the file.
/// Of what is no readable file, is too large or changed while it was read: one error without a line.
[[nodiscard]] tl::expected<std::string, std::vector<PolicyError>> read_policy_file(const std::string& path);

/// The same for a text at hand; `name` stands for the file in errors.
[[nodiscard]] tl::expected<LoadedPolicy, std::vector<PolicyError>> parse_policy(std::string_view text,
                                                                                const std::string& name,
                                                                                const LoadOptions& options);

}  // namespace springlatch
