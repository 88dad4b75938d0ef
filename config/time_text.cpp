#include "config/time_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace springlatch {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

/// A decimal number of exactly `digits` digits at the front of `text`, which is cut off.
[[nodiscard]] std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    int value = 0;
    if (text.size() < digits || text[0] == '-') {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc{} || end != text.data() + digits) {
        return std::nullopt;
    }
    text.remove_prefix(digits);
    return value;
}

[[nodiscard]] bool take_char(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

/// Seconds east of UTC.
[[nodiscard]] std::optional<int> take_zone(std::string_view& text) {
    if (text.empty() || take_char(text, 'Z') || take_char(text, 'z')) {
        return 0;
    }
    const bool west = text.front() == '-';
    if (!west && text.front() != '+') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    const auto hours = take_number(text, 2);
    const bool colon = take_char(text, ':');
    const auto minutes = take_number(text, 2);
    if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    return (west ? -1 : 1) * (*hours * 3600 + *minutes * 60);
}

/// Nanoseconds since midnight, the zone subtracted.
[[nodiscard]] std::optional<std::int64_t> take_clock(std::string_view& text) {
    const auto hour = take_number(text, 2);
    const bool first = take_char(text, ':');
    const auto minute = take_number(text, 2);
    const bool second = take_char(text, ':');
    const auto seconds = take_number(text, 2);
    if (!hour || !first || !minute || !second || !seconds || *hour > 23 || *minute > 59 || *seconds > 59) {
        return std::nullopt;
    }
    std::int64_t fraction = 0;
    if (take_char(text, '.')) {
        std::int64_t unit = 100'000'000;
        if (text.empty() || text.front() < '0' || text.front() > '9') {
            return std::nullopt;
        }
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
            fraction += unit * (text.front() - '0');
            unit /= 10;
        }
    }
    const auto zone = take_zone(text);
    if (!zone) {
        return std::nullopt;
    }
    const std::int64_t whole = std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60 + *seconds - *zone;
    return whole * static_cast<std::int64_t>(ns_per_second) + fraction;
}

}  // namespace

std::string rfc3339(std::uint64_t time_ns) {
    using namespace std::chrono;
    const sys_seconds time{seconds{static_cast<std::int64_t>(time_ns / ns_per_second)}};
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    const int length = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09uZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()), static_cast<unsigned>(time_ns % ns_per_second));
    return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::uint64_t> parse_time(std::string_view text) {
    using namespace std::chrono;
    const auto number = take_number(text, 4);
    const bool first = take_char(text, '-');
    const auto month_number = take_number(text, 2);
    const bool second = take_char(text, '-');
    const auto day_number = take_number(text, 2);
    if (!number || !first || !month_number || !second || !day_number) {
        return std::nullopt;
    }
    const year_month_day date{year{*number}, month{static_cast<unsigned>(*month_number)},
                              day{static_cast<unsigned>(*day_number)}};
    if (!date.ok() || *number < 1970 || *number > 2200) {
        return std::nullopt;
    }
    std::int64_t clock = 0;
    if (!text.empty()) {
        if (!take_char(text, 'T') && !take_char(text, 't') && !take_char(text, ' ')) {
            return std::nullopt;
        }
        const auto taken = take_clock(text);
        if (!taken || !text.empty()) {
            return std::nullopt;
        }
        clock = *taken;
    }
    const std::int64_t total = duration_cast<nanoseconds>(sys_days{date}.time_since_epoch()).count() + clock;
    return total < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(total));
}

std::optional<std::uint64_t> parse_rfc3339(std::string_view text) {
    const bool has_time = text.size() > 10 && (text[10] == 'T' || text[10] == 't');
    const bool has_zone = has_time && text.find_first_of("Zz+-", 11) != std::string_view::npos;
    return has_zone ? parse_time(text) : std::nullopt;
}

std::optional<std::uint32_t> parse_duration(std::string_view text) {
    constexpr std::string_view units = "smhd";
    constexpr std::array<std::uint64_t, 4> seconds = {1, 60, 3600, 86400};
    const std::size_t unit = text.empty() ? std::string_view::npos : units.find(text.back());
    if (unit == std::string_view::npos) {
        return std::nullopt;
    }
    text.remove_suffix(1);
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (text.empty() || text.front() == '-' || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    const std::uint64_t total = count * seconds[unit];
    return total == 0 || total > duration_seconds_max ? std::nullopt
                                                      : std::optional{static_cast<std::uint32_t>(total)};
}

}  // namespace springlatch
