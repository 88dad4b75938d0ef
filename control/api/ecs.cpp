#include "control/api/ecs.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "config/prefixes.h"
#include "control/api/community_id.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t ns_per_second = 1'000'000'000;

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

/// A decimal number of exactly `digits` digits at the front of `text`, which is cut off.
[[nodiscard]] std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    int value = 0;
    if (text.size() < digits || text[0] == '-') {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc{} || end != text.data() + digits) {
        return std::nullopt;
    }
    text.remove_prefix(digits);
    return value;
}

[[nodiscard]] bool take_char(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

/// Seconds east of UTC.
[[nodiscard]] std::optional<int> take_zone(std::string_view& text) {
    if (text.empty() || take_char(text, 'Z') || take_char(text, 'z')) {
        return 0;
    }
    const bool west = text.front() == '-';
    if (!west && text.front() != '+') {
        return std::nullopt;
    }
    text.remove_prefix(1);
    const auto hours = take_number(text, 2);
    const bool colon = take_char(text, ':');
    const auto minutes = take_number(text, 2);
    if (!hours || !colon || !minutes || *hours > 23 || *minutes > 59) {
        return std::nullopt;
    }
    return (west ? -1 : 1) * (*hours * 3600 + *minutes * 60);
}

/// Nanoseconds since midnight, the zone subtracted.
[[nodiscard]] std::optional<std::int64_t> take_clock(std::string_view& text) {
    const auto hour = take_number(text, 2);
    const bool first = take_char(text, ':');
    const auto minute = take_number(text, 2);
    const bool second = take_char(text, ':');
    const auto seconds = take_number(text, 2);
    if (!hour || !first || !minute || !second || !seconds || *hour > 23 || *minute > 59 || *seconds > 59) {
        return std::nullopt;
    }
    std::int64_t fraction = 0;
    if (take_char(text, '.')) {
        std::int64_t unit = 100'000'000;
        if (text.empty() || text.front() < '0' || text.front() > '9') {
            return std::nullopt;
        }
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
            fraction += unit * (text.front() - '0');
            unit /= 10;
        }
    }
    const auto zone = take_zone(text);
    if (!zone) {
        return std::nullopt;
    }
    const std::int64_t whole = std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60 + *seconds - *zone;
    return whole * static_cast<std::int64_t>(ns_per_second) + fraction;
}

}  // namespace

std::optional<std::string> canonical_address(const std::string& text) {
    const auto address = address_of(text);
    return address ? std::optional(address_text(*address)) : std::nullopt;
}

std::string rfc3339(std::uint64_t time_ns) {
    using namespace std::chrono;
    const sys_seconds time{seconds{static_cast<std::int64_t>(time_ns / ns_per_second)}};
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    const int length = std::snprintf(
        text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09uZ", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()), static_cast<unsigned>(time_ns % ns_per_second));
    return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::uint64_t> parse_time(std::string_view text) {
    using namespace std::chrono;
    const auto number = take_number(text, 4);
    const bool first = take_char(text, '-');
    const auto month_number = take_number(text, 2);
    const bool second = take_char(text, '-');
    const auto day_number = take_number(text, 2);
    if (!number || !first || !month_number || !second || !day_number) {
        return std::nullopt;
    }
    const year_month_day date{year{*number}, month{static_cast<unsigned>(*month_number)},
                              day{static_cast<unsigned>(*day_number)}};
    if (!date.ok() || *number < 1970 || *number > 2200) {
        return std::nullopt;
    }
    std::int64_t clock = 0;
    if (!text.empty()) {
        if (!take_char(text, 'T') && !take_char(text, 't') && !take_char(text, ' ')) {
            return std::nullopt;
        }
        const auto taken = take_clock(text);
        if (!taken || !text.empty()) {
            return std::nullopt;
        }
        clock = *taken;
    }
    const std::int64_t total = duration_cast<nanoseconds>(sys_days{date}.time_since_epoch()).count() + clock;
    return total < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(total));
}

std::string ecs_json(const Event& event) {
    Json json;
    json["@timestamp"] = rfc3339(event.time_ns);
    json["event"] = {{"action", event.action}};
    put(json["event"], "reason", event.reason);
    json["event"]["sequence"] = event.sequence;
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
    put(json, "springlatch", std::move(own));
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace springlatch::control
