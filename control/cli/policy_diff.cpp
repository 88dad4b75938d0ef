#include "control/cli/policy_diff.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "config/effect/effect.h"
#include "config/time_text.h"
#include "control/cli/output.h"
#include "control/cli/policy_file.h"
#include "control/cli/traffic_diff.h"

namespace springlatch::control {
namespace {

constexpr int different = 1;
constexpr int usage_mistake = 2;

struct DiffOptions {
    std::string before;
    std::string after;
    std::string at;
    std::string capture;
    std::string since;
    std::string store;
    bool json = false;
};

constexpr std::uint64_t second_ns = 1'000'000'000;

/// What is asked of traffic; nothing if none is. Error: the exit code, told on standard error.
[[nodiscard]] tl::expected<std::optional<TrafficDiff>, int> traffic_of(const DiffOptions& options,
                                                                       const LoadedPolicy& before,
                                                                       const LoadedPolicy& after,
                                                                       std::uint64_t at_ns) {
    tl::expected<TrafficDiff, std::string> found;
    if (!options.capture.empty()) {
        found = diff_of_capture(options.capture, options.before, options.after);
    } else if (!options.since.empty()) {
        const auto seconds = parse_duration(options.since);
        if (!seconds) {
            std::fprintf(stderr, "error: --since: %s is no duration; write 90s, 5m, 24h or 7d\n",
                         options.since.c_str());
            return tl::unexpected(usage_mistake);
        }
        const std::uint64_t ago = *seconds * second_ns;
        found =
            diff_of_store(options.store, at_ns > ago ? at_ns - ago : 0, at_ns, *before.policy, *after.policy);
    } else {
        return std::nullopt;
    }
    if (!found) {
        if (!found.error().empty()) {
            std::fprintf(stderr, "error: %s\n", found.error().c_str());
        }
        return tl::unexpected(usage_mistake);
    }
    return std::move(*found);
}

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
    const auto traffic = traffic_of(options, *before, *after, *at);
    if (!traffic) {
        return traffic.error();
    }
    std::string text;
    if (options.json) {
        text = effect::json_of(found);
        if (*traffic) {
            text.insert(text.rfind('}'), ", \"traffic\": " + json_of(**traffic) + "\n");
        }
    } else {
        text = found.same() ? "The two policies have the same effect.\n" : effect::text_of(found);
        if (*traffic) {
            text += "\n" + text_of(**traffic);
        }
    }
    if (!print_whole(text)) {
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
    CLI::Option* capture = command->add_option(
        "--capture", options->capture, "Tell also which requests of this capture would be decided otherwise");
    CLI::Option* since = command->add_option(
        "--since", options->since, "Tell the same of the stored events of the last 90s, 5m, 24h, 7d");
    CLI::Option* store = command->add_option("--store", options->store, "Folder of the event store");
    since->needs(store)->excludes(capture);
    store->needs(since);
    command->add_flag("--json", options->json, "As JSON, with every prefix and every call");
    command->callback([options, &code] { code = diff(*options); });
}

}  // namespace springlatch::control
