#include "control/cli/policy_file.h"

#include <cstdio>
#include <utility>

#include "config/time_text.h"
#include "control/clock.h"

namespace springlatch::control {

std::optional<LoadedPolicy> load_or_tell(const std::string& file) {
    auto policy = load_policy(file, {});
    if (!policy) {
        std::fputs(lines_of(policy.error()).c_str(), stderr);
        return std::nullopt;
    }
    return std::move(*policy);
}

std::optional<std::uint64_t> time_of(const std::string& text, const char* option) {
    if (text.empty()) {
        return unix_ns();
    }
    const auto parsed = parse_time(text);
    if (!parsed) {
        std::fprintf(stderr, "error: %s: %s is no time; write 2019-12-05 or 2019-12-05T10:00:00Z\n", option,
                     text.c_str());
    }
    return parsed;
}

}  // namespace springlatch::control
