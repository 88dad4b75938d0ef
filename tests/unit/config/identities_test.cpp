// Identities: what is refused at load, because it would cost too much, protect too little, or mean nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/load.h"
#include "config/secrets.h"

namespace springlatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string good_hash = argon2id_hash("long and unguessable", {4096, 1, 1});
const std::string digest(64, 'a');
const std::string ed25519 =
    "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END "
    "PUBLIC KEY-----\\n";

tl::expected<LoadedPolicy, std::vector<PolicyError>> load(
    const std::string& identities, const std::string& rule = R"("credentials": "verified")") {
    return parse_policy(R"({"version": 1, "zones": {"office": ["203.0.113.0/24"]},
"services": {"search": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]}},
"rules": [{"id": "a", "from": ["office"], "to": ["search"], )" +
                            rule + R"(, "action": "allow"}],
"identities": {
)" + identities + "}}",
                        "p", {});
}

std::vector<std::string> errors(const std::string& identities,
                                const std::string& rule = R"("credentials": "verified")") {
    std::vector<std::string> lines;
    if (const auto loaded = load(identities, rule); !loaded) {
        for (const PolicyError& error : loaded.error()) lines.push_back(error.str());
    }
    return lines;
}

std::string basic(const std::string& user, const std::string& hash) {
    return R"({"basic": {"user": ")" + user + R"(", "argon2id": ")" + hash + R"("}})";
}

TEST(Identities, EveryKindLoadsAndKeepsItsName) {
    const auto loaded = load(R"("b-shipper": )" + basic("ingest", good_hash) + R"(,
"c-robot": {"api_key": {"id": "r", "sha256": ")" +
                                 digest + R"("}},
"d-old": {"api_key": {"id": "o", "argon2id": ")" +
                                 good_hash + R"("}},
"a-board": {"bearer": {"sha256": ")" +
                                 digest + R"("}},
"e-people": {"bearer": {"jwt": {"algorithm": "EdDSA", "key": ")" +
                                 ed25519 + R"(", "aud": "search", "iss": "idp"}}},
"f-shared": {"bearer": {"jwt": {"algorithm": "HS256", "key": ")" +
                                 std::string(43, 'A') + R"(", "aud": "search", "iss": "idp"}}})",
                             R"("credentials": "verified", "identities": ["c-robot", "a-board"])");
    ASSERT_TRUE(loaded) << loaded.error().front().str();
    ASSERT_EQ(loaded->identities.size(), 6U);
    const auto& names = loaded->policy->parts().identity_names;
    for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(loaded->identities[i].name, names[i]);
    EXPECT_THAT(loaded->policy->parts().rules[0].identities, ElementsAre(0, 2));
    EXPECT_EQ(loaded->policy->parts().rules[0].credentials, CredentialNeed::verified);
    EXPECT_EQ(loaded->identities[5].key.size(), 32U);
}

TEST(Identities, AHashThatWouldCostTooMuchOrTooLittleIsRefused) {
    const auto hash = [](const std::string& cost) {
        return R"("x": )" + basic("u", "$argon2id$v=19$" + cost + "$c2FsdHNhbHQ$" + std::string(43, 'A'));
    };
    EXPECT_THAT(errors(hash("m=4096,t=1,p=1")), IsEmpty());
    EXPECT_THAT(errors(hash("m=4194304,t=1,p=1")),
                ElementsAre("p:5:42: error: /identities/x/basic/argon2id: its memory m (KiB) is 4194304; "
                            "allowed: 4096 to 65536"));
    EXPECT_THAT(errors(hash("m=8,t=1,p=1")), ElementsAre(HasSubstr("m (KiB) is 8; allowed")));
    EXPECT_THAT(errors(hash("m=4096,t=1000,p=1")), ElementsAre(HasSubstr("t is 1000; allowed: 1 to 16")));
    EXPECT_THAT(errors(hash("m=4096,t=1,p=64")), ElementsAre(HasSubstr("p is 64; allowed: 1 to 4")));
    EXPECT_THAT(errors(hash("m=65536,t=16,p=1")), ElementsAre(HasSubstr("m times t is 1048576")));
    for (const std::string cost :
         {"m=99999999999,t=1,p=1", "m=-1,t=1,p=1", "m=4096,t=1", "t=1,m=4096,p=1", "m=4096,t=1,p=1,"}) {
        EXPECT_THAT(errors(hash(cost)), ElementsAre(HasSubstr("is no Argon2id hash of the form"))) << cost;
    }
    for (const std::string other :
         {"", "secret", "$2b$10$abc", "$argon2i$v=19$m=4096,t=1,p=1$c2FsdHNhbHQ$AAAA"}) {
        EXPECT_THAT(errors(R"("x": )" + basic("u", other)),
                    ElementsAre(HasSubstr("is no Argon2id hash of the form")))
            << other;
    }
}

TEST(Identities, AnErrorNeverQuotesWhatMayBeASecret) {
    const auto lines = errors(R"("x": )" + basic("u", "hunter2-in-the-clear"));
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], testing::Not(HasSubstr("hunter2")));
}

TEST(Identities, AWellKnownDefaultPasswordIsRefusedByName) {
    const std::string hash = argon2id_hash("changeme", {4096, 1, 1});
    EXPECT_THAT(errors(R"("x": )" + basic("elastic", hash)),
                ElementsAre(HasSubstr("well-known default (elastic:changeme)")));
    EXPECT_THAT(errors(R"("x": )" + basic("somebody", hash)), IsEmpty()) << "the pair is what is known";
}

TEST(Identities, TwoThatNobodyCouldTellApartAreRefused) {
    EXPECT_THAT(
        errors(R"("x": )" + basic("u", good_hash) + ",\n\"y\": " + basic("u", good_hash)),
        ElementsAre(
            "p:6:25: error: /identities/y/basic/user: the same user \"u\" stands at /identities/x/basic/user "
            "already; nobody could tell the two identities apart"));
    const std::string token = R"({"bearer": {"sha256": ")" + digest + R"("}})";
    EXPECT_THAT(errors(R"("x": )" + token + R"(, "y": )" + token),
                ElementsAre(HasSubstr("the same token stands at")));
    EXPECT_THAT(errors(R"("x": )" + token + R"(, "x": )" + token),
                ElementsAre(HasSubstr("/identities/x: duplicate key \"x\"")));
}

TEST(Identities, ShapesThatMeanNothingAreRefused) {
    EXPECT_THAT(errors(R"("x": {})"),
                ElementsAre(HasSubstr("exactly one of basic, api_key, bearer; found 0")));
    EXPECT_THAT(errors(R"("x": {"api_key": {"id": "a"}})"),
                ElementsAre(HasSubstr("exactly one of argon2id and sha256")));
    EXPECT_THAT(errors(R"("x": {"bearer": {}})"), ElementsAre(HasSubstr("exactly one of sha256 and jwt")));
    EXPECT_THAT(errors(R"("x": {"bearer": {"sha256": "abc"}})"),
                ElementsAre(HasSubstr("is no SHA-256: 64 hexadecimal digits")));
    EXPECT_THAT(errors(R"("x": )" + basic("a:b", good_hash)),
                ElementsAre(HasSubstr("no colon (RFC 7617 §2)")));
    EXPECT_THAT(errors(R"("x y": )" + basic("a", good_hash)),
                ElementsAre(HasSubstr("the name \"x y\" is not allowed")));
    EXPECT_THAT(errors(R"("x": {"basic": {"user": "a"}})"),
                ElementsAre(HasSubstr("the key \"argon2id\" is missing")));
    EXPECT_THAT(errors(R"("x": {"basik": {}})"),
                ElementsAre(HasSubstr("unknown key \"basik\"; allowed: api_key, basic, bearer")));
}

TEST(Identities, AKeyOfAnotherKindThanItsAlgorithmIsRefused) {
    const auto jwt = [](const std::string& algorithm, const std::string& key) {
        return errors(R"("x": {"bearer": {"jwt": {"algorithm": ")" + algorithm + R"(", "key": ")" + key +
                      R"(", "aud": "a", "iss": "i"}}})");
    };
    EXPECT_THAT(jwt("EdDSA", ed25519), IsEmpty());
    EXPECT_THAT(jwt("RS256", ed25519), ElementsAre(HasSubstr("is no RSA key")));
    EXPECT_THAT(jwt("ES256", ed25519), ElementsAre(HasSubstr("is no key on the curve P-256")));
    EXPECT_THAT(jwt("HS256", ed25519), ElementsAre(HasSubstr("the shared key of HS256 is base64url")))
        << "a public key must never serve as a shared one";
    EXPECT_THAT(jwt("HS256", "AAAA"), ElementsAre(HasSubstr("of 32 bytes or more")));
    EXPECT_THAT(jwt("none", "AAAA"), ElementsAre(HasSubstr("allowed: HS256, RS256, ES256, EdDSA")));
    EXPECT_THAT(jwt("EdDSA", "-----BEGIN PRIVATE KEY-----"), ElementsAre(HasSubstr("is a private key")));
}

TEST(Identities, ARuleMustNameOnesThatExistAndAskForVerifiedCredentials) {
    const std::string one = R"("shipper": )" + basic("u", good_hash);
    EXPECT_THAT(
        errors(one, R"("credentials": "verified", "identities": ["shiper"])"),
        ElementsAre(HasSubstr(
            "/rules/0/identities/0: there is no identity or group \"shiper\"; did you mean \"shipper\"?")));
    EXPECT_THAT(errors(one, R"("credentials": "verified", "identities": ["shipper", "shipper"])"),
                ElementsAre(HasSubstr("/rules/0/identities/1: this name is listed twice")));
    EXPECT_THAT(errors(one, R"("credentials": "present", "identities": ["shipper"])"),
                ElementsAre(HasSubstr("identities are known only where \"credentials\" is \"verified\"")));
    EXPECT_THAT(errors("", R"("credentials": "verified")"),
                ElementsAre(HasSubstr("\"verified\" needs identities")));
}

TEST(Secrets, Base64IsReadInExactlyOneWay) {
    EXPECT_EQ(decode_base64("YTpi", Base64::standard), "a:b");
    EXPECT_EQ(decode_base64("YTpiYw==", Base64::standard), "a:bc");
    EXPECT_EQ(decode_base64("YTpiYw", Base64::standard), "a:bc");
    EXPECT_EQ(decode_base64("_-8", Base64::url), "\xff\xef");
    for (const char* bad : {"YTpiYw=", "YTpiYx==", "YTpi=", "=", "YT pi", "_-8", "Y"}) {
        EXPECT_FALSE(decode_base64(bad, Base64::standard)) << bad;
    }
    EXPECT_FALSE(decode_base64("YTpiYw==", Base64::url));
    EXPECT_EQ(decode_base64("", Base64::standard), "");
}

TEST(Secrets, DefaultPairsAreKnownByName) {
    EXPECT_TRUE(is_default_pair("elastic", "changeme"));
    EXPECT_TRUE(is_default_pair("admin", "admin"));
    EXPECT_TRUE(is_default_pair("anybody", "anybody"));
    EXPECT_TRUE(is_default_pair("anybody", ""));
    EXPECT_FALSE(is_default_pair("elastic", "Changeme-to-something-long"));
}

}  // namespace
}  // namespace springlatch
