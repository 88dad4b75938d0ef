// The slow check: who is accepted, and what tokens and passwords are not.
#include "control/credentials/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "control/credentials/check_pool.h"
#include "control/credentials/presented.h"

namespace springlatch::control {
namespace {

using ::testing::SizeIs;

constexpr std::uint64_t now = 1'900'000'000;
constexpr Argon2Cost cheap{4096, 1, 1};

std::string encode(std::string_view bytes, bool url) {
    const std::string digits =
        std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") + (url ? "-_" : "+/");
    std::string text;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char byte : bytes) {
        bits = bits << 8U | static_cast<unsigned char>(byte);
        for (count += 8; count >= 6; count -= 6) text += digits[bits >> (count - 6) & 63U];
    }
    if (count > 0) text += digits[bits << (6 - count) & 63U];
    while (!url && text.size() % 4 != 0) text += '=';
    return text;
}

std::string basic(const std::string& user, const std::string& password) {
    return "Basic " + encode(user + ":" + password, false);
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

std::string pem_of(const Key& key) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    EXPECT_EQ(PEM_write_bio_PUBKEY(bio.get(), key.get()), 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

/// A token as an issuer makes it.
std::string signed_token(const std::string& header, const std::string& payload, const Key& key,
                         const EVP_MD* digest, bool raw_pair) {
    const std::string text = encode(header, true) + "." + encode(payload, true);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    std::size_t size = 1024;
    std::string signature(size, '\0');
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    signature.resize(size);
    if (raw_pair) {
        const auto* der = reinterpret_cast<const unsigned char*>(signature.data());
        const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> pair(
            d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size)), &ECDSA_SIG_free);
        std::string both(64, '\0');
        BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), reinterpret_cast<unsigned char*>(both.data()), 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), reinterpret_cast<unsigned char*>(both.data()) + 32, 32);
        signature = both;
    }
    return text + "." + encode(signature, true);
}

std::string hs256_token(const std::string& header, const std::string& payload, const std::string& key) {
    const std::string text = encode(header, true) + "." + encode(payload, true);
    std::string mac(32, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(mac.data()), &size);
    return text + "." + encode(mac, true);
}

const std::string shared_key(32, 'k');

Identity jwt_identity(const std::string& name, JwtAlgorithm algorithm, const std::string& key) {
    Identity identity;
    identity.name = name;
    identity.kind = IdentityKind::jwt;
    identity.algorithm = algorithm;
    identity.key = key;
    identity.audience = "search";
    identity.issuer = "idp";
    return identity;
}

std::vector<Identity> identities() {
    Identity owner;
    owner.name = "owner";
    owner.user = "owner";
    owner.argon2id = argon2id_hash("a good: password", cheap);
    Identity robot;
    robot.name = "robot";
    robot.kind = IdentityKind::api_key;
    robot.user = "key-1";
    robot.sha256 = sha256_of("0123456789abcdefghijkl");
    Identity board;
    board.name = "board";
    board.kind = IdentityKind::bearer;
    board.sha256 = sha256_of("an-opaque-token");
    return {owner, robot, board, jwt_identity("shared", JwtAlgorithm::hs256, shared_key)};
}

std::string claims(const std::string& more = "") {
    return R"({"iss":"idp","aud":"search","exp":1900000060)" + more + "}";
}

TEST(Checker, TheRightSecretOfEachKindIsAcceptedAsItsIdentity) {
    const Checker checker(identities());
    const auto identity = [&](const std::string& value) {
        const CheckAnswer answer = checker.check(value, now);
        return answer.result == CheckResult::accepted ? static_cast<int>(answer.identity) : -1;
    };
    EXPECT_EQ(identity(basic("owner", "a good: password")), 0);
    EXPECT_EQ(identity("bASIC  " + encode("owner:a good: password", false)), 0);
    EXPECT_EQ(identity("ApiKey " + encode("key-1:0123456789abcdefghijkl", false)), 1);
    EXPECT_EQ(identity("Bearer an-opaque-token"), 2);
    EXPECT_EQ(identity("Bearer " + hs256_token(R"({"alg":"HS256"})", claims(), shared_key)), 3);
}

TEST(Checker, EverythingElseIsRefused) {
    const Checker checker(identities());
    for (const std::string& value :
         {basic("owner", "a good: passwor"), basic("owner", "a good: password "), basic("owner", ""),
          basic("", ""), basic("Owner", "a good: password"), basic("nobody", "a good: password"),
          std::string("Basic b3duZXI="), std::string("Basic"), std::string("Basic "), std::string(),
          std::string("Basic !!!!"), "ApiKey " + encode("key-2:0123456789abcdefghijkl", false),
          "ApiKey " + encode("key-1:", false), "Basic " + encode("key-1:0123456789abcdefghijkl", false),
          "ApiKey " + encode("owner:a good: password", false), std::string("Bearer an-opaque-toke"),
          std::string("Digest an-opaque-token"), std::string("Bearer a.b.c"),
          basic("owner", std::string("a good: password\0", 17))}) {
        EXPECT_EQ(checker.check(value, now).result, CheckResult::refused) << value;
    }
    EXPECT_EQ(Checker({}).check(basic("a", "b"), now).result, CheckResult::refused);
}

TEST(Checker, AWellKnownDefaultIsRefusedEvenWhereItIsTheRightOne) {
    Identity elastic;
    elastic.name = "elastic";
    elastic.user = "elastic";
    elastic.argon2id = argon2id_hash("changeme", cheap);
    const Checker checker({elastic});
    EXPECT_EQ(checker.check(basic("elastic", "changeme"), now).result, CheckResult::refused);
}

TEST(Checker, TokensOfEveryAlgorithmAreAcceptedFromTheirIssuerOnly) {
    struct Kind {
        JwtAlgorithm algorithm;
        Key mine;
        Key others;
        const EVP_MD* digest;
    };
    std::vector<Kind> kinds;
    kinds.push_back({JwtAlgorithm::rs256,
                     Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}), &EVP_PKEY_free),
                     Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}), &EVP_PKEY_free),
                     EVP_sha256()});
    kinds.push_back({JwtAlgorithm::es256,
                     Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), &EVP_PKEY_free),
                     Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), &EVP_PKEY_free), EVP_sha256()});
    kinds.push_back({JwtAlgorithm::eddsa, Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free),
                     Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free), nullptr});
    for (const Kind& kind : kinds) {
        const std::string name(name_of(kind.algorithm));
        const std::string header = R"({"alg":")" + name + R"("})";
        const bool pair = kind.algorithm == JwtAlgorithm::es256;
        const Checker checker({jwt_identity("people", kind.algorithm, pem_of(kind.mine))});
        const std::string good = signed_token(header, claims(), kind.mine, kind.digest, pair);
        const CheckAnswer answer = checker.check("Bearer " + good, now);
        EXPECT_EQ(answer.result, CheckResult::accepted) << name;
        EXPECT_EQ(answer.valid_seconds, 60U);
        EXPECT_EQ(
            checker.check("Bearer " + signed_token(header, claims(), kind.others, kind.digest, pair), now)
                .result,
            CheckResult::refused)
            << name;
        for (std::size_t i = 0; i < good.size(); i += 7) {
            std::string altered = good;
            altered[i] = altered[i] == 'A' ? 'B' : 'A';
            EXPECT_EQ(checker.check("Bearer " + altered, now).result, CheckResult::refused)
                << name << " at " << i;
        }
        // The oldest trick: the public key as the shared key of another algorithm.
        EXPECT_EQ(
            checker.check("Bearer " + hs256_token(R"({"alg":"HS256"})", claims(), pem_of(kind.mine)), now)
                .result,
            CheckResult::refused);
    }
}

TEST(Checker, ATokenMustBeForUsFromOurIssuerAndInItsTime) {
    const Checker checker(identities());
    const auto result = [&](const std::string& payload, std::uint64_t at = now,
                            const std::string& header = R"({"alg":"HS256"})") {
        return checker.check("Bearer " + hs256_token(header, payload, shared_key), at).result;
    };
    EXPECT_EQ(result(claims()), CheckResult::accepted);
    EXPECT_EQ(result(claims(), now + 59), CheckResult::accepted);
    EXPECT_EQ(result(claims(), now + 60), CheckResult::refused) << "expired";
    EXPECT_EQ(result(claims(R"(,"nbf":1900000020)")), CheckResult::accepted) << "clocks differ a little";
    EXPECT_EQ(result(claims(R"(,"nbf":1900000031)")), CheckResult::refused) << "not yet";
    EXPECT_EQ(result(R"({"iss":"idp","aud":["other","search"],"exp":1900000060.5})"), CheckResult::accepted);
    for (const char* bad :
         {R"({"iss":"idp","aud":"other","exp":1900000060})",
          R"({"iss":"other","aud":"search","exp":1900000060})", R"({"iss":"idp","aud":"search"})",
          R"({"iss":"idp","exp":1900000060})", R"({"aud":"search","exp":1900000060})",
          R"({"iss":"idp","aud":"search","exp":"1900000060"})", R"({"iss":"idp","aud":"search","exp":1e300})",
          R"({"iss":"idp","aud":"search","exp":-1})",
          R"({"iss":"idp","aud":"search","exp":1900000060,"nbf":"x"})", "[]", "", "{"}) {
        EXPECT_EQ(result(bad), CheckResult::refused) << bad;
    }
    for (const char* header : {R"({"alg":"none"})", R"({"alg":"hs256"})", R"({"alg":"RS256"})", R"({})", "[]",
                               R"({"alg":"HS256","crit":["b64"],"b64":false})", R"({"alg":5})"}) {
        EXPECT_EQ(result(claims(), now, header), CheckResult::refused) << header;
    }
    const std::string unsigned_token = encode(R"({"alg":"none"})", true) + "." + encode(claims(), true) + ".";
    EXPECT_EQ(checker.check("Bearer " + unsigned_token, now).result, CheckResult::refused);
}

TEST(CheckPool, AnswersEveryQuestionAndCountsThem) {
    CheckPool pool(identities(), CheckTime::now);
    pool.submit({1, 0}, basic("owner", "a good: password"), 0);
    pool.submit({2, 0}, basic("owner", "wrong"), 0);
    pool.decline({3, 0});
    std::vector<CheckAnswer> answers;
    for (int tries = 0; tries < 2000 && answers.size() < 3; ++tries) {
        for (const CheckAnswer& answer : pool.take_answers()) answers.push_back(answer);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_THAT(answers, SizeIs(3));
    for (const CheckAnswer& answer : answers) {
        EXPECT_EQ(answer.result, answer.fingerprint.low == 1   ? CheckResult::accepted
                                 : answer.fingerprint.low == 2 ? CheckResult::refused
                                                               : CheckResult::unavailable);
    }
    EXPECT_EQ(pool.totals().accepted, 1U);
    EXPECT_EQ(pool.totals().refused, 1U);
    EXPECT_EQ(pool.totals().unavailable, 1U);
}

TEST(CheckPool, AFloodOfGuessesFindsTheQueueFullAndNobodyWaits) {
    CheckPool pool(identities(), CheckTime::now);
    for (std::uint64_t i = 0; i < 5 * CheckPool::queue_max; ++i) {
        pool.submit({i, 0}, basic("owner", std::to_string(i)), 0);
    }
    EXPECT_GT(pool.totals().overloaded, 0U);
}

TEST(CheckPool, InAReplayTheAnswerIsThereAtOnceByTheTimeOfTheFrame) {
    CheckPool pool(identities(), CheckTime::request);
    pool.submit({1, 0}, "Bearer " + hs256_token(R"({"alg":"HS256"})", claims(), shared_key),
                now * 1'000'000'000);
    const auto answers = pool.take_answers();
    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_EQ(answers[0].result, CheckResult::accepted);
    EXPECT_EQ(answers[0].identity, 3);
}

}  // namespace
}  // namespace springlatch::control
