#pragma once
// Secrets as a policy holds them: hashes and keys, never the secret itself (but for the shared key of HS256).
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace springlatch {

using Sha256 = std::array<std::uint8_t, 32>;
[[nodiscard]] Sha256 sha256_of(std::string_view bytes);
/// 64 hexadecimal digits, in either case.
[[nodiscard]] std::optional<Sha256> sha256_from_hex(std::string_view text);
[[nodiscard]] std::string hex_of(const Sha256& digest);

/// How much a hash costs. The bounds keep a policy from taking the control process's memory and time with it.
struct Argon2Cost {
    std::uint32_t memory_kib = 19456;
    std::uint32_t passes = 2;
    std::uint32_t lanes = 1;
    bool operator==(const Argon2Cost&) const = default;
};
inline constexpr std::uint32_t argon2_memory_kib_min = 4096;
inline constexpr std::uint32_t argon2_memory_kib_max = 65536;
inline constexpr std::uint32_t argon2_passes_max = 16;
inline constexpr std::uint32_t argon2_lanes_max = 4;
inline constexpr std::uint32_t argon2_work_kib_max = 262144;  ///< memory × passes: about half a second

/// Of an encoded hash, `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. Error: what is wrong and what is allowed;
/// never quotes the hash.
[[nodiscard]] tl::expected<Argon2Cost, std::string> argon2id_cost(std::string_view encoded);
/// `encoded` must be one that argon2id_cost() accepts. Compares in constant time.
[[nodiscard]] bool argon2id_matches(const std::string& encoded, std::string_view secret);
/// A new hash with a random salt of 16 bytes; "" if there are no random numbers or no memory.
[[nodiscard]] std::string argon2id_hash(std::string_view secret, const Argon2Cost& cost);

enum class Base64 : std::uint8_t {
    standard,  ///< RFC 4648 §4, padded or not: as HTTP clients send it
    url,       ///< RFC 4648 §5 without padding: as tokens are made (RFC 7515 §2)
};
/// Nothing unless `text` is exactly one encoding: no other bytes, no wrong padding, no bits left over.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text, Base64 alphabet);

/// Overwrites what a string held.
void wipe(std::string& secret) noexcept;

/// True for a user and password that a product ships with, that manuals use as examples, or that are the same
/// word.
[[nodiscard]] bool is_default_pair(std::string_view user, std::string_view password);
/// The passwords that config/catalogue/default-credentials.csv has for this user.
[[nodiscard]] std::optional<std::string> default_password_that_matches(const std::string& user,
                                                                       const std::string& argon2id);

}  // namespace springlatch
