#include "control/cli/status.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "control/cli/fetch.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::json;

void print_line(const char* name, const std::string& value) {
    std::printf("%-18s %s\n", name, value.c_str());
}

void print_counts(const char* name, const Json& counts) {
    std::string text;
    for (const auto& [key, value] : counts.items()) {
        text += (text.empty() ? "" : ", ") + key + " " + value.dump();
    }
    print_line(name, text.empty() ? "none" : text);
}

void print_credentials(const Json& checks) {
    const auto count = [&checks](const char* name) { return checks.value(name, std::uint64_t{0}); };
    if (checks.value("possible", false)) {
        print_line("credentials", "checked: " + std::to_string(count("accepted")) + " accepted, " +
                                      std::to_string(count("refused")) + " refused, " +
                                      std::to_string(count("overloaded")) + " found the queue full");
    } else if (count("asked") > 0) {
        print_line("credentials",
                   "NOT CHECKED: known ones work until their time is up, unknown ones are denied");
    }
}

void print(const Json& told) {
    const Json& plane = told.at("data_plane");
    print_line("data plane", plane.at("connected").get<bool>()
                                 ? "connected, pid " + plane.at("pid").dump() + ", since " +
                                       plane.at("since").get<std::string>()
                                 : "NOT CONNECTED");
    if (plane.contains("links")) {
        print_counts("links", plane.at("links"));
    }
    const Json& policy = told.at("policy");
    if (policy.contains("mode")) {
        print_line("mode", policy.at("mode").get<std::string>());
    }
    if (policy.contains("same") && !policy.at("same").get<bool>()) {
        print_line("policy", "the data plane runs another policy than springlatchd was given");
    }
    const Json& counters = told.at("counters");
    print_counts("frames in", counters.at("frames_in"));
    print_counts("frames dropped", counters.at("frames_dropped"));
    print_line("requests allowed", counters.at("requests_allowed").dump());
    print_counts("requests denied", counters.at("requests_denied"));
    print_credentials(told.value("credential_checks", Json::object()));
    if (const Json shut_out = told.value("quarantines", Json::object());
        shut_out.value("begun", std::uint64_t{0}) > 0) {
        print_line("quarantined", shut_out.at("held").dump() + " now, " + shut_out.at("begun").dump() +
                                      " times in all, " + shut_out.at("no_place").dump() + " found no place");
    }
    print_line("events lost", told.at("events").at("lost").dump());
    const Json& store = told.at("store");
    print_line("store", store.at("recording").get<bool>() ? "recording"
                                                          : "NOT RECORDING: " + store.value("error", ""));
}

}  // namespace

int status(const StatusOptions& options) {
    if (!is_service_url(options.url)) {
        std::fprintf(stderr, "error: --url: %s is not of the form http://HOST:PORT\n", options.url.c_str());
        return 2;
    }
    const auto body = fetch(options.url, "/api/v1/status");
    if (!body) {
        std::fprintf(stderr, "error: %s: %s\n", options.url.c_str(), body.error().c_str());
        return 1;
    }
    try {
        const Json told = Json::parse(*body);
        if (options.json) {
            std::printf("%s\n", told.dump(2).c_str());
        } else {
            print(told);
        }
        return told.at("data_plane").at("connected").get<bool>() ? 0 : 1;
    } catch (const Json::exception&) {
        std::fprintf(stderr, "error: %s: the status cannot be read (another version of springlatchd?)\n",
                     options.url.c_str());
        return 1;
    }
}

}  // namespace springlatch::control
