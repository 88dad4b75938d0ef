#include "control/cli/policy_test.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "control/cli/output.h"
#include "control/explain/table.h"

namespace springlatch::control {
namespace {

namespace fs = std::filesystem;

constexpr int usage_mistake = 2;
constexpr std::string_view table_ending = ".tests.json";

struct TestOptions {
    std::vector<std::string> paths;
    bool quiet = false;
};

struct Pair {
    std::string policy;
    std::string table;
};

/// Every table of a folder with the policy of the same name, sorted.
[[nodiscard]] std::vector<Pair> pairs_in(const std::string& folder) {
    std::vector<Pair> pairs;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        const std::string path = entry.path().string();
        if (path.ends_with(table_ending)) {
            pairs.push_back({path.substr(0, path.size() - table_ending.size()) + ".json", path});
        }
    }
    std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.table < b.table; });
    return pairs;
}

/// False: it failed, and what failed is told.
[[nodiscard]] bool run_pair(const Pair& pair, bool quiet) {
    const auto policy =
        load_policy(pair.policy, {.generation = 1, .mode = std::nullopt, .one_connection = true});
    if (!policy) {
        std::fputs(lines_of(policy.error()).c_str(), stdout);
        return false;
    }
    const auto text = read_policy_file(pair.table);
    if (!text) {
        std::fputs(lines_of(text.error()).c_str(), stdout);
        return false;
    }
    const auto result = run_table(*policy, *text, pair.table);
    const std::vector<std::string>& lines = result ? result->failures : result.error();
    for (const std::string& line : lines) {
        std::puts(line.c_str());
    }
    if (result && !quiet) {
        std::printf("%s: %zu cases, %zu failed\n", pair.policy.c_str(), result->cases,
                    result->failures.size());
    }
    return lines.empty();
}

[[nodiscard]] int run(const TestOptions& options) {
    std::error_code error;
    std::vector<Pair> pairs;
    if (options.paths.size() == 1 && fs::is_directory(options.paths.front(), error)) {
        pairs = pairs_in(options.paths.front());
        if (pairs.empty()) {
            std::fprintf(stderr, "error: %s holds no NAME.tests.json\n", options.paths.front().c_str());
            return 1;
        }
    } else if (options.paths.size() == 2) {
        pairs.push_back({options.paths[0], options.paths[1]});
    } else {
        std::fputs("error: give a policy and a table, or a folder that holds NAME.json and NAME.tests.json\n",
                   stderr);
        return usage_mistake;
    }
    bool good = true;
    for (const Pair& pair : pairs) {
        good = run_pair(pair, options.quiet) && good;
    }
    if (!flush_output()) {
        return 1;
    }
    return good ? 0 : 1;
}

}  // namespace

void add_policy_test(CLI::App& policy, int& code) {
    const auto options = std::make_shared<TestOptions>();
    CLI::App* command = policy.add_subcommand(
        "test", "Ask a policy the questions of a table: exit 0 as expected, 1 not, 2 usage");
    command->add_option("paths", options->paths, "POLICY TABLE, or a folder of them")
        ->required()
        ->expected(1, 2);
    command->add_flag("--quiet", options->quiet, "Tell only what fails");
    command->callback([options, &code] { code = run(*options); });
}

}  // namespace springlatch::control
