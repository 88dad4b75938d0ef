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

/// What is carried from segment to segment. A flow's record has no room for the sums.
enum class Carried : std::uint8_t { whole_state, left_phase_digits };

/// Reads `body` in segments of at most `segment_bytes`, skipping the data as the inspector does.
std::string read_body(std::string_view body, std::size_t segment_bytes, const HeadLimits& limits = {},
                      Carried carried = Carried::whole_state) {
    ChunkState state;
    std::string data;
    std::size_t at = 0;
    while (at < body.size()) {
        if (carried == Carried::left_phase_digits)
            state = {.left = state.left, .phase = state.phase, .digits = state.digits};
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
        EXPECT_EQ(read_body(body, bytes, limits, Carried::left_phase_digits), expected)
            << "in segments of " << bytes << " with what a flow's record keeps";
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
        BadChunks{"TrailerThatBeginsFolded", "0\r\n", " x: y\r\n\r\n"},
        BadChunks{"FoldedTrailer", "0\r\nVary: *\r\n", "\tx\r\n\r\n"},
        BadChunks{"TrailerWithoutAName", "0\r\n", ": x\r\n\r\n"},
        BadChunks{"TrailerWithoutAColon", "0\r\nVary", "\r\n\r\n"},
        BadChunks{"BlankBeforeTheColonOfATrailer", "0\r\nVary", " : *\r\n\r\n"},
        BadChunks{"BlankBehindAuthorizationInATrailer", "0\r\nAuthorization", " : Basic YTpi\r\n\r\n"},
        BadChunks{"NulInTheNameOfATrailer", "0\r\nVa", "\0ry: *\r\n\r\n"s},
        BadChunks{"ObsTextInTheNameOfATrailer", "0\r\nVa", "\xc4ry: *\r\n\r\n"},
        BadChunks{"NulInTheValueOfATrailer", "0\r\nVary: ", "\0\r\n\r\n"s},
        BadChunks{"DeleteInTheValueOfATrailer", "0\r\nVary: ", "\x7f\r\n\r\n"},
        BadChunks{"VerticalTabInTheValueOfATrailer", "0\r\nVary: ", "\v\r\n\r\n"},
        BadChunks{"BareLfBehindATrailer", "0\r\nVary: *", "\n\r\n"},
        BadChunks{"BareCrBehindATrailer", "0\r\nVary: *\r", hidden},
        BadChunks{"CrCrBehindATrailer", "0\r\nVary: *\r", "\r\n\r\n"},
        BadChunks{"BareLfAsTheEndBehindATrailer", "0\r\nVary: *\r\n", "\n" + hidden},
        BadChunks{"BareCrAsTheEndBehindATrailer", "0\r\nVary: *\r\n\r", hidden},
        BadChunks{"AuthorizationBehindAHarmlessTrailer", "0\r\nVary: *\r\nauthorization",
                  ": Basic YTpi\r\n\r\n"}),
    [](const testing::TestParamInfo<BadChunks>& item) { return item.param.name; });

class BarredTrailer : public testing::TestWithParam<std::string> {};

TEST_P(BarredTrailer, IsRefusedAtItsColonInAnyCase) {
    std::string upper = GetParam();
    std::string mixed = GetParam();
    for (std::size_t i = 0; i < upper.size(); ++i) {
        upper[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(upper[i])));
        if (i % 2 == 0) mixed[i] = upper[i];
    }
    for (const std::string& name : {GetParam(), upper, mixed}) {
        const std::string good = "1\r\nx\r\n0\r\nVary: *\r\n" + name;
        std::string body = good + ": 1\r\n\r\n";
        body += hidden;
        EXPECT_EQ(read_in_all_segments(body), "framing " + std::to_string(good.size()));
        EXPECT_TRUE(read_in_all_segments(good).starts_with("need_more"));
    }
}

TEST_P(BarredTrailer, DoesNotBarLongerAndShorterNames) {
    for (const std::string& name : {GetParam() + "s", "x" + GetParam(), GetParam().substr(1),
                                    GetParam().substr(0, GetParam().size() - 1)}) {
        const std::string body = "0\r\n" + name + ":" + GetParam() + ": 1\r\n\r\n";
        EXPECT_EQ(read_in_all_segments(body), "complete " + std::to_string(body.size()) + " []") << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Names, BarredTrailer,
                         testing::Values("authorization", "proxy-authorization", "content-length",
                                         "transfer-encoding", "content-encoding", "host", "connection",
                                         "expect", "upgrade", "http2-settings", "te", "trailer", "cookie",
                                         "keep-alive", "proxy-connection", "x-http-method-override",
                                         "x-http-method", "x-method-override"));

TEST(Chunks, PassWithHarmlessTrailers) {
    EXPECT_EQ(read_in_all_segments("1\r\nx\r\n0\r\nVary: *\r\n\r\n"), "complete 20 [x]");
    EXPECT_EQ(read_in_all_segments(
                  "0\r\nDigest:\r\nX-Checksum:\t \xc4: 1 \r\n~!#$%&'*+-.^_`|:9\r\n\r\nGET / HTTP/1.1\r\n"),
              "complete 53 []");
    EXPECT_EQ(read_in_all_segments("1\r\nx\r\n0\r\nVary: *\r\n\r"), "complete 19 lf_pending [x]");
}

TEST(Chunks, BoundTheBytesOfTheirTrailerToTheByte) {
    const std::string end = "\r\n";
    const auto fields = [](std::size_t bytes) {
        return "a: " + std::string(bytes / 2 - 5, 'v') + "\r\nb: " + std::string(bytes - bytes / 2 - 5, 'v') +
               "\r\n";
    };
    ASSERT_EQ(fields(8192).size(), 8192U);
    for (const std::size_t segment : {1U, 7U, 9000U}) {
        EXPECT_EQ(read_body("0\r\n" + fields(8192) + end, segment, {}, Carried::left_phase_digits),
                  "complete 8197 []");
        EXPECT_EQ(read_body("0\r\n" + fields(8193) + end, segment, {}, Carried::left_phase_digits),
                  "head_too_large 8195");
        EXPECT_EQ(read_body("0\r\n" + std::string(9000, 'n'), segment, {}, Carried::left_phase_digits),
                  "head_too_large 8195");
        EXPECT_EQ(read_body("0\r\n" + fields(8192) + "c", segment, {}, Carried::left_phase_digits),
                  "head_too_large 8195");
    }
}

TEST(Chunks, BoundTheFieldsOfTheirTrailer) {
    std::string fields;
    for (int i = 0; i < 64; ++i) fields += "a:\r\n";
    EXPECT_EQ(read_in_all_segments("00000000\r\n" + fields + "\r\n"), "complete 268 []");
    EXPECT_EQ(read_in_all_segments("00000000\r\n" + fields + "a:\r\n\r\n"), "head_too_large 266");
}

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
