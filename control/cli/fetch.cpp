#include "control/cli/fetch.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

namespace springlatch::control {
namespace {

constexpr std::size_t answer_bytes_max = 16U << 20U;

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

}  // namespace

bool is_service_url(const std::string& url) {
    return place_of(url).has_value();
}

tl::expected<std::string, std::string> fetch(const std::string& url, const std::string& path) {
    const auto place = place_of(url);
    return place ? get(*place, path) : tl::unexpected(std::string("is not of the form http://HOST:PORT"));
}

}  // namespace springlatch::control
