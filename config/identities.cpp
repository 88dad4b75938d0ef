#include "config/identities.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/json_positions.h"

namespace springlatch {
namespace {

using nlohmann::json;

constexpr std::size_t shared_key_bytes_min = 32;  // RFC 7518 §3.2
constexpr int rsa_bits_min = 2048;                // RFC 7518 §3.3
constexpr int rsa_bits_max = 8192;
constexpr std::size_t text_bytes_max = 1024;
constexpr std::size_t pem_bytes_max = 16384;

const json& member(const json& object, const char* name) {
    static const json nothing;
    const auto found = object.is_object() ? object.find(name) : object.end();
    return !object.is_object() || found == object.end() ? nothing : *found;
}

std::string text_of(const json& object, const char* name) {
    const json& found = member(object, name);
    return found.is_string() ? found.get<std::string>() : "";
}

/// Why this is no public key for the algorithm; "" if it is one.
std::string key_problem(const std::string& pem, JwtAlgorithm algorithm) {
    if (pem.find("PRIVATE KEY") != std::string::npos) {
        return "is a private key; a policy holds the public key (BEGIN PUBLIC KEY)";
    }
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        pem.size() > pem_bytes_max ? nullptr : PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr),
        &EVP_PKEY_free);
    if (!key) {
        return "is no public key in PEM (-----BEGIN PUBLIC KEY-----, lines divided by \\n)";
    }
    switch (algorithm) {
        case JwtAlgorithm::rs256: {
            const int bits = EVP_PKEY_get_bits(key.get());
            if (EVP_PKEY_is_a(key.get(), "RSA") != 1) {
                return "is no RSA key; RS256 needs one";
            }
            return bits < rsa_bits_min || bits > rsa_bits_max
                       ? "has " + std::to_string(bits) + " bits; allowed: " + std::to_string(rsa_bits_min) +
                             " to " + std::to_string(rsa_bits_max)
                       : "";
        }
        case JwtAlgorithm::es256: {
            std::array<char, 32> curve{};
            if (EVP_PKEY_is_a(key.get(), "EC") != 1 ||
                EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.data(),
                                               curve.size(), nullptr) != 1 ||
                std::string_view(curve.data()) != "prime256v1") {
                return "is no key on the curve P-256; ES256 needs one";
            }
            return "";
        }
        case JwtAlgorithm::eddsa:
            return EVP_PKEY_is_a(key.get(), "ED25519") == 1 ? "" : "is no Ed25519 key; EdDSA needs one here";
        case JwtAlgorithm::hs256:
            break;
    }
    return "";
}

class IdentityReader {
  public:
    explicit IdentityReader(std::vector<Mistake>& mistakes) : mistakes_(mistakes) {}

    std::vector<Identity> read(const json& list) {
        std::vector<Identity> identities;
        if (!list.is_object() || list.size() > identities_max) {
            return identities;
        }
        for (const auto& [name, value] : list.items()) {
            identities.push_back(identity(name, value));
        }
        return identities;
    }

  private:
    void say(std::string pointer, std::string text) {
        mistakes_.push_back({std::move(pointer), false, std::move(text)});
    }

    Identity identity(const std::string& name, const json& value) {
        const std::string pointer = pointer_to("/identities", name);
        Identity result;
        result.name = name;
        if (value.is_object() && value.size() != 1) {
            say(pointer, "an identity has exactly one of basic, api_key, bearer; found " +
                             std::to_string(value.size()));
            return result;
        }
        if (const json& basic = member(value, "basic"); basic.is_object()) {
            read_basic(basic, pointer_to(pointer, "basic"), result);
        } else if (const json& api_key = member(value, "api_key"); api_key.is_object()) {
            read_api_key(api_key, pointer_to(pointer, "api_key"), result);
        } else if (const json& bearer = member(value, "bearer"); bearer.is_object()) {
            read_bearer(bearer, pointer_to(pointer, "bearer"), result);
        }
        return result;
    }

    void read_basic(const json& value, const std::string& pointer, Identity& result) {
        result.kind = IdentityKind::basic;
        result.user = text_of(value, "user");
        if (result.user.empty() || result.user.size() > text_bytes_max ||
            result.user.find(':') != std::string::npos) {
            say(pointer_to(pointer, "user"),
                "a user has 1 to " + std::to_string(text_bytes_max) + " bytes and no colon (RFC 7617 §2)");
        }
        read_argon2id(value, pointer, result);
        claim("user " + in_quotes(result.user), pointer_to(pointer, "user"));
        if (!result.argon2id.empty()) {
            if (const auto password = default_password_that_matches(result.user, result.argon2id)) {
                say(pointer_to(pointer, "argon2id"), "the password is a well-known default (" + result.user +
                                                         ":" + *password +
                                                         "), which guessers try first; choose another");
            }
        }
    }

    void read_api_key(const json& value, const std::string& pointer, Identity& result) {
        result.kind = IdentityKind::api_key;
        result.user = text_of(value, "id");
        if (result.user.empty() || result.user.size() > text_bytes_max ||
            result.user.find(':') != std::string::npos) {
            say(pointer_to(pointer, "id"),
                "an id has 1 to " + std::to_string(text_bytes_max) + " bytes and no colon");
        }
        if (value.contains("argon2id") == value.contains("sha256")) {
            say(pointer, "an API key has exactly one of argon2id and sha256");
        }
        read_argon2id(value, pointer, result);
        read_sha256(value, pointer, result);
        claim("API key id " + in_quotes(result.user), pointer_to(pointer, "id"));
    }

    void read_bearer(const json& value, const std::string& pointer, Identity& result) {
        result.kind = IdentityKind::bearer;
        if (value.contains("sha256") == value.contains("jwt")) {
            say(pointer, "a bearer identity has exactly one of sha256 and jwt");
        }
        read_sha256(value, pointer, result);
        if (result.sha256) {
            claim("token", pointer_to(pointer, "sha256"), hex_of(*result.sha256));
        }
        if (const json& jwt = member(value, "jwt"); jwt.is_object()) {
            read_jwt(jwt, pointer_to(pointer, "jwt"), result);
        }
    }

    void read_jwt(const json& value, const std::string& pointer, Identity& result) {
        result.kind = IdentityKind::jwt;
        result.audience = text_of(value, "aud");
        result.issuer = text_of(value, "iss");
        for (const char* name : {"aud", "iss"}) {
            const std::string text = text_of(value, name);
            if (member(value, name).is_string() && (text.empty() || text.size() > text_bytes_max)) {
                say(pointer_to(pointer, name), "must have 1 to " + std::to_string(text_bytes_max) + " bytes");
            }
        }
        const std::string algorithm = text_of(value, "algorithm");
        bool known = false;
        for (const JwtAlgorithm one :
             {JwtAlgorithm::hs256, JwtAlgorithm::rs256, JwtAlgorithm::es256, JwtAlgorithm::eddsa}) {
            if (name_of(one) == algorithm) {
                result.algorithm = one;
                known = true;
            }
        }
        const std::string key = text_of(value, "key");
        if (!known || !member(value, "key").is_string()) {
            return;  // the schema check tells it
        }
        if (result.algorithm == JwtAlgorithm::hs256) {
            const auto bytes = decode_base64(key, Base64::url);
            if (!bytes || bytes->size() < shared_key_bytes_min) {
                say(pointer_to(pointer, "key"), "the shared key of HS256 is base64url without padding, of " +
                                                    std::to_string(shared_key_bytes_min) + " bytes or more");
            }
            result.key = bytes.value_or("");
        } else if (const std::string problem = key_problem(key, result.algorithm); !problem.empty()) {
            say(pointer_to(pointer, "key"), problem);
        } else {
            result.key = key;
        }
        claim("combination of key, aud and iss", pointer,
              algorithm + '\n' + key + '\n' + result.audience + '\n' + result.issuer);
    }

    void read_argon2id(const json& value, const std::string& pointer, Identity& result) {
        const std::string encoded = text_of(value, "argon2id");
        if (!member(value, "argon2id").is_string()) {
            return;
        }
        if (const auto cost = argon2id_cost(encoded)) {
            result.argon2id = encoded;
        } else {
            say(pointer_to(pointer, "argon2id"), cost.error());
        }
    }

    void read_sha256(const json& value, const std::string& pointer, Identity& result) {
        if (!member(value, "sha256").is_string()) {
            return;
        }
        result.sha256 = sha256_from_hex(text_of(value, "sha256"));
        if (!result.sha256) {
            say(pointer_to(pointer, "sha256"), "is no SHA-256: 64 hexadecimal digits");
        }
    }

    /// What an identity is recognised by belongs to one only. `what` is shown, `key` (default: the same) is
    /// compared.
    void claim(const std::string& what, const std::string& pointer, const std::string& key = "") {
        const auto [first, is_new] = claimed_.emplace(what + '\n' + key, pointer);
        if (!is_new) {
            say(pointer, "the same " + what + " stands at " + printable(first->second) +
                             " already; nobody could tell the two identities apart");
        }
    }

    std::vector<Mistake>& mistakes_;
    std::map<std::string, std::string> claimed_;  // → the pointer where it stands
};

}  // namespace

std::string_view name_of(JwtAlgorithm algorithm) noexcept {
    switch (algorithm) {
        case JwtAlgorithm::hs256:
            return "HS256";
        case JwtAlgorithm::rs256:
            return "RS256";
        case JwtAlgorithm::es256:
            return "ES256";
        case JwtAlgorithm::eddsa:
            return "EdDSA";
    }
    return "";
}

Sha256 digest_of(const Identity& identity) {
    const std::string sha256 = identity.sha256 ? hex_of(*identity.sha256) : "";
    std::string text;
    for (const std::string* part : {&identity.name, &identity.user, &identity.argon2id, &sha256,
                                    &identity.key, &identity.audience, &identity.issuer}) {
        text += std::to_string(part->size()) + ':' + *part;
    }
    text += std::to_string(static_cast<unsigned>(identity.kind)) + ':' +
            std::to_string(static_cast<unsigned>(identity.algorithm));
    return sha256_of(text);
}

std::vector<Identity> read_identities(const json& document, std::vector<Mistake>& mistakes) {
    return IdentityReader(mistakes).read(member(document, "identities"));
}

}  // namespace springlatch
