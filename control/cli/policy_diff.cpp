#include "control/cli/policy_diff.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "config/effect/effect.h"
#include "config/load.h"
#include "config/time_text.h"

namespace springlatch::control {
namespace {

constexpr int different = 1;
constexpr int usage_mistake = 2;

struct DiffOptions {
    std::string before;
    std::string after;
    std::string at;
    bool json = false;
};

[[nodiscard]] std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

[[nodiscard]] std::optional<LoadedPolicy> loaded(const std::string& file) {
    auto policy = load_policy(file, {});
    if (!policy) {
        std::fputs(lines_of(policy.error()).c_str(), stderr);
        return std::nullopt;
    }
    return std::move(*policy);
}

[[nodiscard]] int diff(const DiffOptions& options) {
    const auto at = options.at.empty() ? std::optional{now_ns()} : parse_time(options.at);
    if (!at) {
        std::fprintf(stderr, "error: --at: %s is no time; write 2019-12-05 or 2019-12-05T10:00:00Z\n",
                     options.at.c_str());
        return usage_mistake;
    }
    const auto before = loaded(options.before);
    const auto after = loaded(options.after);
    if (!before || !after) {
        return usage_mistake;
    }
    const effect::EffectDiff found = effect::diff(*before, *after, *at);
    std::fputs((options.json ? effect::json_of(found) : effect::text_of(found)).c_str(), stdout);
    if (!options.json && found.same()) {
        std::puts("The two policies have the same effect.");
    }
    if (std::fflush(stdout) != 0) {
        std::perror("error: standard output");
        return usage_mistake;
    }
    return found.same() ? 0 : different;
}

}  // namespace

void add_policy_diff(CLI::App& parent, int& code) {
    const auto options = std::make_shared<DiffOptions>();
    CLI::App* command = parent.add_subcommand(
        "diff",
        "What the second policy opens and closes: exit 0 nothing, 1 something, 2 usage or bad policy");
    command->add_option("before", options->before, "Policy file (JSON)")->required();
    command->add_option("after", options->after, "Policy file (JSON)")->required();
    command->add_option("--at", options->at, "Compare as of this time (RFC 3339); without it: now");
    command->add_flag("--json", options->json, "As JSON, with every prefix and every call");
    command->callback([options, &code] { code = diff(*options); });
}

}  // namespace springlatch::control
