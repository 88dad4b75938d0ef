#include "control/api/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "config/time_text.h"
#include "control/api/ecs.h"
#include "control/api/rules_json.h"
#include "control/store/hit_store.h"
#include "control/store/store.h"
#include "dataplane/policy/reason.h"

namespace springlatch::control {
namespace {

constexpr unsigned connections_max = 64;
constexpr unsigned idle_seconds_max = 10;
constexpr std::size_t connection_memory_bytes = 16'384;
constexpr std::uint32_t query_budget_ms = 2000;
constexpr std::uint32_t limit_default = 100;
constexpr std::uint32_t limit_max = 1000;

struct Reply {
    unsigned code = MHD_HTTP_OK;
    std::string type = "application/json";
    std::string body;
};

[[nodiscard]] Reply refusal(unsigned code, const std::string& text) {
    return {.code = code,
            .type = "application/json",
            .body = nlohmann::json{{"error", text}}.dump(-1, ' ', false,
                                                         nlohmann::json::error_handler_t::replace) +
                    "\n"};
}

template <class Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional(value)
                                                                                     : std::nullopt;
}

struct Place {
    sockaddr_storage address{};
    socklen_t bytes = 0;
};

[[nodiscard]] tl::expected<Place, std::string> place_of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const auto port = colon == std::string::npos
                          ? std::nullopt
                          : number_of<std::uint16_t>(std::string_view(text).substr(colon + 1));
    std::string host = text.substr(0, port ? colon : text.size());
    if (host == "localhost") {
        host = "127.0.0.1";
    } else if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    const bool is_v4 = inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1;
    const bool is_v6 = inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1;
    if (!port || (!is_v4 && !is_v6)) {
        return tl::unexpected("--listen: " + text + " is no ADDRESS:PORT, for example 127.0.0.1:9600");
    }
    if ((is_v4 && (ntohl(v4.sin_addr.s_addr) >> 24U) != 127U) ||
        (is_v6 && !IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))) {
        return tl::unexpected("--listen: " + text +
                              " can be reached from elsewhere; without TLS and authentication only loopback "
                              "is allowed, for example 127.0.0.1:9600");
    }
    Place place;
    if (is_v4) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(*port);
        std::memcpy(&place.address, &v4, sizeof v4);
        place.bytes = sizeof v4;
    } else {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(*port);
        std::memcpy(&place.address, &v6, sizeof v6);
        place.bytes = sizeof v6;
    }
    return place;
}

/// A web page of anywhere can send a browser to 127.0.0.1 under a name of its own; such a name is refused.
[[nodiscard]] bool is_local_host(std::string_view host) {
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && number_of<std::uint16_t>(host.substr(colon + 1))) {
        host = host.substr(0, colon);
    }
    in_addr address{};
    // As an address, not as text: `127.0.0.1.example` is a name that may lead anywhere.
    return host == "localhost" || host == "[::1]" ||
           (inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 &&
            (ntohl(address.s_addr) >> 24U) == 127U);
}

}  // namespace

struct ApiServer::Handler {
    using Arguments = std::map<std::string, std::string>;

    static MHD_Result handle(void* self, MHD_Connection* connection, const char* url, const char* method,
                             const char*, const char*, std::size_t*, void**) {
        const Reply reply = static_cast<ApiServer*>(self)->daemon_.load() == nullptr
                                ? refusal(MHD_HTTP_SERVICE_UNAVAILABLE, "not ready yet")
                                : answer(*static_cast<ApiServer*>(self), connection, url, method);
        MHD_Response* response = MHD_create_response_from_buffer(
            reply.body.size(), const_cast<char*>(reply.body.data()), MHD_RESPMEM_MUST_COPY);
        if (response == nullptr) {
            return MHD_NO;
        }
        MHD_add_response_header(response, "Content-Type", reply.type.c_str());
        MHD_add_response_header(response, "Cache-Control", "no-store");
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        if (reply.code == MHD_HTTP_METHOD_NOT_ALLOWED) {
            MHD_add_response_header(response, "Allow", "GET, HEAD");
        }
        if (reply.code == MHD_HTTP_CONTENT_TOO_LARGE) {
            MHD_add_response_header(response, "Connection", "close");
        }
        const MHD_Result queued = MHD_queue_response(connection, reply.code, response);
        MHD_destroy_response(response);
        return queued;
    }

    static Reply answer(const ApiServer& server, MHD_Connection* connection, std::string_view url,
                        std::string_view method) {
        const auto header = [&](const char* name) {
            const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
            return value == nullptr ? std::string_view{} : std::string_view{value};
        };
        if (!header("Host").empty() && !is_local_host(header("Host"))) {
            return refusal(MHD_HTTP_MISDIRECTED_REQUEST, "ask by a loopback address or as localhost");
        }
        if (!header("Transfer-Encoding").empty() ||
            (!header("Content-Length").empty() && header("Content-Length") != "0")) {
            return refusal(MHD_HTTP_CONTENT_TOO_LARGE, "no request body is accepted");
        }
        const bool known =
            url == "/metrics" || url == "/api/v1/status" || url == "/api/v1/events" || url == "/api/v1/rules";
        if (!known) {
            return refusal(MHD_HTTP_NOT_FOUND,
                           "there are /metrics, /api/v1/status, /api/v1/rules and /api/v1/events");
        }
        if (method != "GET" && method != "HEAD") {
            return refusal(MHD_HTTP_METHOD_NOT_ALLOWED, "allowed are GET and HEAD");
        }
        Arguments arguments;
        bool doubled = false;
        std::pair<Arguments*, bool*> taken(&arguments, &doubled);
        const auto take = [](void* to, MHD_ValueKind, const char* key, const char* value) {
            const auto& [list, twice] = *static_cast<std::pair<Arguments*, bool*>*>(to);
            *twice = !list->emplace(key, value == nullptr ? "" : value).second || *twice;
            return MHD_YES;
        };
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take, &taken);
        if (doubled) {
            return refusal(MHD_HTTP_BAD_REQUEST, "a parameter may be given once");
        }
        if (url == "/api/v1/events") {
            return events(server, arguments);
        }
        if (!arguments.empty()) {
            return refusal(MHD_HTTP_BAD_REQUEST, "there are no parameters here");
        }
        if (url == "/api/v1/rules") {
            const auto rules = read_hits(server.sources_.store);
            return rules ? Reply{.body = rules_json(*rules)}
                         : refusal(MHD_HTTP_SERVICE_UNAVAILABLE, rules.error());
        }
        return url == "/metrics" ? Reply{.code = MHD_HTTP_OK,
                                         .type = "text/plain; version=0.0.4; charset=utf-8",
                                         .body = server.sources_.metrics()}
                                 : Reply{.body = server.sources_.status()};
    }

    /// The filter that the parameters ask for. Error: what is wrong with them.
    static tl::expected<EventFilter, std::string> filter_of(const Arguments& arguments) {
        EventFilter filter;
        filter.limit = limit_default;
        for (const auto& [key, value] : arguments) {
            if (key == "limit") {
                const auto limit = number_of<std::uint32_t>(value);
                if (!limit || *limit < 1 || *limit > limit_max) {
                    return tl::unexpected("limit: a number from 1 to " + std::to_string(limit_max));
                }
                filter.limit = *limit;
            } else if (key == "since") {
                const auto since = parse_time(value);
                if (!since) {
                    return tl::unexpected(std::string("since: a time as 2019-12-05 or 2019-12-05T10:00:00Z"));
                }
                filter.from_ns = *since;
            } else if (key == "action") {
                if (value != "allowed" && value != "denied" && value != "would_deny") {
                    return tl::unexpected(std::string("action: allowed, denied or would_deny"));
                }
                filter.action = value;
            } else if (key == "reason") {
                if (std::find(reason_names.begin() + 1, reason_names.end(), value) == reason_names.end()) {
                    return tl::unexpected(
                        std::string("reason: one of the reasons in dataplane/policy/REASONS.md"));
                }
                filter.reason = value;
            } else if (key == "source") {
                const auto source = canonical_address(value);
                if (!source) {
                    return tl::unexpected(std::string("source: an IPv4 or IPv6 address"));
                }
                filter.source = *source;
            } else {
                return tl::unexpected(std::string("allowed are limit, since, action, reason and source"));
            }
        }
        return filter;
    }

    static Reply events(const ApiServer& server, const Arguments& arguments) {
        const auto filter = filter_of(arguments);
        if (!filter) {
            return refusal(MHD_HTTP_BAD_REQUEST, filter.error());
        }
        auto reader = StoreReader::open(server.sources_.store);
        if (!reader) {
            return refusal(MHD_HTTP_SERVICE_UNAVAILABLE, reader.error());
        }
        std::string body = "[";
        const auto read =
            reader->each(*filter, EventOrder::newest_first, query_budget_ms, [&](const Event& event) {
                body += (body.size() > 1 ? ",\n" : "") + ecs_json(event);
                return true;
            });
        if (!read) {
            return refusal(MHD_HTTP_SERVICE_UNAVAILABLE, read.error());
        }
        return {.body = body + "]\n"};
    }
};

tl::expected<std::unique_ptr<ApiServer>, std::string> ApiServer::start(const std::string& address,
                                                                       ApiSources sources) {
    auto place = place_of(address);
    if (!place) {
        return tl::unexpected(place.error());
    }
    const int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return tl::unexpected("--listen: " + address + ": " + std::strerror(errno));
    }
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const auto failed = [&](const std::string& why) {
        close(fd);
        return tl::unexpected("--listen: " + address + ": " + why);
    };
    auto* const raw = reinterpret_cast<sockaddr*>(&place->address);
    if (bind(fd, raw, place->bytes) != 0 || listen(fd, 32) != 0) {
        return failed(errno == EADDRINUSE ? "the port is in use; give another one"
                                          : std::string(std::strerror(errno)));
    }
    getsockname(fd, raw, &place->bytes);
    std::unique_ptr<ApiServer> server(new ApiServer(std::move(sources)));
    std::uint16_t port = 0;  // at the same place in both families
    std::memcpy(&port, reinterpret_cast<const char*>(&place->address) + offsetof(sockaddr_in, sin_port),
                sizeof port);
    server->port_ = ntohs(port);
    server->daemon_ =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, nullptr, nullptr, &Handler::handle, server.get(),
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections_max,
                         MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         connection_memory_bytes, MHD_OPTION_END);
    if (server->daemon_.load() == nullptr) {
        return failed("the HTTP server does not start");
    }
    return server;
}

ApiServer::~ApiServer() {
    if (MHD_Daemon* const daemon = daemon_.load(); daemon != nullptr) {
        MHD_stop_daemon(daemon);
    }
}

}  // namespace springlatch::control
