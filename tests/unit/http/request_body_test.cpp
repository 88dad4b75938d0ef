// Chunk framing: what passes, and what is refused at which byte. Every case is also run in one-byte segments.
#include "dataplane/protocol/http/request_body.h"

#include <gtest/gtest.h>

#include <cctype>
#include <ostream>
#include <string>
#include <string_view>

#include "tests/unit/http/drive.h"

namespace springlatch::http {
namespace {

using namespace std::string_literals;

/// Reads `body` in segments of at most `segment_bytes`, skipping the data as the inspector does.
std::string read_body(std::string_view body, std::size_t segment_bytes, const HeadLimits& limits = {}) {
    ChunkState state;
    std::string data;
    std::size_t at = 0;
    while (at < body.size()) {
        const std::string_view segment = body.substr(at, segment_bytes);
        const ChunkResult result = advance_chunks(state, exact(segment).span(), limits);
        EXPECT_LE(result.bytes, segment.size());
        at += result.bytes;
        switch (result.status) {
            case ChunkStatus::refused:
                return name_of(result.fault) + " "s + std::to_string(at);
            case ChunkStatus::complete:
                if (result.lf_pending && at < body.size()) break;
                return "complete " + std::to_string(at) + (result.lf_pending ? " lf_pending" : "") + " [" +
                       data + "]";
            case ChunkStatus::need_more:
                EXPECT_EQ(result.bytes, segment.size());
                break;
            case ChunkStatus::data:
                data += body.substr(at, state.left);
                at += state.left;
                state.phase = ChunkPhase::data_cr;
        }
    }
    return "need_more [" + data + "]";
}

std::string read_in_all_segments(std::string_view body, const HeadLimits& limits = {}) {
    std::string expected = read_body(body, body.size(), limits);
    for (std::size_t bytes = 1; bytes < body.size(); ++bytes) {
        EXPECT_EQ(read_body(body, bytes, limits), expected) << "in segments of " << bytes;
    }
    return expected;
}

TEST(Chunks, PassDataAndEndAtTheEmptyTrailer) {
    EXPECT_EQ(read_in_all_segments("0\r\n\r\n"), "complete 5 []");
    EXPECT_EQ(read_in_all_segments("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "complete 26 [hello world]");
    EXPECT_EQ(read_in_all_segments("0000001e\r\nall your base are belong to us\r\n000\r\n\r\n"),
              "complete 49 [all your base are belong to us]");
    EXPECT_EQ(read_in_all_segments("9\r\n0\r\n\r\n0\r\n\r\r\n0\r\n\r\n"), "complete 19 [0\r\n\r\n0\r\n\r]");
}

TEST(Chunks, EndBeforeThePipelinedNextRequest) {
    EXPECT_EQ(read_in_all_segments("0\r\n\r\nGET / HTTP/1.1\r\n"), "complete 5 []");
}

TEST(Chunks, AreCompleteAtTheFinalCr) {
    EXPECT_EQ(read_in_all_segments("1\r\nx\r\n0\r\n\r"), "complete 10 lf_pending [x]");
    EXPECT_EQ(read_in_all_segments("0\r\n\rGET / HTTP/1.1\r\n"), "framing 4");
}

TEST(Chunks, AskForMoreAtEveryTruncation) {
    const std::string body = "5\r\nhello\r\n0\r\n\r";
    for (std::size_t n = 1; n < body.size(); ++n) {
        EXPECT_TRUE(read_body(body.substr(0, n), n).starts_with("need_more")) << n;
    }
}

struct BadChunks {
    std::string name;
    std::string good;
    std::string bad;
};
void PrintTo(const BadChunks& bad, std::ostream* out) {
    *out << bad.name;
}

class RefusedChunks : public testing::TestWithParam<BadChunks> {};

TEST_P(RefusedChunks, AtTheOffendingByteInEverySegmentation) {
    EXPECT_EQ(read_in_all_segments(GetParam().good + GetParam().bad),
              "framing " + std::to_string(GetParam().good.size()));
}

const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Bytes, RefusedChunks,
    testing::Values(
        BadChunks{"ExtensionOfASize", "5", ";a=b\r\nhello\r\n0\r\n\r\n"},
        BadChunks{"ExtensionThatHidesALineEnd", "41", ";a=b\r\rXX\r\n"},
        BadChunks{"ExtensionOfTheLastChunk", "0", ";a\r\n\r\n"},
        BadChunks{"BlankBehindASize", "5", " \r\nhello\r\n"}, BadChunks{"BlankBeforeASize", "", " 0\r\n\r\n"},
        BadChunks{"TabBeforeASize", "", "\t0\r\n\r\n"}, BadChunks{"PlusSign", "", "+5\r\nhello\r\n"},
        BadChunks{"MinusSign", "", "-5\r\nhello\r\n"}, BadChunks{"HexPrefix", "0", "x5\r\nhello\r\n"},
        BadChunks{"Underscore", "1", "_0\r\n"}, BadChunks{"EmptySize", "", "\r\n\r\n"},
        BadChunks{"EmptySizeBehindAChunk", "1\r\nx\r\n", "\r\n\r\n"},
        BadChunks{"NineDigits", "00000000", "5\r\nhello\r\n"},
        BadChunks{"SizeThatOverflows32Bits", "10000000", "00000000f\r\n"},
        BadChunks{"NoHexDigit", "", "g\r\n"}, BadChunks{"NulBehindASize", "5", "\0\r\n"s},
        BadChunks{"BareLfBehindASize", "5", "\nhello\n0\n\n"},
        BadChunks{"BareCrBehindASize", "5\r", "hello\r\n0\r\n\r\n"},
        BadChunks{"CrCrBehindASize", "5\r", "\r\nhello"},
        BadChunks{"BareLfBehindTheData", "5\r\nhello", "\n0\r\n\r\n"},
        BadChunks{"BareCrBehindTheData", "5\r\nhello\r", "0\r\n\r\n"},
        BadChunks{"MoreDataThanAnnounced", "5\r\nhello", "!\r\n0\r\n\r\n"},
        BadChunks{"LessDataThanAnnounced", "7\r\nhello\r\n", "0\r\n\r\n"},
        BadChunks{"BareLfAsTheEnd", "0\r\n", "\n" + hidden}, BadChunks{"BareCrAsTheEnd", "0\r\n\r", hidden},
        BadChunks{"TrailerField", "0\r\n", "Vary: *\r\n\r\n"},
        BadChunks{"TrailerThatNamesAuthorization", "0\r\n", "Authorization: Basic YTpi\r\n\r\n"},
        BadChunks{"TrailerThatNamesFraming", "0\r\n", "Content-Length: 5\r\n\r\n"},
        BadChunks{"FoldedTrailer", "0\r\n", " x\r\n\r\n"}),
    [](const testing::TestParamInfo<BadChunks>& item) { return item.param.name; });

TEST(Chunks, StayRefused) {
    ChunkState state;
    EXPECT_EQ(advance_chunks(state, as_bytes("5;"), {}).status, ChunkStatus::refused);
    EXPECT_EQ(advance_chunks(state, as_bytes("\r\nhello\r\n0\r\n\r\n"), {}).status, ChunkStatus::refused);
}

TEST(Chunks, AreBoundedInTheirSumToTheByte) {
    HeadLimits limits;
    limits.body_bytes = 3000;
    const std::string kilobyte = "400\r\n" + std::string(1024, 'x') + "\r\n";
    const std::string almost = kilobyte + kilobyte;
    EXPECT_TRUE(read_body(almost + "3b8\r\n" + std::string(952, 'x') + "\r\n0\r\n\r\n", 9999, limits)
                    .starts_with("complete"));
    EXPECT_EQ(read_body(almost + "3b9\r\n", 9999, limits),
              "body_too_large " + std::to_string(almost.size() + 3));
    EXPECT_EQ(read_body("ffffffff\r\n", 9999, limits), "body_too_large 8");
    std::string tiny;
    for (int i = 0; i < 3000; ++i) tiny += "1\r\nx\r\n";
    EXPECT_TRUE(read_body(tiny + "0\r\n\r\n", 99999, limits).starts_with("complete"));
    EXPECT_EQ(read_body(tiny + "1\r\n", 99999, limits), "body_too_large " + std::to_string(tiny.size() + 1));
}

}  // namespace
}  // namespace springlatch::http
