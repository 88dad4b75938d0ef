#include "control/ingest/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace springlatch::control {
namespace {

constexpr std::string_view redacted = "REDACTED";
/// A name that is one of these, or ends in one behind a `-`, `_` or `.` (x-api-key, client_secret).
constexpr std::array<std::string_view, 14> credential_names = {
    "token",  "key",  "apikey",        "password",   "passwd", "pwd",       "pass",
    "secret", "auth", "authorization", "credential", "sig",    "signature", "jwt"};

[[nodiscard]] int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const char lower = static_cast<char>(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

[[nodiscard]] char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

[[nodiscard]] bool names_credential(std::string_view name) {
    std::string plain;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] == '%' && i + 2 < name.size() && hex_value(name[i + 1]) >= 0 &&
            hex_value(name[i + 2]) >= 0) {
            plain += lower(static_cast<char>(hex_value(name[i + 1]) * 16 + hex_value(name[i + 2])));
            i += 2;
        } else {
            plain += lower(name[i]);
        }
    }
    const std::string_view last = std::string_view{plain}.substr(plain.find_last_of("-_.") + 1);
    return std::find(credential_names.begin(), credential_names.end(), last) != credential_names.end();
}

/// Bytes of the printable character that `rest` begins with; 0 if it begins with none.
[[nodiscard]] std::size_t printable_bytes(std::string_view rest) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(rest[i]); };
    if (at(0) < 0x80) {
        return at(0) >= 0x20 && at(0) != 0x7f ? 1 : 0;
    }
    const std::size_t bytes = at(0) >= 0xc2 && at(0) <= 0xdf   ? 2
                              : at(0) >= 0xe0 && at(0) <= 0xef ? 3
                              : at(0) >= 0xf0 && at(0) <= 0xf4 ? 4
                                                               : 0;
    if (bytes == 0 || rest.size() < bytes) {
        return 0;
    }
    std::uint32_t code = at(0) & (0xffU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((at(i) & 0xc0U) != 0x80U) {
            return 0;
        }
        code = (code << 6U) | (at(i) & 0x3fU);
    }
    constexpr std::array<std::uint32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
    const bool valid = code >= least[bytes] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    const bool control = code < 0xa0;
    const bool turns = code == 0x061c || code == 0x200e || code == 0x200f ||
                       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    return valid && !control && !turns ? bytes : 0;
}

}  // namespace

std::string redact_query(std::string_view query) {
    std::string result;
    while (!query.empty()) {
        const std::size_t equals = query.find_first_of("=&;");
        if (equals == std::string_view::npos || query[equals] != '=') {
            const std::size_t part = equals == std::string_view::npos ? query.size() : equals + 1;
            result += query.substr(0, part);
            query.remove_prefix(part);
            continue;
        }
        const bool credential = names_credential(query.substr(0, equals));
        const std::size_t end = std::min(query.find_first_of(credential ? "&" : "&;", equals), query.size());
        result += credential ? query.substr(0, equals + 1) : query.substr(0, end);
        result += credential ? redacted : std::string_view{};
        query.remove_prefix(end);
        if (!query.empty()) {
            result += query.front();
            query.remove_prefix(1);
        }
    }
    return result;
}

std::string redact_path(std::string_view path) {
    const std::size_t slashes = path.starts_with("//") ? 0 : path.find("://");
    if (slashes == std::string_view::npos) {
        return std::string(path);
    }
    const std::size_t host = path.find_first_not_of(":/", slashes);
    if (host == std::string_view::npos) {
        return std::string(path);
    }
    const std::size_t host_end = std::min(path.find('/', host), path.size());
    const std::size_t at = path.substr(0, host_end).rfind('@');
    if (at == std::string_view::npos || at < host) {
        return std::string(path);
    }
    return std::string(path.substr(0, host)) + std::string(redacted) + std::string(path.substr(at));
}

std::string printable(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    result.reserve(bytes.size());
    while (!bytes.empty()) {
        const std::size_t good = printable_bytes(bytes);
        if (good > 0) {
            result += bytes.substr(0, good);
            bytes.remove_prefix(good);
            continue;
        }
        const auto value = static_cast<std::uint8_t>(bytes.front());
        result += "\\x";
        result += digits[value >> 4U];
        result += digits[value & 15U];
        bytes.remove_prefix(1);
    }
    return result;
}

}  // namespace springlatch::control
