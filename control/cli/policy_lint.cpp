#include "control/cli/policy_lint.h"

#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "config/lint/lint.h"
#include "config/lint/posture.h"
#include "control/cli/output.h"
#include "control/cli/policy_file.h"

namespace springlatch::control {
namespace {

constexpr int usage_mistake = 2;

struct LintOptions {
    std::vector<std::string> files;
    std::string format = "text";
    std::string posture;
    std::string at;
    bool strict = false;
};

/// False: told on standard error.
[[nodiscard]] bool read_posture(const std::string& path, lint::Options& options) {
    const auto text = read_policy_file(path);
    if (!text) {
        std::fputs(lines_of(text.error()).c_str(), stderr);
        return false;
    }
    auto servers = lint::parse_posture(*text);
    if (!servers) {
        std::fprintf(stderr, "%s: error: %s\n", path.c_str(), servers.error().c_str());
        return false;
    }
    options.open_servers = std::move(*servers);
    return true;
}

[[nodiscard]] int run(const LintOptions& asked) {
    const auto at = time_of(asked.at, "--at");
    if (!at) {
        return usage_mistake;
    }
    lint::Options options{.now_ns = *at, .open_servers = {}};
    if (!asked.posture.empty() && !read_posture(asked.posture, options)) {
        return 1;
    }
    std::vector<lint::Finding> findings;
    for (const std::string& file : asked.files) {
        lint::Result result = lint::lint_file(file, options);
        std::move(result.findings.begin(), result.findings.end(), std::back_inserter(findings));
    }
    const std::string output = asked.format == "json"    ? lint::json_of(findings)
                               : asked.format == "sarif" ? lint::sarif_of(findings, SPRINGLATCH_VERSION)
                                                         : lint::text_of(findings);
    if (!print_whole(output)) {
        return 1;
    }
    return lint::fails(findings, asked.strict) ? 1 : 0;
}

}  // namespace

void add_policy_lint(CLI::App& policy, int& code) {
    const auto options = std::make_shared<LintOptions>();
    CLI::App* command =
        policy.add_subcommand("lint", "Say what is wrong with policies: exit 0 good, 1 errors, 2 usage");
    command->add_option("file", options->files, "Policy files (JSON)")->required();
    command->add_option("--format", options->format, "text, json, or sarif")
        ->check(CLI::IsMember({"text", "json", "sarif"}))
        ->capture_default_str();
    command->add_flag("--strict", options->strict, "Warnings fail too");
    command->add_option("--posture", options->posture, "What is known of servers (JSON): which are open");
    command->add_option("--at", options->at, "As if it were this time (RFC 3339)");
    command->callback([options, &code] { code = run(*options); });
}

}  // namespace springlatch::control
