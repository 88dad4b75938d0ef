#include "control/alerts/behaviour.h"

#include <algorithm>
#include <array>

#include "dataplane/protocol/http/request_head.h"

namespace springlatch::control {
namespace {

struct Agent {
    std::string_view text;
    std::string_view who;
};
/// As their sources write them; a client can write anything.
constexpr std::array<Agent, 10> agents = {
    {{"l9plugin-ElasticSearch", "LeakIX"},
     {"+https://leakix.net/", "LeakIX"},
     {"zgrab/0.x", "zgrab"},
     {"Nmap Scripting Engine", "nmap"},
     {"CensysInspect/", "Censys"},
     {"InternetMeasurement/1.0", "Driftnet"},
     {"Expanse, a Palo Alto Networks company", "Palo Alto Networks Expanse"},
     {"httpx - Open-source project", "httpx"},
     {"masscan/1.", "masscan"},
     {"Nuclei - Open-source project", "nuclei"}}};

constexpr std::array<std::string_view, 9> tell_tales = {
    "/_cat/indices", "/_cat/nodes", "/_nodes",         "/_all/_search",  "/_aliases",
    "/_stats",       "/_mapping",   "/_cluster/state", "/_all/_settings"};

[[nodiscard]] Alert alert_about(AlertKind kind, const RequestSeen& request, std::string text) {
    Alert alert;
    alert.kind = kind;
    alert.key = request.source_text;
    alert.text = std::move(text);
    alert.source = request.source_text;
    alert.server = request.server;
    alert.service = request.service;
    alert.first_ns = request.time_ns;
    alert.last_ns = request.time_ns;
    return alert;
}

}  // namespace

std::string scanner_by_agent(std::string_view user_agent) {
    const auto* const found = std::find_if(agents.begin(), agents.end(), [&](const Agent& agent) {
        return user_agent.find(agent.text) != std::string_view::npos;
    });
    return found == agents.end() ? "" : std::string(found->who);
}

bool is_tell_tale(std::string_view path) {
    return std::any_of(tell_tales.begin(), tell_tales.end(), [&](std::string_view tale) {
        return path.starts_with(tale) && (path.size() == tale.size() || path[tale.size()] == '/');
    });
}

bool is_destructive(std::uint8_t method, std::string_view path) {
    return method == static_cast<std::uint8_t>(http::Method::delete_) ||
           path.ends_with("/_delete_by_query") || path.ends_with("/_close") ||
           path.find("/_shutdown") != std::string_view::npos;
}

Behaviour::Source& Behaviour::source(const IpAddress& address, std::uint64_t time_ns) {
    const IpAddress key = address.block();
    const auto [found, made] = sources_.try_emplace(key);
    if (made) {
        order_.push_back(key);
        found->second.begun_ns = time_ns;
        if (order_.size() > sources_max) {
            sources_.erase(order_.front());
            order_.pop_front();
        }
    } else if (time_ns > found->second.begun_ns + std::uint64_t{limits_.window_seconds} * 1'000'000'000) {
        found->second = {};
        found->second.begun_ns = time_ns;
    }
    return found->second;
}

std::vector<Alert> Behaviour::request(const RequestSeen& request) {
    std::vector<Alert> alerts;
    Source& from = source(request.source, request.time_ns);
    const bool stranger =
        !request.identified && (request.credentials == static_cast<std::uint8_t>(http::Credentials::none) ||
                                request.action != EventAction::allowed);
    if (stranger) {
        if (from.servers.size() < limits_.scanner_servers) {
            from.servers.insert(request.server);
        }
        if (is_tell_tale(request.path) && from.tell_tales.size() < tell_tales.size()) {
            from.tell_tales.insert(request.path);
        }
        const std::string who = scanner_by_agent(request.user_agent);
        std::string why;
        if (!who.empty()) {
            why = "its user agent is that of " + who;
        } else if (from.servers.size() >= limits_.scanner_servers) {
            why = "it asked " + std::to_string(from.servers.size()) + " servers";
        } else if (from.tell_tales.size() >= 2) {
            why = "it asks what there is to take: " + *from.tell_tales.begin() + ", " +
                  *from.tell_tales.rbegin();
        }
        if (!why.empty()) {
            alerts.push_back(alert_about(AlertKind::scanner, request,
                                         "you are being indexed: " + request.source_text +
                                             " brings no accepted credentials, and " + why));
        }
    }
    if (request.reason == Reason::bad_credentials && ++from.guesses >= limits_.guesses) {
        alerts.push_back(alert_about(AlertKind::brute_force, request,
                                     request.source_text +
                                         " tries credentials: " + std::to_string(from.guesses) +
                                         " requests refused for them, the last by " + request.service));
    }
    if (request.action != EventAction::allowed && is_destructive(request.method, request.path)) {
        const bool denied = request.action == EventAction::denied;
        alerts.push_back(alert_about(AlertKind::destructive_denied, request,
                                     request.source_text + " asked " + request.service +
                                         " to destroy something: " +
                                         (denied ? "denied" : "it passed, since the policy only observes") +
                                         " (" + std::string(name_of(request.reason)) + ")"));
    }
    return alerts;
}

std::vector<Alert> Behaviour::answer(const RequestSeen& request, std::uint16_t status, std::uint64_t bytes,
                                     std::uint64_t time_ns) {
    std::vector<Alert> alerts;
    Source& from = source(request.source, time_ns);
    const bool brought = request.credentials != static_cast<std::uint8_t>(http::Credentials::none);
    if (status == 401 && brought && ++from.guesses >= limits_.guesses) {
        alerts.push_back(alert_about(AlertKind::brute_force, request,
                                     request.source_text +
                                         " tries credentials: " + std::to_string(from.guesses) +
                                         " requests refused for them, the last by " + request.service));
    }
    constexpr std::size_t services_max = 64;
    if (from.readings.size() >= services_max && from.readings.find(request.service) == from.readings.end()) {
        return alerts;
    }
    Reading& reading = from.readings[request.service];
    reading.bytes += bytes;
    if (status >= 200 && status < 300 && request.path.starts_with("/_search/scroll")) {
        ++reading.pages;
    }
    if (reading.bytes >= limits_.mass_read_bytes || reading.pages >= limits_.mass_read_pages) {
        Alert alert =
            alert_about(AlertKind::mass_read, request,
                        request.source_text + " reads much from " + request.service + ": " +
                            std::to_string(reading.bytes) + " bytes and " + std::to_string(reading.pages) +
                            " scroll pages within " + std::to_string(limits_.window_seconds) + " s");
        alert.key += ' ' + request.service;
        alerts.push_back(std::move(alert));
    }
    return alerts;
}

}  // namespace springlatch::control
