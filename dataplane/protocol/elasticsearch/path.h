#pragma once
// The path that a request means, for people's expressions over paths.
#include <optional>
#include <span>
#include <string_view>

namespace springlatch::elasticsearch {

/// The path of an absolute-form target (RFC 9112 §3.2.2); other forms are their own path. Without query.
[[nodiscard]] std::string_view path_of(std::string_view target) noexcept;

struct NormalPath {
    std::string_view text;
    /// Nothing was percent-encoded that needs no encoding (RFC 3986 §2.3): letters, digits, `-`, `.`, `_` and
    /// `~`. No client encodes those, but both databases choose the route before they decode: `/%5fsearch` is
    /// not what it looks like here.
    bool plain = true;
};

/// Absolute-form's path, one trailing slash less, decoded once, as Elasticsearch and OpenSearch read names
/// out of it (measured): `/a%2Cb/_search/` is `/a,b/_search`. `+` stays itself. `path` is what
/// http::advance_head() accepts; what it refuses (`%2f`, dot segments, …) needs no care here. Nothing: there
/// is no room in `buffer`, where the decoded path is written if it differs.
[[nodiscard]] std::optional<NormalPath> normal_path(std::string_view path, std::span<char> buffer) noexcept;

/// A query decoded once, with `+` as a blank, as both read parameters. `%` without two digits stays.
[[nodiscard]] std::optional<std::string_view> decoded_query(std::string_view query,
                                                            std::span<char> buffer) noexcept;

}  // namespace springlatch::elasticsearch
