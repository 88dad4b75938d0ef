#include "control/credentials/checker.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <memory>

namespace springlatch::control {
namespace {

/// Clocks of the token's maker and of ours may differ by this much.
constexpr std::int64_t leeway_seconds = 30;
constexpr std::size_t es256_half_bytes = 32;  // RFC 7518 §3.4: R and S, big-endian

[[nodiscard]] const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

[[nodiscard]] CheckAnswer refused() {
    return {.fingerprint = {}, .result = CheckResult::refused};
}

[[nodiscard]] CheckAnswer accepted(std::size_t index) {
    return {
        .fingerprint = {}, .result = CheckResult::accepted, .identity = static_cast<std::uint16_t>(index)};
}

[[nodiscard]] bool equal(const Sha256& a, const Sha256& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

[[nodiscard]] bool hmac_good(const Jwt& jwt, const std::string& key) {
    std::array<unsigned char, 32> mac{};
    unsigned size = 0;
    return HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(jwt.signed_part),
                jwt.signed_part.size(), mac.data(), &size) != nullptr &&
           jwt.signature.size() == mac.size() &&
           CRYPTO_memcmp(jwt.signature.data(), mac.data(), mac.size()) == 0;
}

/// From R and S side by side, as tokens have them, to the DER that OpenSSL wants; "" if that cannot be.
[[nodiscard]] std::string der_of(const std::string& signature) {
    if (signature.size() != 2 * es256_half_bytes) {
        return "";
    }
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(ECDSA_SIG_new(), &ECDSA_SIG_free);
    BIGNUM* r = BN_bin2bn(bytes_of(signature), es256_half_bytes, nullptr);
    BIGNUM* s = BN_bin2bn(bytes_of(signature) + es256_half_bytes, es256_half_bytes, nullptr);
    if (r == nullptr || s == nullptr || ECDSA_SIG_set0(pair.get(), r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return "";
    }
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &der);
    std::string result(size > 0 ? reinterpret_cast<const char*>(der) : "",
                       size > 0 ? static_cast<std::size_t>(size) : 0);
    OPENSSL_free(der);
    return result;
}

[[nodiscard]] bool public_key_good(const Jwt& jwt, const Identity& identity) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size())), &BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    const bool is_es256 = identity.algorithm == JwtAlgorithm::es256;
    const std::string signature = is_es256 ? der_of(jwt.signature) : jwt.signature;
    const EVP_MD* digest = identity.algorithm == JwtAlgorithm::eddsa ? nullptr : EVP_sha256();
    return key && context && !signature.empty() &&
           EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(jwt.signed_part),
                            jwt.signed_part.size()) == 1;
}

}  // namespace

Checker::Checker(std::vector<Identity> identities)
    : identities_(std::move(identities)),
      basic_decoy_(decoy_of(IdentityKind::basic)),
      api_key_decoy_(decoy_of(IdentityKind::api_key)) {}

std::string Checker::decoy_of(IdentityKind kind) const {
    Argon2Cost cost{0, 0, 0};
    for (const Identity& identity : identities_) {
        const auto one = argon2id_cost(identity.argon2id);
        if (identity.kind == kind && one && one->memory_kib * one->passes > cost.memory_kib * cost.passes) {
            cost = *one;
        }
    }
    std::array<char, 32> secret{};
    if (cost.passes == 0 || RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), secret.size()) != 1) {
        return "";
    }
    return argon2id_hash({secret.data(), secret.size()}, cost);
}

CheckAnswer Checker::check(std::string_view value, std::uint64_t now_seconds) const {
    const auto presented = read_authorization(value);
    if (!presented) {
        return refused();
    }
    switch (presented->scheme) {
        case Scheme::basic:
            return check_basic(*presented);
        case Scheme::api_key:
            return check_api_key(*presented);
        case Scheme::bearer:
            return check_bearer(*presented, now_seconds);
    }
    return refused();
}

CheckAnswer Checker::check_basic(const Presented& presented) const {
    if (is_default_pair(presented.user, presented.secret)) {
        return refused();
    }
    const auto found = std::find_if(identities_.begin(), identities_.end(), [&](const Identity& identity) {
        return identity.kind == IdentityKind::basic && identity.user == presented.user;
    });
    const bool good =
        argon2id_matches(found == identities_.end() ? basic_decoy_ : found->argon2id, presented.secret);
    return good && found != identities_.end()
               ? accepted(static_cast<std::size_t>(found - identities_.begin()))
               : refused();
}

CheckAnswer Checker::check_api_key(const Presented& presented) const {
    const auto found = std::find_if(identities_.begin(), identities_.end(), [&](const Identity& identity) {
        return identity.kind == IdentityKind::api_key && identity.user == presented.user;
    });
    if (found == identities_.end()) {
        (void)argon2id_matches(api_key_decoy_, presented.secret);
        return refused();
    }
    const bool good = found->sha256 ? equal(sha256_of(presented.secret), *found->sha256)
                                    : argon2id_matches(found->argon2id, presented.secret);
    return good ? accepted(static_cast<std::size_t>(found - identities_.begin())) : refused();
}

CheckAnswer Checker::check_bearer(const Presented& presented, std::uint64_t now_seconds) const {
    const Sha256 digest = sha256_of(presented.secret);
    std::size_t opaque = identities_.size();
    for (std::size_t i = 0; i < identities_.size(); ++i) {
        const Identity& identity = identities_[i];
        if (identity.kind == IdentityKind::bearer && identity.sha256 && equal(digest, *identity.sha256)) {
            opaque = i;
        }
    }
    if (opaque != identities_.size()) {
        return accepted(opaque);
    }
    const auto jwt = read_jwt(presented.secret);
    for (std::size_t i = 0; jwt && i < identities_.size(); ++i) {
        const Identity& identity = identities_[i];
        if (identity.kind != IdentityKind::jwt || identity.algorithm != jwt->algorithm) {
            continue;
        }
        const CheckAnswer answer = check_jwt(*jwt, static_cast<std::uint16_t>(i), now_seconds);
        if (answer.result == CheckResult::accepted) {
            return answer;
        }
    }
    return refused();
}

CheckAnswer Checker::check_jwt(const Jwt& jwt, std::uint16_t index, std::uint64_t now_seconds) const {
    const Identity& identity = identities_[index];
    const bool signature_good = identity.algorithm == JwtAlgorithm::hs256 ? hmac_good(jwt, identity.key)
                                                                          : public_key_good(jwt, identity);
    const auto claims = signature_good ? read_claims(jwt.payload, identity.audience) : std::nullopt;
    const auto now = static_cast<std::int64_t>(now_seconds);
    if (!claims || !claims->for_audience || claims->issuer != identity.issuer || claims->expires <= now ||
        claims->not_before > now + leeway_seconds) {
        return refused();
    }
    CheckAnswer answer = accepted(index);
    answer.valid_seconds =
        static_cast<std::uint32_t>(std::min<std::int64_t>(claims->expires - now, UINT32_MAX));
    return answer;
}

}  // namespace springlatch::control
