#include "control/cli/hits.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "control/api/rules_json.h"
#include "control/cli/fetch.h"
#include "control/store/hit_store.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

struct HitsOptions {
    std::string store;
    std::string url = "http://127.0.0.1:9600";
    bool never = false;
    bool json = false;
};

[[nodiscard]] tl::expected<std::string, std::string> told(const HitsOptions& options) {
    if (options.store.empty()) {
        const auto body = fetch(options.url, "/api/v1/rules");
        return body ? body : tl::unexpected(options.url + ": " + body.error());
    }
    const auto rules = read_hits(options.store);
    if (!rules) {
        return tl::unexpected(rules.error());
    }
    return rules_json(*rules);
}

void print(const Json& rules) {
    std::size_t width = 4;
    for (const Json& rule : rules) {
        width = std::max(width, rule.at("rule").get<std::string>().size());
    }
    const int column = static_cast<int>(width);
    std::printf("%-*s %12s %12s  %-30s %s\n", column, "rule", "hits", "limited", "last", "since");
    for (const Json& rule : rules) {
        std::printf("%-*s %12s %12s  %-30s %s\n", column, rule.at("rule").get<std::string>().c_str(),
                    rule.at("hits").dump().c_str(), rule.at("limited").dump().c_str(),
                    rule.value("last", "never").c_str(), rule.at("since").get<std::string>().c_str());
    }
}

[[nodiscard]] int hits(const HitsOptions& options) {
    if (options.store.empty() && !is_service_url(options.url)) {
        std::fprintf(stderr, "error: --url: %s is not of the form http://HOST:PORT\n", options.url.c_str());
        return 2;
    }
    const auto text = told(options);
    if (!text) {
        std::fprintf(stderr, "error: %s\n", text.error().c_str());
        return 1;
    }
    try {
        Json document = Json::parse(*text);
        Json rules = Json::array();
        for (const Json& rule : document.at("rules")) {
            if (!options.never || rule.at("hits").get<std::uint64_t>() == 0) {
                rules.push_back(rule);
            }
        }
        if (options.json) {
            std::printf("%s\n", Json{{"rules", rules}}.dump(1).c_str());
        } else {
            print(rules);
        }
        return std::fflush(stdout) == 0 ? 0 : 1;
    } catch (const Json::exception&) {
        std::fprintf(stderr, "error: %s: the answer cannot be read (another version of springlatchd?)\n",
                     options.url.c_str());
        return 1;
    }
}

}  // namespace

void add_hits(CLI::App& policy, int& code) {
    CLI::App* const command = policy.add_subcommand("hits", "How often each rule decided, and when last");
    const auto options = std::make_shared<HitsOptions>();
    CLI::Option* const url =
        command->add_option("--url", options->url, "Of springlatchd")->capture_default_str();
    command->add_option("--store", options->store, "Folder of the store, in its place")->excludes(url);
    command->add_flag("--never", options->never, "Only rules that decided nothing yet");
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &code] { code = hits(*options); });
}

}  // namespace springlatch::control
