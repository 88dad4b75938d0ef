#include "control/credentials/presented.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace springlatch::control {
namespace {

using Json = nlohmann::json;

/// Nesting of a token's JSON; beyond it the parser would need stack and time that nobody needs.
constexpr int depth_max = 16;
/// So far a time is an exact whole number, and far enough (the year 285,000,000).
constexpr double seconds_max = 9e15;

[[nodiscard]] bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    return text.size() == lower.size() &&
           std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
           });
}

[[nodiscard]] std::optional<Json> read_object(std::string_view text) {
    bool too_deep = false;
    const auto watch = [&too_deep](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > depth_max;
        return !too_deep;
    };
    Json json = Json::parse(text, watch, false);
    return too_deep || !json.is_object() ? std::nullopt : std::optional(std::move(json));
}

/// A NumericDate (RFC 7519 §2) without its fraction.
[[nodiscard]] std::optional<std::int64_t> read_time(const Json& value) {
    if (!value.is_number()) {
        return std::nullopt;
    }
    const double seconds = value.get<double>();
    return seconds >= 0 && seconds <= seconds_max ? std::optional(static_cast<std::int64_t>(seconds))
                                                  : std::nullopt;
}

[[nodiscard]] std::optional<Presented> read_pair(Scheme scheme, std::string_view token) {
    auto pair = decode_base64(token, Base64::standard);
    const std::size_t colon = pair ? pair->find(':') : std::string::npos;
    std::optional<Presented> presented;
    if (colon != std::string::npos) {
        presented.emplace();
        presented->scheme = scheme;
        presented->user = pair->substr(0, colon);
        presented->secret.append(*pair, colon + 1);
    }
    if (pair) {
        wipe(*pair);
    }
    return presented;
}

}  // namespace

std::optional<Presented> read_authorization(std::string_view value) {
    const std::string_view scheme = value.substr(0, value.find(' '));
    std::string_view token = value.substr(scheme.size());
    token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
    if (token.empty()) {
        return std::nullopt;
    }
    if (equals_ignoring_case(scheme, "basic")) {
        return read_pair(Scheme::basic, token);
    }
    if (equals_ignoring_case(scheme, "apikey")) {
        return read_pair(Scheme::api_key, token);
    }
    if (!equals_ignoring_case(scheme, "bearer")) {
        return std::nullopt;
    }
    std::optional<Presented> presented(std::in_place);
    presented->scheme = Scheme::bearer;
    presented->secret.append(token);
    return presented;
}

std::optional<Jwt> read_jwt(std::string_view token) {
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return std::nullopt;
    }
    const auto header_text = decode_base64(token.substr(0, first), Base64::url);
    auto payload = decode_base64(token.substr(first + 1, second - first - 1), Base64::url);
    auto signature = decode_base64(token.substr(second + 1), Base64::url);
    if (!header_text || !payload || !signature) {
        return std::nullopt;
    }
    const auto header = read_object(*header_text);
    if (!header || header->contains("crit") || !header->contains("alg") || !header->at("alg").is_string()) {
        return std::nullopt;
    }
    const auto& name = header->at("alg").get_ref<const std::string&>();
    for (const JwtAlgorithm algorithm :
         {JwtAlgorithm::hs256, JwtAlgorithm::rs256, JwtAlgorithm::es256, JwtAlgorithm::eddsa}) {
        if (name == name_of(algorithm)) {
            return Jwt{algorithm, token.substr(0, second), std::move(*signature), std::move(*payload)};
        }
    }
    return std::nullopt;
}

std::optional<JwtClaims> read_claims(std::string_view payload, std::string_view audience) {
    const auto json = read_object(payload);
    if (!json || !json->contains("iss") || !json->at("iss").is_string() || !json->contains("aud") ||
        !json->contains("exp")) {
        return std::nullopt;
    }
    JwtClaims claims;
    claims.issuer = json->at("iss").get<std::string>();
    const Json& aud = json->at("aud");
    claims.for_audience =
        aud.is_array() ? std::find(aud.begin(), aud.end(), audience) != aud.end() : aud == audience;
    const auto expires = read_time(json->at("exp"));
    const auto not_before =
        json->contains("nbf") ? read_time(json->at("nbf")) : std::optional<std::int64_t>(0);
    if (!expires || !not_before) {
        return std::nullopt;
    }
    claims.expires = *expires;
    claims.not_before = *not_before;
    return claims;
}

}  // namespace springlatch::control
