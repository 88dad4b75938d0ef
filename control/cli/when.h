#pragma once
// Times as operators write them.
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace springlatch::control {

/// RFC 3339 (`2019-12-05`, `2019-12-05T10:00:00Z`), `now`, or a time back from `now_ns`: `-90s`, `-15m`,
/// `-24h`, `-7d`, `-2w`. Nanoseconds since the Unix epoch. Error: what is wrong and what is allowed, in one
/// line.
[[nodiscard]] tl::expected<std::uint64_t, std::string> moment_of(const std::string& text,
                                                                 std::uint64_t now_ns);

}  // namespace springlatch::control
