#include "control/cli/reach.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "config/effect/reach.h"
#include "config/json_positions.h"
#include "config/prefixes.h"
#include "config/schema_check.h"
#include "control/cli/output.h"
#include "control/cli/policy_file.h"

namespace springlatch::control {
namespace {

constexpr int usage_mistake = 2;

struct ReachOptions {
    std::string policy;
    std::string service;
    std::string from;
    std::string format = "table";
    std::string at;
};

[[nodiscard]] std::optional<std::uint16_t> index_of(const std::vector<std::string>& names,
                                                    const std::string& name) {
    const auto place = std::find(names.begin(), names.end(), name);
    return place == names.end() ? std::nullopt
                                : std::optional{static_cast<std::uint16_t>(place - names.begin())};
}

[[nodiscard]] bool set_filter(const CompiledPolicy& policy, const ReachOptions& options,
                              effect::ReachFilter& filter) {
    if (!options.service.empty()) {
        std::vector<std::string> names;
        for (const Service& service : policy.parts().services) {
            names.push_back(service.name);
        }
        filter.service = index_of(names, options.service);
        if (!filter.service) {
            std::fprintf(stderr, "error: --service: there is no service %s in the policy%s\n",
                         in_quotes(options.service).c_str(), did_you_mean(options.service, names).c_str());
            return false;
        }
    }
    if (!options.from.empty()) {
        filter.zone = index_of(policy.parts().zone_names, options.from);
        if (const auto address = parse_prefix(options.from);
            !filter.zone && address && options.from.find('/') == std::string::npos) {
            filter.zone = policy.zone_of(address->first);
        }
        if (!filter.zone) {
            std::fprintf(stderr, "error: --from: %s is neither an address nor a zone of the policy%s\n",
                         in_quotes(options.from).c_str(),
                         did_you_mean(options.from, policy.parts().zone_names).c_str());
            return false;
        }
    }
    return true;
}

[[nodiscard]] int tell(const ReachOptions& options) {
    const auto at = time_of(options.at, "--at");
    if (!at) {
        return usage_mistake;
    }
    const auto policy = load_or_tell(options.policy);
    if (!policy) {
        return 1;
    }
    effect::ReachFilter filter;
    if (!set_filter(*policy->policy, options, filter)) {
        return usage_mistake;
    }
    const effect::Reach found = effect::reach(*policy->policy, *at, filter);
    const std::string text = options.format == "svg"    ? effect::svg_of(found)
                             : options.format == "json" ? effect::json_of(found)
                                                        : effect::table_of(found);
    if (!print_whole(text)) {
        return usage_mistake;
    }
    return 0;
}

}  // namespace

void add_reach(CLI::App& parent, int& code) {
    const auto options = std::make_shared<ReachOptions>();
    CLI::App* command = parent.add_subcommand("reach",
                                              "Who can reach what, with which credentials, for which "
                                              "operations: exit 0 told, 1 bad policy, 2 usage");
    command->add_option("policy", options->policy, "Policy file (JSON)")->required();
    command->add_option("--service", options->service, "Only to this service");
    command->add_option("--from", options->from, "Only from this zone, or the zone of this address");
    command->add_option("--format", options->format, "table, json or svg (a drawing)")
        ->check(CLI::IsMember({"table", "json", "svg"}))
        ->capture_default_str();
    command->add_option("--at", options->at, "As of this time (RFC 3339); without it: now");
    command->callback([options, &code] { code = tell(*options); });
}

}  // namespace springlatch::control
