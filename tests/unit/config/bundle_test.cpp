// Signed policies: what is not exactly what the key's owner signed is refused.
#include "config/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>

namespace springlatch {
namespace {

using ::testing::HasSubstr;

/// A new key pair: the private one in a file, the public one in PEM.
struct KeyPair {
    std::string folder;
    std::string file;
    std::string pem;
    explicit KeyPair(const char* algorithm = "ED25519") {
        folder = testing::TempDir() + "/springlatch-key-XXXXXX";
        EXPECT_NE(mkdtemp(folder.data()), nullptr);
        file = folder + "/key.pem";
        const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
            EVP_PKEY_Q_keygen(nullptr, nullptr, algorithm), &EVP_PKEY_free);
        const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new_file(file.c_str(), "w"), &BIO_free);
        PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        const std::unique_ptr<BIO, decltype(&BIO_free)> shown(BIO_new(BIO_s_mem()), &BIO_free);
        PEM_write_bio_PUBKEY(shown.get(), key.get());
        char* text = nullptr;
        const long bytes = BIO_get_mem_data(shown.get(), &text);
        pem.assign(text, static_cast<std::size_t>(bytes));
        BIO_flush(out.get());
    }
    ~KeyPair() { std::filesystem::remove_all(folder); }
    KeyPair(const KeyPair&) = delete;
    KeyPair& operator=(const KeyPair&) = delete;
    [[nodiscard]] PolicyKey key() const { return *PolicyKey::from_pem(pem); }
    [[nodiscard]] std::string sign(std::string policy, std::uint64_t sequence = 7) const {
        return *make_bundle({std::move(policy), sequence, "2026-11-24T15:00:00Z"}, file);
    }
};

TEST(Bundle, GivesBackTheExactBytesThatWereSigned) {
    const KeyPair pair;
    const std::string policy("{\"version\": 1}\n\0\xff", 17);
    const auto opened = open_bundle(pair.sign(policy), pair.key());
    ASSERT_TRUE(opened) << opened.error();
    EXPECT_EQ(opened->policy, policy);
    EXPECT_EQ(opened->sequence, 7U);
    EXPECT_EQ(opened->time, "2026-11-24T15:00:00Z");
}

TEST(Bundle, AnotherKeysSignatureAStrippedOneAndAPlainPolicyAreRefused) {
    const KeyPair pair;
    const KeyPair other;
    const std::string text = other.sign("{}");
    EXPECT_THAT(open_bundle(text, pair.key()).error(),
                HasSubstr("signature is not that of the configured key"));
    std::string stripped = text;
    stripped.erase(stripped.find(",\n \"signature\""),
                   stripped.rfind('}') - stripped.find(",\n \"signature\""));
    EXPECT_FALSE(open_bundle(stripped, other.key()));
    EXPECT_THAT(policy_in("{\"version\": 1}", std::make_unique<PolicyKey>(pair.key()).get()).error(),
                HasSubstr("is not signed"));
}

TEST(Bundle, WithoutAKeyABundleIsRefusedSoThatNobodyTakesItForChecked) {
    const KeyPair pair;
    EXPECT_THAT(policy_in(pair.sign("{}"), nullptr).error(), HasSubstr("no key is configured"));
    EXPECT_EQ(policy_in("{\"version\": 1}", nullptr)->policy, "{\"version\": 1}");
}

TEST(Bundle, SequenceTimeAndPolicyCannotBeExchanged) {
    const KeyPair pair;
    const std::string text = pair.sign("{}");
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string changed = text;
        const std::size_t at = changed.find(from);
        EXPECT_NE(at, std::string::npos);
        changed.replace(at, from.size(), to);
        return open_bundle(changed, pair.key()).has_value();
    };
    EXPECT_FALSE(with("\"sequence\": 7", "\"sequence\": 8"));
    EXPECT_FALSE(with("15:00:00", "16:00:00"));
    EXPECT_FALSE(with("e30=", "e31="));
    EXPECT_FALSE(with("\"sequence\": 7", "\"sequence\": 6, \"sequence\": 7"));
    EXPECT_FALSE(with("\"sequence\": 7", "\"extra\": 1, \"sequence\": 7"));
    EXPECT_FALSE(with("\"bundle\": 1", "\"bundle\": 2"));
    EXPECT_TRUE(with("\n \"sequence\"", "\"sequence\"")) << "blanks are not signed";
}

TEST(Bundle, NoneOfAThousandAlteredOnesOpensToOtherBytes) {
    const KeyPair pair;
    const std::string policy = R"({"version": 1, "services": {}})";
    const std::string text = pair.sign(policy);
    std::mt19937 random(20261124);
    for (int i = 0; i < 1000; ++i) {
        std::string altered = text;
        const std::size_t at = random() % altered.size();
        switch (random() % 3) {
            case 0:
                altered[at] = static_cast<char>(random());
                break;
            case 1:
                altered.erase(at, 1 + random() % 5);
                break;
            default:
                altered.insert(at, 1, static_cast<char>(random()));
        }
        const auto opened = open_bundle(altered, pair.key());
        if (opened) {
            ASSERT_EQ(opened->policy, policy) << altered;
            ASSERT_EQ(opened->sequence, 7U);
        }
    }
}

TEST(Bundle, OnlyAnEd25519KeySignsAndOnlyOneChecks) {
    const KeyPair pair;
    const KeyPair x448("X448");
    EXPECT_THAT(PolicyKey::from_pem(x448.pem).error(), HasSubstr("no Ed25519 key"));
    EXPECT_THAT(make_bundle({"{}", 1, ""}, x448.file).error(), HasSubstr("no Ed25519 private key"));
    EXPECT_FALSE(PolicyKey::from_pem("nonsense"));
    EXPECT_THAT(PolicyKey::load(pair.folder + "/absent").error(), HasSubstr("cannot be opened"));
    EXPECT_FALSE(PolicyKey::load(pair.file)) << "the private key is not to lie about on an appliance";
}

}  // namespace
}  // namespace springlatch
