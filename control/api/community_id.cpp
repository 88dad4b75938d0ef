#include "control/api/community_id.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <tuple>
#include <utility>
#include <vector>

namespace springlatch::control {
namespace {

void append(std::vector<unsigned char>& bytes, std::uint64_t value, unsigned count) {
    for (unsigned i = count; i-- > 0;) {
        bytes.push_back(static_cast<unsigned char>(value >> (8 * i)));
    }
}

void append(std::vector<unsigned char>& bytes, const IpAddress& address) {
    if (address.is_v4()) {
        append(bytes, address.v4_value(), 4);
        return;
    }
    append(bytes, address.high, 8);
    append(bytes, address.low, 8);
}

}  // namespace

std::string community_id(const IpAddress& source, std::uint16_t source_port, const IpAddress& destination,
                         std::uint16_t destination_port) {
    auto first = std::pair(source, source_port);
    auto second = std::pair(destination, destination_port);
    if (second < first) {
        std::swap(first, second);
    }
    constexpr std::uint16_t seed = 0;
    constexpr std::uint8_t tcp = 6;
    std::vector<unsigned char> bytes;
    append(bytes, seed, 2);
    append(bytes, first.first);
    append(bytes, second.first);
    append(bytes, tcp, 1);
    append(bytes, 0, 1);
    append(bytes, first.second, 2);
    append(bytes, second.second, 2);

    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    unsigned digest_bytes = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &digest_bytes, EVP_sha1(), nullptr) != 1) {
        return "";
    }
    std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> text{};
    const int length = EVP_EncodeBlock(text.data(), digest.data(), SHA_DIGEST_LENGTH);
    return "1:" + std::string(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(length));
}

}  // namespace springlatch::control
