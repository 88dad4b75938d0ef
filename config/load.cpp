#include "config/load.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "config/catalogue.h"
#include "config/json_positions.h"
#include "config/policy_reader.h"
#include "config/schema_check.h"

namespace springlatch {
namespace {

constexpr std::size_t file_bytes_max = 16U << 20U;

using Errors = std::vector<PolicyError>;

Errors whole_file(const std::string& file, std::string text) {
    return {{file, 0, 0, "", std::move(text)}};
}

std::string too_large() {
    return "larger than " + std::to_string(file_bytes_max) + " bytes, which is the most a policy may have";
}

/// What makes it no JSON text at all; "" if nothing does.
std::string unreadable(std::string_view text) {
    if (text.size() > file_bytes_max) {
        return too_large();
    }
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return "is empty; a policy is a JSON object";
    }
    if (text.starts_with("\xef\xbb\xbf")) {
        return "starts with a byte order mark (EF BB BF); save it as UTF-8 without one";
    }
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return "is UTF-16; save it as UTF-8";
    }
    return "";
}

Errors located(const std::string& file, const JsonPositions& positions, std::vector<JsonProblem> problems) {
    std::stable_sort(problems.begin(), problems.end(),
                     [](const JsonProblem& a, const JsonProblem& b) { return a.offset < b.offset; });
    Errors errors;
    std::set<std::pair<std::string, std::string>> said;
    for (JsonProblem& problem : problems) {
        const LineColumn at = positions.line_column(problem.offset);
        if (said.emplace(problem.pointer, problem.text).second) {
            errors.push_back({file, at.line, at.column, std::move(problem.pointer), std::move(problem.text)});
        }
    }
    return errors;
}

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

std::string lines_of(const std::vector<PolicyError>& errors) {
    std::string lines;
    for (const PolicyError& error : errors) {
        lines += error.str() + '\n';
    }
    return lines;
}

std::string PolicyError::str() const {
    const std::string where =
        line == 0 ? printable(file)
                  : printable(file) + ':' + std::to_string(line) + ':' + std::to_string(column);
    return where + ": error: " + (pointer.empty() ? "" : printable(pointer) + ": ") + text;
}

tl::expected<LoadedPolicy, Errors> parse_policy(std::string_view text, const std::string& name,
                                                const LoadOptions& options) {
    if (std::string reason = unreadable(text); !reason.empty()) {
        return tl::unexpected(whole_file(name, std::move(reason)));
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
    for (Mistake& mistake : mistakes) {
        std::size_t offset = positions.offset_of(mistake.pointer, mistake.at_key);
        if (mistake.inside) {
            offset = offset_in_string(text, offset, *mistake.inside);
        }
        problems.push_back({offset, std::move(mistake.pointer), std::move(mistake.text)});
    }
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
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
    if (!file) {
        return tl::unexpected(
            whole_file(path, "cannot be opened: " + std::generic_category().message(errno)));
    }
    struct stat before {};
    if (fstat(fileno(file.get()), &before) == 0 && S_ISDIR(before.st_mode)) {
        return tl::unexpected(whole_file(path, "is a directory; a policy is a JSON file"));
    }
    std::string text(file_bytes_max + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    if (std::ferror(file.get()) != 0) {
        return tl::unexpected(whole_file(path, "cannot be read: " + std::generic_category().message(errno)));
    }
    struct stat after {};
    const bool comparable = S_ISREG(before.st_mode) && fstat(fileno(file.get()), &after) == 0;
    if (comparable && (before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                       before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)) {
        return tl::unexpected(
            whole_file(path, "changed while it was read; load it again when it has been written"));
    }
    return text;
}

tl::expected<LoadedPolicy, Errors> load_policy(const std::string& path, const LoadOptions& options) {
    auto text = read_policy_file(path);
    if (!text) {
        return tl::unexpected(std::move(text.error()));
    }
    return parse_policy(*text, path, options);
}

}  // namespace springlatch
