#include "control/api/ecs.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/prefixes.h"
#include "config/time_text.h"
#include "control/api/community_id.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::optional<IpAddress> address_of(const std::string& text) {
    std::array<std::uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes.data(), sizeof value);
        return IpAddress::v4(ntohl(value));
    }
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) {
        return std::nullopt;
    }
    IpAddress address;
    for (std::size_t i = 0; i < 8; ++i) {
        address.high = (address.high << 8U) | bytes[i];
        address.low = (address.low << 8U) | bytes[i + 8];
    }
    return address;
}

void put(Json& object, const char* key, const std::string& value) {
    if (!value.empty()) {
        object[key] = value;
    }
}

void put(Json& object, const char* key, std::uint64_t value) {
    if (value != 0) {
        object[key] = value;
    }
}

/// Adds `part` unless nothing is in it.
void put(Json& object, const char* key, Json part) {
    if (!part.empty()) {
        object[key] = std::move(part);
    }
}

[[nodiscard]] Json list_of(const std::string& tags) {
    Json list = Json::array();
    std::istringstream words(tags);
    for (std::string word; std::getline(words, word, ',');) {
        list.push_back(word);
    }
    return list;
}

[[nodiscard]] Json end_of(const std::string& address, std::uint16_t port) {
    Json end = Json::object();
    put(end, "ip", address);
    put(end, "port", std::uint64_t{port});
    return end;
}

[[nodiscard]] Json http_of(const Event& event) {
    Json request = Json::object();
    put(request, "method", event.method);
    request["bytes"] = event.request_bytes;
    Json response = Json::object();
    if (event.answered) {
        put(response, "status_code", std::uint64_t{event.status});
        response["bytes"] = event.response_bytes;
    }
    Json http = Json::object();
    put(http, "version", event.version);
    put(http, "request", std::move(request));
    put(http, "response", std::move(response));
    return http;
}

}  // namespace

std::optional<std::string> canonical_address(const std::string& text) {
    const auto address = address_of(text);
    return address ? std::optional(address_text(*address)) : std::nullopt;
}

std::string ecs_json(const Event& event) {
    Json json;
    json["@timestamp"] = rfc3339(event.time_ns);
    json["event"] = {{"action", event.action}};
    put(json["event"], "reason", event.reason);
    json["event"]["sequence"] = event.sequence;
    put(json["event"], "severity", std::uint64_t{event.severity});
    put(json, "tags", list_of(event.tags));
    Json rule = Json::object();
    put(rule, "id", event.rule);
    put(json, "rule", std::move(rule));

    Json source = end_of(event.source, event.source_port);
    Json destination = end_of(event.destination, event.destination_port);
    if (!event.request && event.answered) {
        source["bytes"] = event.request_bytes;
        destination["bytes"] = event.response_bytes;
    }
    put(json, "source", std::move(source));
    put(json, "destination", std::move(destination));

    Json network = Json::object();
    put(network, "protocol", event.request && !event.method.empty() ? std::string("http") : std::string());
    const auto from = address_of(event.source);
    const auto to = address_of(event.destination);
    if (from && to && event.source_port != 0 && event.destination_port != 0) {
        network["community_id"] = community_id(*from, event.source_port, *to, event.destination_port);
    }
    put(json, "network", std::move(network));

    if (event.request) {
        put(json, "http", http_of(event));
        Json url = Json::object();
        put(url, "path", event.path);
        put(url, "query", event.query);
        put(json, "url", std::move(url));
        Json agent = Json::object();
        put(agent, "original", event.user_agent);
        put(json, "user_agent", std::move(agent));
        Json user = Json::object();
        put(user, "name", event.user);
        put(json, "user", std::move(user));
    }
    Json own = Json::object();
    put(own, "service", event.service);
    put(own, "zone", event.zone);
    put(own, "operation", event.operation);
    put(own, "credentials", event.credentials);
    put(own, "verdict_ns", std::uint64_t{event.verdict_ns});
    put(own, "requests", event.requests);
    put(json, "springlatch", std::move(own));
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace springlatch::control
