#include "dataplane/packet/checksum.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "tests/support/frames.h"

namespace springlatch {
namespace {

using test::Bytes;
using test::ExactCopy;
using test::raw;
using test::slow_checksum;

TEST(Checksum, TheExampleOfRfc1071) {
    // §3: 00 01 f2 03 f4 f5 f6 f7 sums up to ddf2.
    EXPECT_EQ(checksum_fold(checksum_sum(raw({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}))),
              0xffff - 0xddf2);
}

TEST(Checksum, AnOddLastByteIsTheHighHalfOfAWord) {
    EXPECT_EQ(checksum_fold(checksum_sum(raw({0x12}))), 0xffff - 0x1200);
    EXPECT_EQ(checksum_fold(checksum_sum({})), 0xffff);
}

TEST(Checksum, CarriesOfALongRunAreNotLost) {
    const Bytes ones(70001, std::byte{0xff});
    EXPECT_EQ(checksum_fold(checksum_sum(ones)), slow_checksum(ones));
}

TEST(Checksum, EveryLengthAndAlignmentAgreesWithTheSlowSum) {
    Bytes bytes(300);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 167 + 13);
    for (std::size_t start = 0; start < 9; ++start) {
        for (std::size_t length = 0; length + start <= bytes.size(); ++length) {
            const ExactCopy piece{std::span<const std::byte>(bytes).subspan(start, length)};
            ASSERT_EQ(checksum_fold(checksum_sum(piece.span())), slow_checksum(piece.span()))
                << start << "+" << length;
        }
    }
}

RC_GTEST_PROP(Checksum, SumsOfEvenPiecesAddUp, (const std::vector<std::uint8_t>& values, std::size_t at)) {
    Bytes bytes;
    for (const std::uint8_t value : values) bytes.push_back(std::byte{value});
    const std::size_t cut = bytes.empty() ? 0 : at % bytes.size() / 2 * 2;
    const std::uint64_t sum =
        checksum_sum(std::span(bytes).first(cut)) + checksum_sum(std::span(bytes).subspan(cut));
    RC_ASSERT(checksum_fold(sum) == slow_checksum(bytes));
}

RC_GTEST_PROP(Checksum, ThePseudoHeaderAgreesWithItsBytes,
              (std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d, std::uint16_t length)) {
    Bytes v6;
    test::put_v6_address(v6, {a, b});
    test::put_v6_address(v6, {c, d});
    test::put32(v6, length);
    test::put32(v6, 6);
    RC_ASSERT(checksum_fold(pseudo_header_sum({a, b}, {c, d}, 6, length)) == slow_checksum(v6));

    Bytes v4;
    test::put32(v4, static_cast<std::uint32_t>(a));
    test::put32(v4, static_cast<std::uint32_t>(c));
    test::put16(v4, 6);
    test::put16(v4, length);
    const IpAddress source = IpAddress::v4(static_cast<std::uint32_t>(a));
    const IpAddress destination = IpAddress::v4(static_cast<std::uint32_t>(c));
    RC_ASSERT(checksum_fold(pseudo_header_sum(source, destination, 6, length)) == slow_checksum(v4));
}

}  // namespace
}  // namespace springlatch
