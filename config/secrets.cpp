#include "config/secrets.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

namespace springlatch {

/// The text of config/catalogue/default-credentials.csv (see config/CMakeLists.txt).
std::string_view default_credentials_csv();

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view standard_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t salt_bytes = 16;
constexpr std::size_t hash_bytes = 32;

[[nodiscard]] std::optional<unsigned> hex_value(char digit) {
    const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    const std::size_t value = hex_digits.find(lower);
    return value == std::string_view::npos ? std::nullopt : std::optional(static_cast<unsigned>(value));
}

/// Cuts `prefix` and the decimal number behind it off the front.
[[nodiscard]] std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view prefix) {
    std::uint32_t value = 0;
    if (!text.starts_with(prefix)) {
        return std::nullopt;
    }
    text.remove_prefix(prefix.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

[[nodiscard]] std::string range_text(const char* what, std::uint32_t value, std::uint32_t least,
                                     std::uint32_t most) {
    return std::string(what) + " is " + std::to_string(value) + "; allowed: " + std::to_string(least) +
           " to " + std::to_string(most);
}

struct Pair {
    std::string_view user;
    std::string_view password;
};

[[nodiscard]] const std::vector<Pair>& default_pairs() {
    static const std::vector<Pair> pairs = [] {
        std::vector<Pair> result;
        std::string_view rest = default_credentials_csv();
        rest.remove_prefix(std::min(rest.find('\n') + 1, rest.size()));  // the names of the columns
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            const std::string_view line = rest.substr(0, end);
            const std::size_t comma = line.find(',');
            if (comma != std::string_view::npos) {
                result.push_back({line.substr(0, comma), line.substr(comma + 1)});
            }
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return result;
    }();
    return pairs;
}

}  // namespace

Sha256 sha256_of(std::string_view bytes) {
    Sha256 digest{};
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return digest;
}

std::optional<Sha256> sha256_from_hex(std::string_view text) {
    Sha256 digest{};
    if (text.size() != 2 * digest.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const auto high = hex_value(text[2 * i]);
        const auto low = hex_value(text[2 * i + 1]);
        if (!high || !low) {
            return std::nullopt;
        }
        digest[i] = static_cast<std::uint8_t>(*high << 4U | *low);
    }
    return digest;
}

std::string hex_of(const Sha256& digest) {
    std::string text;
    for (const std::uint8_t byte : digest) {
        text += hex_digits[byte >> 4U];
        text += hex_digits[byte & 15U];
    }
    return text;
}

tl::expected<Argon2Cost, std::string> argon2id_cost(std::string_view encoded) {
    const auto malformed = [] {
        return tl::unexpected(std::string(
            "is no Argon2id hash of the form $argon2id$v=19$m=19456,t=2,p=1$salt$hash; `springlatch secret` "
            "makes one"));
    };
    const auto version = take_number(encoded, "$argon2id$v=");
    const auto memory = take_number(encoded, "$m=");
    const auto passes = take_number(encoded, ",t=");
    const auto lanes = take_number(encoded, ",p=");
    if (!version || !memory || !passes || !lanes || !encoded.starts_with('$')) {
        return malformed();
    }
    encoded.remove_prefix(1);
    const std::size_t divider = encoded.find('$');
    const auto salt = decode_base64(encoded.substr(0, divider), Base64::standard);
    const auto hash = divider == std::string_view::npos
                          ? std::nullopt
                          : decode_base64(encoded.substr(divider + 1), Base64::standard);
    if (*version != ARGON2_VERSION_13 || !salt || !hash || encoded.find('=') != std::string_view::npos) {
        return malformed();
    }
    if (salt->size() < 8 || salt->size() > 64 || hash->size() < 16 || hash->size() > 64) {
        return tl::unexpected("the salt has " + std::to_string(salt->size()) + " bytes and the hash " +
                              std::to_string(hash->size()) + "; allowed: 8 to 64 and 16 to 64");
    }
    if (*memory < argon2_memory_kib_min || *memory > argon2_memory_kib_max) {
        return tl::unexpected(
            range_text("its memory m (KiB)", *memory, argon2_memory_kib_min, argon2_memory_kib_max));
    }
    if (*passes < 1 || *passes > argon2_passes_max) {
        return tl::unexpected(range_text("its number of passes t", *passes, 1, argon2_passes_max));
    }
    if (*lanes < 1 || *lanes > argon2_lanes_max) {
        return tl::unexpected(range_text("its number of lanes p", *lanes, 1, argon2_lanes_max));
    }
    if (*memory * *passes > argon2_work_kib_max) {
        return tl::unexpected("its m times t is " + std::to_string(*memory * *passes) + "; at most " +
                              std::to_string(argon2_work_kib_max) +
                              " is allowed, so that a check takes no longer than half a "
                              "second");
    }
    return Argon2Cost{*memory, *passes, *lanes};
}

bool argon2id_matches(const std::string& encoded, std::string_view secret) {
    return argon2id_verify(encoded.c_str(), secret.data(), secret.size()) == ARGON2_OK;
}

std::string argon2id_hash(std::string_view secret, const Argon2Cost& cost) {
    std::array<unsigned char, salt_bytes> salt{};
    std::array<char, 256> encoded{};
    if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1 ||
        argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, secret.data(), secret.size(),
                              salt.data(), salt.size(), hash_bytes, encoded.data(),
                              encoded.size()) != ARGON2_OK) {
        return "";
    }
    return encoded.data();
}

std::optional<std::string> decode_base64(std::string_view text, Base64 alphabet) {
    const std::string_view digits = alphabet == Base64::url ? url_digits : standard_digits;
    std::size_t padding = 0;
    while (alphabet == Base64::standard && padding < 2 && text.ends_with('=')) {
        text.remove_suffix(1);
        ++padding;
    }
    if (text.size() % 4 == 1 || (padding != 0 && (text.size() + padding) % 4 != 0)) {
        return std::nullopt;
    }
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char letter : text) {
        const std::size_t value = digits.find(letter);
        if (value == std::string_view::npos) {
            wipe(bytes);
            return std::nullopt;
        }
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count & 0xffU);
        }
    }
    if ((bits & ((1U << count) - 1)) != 0) {
        wipe(bytes);
        return std::nullopt;
    }
    return bytes;
}

void wipe(std::string& secret) noexcept {
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

bool is_default_pair(std::string_view user, std::string_view password) {
    const auto& pairs = default_pairs();
    return password.empty() || user == password ||
           std::any_of(pairs.begin(), pairs.end(),
                       [&](const Pair& pair) { return pair.user == user && pair.password == password; });
}

std::optional<std::string> default_password_that_matches(const std::string& user,
                                                         const std::string& argon2id) {
    const auto& pairs = default_pairs();
    const auto found = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& pair) {
        return pair.user == user && argon2id_matches(argon2id, pair.password);
    });
    return found == pairs.end() ? std::nullopt : std::optional(std::string(found->password));
}

}  // namespace springlatch
