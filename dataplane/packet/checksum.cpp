// One's complement sums do not depend on the byte order (RFC 1071 §2): the bytes are added up as they lie in
// memory, in pieces as wide as the machine likes, and only the folded result is swapped.
#include "dataplane/packet/checksum.h"

#include <emmintrin.h>

#include <cstring>

namespace springlatch {
namespace {

/// Both 32-bit halves of both words added into 64-bit lanes: no carry is lost below 2^32 additions.
[[nodiscard]] __m128i add_halves(__m128i sum, __m128i words) noexcept {
    const __m128i low = _mm_and_si128(words, _mm_set1_epi64x(0xffff'ffff));
    return _mm_add_epi64(sum, _mm_add_epi64(low, _mm_srli_epi64(words, 32)));
}

[[nodiscard]] __m128i load(const std::byte* at) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

template <typename Word>
[[nodiscard]] Word load_native(const std::byte* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// Fewer than 16 bytes.
[[nodiscard]] std::uint64_t sum_tail(const std::byte* at, std::size_t left) noexcept {
    std::uint64_t sum = 0;
    if ((left & 8U) != 0) {
        sum += checksum_detail::halves(load_native<std::uint64_t>(at));
        at += 8;
    }
    if ((left & 4U) != 0) {
        sum += load_native<std::uint32_t>(at);
        at += 4;
    }
    if ((left & 2U) != 0) {
        sum += load_native<std::uint16_t>(at);
        at += 2;
    }
    if ((left & 1U) != 0) sum += std::to_integer<std::uint64_t>(*at);
    return sum;
}

}  // namespace

std::uint64_t checksum_sum(std::span<const std::byte> bytes) noexcept {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    __m128i first = _mm_setzero_si128();
    __m128i second = _mm_setzero_si128();
    for (; left >= 64; left -= 64, at += 64) {
        first = add_halves(add_halves(first, load(at)), load(at + 16));
        second = add_halves(add_halves(second, load(at + 32)), load(at + 48));
    }
    for (; left >= 16; left -= 16, at += 16) first = add_halves(first, load(at));
    first = _mm_add_epi64(first, second);
    first = _mm_add_epi64(first, _mm_unpackhi_epi64(first, first));
    // The lanes are far below 2^63 for any span that fits into memory, so the tail cannot overflow the sum.
    const std::uint64_t sum = static_cast<std::uint64_t>(_mm_cvtsi128_si64(first)) + sum_tail(at, left);
    return __builtin_bswap16(checksum_detail::fold(sum));
}

}  // namespace springlatch
