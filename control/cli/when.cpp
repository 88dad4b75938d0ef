#include "control/cli/when.h"

#include <charconv>

#include "config/time_text.h"

namespace springlatch::control {
namespace {

[[nodiscard]] std::uint64_t seconds_of(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return 86'400;
        case 'w':
            return 7 * 86'400;
        default:
            return 0;
    }
}

}  // namespace

tl::expected<std::uint64_t, std::string> moment_of(const std::string& text, std::uint64_t now_ns) {
    if (text == "now") {
        return now_ns;
    }
    if (text.size() >= 3 && text.front() == '-') {
        std::uint64_t count = 0;
        const char* const end = text.data() + text.size() - 1;
        const auto [stop, error] = std::from_chars(text.data() + 1, end, count);
        const std::uint64_t unit = seconds_of(text.back());
        constexpr std::uint64_t ns = 1'000'000'000;
        if (error == std::errc{} && stop == end && unit != 0) {
            const std::uint64_t most = now_ns / ns / unit;
            return count > most ? 0 : now_ns - count * unit * ns;
        }
    } else if (const auto parsed = parse_time(text)) {
        return *parsed;
    }
    return tl::unexpected(
        text + " is no time; write 2019-12-05, 2019-12-05T10:00:00Z, -24h (units s, m, h, d, w) or now");
}

}  // namespace springlatch::control
