// Responses: which events come, with which status and how many body bytes; never more than the server sent.
#include "dataplane/protocol/http/response.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/http/drive.h"

namespace springlatch::http {
namespace {

using namespace std::string_literals;

/// The events of a server's byte stream in words, read in segments of at most `segment_bytes`. Ends with the
/// server's FIN.
std::string read_stream(std::string_view stream, std::size_t segment_bytes, bool to_head = false) {
    ResponseState state;
    std::string events;
    std::size_t at = 0;
    while (true) {
        const std::string_view segment = stream.substr(at, segment_bytes);
        const ResponseResult result = advance_response(state, exact(segment).span(), to_head);
        EXPECT_LE(result.bytes, segment.size());
        at += result.bytes;
        switch (result.event) {
            case ResponseEvent::none:
                EXPECT_EQ(result.bytes, segment.size());
                if (at < stream.size()) break;
                if (response_closed(state))
                    events += "closed " + std::to_string(state.given) + ";";
                else if (!is_idle(state))
                    events += "unfinished " + std::to_string(state.given) + ";";
                return events;
            case ResponseEvent::interim:
                events += "interim " + std::to_string(state.status) + ";";
                break;
            case ResponseEvent::head:
                events += "head " + std::to_string(state.status) + ";";
                break;
            case ResponseEvent::complete:
                EXPECT_TRUE(is_idle(state));
                events +=
                    "complete " + std::to_string(state.status) + " " + std::to_string(state.given) + ";";
                break;
            case ResponseEvent::lost:
                EXPECT_TRUE(is_lost(state));
                return events + "lost;";
        }
    }
}

std::string read(std::string_view stream, bool to_head = false) {
    std::string expected = read_stream(stream, stream.size() + 1, to_head);
    for (std::size_t bytes = 1; bytes < stream.size(); ++bytes) {
        EXPECT_EQ(read_stream(stream, bytes, to_head), expected) << "in segments of " << bytes;
    }
    return expected;
}

TEST(Response, OfKnownLength) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\nhello"),
              "head 200;complete 200 5;");
    EXPECT_EQ(read("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), "head 401;complete 401 0;");
    EXPECT_EQ(read("HTTP/1.0 200\r\nContent-Length:  007 \r\n\r\nhello"), "head 200;unfinished 5;");
}

TEST(Response, Chunked) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n "
                   "world\r\n0\r\nVary: *\r\n\r\n"),
              "head 200;complete 200 11;");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, CHUNKED \r\n\r\n0\r\n\r\n"),
              "head 200;complete 200 0;");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1 "
                   "\r\nx\r\n0\r\n\r\n"),
              "head 200;complete 200 1;");
    EXPECT_EQ(
        read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        "head 200;complete 200 1;");
}

TEST(Response, OfOtherCodingsEndsWithTheConnection) {
    for (const std::string coding :
         {"gzip", "chunked, gzip", "chunkedx", "xchunked", "chun ked", "chunk", "chunked;a"}) {
        EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + "\r\n\r\nabc"),
                  "head 200;closed 3;")
            << coding;
    }
}

TEST(Response, WithoutLengthEndsWithTheConnection) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\nhello"), "head 200;closed 5;");
    EXPECT_EQ(read("HTTP/1.0 200 OK\r\nContent-Lengthy: 3\r\nContent: 3\r\nX: Content-Length: 3\r\n\r\n"),
              "head 200;closed 0;");
}

TEST(Response, WithoutBodyWhateverItsFieldsSay) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 404 x\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n",
                   true),
              "head 200;complete 200 0;head 404;complete 404 0;");
    EXPECT_EQ(read("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
              "head 204;complete 204 0;head 304;complete 304 0;");
}

TEST(Response, InterimOnesComeBeforeTheFinalOne) {
    EXPECT_EQ(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: "
                   "9\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"),
              "interim 100;interim 103;head 200;complete 200 1;");
}

TEST(Response, PipelinedOnesAreToldApart) {
    const std::string one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
    EXPECT_EQ(read(one + one + "\r\n" + one),
              "head 200;complete 200 2;head 200;complete 200 2;head 200;complete 200 2;");
}

TEST(Response, ToleratesWhatServersSend) {
    EXPECT_EQ(read("HTTP/1.1  200 OK\nContent-Length : 2\n\nab"), "head 200;complete 200 2;");
    EXPECT_EQ(read("HTTP/1.1 200\nTransfer-Encoding:\tchunked\n\n2\nab\n0\n\n"), "head 200;complete 200 2;");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nno colon\r\n\0\xff\r\nContent-Length: 2\r\n\r\nab"s),
              "head 200;complete 200 2;");
}

TEST(Response, ThatCannotBeFollowedIsLost) {
    for (const std::string& stream : {
             "HTTP/1.1 101 Switching Protocols\r\n\r\n"s,
             "HTTP/2 200\r\n\r\n"s,
             "ICY 200 OK\r\n\r\n"s,
             "HTTP/1.1\t200 OK\r\n\r\n"s,
             "HTTP/1.1 20 OK\r\n\r\n"s,
             "HTTP/1.1 2000 OK\r\n\r\n"s,
             "HTTP/1.1 099 OK\r\n\r\n"s,
             "HTTP/1.1 200OK\r\n\r\n"s,
             "{\"error\":1}"s,
             "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1 1\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n"s,
             "HTTP/1.1 200 OK\r\nX: " + std::string(66000, 'x') + "\r\n\r\n",
         }) {
        const std::string events = stream.size() < 1000 ? read(stream) : read_stream(stream, 1000);
        EXPECT_EQ(events, "lost;") << stream.substr(0, 80);
    }
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\rX"), "lost;");
    for (const std::string chunk :
         {"x", "\r\n", "-1\r\n", "5x\r\n", "11111111111111111\r\n", "1\r\nabc", "0\r\n\rX"}) {
        EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk), "head 200;lost;")
            << chunk;
    }
}

TEST(Response, StaysLost) {
    ResponseState state;
    (void)advance_response(state, as_bytes("x"), false);
    EXPECT_TRUE(is_lost(state));
    const ResponseResult result = advance_response(state, as_bytes("HTTP/1.1 200 OK\r\n\r\n"), false);
    EXPECT_EQ(result.event, ResponseEvent::lost);
    EXPECT_EQ(result.bytes, 19U);
    EXPECT_EQ(skippable_bytes(state), 0U);
    EXPECT_FALSE(response_closed(state));
}

TEST(Response, LongestHeadIs64KiBWithLinesOfAnyLength) {
    const std::string begin = "HTTP/1.1 200 OK\r\nX: ";
    const std::string fits = begin + std::string(65535 - begin.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(read_stream(fits, 1460), "head 200;closed 0;");
    EXPECT_EQ(read_stream(fits, fits.size()), "head 200;closed 0;");
    EXPECT_EQ(read_stream("HTTP/1.1 2" + fits.substr(10, 7) + "Y" + fits.substr(17), 1460), "lost;");
}

TEST(ResponseSkipping, BodiesNeedNotBeSeen) {
    ResponseState state;
    EXPECT_EQ(skippable_bytes(state), 0U);
    EXPECT_EQ(
        advance_response(state, as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n"), false)
            .event,
        ResponseEvent::head);
    EXPECT_EQ(skippable_bytes(state), 3'000'000'000U);
    skip_bytes(state, 2'999'999'999U);
    EXPECT_EQ(advance_response(state, {}, false).event, ResponseEvent::none);
    skip_bytes(state, 1);
    EXPECT_FALSE(is_idle(state));
    const ResponseResult result = advance_response(state, as_bytes("HTTP/1.1"), false);
    EXPECT_EQ(result.event, ResponseEvent::complete);
    EXPECT_EQ(result.bytes, 0U);
    EXPECT_EQ(state.given, 3'000'000'000U);
    EXPECT_EQ(skippable_bytes(state), 0U);
}

TEST(ResponseSkipping, ChunkDataNeedsNotBeSeenButItsFramingDoes) {
    ResponseState state;
    (void)advance_response(state, as_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), false);
    EXPECT_EQ(skippable_bytes(state), 0U);
    EXPECT_EQ(advance_response(state, as_bytes("ff\r\n"), false).bytes, 4U);
    EXPECT_EQ(skippable_bytes(state), 255U);
    skip_bytes(state, 255);
    EXPECT_EQ(skippable_bytes(state), 0U);
    EXPECT_EQ(advance_response(state, as_bytes("\r\n0\r\n\r\n"), false).event, ResponseEvent::complete);
    EXPECT_EQ(state.given, 255U);
}

TEST(ResponseSkipping, CloseDelimitedBodiesCountUntilTheEnd) {
    ResponseState state;
    (void)advance_response(state, as_bytes("HTTP/1.1 200 OK\r\n\r\n"), false);
    EXPECT_EQ(skippable_bytes(state), std::numeric_limits<std::uint64_t>::max());
    skip_bytes(state, 77);
    EXPECT_TRUE(response_closed(state));
    EXPECT_EQ(state.given, 77U);
    EXPECT_TRUE(is_idle(state));
    EXPECT_FALSE(response_closed(state));
}

}  // namespace
}  // namespace springlatch::http
