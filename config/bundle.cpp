#include "config/bundle.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "config/json_positions.h"
#include "config/secrets.h"

namespace springlatch {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t sequence_max = std::uint64_t{1} << 53U;  ///< what every JSON reader keeps exactly
constexpr std::size_t time_bytes_max = 64;
constexpr std::size_t pem_bytes_max = 4096;

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

[[nodiscard]] const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

[[nodiscard]] std::string signed_text(const Bundle& bundle) {
    return "springlatch policy bundle 1\n" + std::to_string(bundle.sequence) + '\n' + bundle.time + '\n' +
           bundle.policy;
}

[[nodiscard]] std::string base64_of(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                         bytes_of(bytes), static_cast<int>(bytes.size()))));
    return text;
}

/// The string at `name`; nothing if it is another kind of value.
[[nodiscard]] const std::string* text_at(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

[[nodiscard]] tl::expected<std::string, std::string> small_file(const std::string& file) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.c_str(), "rbe"),
                                                                 &std::fclose);
    if (!opened) {
        return tl::unexpected(file + ": cannot be opened: " + std::strerror(errno));
    }
    std::string text(pem_bytes_max, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), opened.get()));
    return text;
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

[[nodiscard]] Bio bio_of(std::string_view text) {
    return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

}  // namespace

tl::expected<PolicyKey, std::string> PolicyKey::from_pem(std::string_view pem) {
    if (pem.size() > pem_bytes_max) {
        return tl::unexpected(std::string("is too long for a key"));
    }
    const Bio bio = bio_of(pem);
    EVP_PKEY* const key = PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
    if (key == nullptr) {
        return tl::unexpected(std::string("is no public key in PEM (-----BEGIN PUBLIC KEY-----)"));
    }
    std::shared_ptr<void> owned(key, [](void* one) { EVP_PKEY_free(static_cast<EVP_PKEY*>(one)); });
    if (EVP_PKEY_is_a(key, "ED25519") != 1) {
        return tl::unexpected(std::string("is no Ed25519 key"));
    }
    return PolicyKey(std::move(owned));
}

tl::expected<PolicyKey, std::string> PolicyKey::load(const std::string& file) {
    const auto pem = small_file(file);
    if (!pem) {
        return tl::unexpected(pem.error());
    }
    auto key = from_pem(*pem);
    return key ? key : tl::unexpected(file + ": " + key.error());
}

bool PolicyKey::verifies(std::string_view message, std::string_view signature) const noexcept {
    const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    return context != nullptr &&
           EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                                static_cast<EVP_PKEY*>(key_.get())) == 1 &&
           EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                            message.size()) == 1;
}

bool looks_like_bundle(std::string_view text) {
    // The key may stand anywhere in the outermost object, so only a reader of JSON can tell.
    const Json document = Json::parse(text, nullptr, false);
    return document.is_object() && document.contains("bundle");
}

tl::expected<Bundle, std::string> open_bundle(std::string_view text, const PolicyKey& key) {
    const JsonPositions positions(text);
    if (!positions.complete() || !positions.problems().empty()) {
        return tl::unexpected(
            std::string("is no signed bundle: ") +
            (positions.problems().empty() ? "it is no JSON" : positions.problems().front().text));
    }
    const Json document = Json::parse(text, nullptr, false);
    if (!document.is_object() || !document.contains("bundle")) {
        return tl::unexpected(
            std::string("is not signed; a key is configured, so only signed bundles are accepted "
                        "(springlatch policy sign)"));
    }
    if (document["bundle"] != 1) {
        return tl::unexpected(std::string("is a bundle of another version; this one supports 1"));
    }
    const std::string* policy = text_at(document, "policy");
    const std::string* signature = text_at(document, "signature");
    const std::string* time = text_at(document, "time");
    const auto sequence = document.find("sequence");
    if (document.size() != 5 || policy == nullptr || signature == nullptr || time == nullptr ||
        time->size() > time_bytes_max || sequence == document.end() || !sequence->is_number_unsigned() ||
        sequence->get<std::uint64_t>() > sequence_max) {
        return tl::unexpected(std::string(
            "is no signed bundle: it has bundle, sequence, time, policy and signature, and nothing else"));
    }
    auto content = decode_base64(*policy, Base64::standard);
    const auto proof = decode_base64(*signature, Base64::standard);
    if (!content || !proof) {
        return tl::unexpected(std::string("is no signed bundle: policy and signature are base64"));
    }
    Bundle bundle{.policy = std::move(*content), .sequence = sequence->get<std::uint64_t>(), .time = *time};
    if (!key.verifies(signed_text(bundle), *proof)) {
        return tl::unexpected(
            std::string("its signature is not that of the configured key: it was altered, or "
                        "signed with another key"));
    }
    return bundle;
}

tl::expected<std::string, std::string> make_bundle(const Bundle& content,
                                                   const std::string& private_key_file) {
    if (content.sequence > sequence_max) {
        return tl::unexpected("a sequence is at most " + std::to_string(sequence_max));
    }
    auto pem = small_file(private_key_file);
    if (!pem) {
        return tl::unexpected(pem.error());
    }
    const Bio bio = bio_of(*pem);
    const KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    wipe(*pem);
    if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
        return tl::unexpected(private_key_file +
                              ": is no Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)");
    }
    const std::string message = signed_text(content);
    std::array<unsigned char, 64> signature{};
    std::size_t bytes = signature.size();
    const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &bytes, bytes_of(message), message.size()) != 1) {
        return tl::unexpected(private_key_file + ": could not sign");
    }
    nlohmann::ordered_json document;
    document["bundle"] = 1;
    document["sequence"] = content.sequence;
    document["time"] = content.time;
    document["policy"] = base64_of(content.policy);
    document["signature"] = base64_of({reinterpret_cast<const char*>(signature.data()), bytes});
    return document.dump(1) + "\n";
}

tl::expected<Bundle, std::string> policy_in(std::string_view bytes, const PolicyKey* key) {
    if (key != nullptr) {
        return open_bundle(bytes, *key);
    }
    if (looks_like_bundle(bytes)) {
        return tl::unexpected(
            std::string("is a signed bundle, and no key is configured to check it with (--policy-key)"));
    }
    return Bundle{.policy = std::string(bytes), .sequence = 0, .time = {}};
}

tl::expected<LoadedPolicy, std::string> parse_policy(std::string_view bytes, const std::string& name,
                                                     const LoadOptions& options, const PolicyKey* key) {
    const auto content = policy_in(bytes, key);
    if (!content) {
        return tl::unexpected(name + ": " + content.error());
    }
    auto loaded = parse_policy(content->policy, name, options);
    if (!loaded) {
        return tl::unexpected(lines_of(loaded.error()));
    }
    return std::move(*loaded);
}

tl::expected<LoadedPolicy, std::string> load_policy(const std::string& path, const LoadOptions& options,
                                                    const PolicyKey* key) {
    const auto bytes = read_policy_file(path);
    if (!bytes) {
        return tl::unexpected(lines_of(bytes.error()));
    }
    return parse_policy(*bytes, path, options, key);
}

}  // namespace springlatch
