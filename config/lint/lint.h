#pragma once
// What a policy that loads may still get wrong: `policy lint`, and the first step of an activation.
//
// Overview
//   lint() looks at a compiled policy, not at its text, so it judges what the data plane would do; the text
//   only says where. Each kind of finding is described by kinds() (finding.h).
// Limits
//   Exact for conditions that are sets (zones, services, credentials, identities, methods, and operations,
//   apis and flags by the catalogue). Regular expressions are compared as they are written. Work is bounded:
//   a policy too large for a comparison gets no finding of it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/lint/finding.h"
#include "config/load.h"

namespace springlatch::lint {

/// A server that was seen to answer without credentials, or to invented ones.
struct OpenServer {
    IpAddress address;
    std::uint16_t port = 0;
    std::string since;  ///< as the posture file has it; may be ""
};

struct Options {
    std::uint64_t now_ns = 0;  ///< since the Unix epoch: what has expired
    std::uint32_t soon_days = 30;
    std::vector<OpenServer> open_servers;
};

/// In the order of the text. `text` must be what `loaded` was read from, `name` stands for the file.
[[nodiscard]] std::vector<Finding> lint(const LoadedPolicy& loaded, std::string_view text,
                                        const std::string& name, const Options& options);

struct Result {
    std::optional<LoadedPolicy> policy;  ///< nothing if it cannot be used
    std::vector<Finding> findings;       ///< then what makes it unusable
};
[[nodiscard]] Result lint_text(std::string_view text, const std::string& name, const Options& options);
[[nodiscard]] Result lint_file(const std::string& path, const Options& options);

/// True if there is an error, or with `strict` a warning.
[[nodiscard]] bool fails(const std::vector<Finding>& findings, bool strict) noexcept;

}  // namespace springlatch::lint
