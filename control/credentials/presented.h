#pragma once
// What an Authorization value says, before anybody believes it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/identities.h"

namespace springlatch::control {

enum class Scheme : std::uint8_t { basic, api_key, bearer };

/// Wipes its secrets at the end.
struct Presented {
    Scheme scheme = Scheme::basic;
    std::string user;    ///< Basic: the user; ApiKey: the id
    std::string secret;  ///< Basic: the password; ApiKey: the secret; Bearer: the whole token

    /// On the heap from the start: what is moved leaves no copy behind.
    Presented() { secret.reserve(64); }
    Presented(Presented&&) = default;
    Presented& operator=(Presented&&) = default;
    ~Presented() {
        wipe(user);
        wipe(secret);
    }
};

/// Reads `Basic base64(user:password)` (RFC 7617), `ApiKey base64(id:secret)` (Elasticsearch) and `Bearer
/// token` (RFC 6750 §2.1); schemes in any case, one or more spaces behind them. Nothing for any other value.
[[nodiscard]] std::optional<Presented> read_authorization(std::string_view value);

/// A signed token in its compact form (RFC 7515 §7.1), taken apart but not verified.
struct Jwt {
    JwtAlgorithm algorithm = JwtAlgorithm::hs256;  ///< as its header says; only that of an identity counts
    std::string_view signed_part;                  ///< header.payload as sent: what the signature is over
    std::string signature;
    std::string payload;  ///< JSON, to be read only once the signature is known to be good
};

/// Nothing unless there are three parts in base64url and the header is a JSON object with a known `alg` and
/// without `crit` (RFC 7515 §4.1.11: what it names must be understood).
[[nodiscard]] std::optional<Jwt> read_jwt(std::string_view token);

/// What a token demands and is bound to (RFC 7519 §4.1).
struct JwtClaims {
    std::string issuer;
    bool for_audience = false;  ///< `aud` is, or holds, the audience asked for
    std::int64_t expires = 0;   ///< seconds since the Unix epoch
    std::int64_t not_before = 0;
};

/// Nothing unless the payload is a JSON object with `iss`, `aud` and a numeric `exp`; `nbf` may be absent.
[[nodiscard]] std::optional<JwtClaims> read_claims(std::string_view payload, std::string_view audience);

}  // namespace springlatch::control
