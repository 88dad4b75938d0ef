// What holds for any bytes: the same answer in other segments, nothing accepted that a slow second reading
// would not accept.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "tests/support/http_checks.h"

namespace springlatch::http {
namespace {

/// Texts put together from pieces that matter to the grammar, and a few arbitrary bytes.
rc::Gen<std::string> text_of(const std::vector<std::string>& pieces) {
    const auto piece = rc::gen::weightedOneOf<std::string>(
        {{12, rc::gen::elementOf(pieces)}, {1, rc::gen::string<std::string>()}});
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                        [](const std::vector<std::string>& chosen) {
                            std::string text;
                            for (const std::string& part : chosen) text += part;
                            return text;
                        });
}

/// A head that is mostly right: a request line, header lines, an empty line, each now and then replaced by
/// anything.
rc::Gen<std::string> head() {
    const auto line = rc::gen::weightedOneOf<std::string>(
        {{10, rc::gen::element<std::string>(
                  "Content-Length: 5\r\n", "Content-Length:  07 \r\n", "Transfer-Encoding: chunked\r\n",
                  "transfer-encoding: Chunked\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n",
                  "Connection: keep-alive, te\r\n", "Authorization: Basic YTpi\r\n",
                  "authorization: Bearer a.b\r\n", "User-Agent: x y\r\n", "X: \xff\t~\r\n",
                  "Content-Encoding: identity\r\n", "Accept: */*\r\n")},
         {1, text_of({"\r\n", "\r", "\n", " ", "\t", ":", "Host", "Content-Length", "Transfer-Encoding",
                      "chunked", "0", ","})}});
    const auto request_line = rc::gen::weightedOneOf<std::string>(
        {{10, rc::gen::element<std::string>("GET / HTTP/1.1\r\n", "POST /i/_search?q=%20 HTTP/1.1\r\n",
                                            "\r\nPUT /a%2A;b HTTP/1.0\r\n", "OPTIONS * HTTP/1.1\r\n",
                                            "DELETE http://a/ HTTP/1.1\r\n")},
         {1, text_of({"GET", "POST", " ", "/", "//", "..", "%2e", "?", "HTTP/1.", "1", "0", "\r\n", "\r",
                      "\n", "#", "*"})}});
    const auto host = rc::gen::weightedElement<std::string>({{8, "Host: a\r\n"}, {1, ""}});
    const auto lines = rc::gen::resize(4, rc::gen::container<std::vector<std::string>>(line));
    const auto end = rc::gen::element<std::string>("\r\n", "\r", "\r\nGET", "\n", "");
    return rc::gen::map(
        rc::gen::tuple(request_line, host, lines, end),
        [](const std::tuple<std::string, std::string, std::vector<std::string>, std::string>& parts) {
            std::string text = std::get<0>(parts) + std::get<1>(parts);
            for (const std::string& header : std::get<2>(parts)) text += header;
            return text + std::get<3>(parts);
        });
}

constexpr HeadLimits small = {.head_bytes = 96, .line_bytes = 24, .headers = 3, .body_bytes = 6};

RC_GTEST_PROP(HttpProperties, HeadsAreReadAlikeInAnySegmentation, ()) {
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    std::size_t complete = 0;
    for (const std::string& bytes : *rc::gen::container<std::vector<std::string>>(30, head())) {
        RC_ASSERT(checks::check_head(bytes, seed) == "");
        RC_ASSERT(checks::check_head(bytes, seed, small) == "");
        HeadState state;
        const auto* const data = reinterpret_cast<const std::byte*>(bytes.data());
        if (advance_head(state, {data, bytes.size()}, {}).status == HeadStatus::complete) ++complete;
    }
    RC_CLASSIFY(complete >= 3, "3 of 30 complete");
}

RC_GTEST_PROP(HttpProperties, ChunksAreReadAlikeInAnySegmentation, ()) {
    const auto chunk = rc::gen::weightedOneOf<std::string>(
        {{8, rc::gen::element<std::string>("5\r\nhello\r\n", "0A\r\n0\r\n\r\n\r\n\r\n\r\r\n", "1\r\n\n\r\n",
                                           "00000002\r\n\r\n\r\n", "0\r\n\r\n")},
         {1, text_of({"0", "1", "a", "F", "\r\n", "\r", "\n", ";", " ", "x", "-", "Vary: *"})}});
    const auto field = rc::gen::weightedOneOf<std::string>(
        {{8, rc::gen::element<std::string>("Vary: *\r\n", "T:\t\xff\r\n", "TEX:\r\n", "x-http-meth: a:b\r\n",
                                           "\r\n")},
         {1, text_of({"Te", "Host", "host", "x-http-method", "-override", ":", " ", "\r\n", "\r", "\n"})}});
    const auto chunks = *rc::gen::container<std::vector<std::string>>(chunk);
    std::string bytes;
    for (const std::string& part : chunks) bytes += part;
    bytes += "0\r\n";
    for (const std::string& part : *rc::gen::container<std::vector<std::string>>(field)) bytes += part;
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    RC_ASSERT(checks::check_chunks(bytes, seed) == "");
    RC_ASSERT(checks::check_chunks(bytes, seed, small) == "");
}

RC_GTEST_PROP(HttpProperties, ResponsesAreReadAlikeInAnySegmentation, (bool to_head)) {
    const auto part = rc::gen::weightedOneOf<std::string>(
        {{8, rc::gen::element<std::string>("HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\n", "HTTP/1.1 204 x\r\n",
                                           "HTTP/1.1 100 Continue\r\n\r\n", "Content-Length: 3\r\n\r\n",
                                           "Content-Length: 3\r\n\r\nabc", "content-length : 0\n",
                                           "Transfer-Encoding: gzip,chunked\r\n\r\n", "2\r\nab\r\n",
                                           "3;x\nabc\n", "0\r\nX: y\r\n\r\n", "X: y\r\n")},
         {1, text_of({"\r\n", "\r", "\n", "chunked", ",", ":", "0", "9", "HTTP/1.1 ", "101", " ", "abc"})}});
    const auto parts = *rc::gen::container<std::vector<std::string>>(part);
    std::string bytes;
    for (const std::string& text : parts) bytes += text;
    RC_ASSERT(checks::check_responses(bytes, *rc::gen::arbitrary<std::uint64_t>(), to_head) == "");
}

}  // namespace
}  // namespace springlatch::http
