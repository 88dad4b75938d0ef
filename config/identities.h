#pragma once
// Who may come: the policy's `identities`.
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/schema_check.h"
#include "config/secrets.h"

namespace springlatch {

enum class IdentityKind : std::uint8_t { basic, api_key, bearer, jwt };
enum class JwtAlgorithm : std::uint8_t { hs256, rs256, es256, eddsa };  ///< RFC 7518 §3.1, RFC 8037 §3.1

/// "HS256", …
[[nodiscard]] std::string_view name_of(JwtAlgorithm algorithm) noexcept;

struct Identity {
    std::string name;
    IdentityKind kind = IdentityKind::basic;
    std::string user;              ///< of a Basic identity, or the id of an API key
    std::string argon2id;          ///< encoded; "" if the secret is known by its SHA-256
    std::optional<Sha256> sha256;  ///< of the API key's secret, or of the whole opaque token
    JwtAlgorithm algorithm = JwtAlgorithm::hs256;
    std::string key;  ///< of tokens: the bytes of a shared key (HS256), or a public key in PEM
    std::string audience;
    std::string issuer;
};

/// Of everything that decides whose a credential value is.
[[nodiscard]] Sha256 digest_of(const Identity& identity);

inline constexpr std::size_t identities_max = 1000;

/// In the order of their names, which is the order of their indices. Tolerates what breaks the schema; says
/// what a schema cannot: hashes that cost too much or too little, keys of another kind, default passwords,
/// two identities that nobody could tell apart.
[[nodiscard]] std::vector<Identity> read_identities(const nlohmann::json& document,
                                                    std::vector<Mistake>& mistakes);

}  // namespace springlatch
