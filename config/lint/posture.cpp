#include "config/lint/posture.h"

#include <nlohmann/json.hpp>

#include "config/json_positions.h"
#include "config/prefixes.h"

namespace springlatch::lint {
namespace {

using nlohmann::json;

[[nodiscard]] std::string text_at(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Error: what is wrong with this entry.
[[nodiscard]] tl::expected<OpenServer, std::string> server_of(const json& entry, std::string& state) {
    if (!entry.is_object()) {
        return tl::unexpected(std::string("a server is an object"));
    }
    state = text_at(entry, "state");
    if (state != "open" && state != "closed" && state != "unknown") {
        return tl::unexpected("state: found " + in_quotes(state) + "; allowed: open, closed, unknown");
    }
    const auto address = parse_prefix(text_at(entry, "address"));
    if (!address || address->bits != 128) {
        return tl::unexpected(std::string("address: this must be one IP address"));
    }
    const auto port = entry.find("port");
    if (port == entry.end() || !port->is_number_unsigned() || *port < 1 || *port > 65535) {
        return tl::unexpected(std::string("port: this must be a number from 1 to 65535"));
    }
    return OpenServer{address->first, port->get<std::uint16_t>(), text_at(entry, "since")};
}

}  // namespace

tl::expected<std::vector<OpenServer>, std::string> parse_posture(std::string_view text) {
    const JsonPositions positions(text);  // bounds nesting and number of values
    if (!positions.problems().empty()) {
        return tl::unexpected(positions.problems().front().text);
    }
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object() || document.value("version", json()) != 1) {
        return tl::unexpected(std::string("a posture file is an object with \"version\": 1 and \"servers\""));
    }
    const auto servers = document.find("servers");
    if (servers == document.end() || !servers->is_array()) {
        return tl::unexpected(std::string("/servers: this must be an array"));
    }
    std::vector<OpenServer> open;
    for (std::size_t i = 0; i < servers->size(); ++i) {
        std::string state;
        auto server = server_of((*servers)[i], state);
        if (!server) {
            return tl::unexpected("/servers/" + std::to_string(i) + ": " + server.error());
        }
        if (state == "open") {
            open.push_back(std::move(*server));
        }
    }
    return open;
}

}  // namespace springlatch::lint
