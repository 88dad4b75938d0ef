#include "dataplane/protocol/http/byte_set.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace springlatch::http {
namespace {

constexpr ByteSet names(is_tchar, false);
constexpr ByteSet values([](unsigned char byte) { return byte == '\t' || byte == ' ' || is_visible(byte); },
                         true);

TEST(ByteSet, FindsEveryByteOutsideItAtEveryPlace) {
    for (const ByteSet* set : {&names, &values}) {
        for (unsigned value = 0; value < 256; ++value) {
            for (std::uint32_t at = 0; at < 40; ++at) {
                std::string text(40, 'a');
                text[at] = static_cast<char>(value);
                const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
                const std::uint32_t expected = set->contains(static_cast<unsigned char>(value)) ? 40 : at;
                ASSERT_EQ(set->skip(bytes, 0, 40), expected) << value << " at " << at;
                ASSERT_EQ(set->skip(bytes, at, 40), expected) << value << " at " << at;
                ASSERT_EQ(set->skip(bytes, 0, at), at) << value << " just behind the end";
            }
        }
    }
}

TEST(ByteSet, TokensAreThoseOfRfc9110) {
    const std::string_view tokens =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (unsigned value = 0; value < 256; ++value) {
        const auto byte = static_cast<char>(value);
        EXPECT_EQ(names.contains(static_cast<unsigned char>(value)),
                  tokens.find(byte) != std::string_view::npos)
            << value;
    }
}

TEST(ByteSet, NoOtherByteEqualsALetterOrADash) {
    const std::string_view name = "transfer-encoding";
    for (std::size_t at = 0; at < name.size(); ++at) {
        for (unsigned value = 0; value < 256; ++value) {
            std::string text(name);
            text[at] = static_cast<char>(value);
            const bool same =
                to_lower(static_cast<unsigned char>(value)) == static_cast<unsigned char>(name[at]);
            EXPECT_EQ(equals_ignoring_case(text, "transfer-encoding"), same) << value << " at " << at;
        }
    }
    EXPECT_FALSE(equals_ignoring_case("transfer-encodin", "transfer-encoding"));
    EXPECT_TRUE(equals_ignoring_case("EXPECT", "expect"));
    EXPECT_FALSE(equals_ignoring_case("EXP@CT", "expect"));
}

TEST(ByteSet, WordsAreLoweredAsBytesAre) {
    for (unsigned value = 0; value < 256; ++value) {
        const std::uint64_t word = 0x0101010101010101U * value;
        EXPECT_EQ(to_lower(word), 0x0101010101010101U * to_lower(static_cast<unsigned char>(value))) << value;
    }
}

}  // namespace
}  // namespace springlatch::http
