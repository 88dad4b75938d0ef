#pragma once
// Signed policies: a policy file's bytes, a number that only grows, and an Ed25519 signature over both.
//
// Form
//   {"bundle": 1, "sequence": 1764000000000, "time": "2026-11-24T15:00:00Z", "policy": "<base64>",
//    "signature": "<base64>"}, no other keys. Signed is the text
//   "springlatch policy bundle 1\n<sequence>\n<time>\n" followed by the policy's bytes.
// Use
//   Where a public key is configured only bundles are accepted; where none is, only plain policies: an
//   unchecked signature would look like a checked one.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "config/load.h"

namespace springlatch {

/// An Ed25519 public key.
class PolicyKey {
  public:
    /// From a PEM file (-----BEGIN PUBLIC KEY-----). Error: one line.
    [[nodiscard]] static tl::expected<PolicyKey, std::string> load(const std::string& file);
    [[nodiscard]] static tl::expected<PolicyKey, std::string> from_pem(std::string_view pem);
    [[nodiscard]] bool verifies(std::string_view message, std::string_view signature) const noexcept;

  private:
    explicit PolicyKey(std::shared_ptr<void> key) : key_(std::move(key)) {}
    std::shared_ptr<void> key_;  // an EVP_PKEY
};

struct Bundle {
    std::string policy;  ///< the file's bytes
    std::uint64_t sequence = 0;
    std::string time;  ///< RFC 3339, of the signature
};

/// True if the text is meant to be a bundle, right or not.
[[nodiscard]] bool looks_like_bundle(std::string_view text);
/// Error: one line that says what is wrong. Bytes that are no bundle, another version, a key that is missing,
/// doubled or unknown, and a signature that does not fit are all refused.
[[nodiscard]] tl::expected<Bundle, std::string> open_bundle(std::string_view text, const PolicyKey& key);
/// `private_key_file`: Ed25519 in PEM. Error: one line.
[[nodiscard]] tl::expected<std::string, std::string> make_bundle(const Bundle& content,
                                                                 const std::string& private_key_file);

/// The policy in a file's bytes: of a bundle if `key` is not null, else the bytes themselves.
[[nodiscard]] tl::expected<Bundle, std::string> policy_in(std::string_view bytes, const PolicyKey* key);

/// load_policy() and parse_policy() of what policy_in() finds. Error: one line or several.
[[nodiscard]] tl::expected<LoadedPolicy, std::string> load_policy(const std::string& path,
                                                                  const LoadOptions& options,
                                                                  const PolicyKey* key);
[[nodiscard]] tl::expected<LoadedPolicy, std::string> parse_policy(std::string_view bytes,
                                                                   const std::string& name,
                                                                   const LoadOptions& options,
                                                                   const PolicyKey* key);

}  // namespace springlatch
