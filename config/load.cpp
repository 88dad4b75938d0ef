#include "config/load.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/catalogue.h"
#include "config/json_positions.h"
#include "config/policy_reader.h"
#include "config/schema_check.h"

namespace springlatch {
namespace {

using Errors = std::vector<PolicyError>;

/// What a verdict depends on (sizes of heads, bodies and lines, requests in flight) stays.
void lower_memory(Limits& limits) {
    limits.flows = std::min(limits.flows, 16U);
    limits.held_segments = std::min(limits.held_segments, 64U);
    limits.held_segments_per_flow = std::min(limits.held_segments_per_flow, limits.held_segments);
    limits.retained_bytes = std::min(limits.retained_bytes, 1U << 18U);
    limits.open_heads = std::min(limits.open_heads, 4U);
    limits.fragments = std::min(limits.fragments, 64U);
    limits.credentials.values = std::min(limits.credentials.values, 64U);
}

void override_mode(CompiledPolicy::Parts& parts, Mode mode) {
    parts.mode = mode;
    for (Rule& rule : parts.rules) {
        rule.mode.reset();
    }
    for (Service& service : parts.services) {
        service.mode.reset();
    }
}

}  // namespace

tl::expected<LoadedPolicy, Errors> parse_policy(std::string_view text, const std::string& name,
                                                const LoadOptions& options) {
    if (Errors errors = unreadable(text, name, "a policy"); !errors.empty()) {
        return tl::unexpected(std::move(errors));
    }
    const JsonPositions positions(text);
    std::vector<JsonProblem> problems = positions.problems();
    if (!positions.complete()) {
        return tl::unexpected(located(name, positions, std::move(problems)));
    }
    const auto document = nlohmann::json::parse(text);
    std::vector<Mistake> mistakes;
    const bool matches = matches_schema(document, mistakes);
    CompiledPolicy::Parts parts =
        read_policy(document, elasticsearch::Catalogue(builtin_endpoints()), mistakes);
    std::vector<Identity> identities = read_identities(document, mistakes);
    if (!matches && mistakes.empty()) {
        mistakes.push_back({"", false, "does not match the policy schema"});
    }
    add_mistakes(text, positions, std::move(mistakes), problems);
    if (!problems.empty()) {
        return tl::unexpected(located(name, positions, std::move(problems)));
    }
    parts.generation = options.generation;
    if (options.one_connection) {
        lower_memory(parts.limits);
    }
    for (const Identity& identity : identities) {
        parts.identity_digests.push_back(digest_of(identity));
    }
    if (options.mode) {
        override_mode(parts, *options.mode);
    }
    return LoadedPolicy{std::make_shared<const CompiledPolicy>(std::move(parts)), sha256_of(text),
                        std::move(identities)};
}

tl::expected<std::string, Errors> read_policy_file(const std::string& path) {
    return read_json_file(path, "a policy");
}

tl::expected<LoadedPolicy, Errors> load_policy(const std::string& path, const LoadOptions& options) {
    auto text = read_policy_file(path);
    if (!text) {
        return tl::unexpected(std::move(text.error()));
    }
    return parse_policy(*text, path, options);
}

}  // namespace springlatch
