#include "control/cli/status.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <tl/expected.hpp>

namespace springlatch::control {
namespace {

using Json = nlohmann::json;

constexpr std::size_t answer_bytes_max = 1U << 20U;

struct Place {
    std::string host;
    std::string port;
};

[[nodiscard]] std::optional<Place> place_of(std::string url) {
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme)) {
        return std::nullopt;
    }
    url.erase(0, scheme.size());
    if (!url.empty() && url.back() == '/') {
        url.pop_back();
    }
    const std::size_t colon = url.rfind(':');
    const bool has_port = colon != std::string::npos && url.find(']', colon) == std::string::npos;
    Place place{.host = url.substr(0, has_port ? colon : url.size()),
                .port = has_port ? url.substr(colon + 1) : "80"};
    if (place.host.size() > 2 && place.host.front() == '[' && place.host.back() == ']') {
        place.host = place.host.substr(1, place.host.size() - 2);
    }
    const bool good = !place.host.empty() && place.host.find_first_of("/?#@") == std::string::npos &&
                      !place.port.empty() && place.port.find_first_not_of("0123456789") == std::string::npos;
    return good ? std::optional(place) : std::nullopt;
}

[[nodiscard]] int connect_to(const Place& place) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    int fd = -1;
    for (const addrinfo* at = found; at != nullptr && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
        const timeval patience{.tv_sec = 5, .tv_usec = 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            const int error = errno;
            close(fd);
            errno = error;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/// The body of a 200 answer. Error: what happened instead.
[[nodiscard]] tl::expected<std::string, std::string> get(const Place& place, const std::string& path) {
    const int fd = connect_to(place);
    if (fd < 0) {
        return tl::unexpected(std::string(std::strerror(errno)) +
                              "; does springlatchd run there? Without it, known credentials work until "
                              "their time is up, and unknown ones are denied");
    }
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: " + place.host + "\r\n\r\n";
    std::string answer;
    ssize_t got = send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::array<char, 8192> part{};
    while (got > 0 && answer.size() < answer_bytes_max && (got = recv(fd, part.data(), part.size(), 0)) > 0) {
        answer.append(part.data(), static_cast<std::size_t>(got));
    }
    const int error = errno;
    close(fd);
    if (got < 0) {
        return tl::unexpected(std::string(std::strerror(error)));
    }
    const std::size_t head = answer.find("\r\n\r\n");
    if (!answer.starts_with("HTTP/1.") || head == std::string::npos || answer.substr(8, 5) != " 200 ") {
        return tl::unexpected(std::string("what answers there is no springlatchd"));
    }
    return answer.substr(head + 4);
}

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
    print_line("events lost", told.at("events").at("lost").dump());
    const Json& store = told.at("store");
    print_line("store", store.at("recording").get<bool>() ? "recording"
                                                          : "NOT RECORDING: " + store.value("error", ""));
}

}  // namespace

int status(const StatusOptions& options) {
    const auto place = place_of(options.url);
    if (!place) {
        std::fprintf(stderr, "error: --url: %s is not of the form http://HOST:PORT\n", options.url.c_str());
        return 2;
    }
    const auto body = get(*place, "/api/v1/status");
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
