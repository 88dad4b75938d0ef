#include "dataplane/protocol/http/request_target.h"

#include <cstddef>
#include <cstdint>

#include "dataplane/protocol/http/byte_set.h"

namespace springlatch::http {
namespace {

constexpr int no_byte = -1;

/// The byte that %XX at `at` stands for; no_byte if there is none.
int decoded(std::string_view path, std::size_t at) noexcept {
    if (at + 2 >= path.size() || path[at] != '%') return no_byte;
    const int high = hex_value(static_cast<unsigned char>(path[at + 1]));
    const int low = hex_value(static_cast<unsigned char>(path[at + 2]));
    return high < 0 || low < 0 ? no_byte : high * 16 + low;
}

/// A byte that must not come out of decoding: it would change the path's segments or end the string.
bool is_delimiter(std::uint64_t value) noexcept {
    return value == '/' || value == '\\' || value == 0;
}

/// An overlong form (2 to 6 bytes, as decoders older than RFC 3629 take them) of a delimiter or a dot begins
/// at `at`.
bool is_overlong_delimiter(std::string_view path, std::size_t at, int lead) noexcept {
    if (lead < 0xc0 || lead > 0xfd) return false;
    int continuations = 1;
    while (continuations < 5 && (lead & 0x40 >> continuations) != 0) ++continuations;
    auto value = static_cast<std::uint64_t>(lead & (0x3f >> continuations));
    for (int i = 1; i <= continuations; ++i) {
        const int byte = decoded(path, at + static_cast<std::size_t>(i) * 3);
        if (byte < 0x80 || byte > 0xbf) return false;
        value = value << 6U | static_cast<std::uint64_t>(byte & 0x3f);
    }
    return is_delimiter(value) || value == '.';
}

/// The two bytes behind %25, read as hexadecimal digits, are a delimiter, a dot or another percent sign.
bool is_double_encoding(std::string_view path, std::size_t at) noexcept {
    if (at + 4 >= path.size()) return false;
    const int high = hex_value(static_cast<unsigned char>(path[at + 3]));
    const int low = hex_value(static_cast<unsigned char>(path[at + 4]));
    if (high < 0 || low < 0) return false;
    const int value = high * 16 + low;
    return is_delimiter(static_cast<std::uint64_t>(value)) || value == '.' || value == '%';
}

bool is_plain_escape(std::string_view path, std::size_t at) noexcept {
    const int byte = decoded(path, at);
    if (byte == no_byte || is_delimiter(static_cast<std::uint64_t>(byte))) return false;
    if (byte == '%') return !is_double_encoding(path, at);
    return !is_overlong_delimiter(path, at, byte);
}

constexpr ByteSet segment_bytes([](unsigned char b) { return is_visible(b) && b != '/' && b != '%'; }, false);

/// The segment that begins at `at` is `.` or `..`, in any spelling, with or without parameters.
bool is_dot_segment(std::string_view path, std::size_t at) noexcept {
    int dots = 0;
    while (at < path.size()) {
        if (path[at] == '.') {
            at += 1;
        } else if (decoded(path, at) == '.') {
            at += 3;
        } else {
            break;
        }
        ++dots;
    }
    return (dots == 1 || dots == 2) && (at == path.size() || path[at] == '/' || path[at] == ';');
}

/// `path` begins with `/` and has no query.
bool is_plain_path(std::string_view path) noexcept {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(path.data());
    const auto end = static_cast<std::uint32_t>(path.size());
    std::uint32_t at = 0;
    while (at < end) {
        if (path[at] == '%') {
            if (!is_plain_escape(path, at)) return false;
            at += 3;
        } else {  // a slash
            ++at;
            if (at < end && path[at] == '/') return false;
            if (is_dot_segment(path, at)) return false;
        }
        at = segment_bytes.skip(bytes, at, end);
    }
    return true;
}

constexpr char scheme[] = "http://";
constexpr std::size_t scheme_bytes = sizeof scheme - 1;

/// Host and port without userinfo. Only bytes are judged: no database reads more of it.
bool is_plain_authority(std::string_view authority) noexcept {
    for (const char byte : authority) {
        const auto value = static_cast<unsigned char>(byte);
        const bool plain = is_alpha(value) || is_digit(value) || value == '.' || value == '-' ||
                           value == '_' || value == ':' || value == '[' || value == ']';
        if (!plain) return false;
    }
    return !authority.empty();
}

}  // namespace

bool is_plain_target(std::string_view target, Method method) noexcept {
    if (target == "*") return method == Method::options;
    std::string_view path = target.substr(0, target.find('?'));
    if (equals_ignoring_case(path.substr(0, scheme_bytes), scheme)) {
        const std::size_t slash = path.find('/', scheme_bytes);
        if (slash == std::string_view::npos) return false;
        if (!is_plain_authority(path.substr(scheme_bytes, slash - scheme_bytes))) return false;
        path.remove_prefix(slash);
    }
    return !path.empty() && path.front() == '/' && is_plain_path(path);
}

}  // namespace springlatch::http
