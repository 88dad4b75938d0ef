#include "control/cli/posture.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "config/time_text.h"
#include "control/cli/output.h"
#include "control/clock.h"
#include "control/posture/posture.h"

namespace springlatch::control {
namespace {

struct PostureOptions {
    std::string store = "/var/lib/springlatch";
    bool json = false;
};

constexpr double day_ns = 86'400e9;

[[nodiscard]] nlohmann::ordered_json object_of(const ServerPosture& server) {
    nlohmann::ordered_json json;
    json["server"] = server.address;
    json["port"] = server.port;
    json["service"] = server.service;
    json["state"] = name_of(server.state);
    if (server.since_ns != 0) {
        json["since"] = rfc3339(server.since_ns);
        json["last_evidence"] = rfc3339(server.seen_ns);
        json["evidence"] = server.evidence;
    }
    json["days_exposed"] = static_cast<double>(server.exposed_ns) / day_ns;
    json["mirrors"] = server.mirrors;
    json["history"] = nlohmann::ordered_json::array();
    for (const PostureChange& change : server.history) {
        json["history"].push_back({{"time", rfc3339(change.time_ns)},
                                   {"state", name_of(change.to)},
                                   {"evidence", change.evidence}});
    }
    return json;
}

void print(const ServerPosture& server) {
    std::printf("%-7s  %s port %u  %s", name_of(server.state), server.address.c_str(), unsigned{server.port},
                server.service.c_str());
    if (server.since_ns != 0) {
        std::printf("  since %s: %s", rfc3339(server.since_ns).c_str(), server.evidence.c_str());
    }
    std::printf("\n");
    if (server.exposed_ns != 0) {
        std::printf("         exposed for %.1f days in all\n",
                    static_cast<double>(server.exposed_ns) / day_ns);
    }
    for (const std::string& mirror : server.mirrors) {
        std::printf("         the same data as %s\n", mirror.c_str());
    }
    for (std::size_t i = 0; server.history.size() > 1 && i < server.history.size(); ++i) {
        const PostureChange& change = server.history[i];
        std::printf("         %s %s\n", rfc3339(change.time_ns).c_str(), name_of(change.to));
    }
}

[[nodiscard]] int posture(const PostureOptions& options) {
    const auto servers = read_posture(options.store, unix_ns());
    if (!servers) {
        std::fprintf(stderr, "error: %s\n", servers.error().c_str());
        return 1;
    }
    auto list = nlohmann::ordered_json::array();
    for (const ServerPosture& server : *servers) {
        if (options.json) {
            list.push_back(object_of(server));
        } else {
            print(server);
        }
    }
    if (options.json) {
        std::puts(nlohmann::ordered_json{{"servers", list}}.dump(2).c_str());
    } else if (servers->empty()) {
        std::puts("nothing is known of any server yet");
    }
    return flush_output() ? 0 : 1;
}

}  // namespace

void add_posture(CLI::App& parent, int& code) {
    auto options = std::make_shared<PostureOptions>();
    CLI::App* command =
        parent.add_subcommand("posture", "Which servers answer people who bring no credentials");
    command->add_option("--store", options->store, "Folder of the event store")->capture_default_str();
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &code] { code = posture(*options); });
}

}  // namespace springlatch::control
