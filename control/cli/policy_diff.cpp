#include "control/cli/policy_diff.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "config/effect/effect.h"
#include "control/cli/policy_file.h"

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

[[nodiscard]] int diff(const DiffOptions& options) {
    const auto at = time_of(options.at, "--at");
    if (!at) {
        return usage_mistake;
    }
    const auto before = load_or_tell(options.before);
    const auto after = load_or_tell(options.after);
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
