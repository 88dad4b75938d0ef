#include "dataplane/protocol/elasticsearch/path.h"

#include <cstddef>

namespace springlatch::elasticsearch {
namespace {

[[nodiscard]] int hex(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

[[nodiscard]] bool unreserved(char c) noexcept {
    const char low = static_cast<char>(c | 0x20);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/// The byte that the %XX at `at` stands for.
[[nodiscard]] std::optional<char> escape(std::string_view text, std::size_t at) noexcept {
    if (at + 2 >= text.size()) {
        return std::nullopt;
    }
    const int high = hex(text[at + 1]);
    const int low = hex(text[at + 2]);
    return high < 0 || low < 0 ? std::nullopt : std::optional{static_cast<char>(high * 16 + low)};
}

}  // namespace

std::string_view path_of(std::string_view target) noexcept {
    target = target.substr(0, target.find('?'));
    if (target.empty() || target.front() == '/' || target == "*") {
        return target;
    }
    const std::size_t authority = target.find("://");
    if (authority == std::string_view::npos) {
        return {};
    }
    const std::size_t slash = target.find('/', authority + 3);
    return slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
}

std::optional<NormalPath> normal_path(std::string_view path, std::span<char> buffer) noexcept {
    path = path_of(path);
    if (path.size() > 1 && path.back() == '/') {
        path.remove_suffix(1);
    }
    if (path.find('%') == std::string_view::npos) {
        return NormalPath{path, true};
    }
    if (path.size() > buffer.size()) {
        return std::nullopt;
    }
    NormalPath result;
    std::size_t written = 0;
    for (std::size_t at = 0; at < path.size(); ++at) {
        char byte = path[at];
        if (byte == '%') {
            if (const auto decoded = escape(path, at)) {
                byte = *decoded;
                at += 2;
                result.plain = result.plain && !unreserved(byte);
            } else {
                result.plain = false;
            }
        }
        buffer[written++] = byte;
    }
    result.text = {buffer.data(), written};
    return result;
}

std::optional<std::string_view> decoded_query(std::string_view query, std::span<char> buffer) noexcept {
    if (query.find_first_of("%+") == std::string_view::npos) {
        return query;
    }
    if (query.size() > buffer.size()) {
        return std::nullopt;
    }
    std::size_t written = 0;
    for (std::size_t at = 0; at < query.size(); ++at) {
        char byte = query[at] == '+' ? ' ' : query[at];
        if (byte == '%') {
            if (const auto decoded = escape(query, at)) {
                byte = *decoded;
                at += 2;
            }
        }
        buffer[written++] = byte;
    }
    return std::string_view{buffer.data(), written};
}

}  // namespace springlatch::elasticsearch
