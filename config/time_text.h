#pragma once
// Points in time and durations, as people write them.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace springlatch {

/// RFC 3339 in UTC with nanoseconds: 2019-12-05T00:00:00.000000000Z.
[[nodiscard]] std::string rfc3339(std::uint64_t time_ns);
/// `2019-12-05`, or `2019-12-05T10:00:00` with optional fraction and a zone (`Z`, `+01:00`; none means UTC).
/// Nothing if it is neither or lies before 1970 or after 2200. In nanoseconds since the Unix epoch.
[[nodiscard]] std::optional<std::uint64_t> parse_time(std::string_view text);
/// The same, but only what RFC 3339 §5.6 calls a date-time: with time and zone.
[[nodiscard]] std::optional<std::uint64_t> parse_rfc3339(std::string_view text);

inline constexpr std::uint32_t duration_seconds_max = 366 * 86400;
/// `90s`, `5m`, `2h`, `1d`: in seconds. Nothing if it is none, zero, or longer than a year.
[[nodiscard]] std::optional<std::uint32_t> parse_duration(std::string_view text);

}  // namespace springlatch
