#include "dataplane/credentials/siphash.h"

#include <bit>
#include <cstring>

namespace springlatch {
namespace {

static_assert(std::endian::native == std::endian::little, "words of the message are little-endian");

struct State {
    std::uint64_t v0, v1, v2, v3;

    void round() noexcept {
        v0 += v1;
        v1 = std::rotl(v1, 13) ^ v0;
        v0 = std::rotl(v0, 32);
        v2 += v3;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3;
        v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    void absorb(std::uint64_t word) noexcept {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }
    [[nodiscard]] std::uint64_t squeeze() noexcept {
        for (int i = 0; i < 4; ++i) {
            round();
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

}  // namespace

Fingerprint siphash128(const SipKey& key, std::span<const std::byte> message) noexcept {
    State state{0x736f'6d65'7073'6575U ^ key.low, 0x646f'7261'6e64'6f6dU ^ key.high ^ 0xeeU,
                0x6c79'6765'6e65'7261U ^ key.low, 0x7465'6462'7974'6573U ^ key.high};
    const std::byte* at = message.data();
    std::size_t left = message.size();
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        state.absorb(word);
    }
    std::uint64_t last = std::uint64_t{message.size()} << 56U;
    for (std::size_t i = 0; i < left; ++i) {
        last |= std::to_integer<std::uint64_t>(at[i]) << (8 * i);
    }
    state.absorb(last);
    state.v2 ^= 0xeeU;
    Fingerprint result;
    result.low = state.squeeze();
    state.v1 ^= 0xddU;
    result.high = state.squeeze();
    return result;
}

}  // namespace springlatch
