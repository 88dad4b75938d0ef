#pragma once
// Sets of byte values and the search for the first byte outside one, 16 bytes at a time.
#include <tmmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace springlatch::http {

/// A set of ASCII bytes, and optionally all of 0x80..0xff (obs-text of RFC 9110 §5.5).
///
/// Membership of an ASCII byte is bit (byte >> 4) of row (byte & 15): two PSHUFB classify 16 bytes exactly.
class ByteSet {
  public:
    template <typename Predicate>
    constexpr ByteSet(Predicate holds, bool obs_text) : obs_text_(obs_text) {
        for (unsigned byte = 0; byte < 0x80; ++byte) {
            if (holds(static_cast<unsigned char>(byte))) {
                rows_[byte & 15U] = static_cast<std::uint8_t>(rows_[byte & 15U] | 1U << (byte >> 4U));
            }
        }
    }

    [[nodiscard]] constexpr bool contains(unsigned char byte) const noexcept {
        if (byte >= 0x80) return obs_text_;
        return (rows_[byte & 15U] >> (byte >> 4U) & 1U) != 0;
    }

    /// The first position in [from, end) whose byte is not in the set; `end` if there is none. `bytes` has at
    /// least `end` bytes.
    [[nodiscard]] std::uint32_t skip(const unsigned char* bytes, std::uint32_t from,
                                     std::uint32_t end) const noexcept {
        while (end - from >= 16) {
            const std::uint32_t outside = outside_mask(bytes + from);
            if (outside != 0) return from + static_cast<std::uint32_t>(std::countr_zero(outside));
            from += 16;
        }
        if (end >= 16 && from < end) {  // the rest together with bytes that were seen before
            const std::uint32_t outside = outside_mask(bytes + end - 16) >> (16 - (end - from));
            return outside == 0 ? end : from + static_cast<std::uint32_t>(std::countr_zero(outside));
        }
        while (from < end && contains(bytes[from])) ++from;
        return from;
    }

    [[nodiscard]] bool covers(std::string_view text) const noexcept {
        const auto bytes = static_cast<std::uint32_t>(text.size());
        return skip(reinterpret_cast<const unsigned char*>(text.data()), 0, bytes) == bytes;
    }

    /// Bit i: the byte i behind `bytes`, of 16, is not in the set.
    [[nodiscard]] std::uint32_t outside_mask(const unsigned char* bytes) const noexcept {
        // 1 << high nibble for ASCII, 0 above: no bit of any row.
        const __m128i bit_of_high = _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
        const __m128i data = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
        const __m128i rows = _mm_load_si128(reinterpret_cast<const __m128i*>(rows_.data()));
        const __m128i row = _mm_shuffle_epi8(rows, data);  // a byte above 0x7f selects 0
        const __m128i high = _mm_and_si128(_mm_srli_epi16(data, 4), _mm_set1_epi8(15));
        const __m128i member = _mm_and_si128(row, _mm_shuffle_epi8(bit_of_high, high));
        auto outside =
            static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(member, _mm_setzero_si128())));
        if (obs_text_) outside &= ~static_cast<std::uint32_t>(_mm_movemask_epi8(data));
        return outside;
    }

  private:
    alignas(16) std::array<std::uint8_t, 16> rows_{};
    bool obs_text_;
};

[[nodiscard]] constexpr bool is_digit(unsigned char byte) noexcept {
    return byte >= '0' && byte <= '9';
}
[[nodiscard]] constexpr bool is_alpha(unsigned char byte) noexcept {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}
[[nodiscard]] constexpr bool is_visible(unsigned char byte) noexcept {
    return byte > 0x20 && byte < 0x7f;
}
[[nodiscard]] constexpr bool is_blank(unsigned char byte) noexcept {
    return byte == ' ' || byte == '\t';
}
[[nodiscard]] constexpr unsigned char to_lower(unsigned char byte) noexcept {
    return byte >= 'A' && byte <= 'Z' ? static_cast<unsigned char>(byte + 32) : byte;
}
/// Eight bytes at once, each as to_lower() leaves it.
[[nodiscard]] constexpr std::uint64_t to_lower(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t each = 0x0101010101010101;
    const std::uint64_t ascii = bytes & 0x7f * each;
    const std::uint64_t from_a = ascii + (0x80 - 'A') * each;   // bit 7: at least 'A'
    const std::uint64_t above_z = ascii + (0x7f - 'Z') * each;  // bit 7: more than 'Z'
    return bytes | (from_a & ~above_z & ~bytes & 0x80 * each) >> 2U;
}
template <typename Word>
[[nodiscard]] inline std::uint64_t word_at(const char* bytes) noexcept {
    Word word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}
/// 0x20 for each lower-case letter of `lower`, which has no other byte from 0x40 on: with these bits set, the
/// letter in either case, and nothing else, equals it.
[[nodiscard]] constexpr std::uint64_t case_bits(std::uint64_t lower) noexcept {
    return (lower & 0x4040404040404040) >> 1U;
}
/// `lower` is a literal of 4 bytes or more: lower-case letters and bytes below 0x40. Compared in words, the
/// last of which overlaps the one before: a copy of an odd number of bytes would go through memory and stall.
template <std::size_t Size>
[[nodiscard]] inline bool equals_ignoring_case(std::string_view text, const char (&lower)[Size]) noexcept {
    constexpr std::size_t length = Size - 1;
    static_assert(length >= 4);
    if (text.size() != length) return false;
    if constexpr (length < 8) {
        const auto both_ends = [](const char* bytes) {
            return word_at<std::uint32_t>(bytes) | word_at<std::uint32_t>(bytes + length - 4) << 32U;
        };
        const std::uint64_t expected = both_ends(&lower[0]);
        return (both_ends(text.data()) | case_bits(expected)) == expected;
    } else {
        const auto same_at = [text, &lower](std::size_t at) {
            const std::uint64_t expected = word_at<std::uint64_t>(&lower[at]);
            return (word_at<std::uint64_t>(text.data() + at) | case_bits(expected)) == expected;
        };
        for (std::size_t at = 0; at + 8 < length; at += 8) {
            if (!same_at(at)) return false;
        }
        return same_at(length - 8);
    }
}
/// The value of a hexadecimal digit; -1 for any other byte.
[[nodiscard]] constexpr int hex_value(unsigned char byte) noexcept {
    if (is_digit(byte)) return byte - '0';
    const unsigned char low = to_lower(byte);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}
/// RFC 9110 §5.6.2.
[[nodiscard]] constexpr bool is_tchar(unsigned char byte) noexcept {
    if (is_digit(byte) || is_alpha(byte)) return true;
    for (const char extra : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
        if (byte == static_cast<unsigned char>(extra)) return true;
    }
    return false;
}

/// Of a field's name, and of its value with the blanks around it (RFC 9110 §5.1, §5.5).
inline constexpr ByteSet name_bytes(is_tchar, false);
inline constexpr ByteSet value_bytes([](unsigned char b) { return is_blank(b) || is_visible(b); }, true);

}  // namespace springlatch::http
