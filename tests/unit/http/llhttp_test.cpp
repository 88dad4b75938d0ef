// Differential test: what we accept, llhttp (strict, as in Node.js) accepts with the same meaning. llhttp may
// accept more.
#include <gtest/gtest.h>

#ifdef SPRINGLATCH_HAVE_LLHTTP
#include <llhttp.h>
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/http/drive.h"

namespace springlatch::http {
namespace {

#ifdef SPRINGLATCH_HAVE_LLHTTP

struct Reading {
    llhttp_t parser{};
    std::string target;
    std::uint32_t headers = 0;
    bool head_complete = false;
    bool keeps_alive = false;
    bool says_both = false;  ///< Connection: close and keep-alive
    bool chunked = false;
    bool has_length = false;
    std::uint64_t content_length = 0;
    llhttp_errno_t error = HPE_OK;
};

Reading& reading_of(llhttp_t* parser) {
    return *static_cast<Reading*>(parser->data);
}

int note_target(llhttp_t* parser, const char* at, std::size_t bytes) {
    reading_of(parser).target.append(at, bytes);
    return 0;
}
int note_header(llhttp_t* parser) {
    ++reading_of(parser).headers;
    return 0;
}
int note_head(llhttp_t* parser) {
    Reading& reading = reading_of(parser);
    reading.head_complete = true;
    reading.keeps_alive = llhttp_should_keep_alive(parser) != 0;
    constexpr int both = F_CONNECTION_CLOSE | F_CONNECTION_KEEP_ALIVE;
    reading.says_both = (parser->flags & both) == both;
    reading.chunked = (parser->flags & F_CHUNKED) != 0;
    reading.has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
    reading.content_length = parser->content_length;
    return 0;
}

/// Reads exactly one head; `reading` must stay where it is, llhttp keeps pointers into it.
void read_with_llhttp(Reading& reading, std::string_view head) {
    static const llhttp_settings_t settings = [] {
        llhttp_settings_t all;
        llhttp_settings_init(&all);
        all.on_url = note_target;
        all.on_header_value_complete = note_header;
        all.on_headers_complete = note_head;
        return all;
    }();
    llhttp_init(&reading.parser, HTTP_REQUEST, &settings);
    reading.parser.data = &reading;
    reading.error = llhttp_execute(&reading.parser, head.data(), head.size());
}

/// Heads as curl, elasticdump, Python and others send them; lines end in CRLF once read.
const std::vector<std::string>& real_heads() {
    static const std::vector<std::string> heads = [] {
        std::vector<std::string> all = {
            R"(GET /support-cases/_search?pretty HTTP/1.1
Host: 127.0.0.1:9200
Authorization: Basic YTpi
User-Agent: curl/7.88.1
Accept: */*

)",
            R"(POST /_bulk HTTP/1.1
Host: 127.0.0.1:9200
Authorization: Basic YTpi
User-Agent: curl/7.88.1
Content-Type: application/x-ndjson
Content-Length: 1234
Expect: 100-continue

)",
            R"(POST /support-cases/_search?scroll=10m HTTP/1.1
User-Agent: elasticdump
Content-Type: application/json
host: 127.0.0.1:9200
content-length: 46
Connection: keep-alive

)",
            R"(PUT /i/_doc/1 HTTP/1.1
Host: localhost:9200
Accept-Encoding: identity
user-agent: opensearch-py/2.4
Transfer-Encoding: chunked
authorization: ApiKey dTpr
Connection: close

)",
            "HEAD / HTTP/1.0\nConnection: Keep-Alive\n\n",
            "OPTIONS * HTTP/1.1\nHost:\n\n",
            R"(DELETE http://[::1]:9200/a%2A;b/%c0%a6?x=1&y HTTP/1.1
host: a
Connection: te, keep-alive

)",
            R"(
PATCH /file.txt HTTP/1.1
Host: www.example.com
If-Match: "e0023aa4e"
Content-Length: 010

)",
        };
        for (std::string& head : all) {
            for (std::size_t at = 0; (at = head.find('\n', at)) != std::string::npos; at += 2)
                head.insert(at, 1, '\r');
        }
        return all;
    }();
    return heads;
}

/// Small changes of the kind that smuggling lives on.
class Mutator {
  public:
    explicit Mutator(std::uint32_t seed) : random_(seed) {}

    std::string next() {
        std::string head = real_heads()[below(real_heads().size())];
        for (std::size_t changes = below(3); changes-- > 0;) change(head);
        return head;
    }

  private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    std::size_t place(const std::string& text) { return below(text.size() + 1); }

    void change(std::string& head) {
        static const std::vector<std::string> pieces = {
            " ",
            "\t",
            "\r",
            "\n",
            "\r\n",
            ":",
            ",",
            ";",
            "\"",
            "\v",
            "\f",
            std::string(1, '\0'),
            "\x7f",
            "\x80",
            "\xa0",
            "\xff",
            "0",
            "1",
            "9",
            "+",
            "-",
            "x",
            "_",
            "#",
            "?",
            "/",
            "..",
            "%",
            "%20",
            "%2e",
            "\r\n ",
            "\r\n\t",
            "\r\n\r\n",
            "chunked",
            "identity",
            "close",
            "keep-alive",
            "upgrade",
            "HTTP/1.1",
            "Content-Length: 5\r\n",
            "Content-Length:",
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding:",
            "Connection: close\r\n",
            "Connection: keep-alive\r\n",
            "Host: b\r\n",
            "Authorization: Basic YTpi\r\n",
            "X-Forwarded-For: 192.0.2.1\r\n",
            "Accept: text/html;q=0.9\r\n",
            "Cookie: a=b; c=d\r\n",
        };
        const std::string& piece = pieces[below(pieces.size())];
        const std::size_t at = place(head);
        switch (below(7)) {
            case 0:
                head.insert(at, piece);
                return;
            case 1:
                head.replace(at, std::min(piece.size(), head.size() - at), piece);
                return;
            case 2:
                head.erase(at, 1 + below(4));
                return;
            case 3:
                if (at < head.size()) head[at] = static_cast<char>(random_());
                return;
            case 4:
                if (at < head.size()) head[at] = static_cast<char>(head[at] ^ 0x20);
                return;
            case 5:
                head.insert(begin_of_line(head, at), line_at(head, place(head)));
                return;
            default:
                head.insert(begin_of_line(head, at), piece);
                return;
        }
    }
    static std::size_t begin_of_line(const std::string& head, std::size_t at) {
        const std::size_t lf = at == 0 ? std::string::npos : head.rfind('\n', at - 1);
        return lf == std::string::npos ? 0 : lf + 1;
    }
    static std::string line_at(const std::string& head, std::size_t at) {
        const std::size_t begin = begin_of_line(head, at);
        const std::size_t lf = head.find('\n', begin);
        return head.substr(begin, lf == std::string::npos ? lf : lf + 1 - begin);
    }

    std::mt19937 random_;
};

/// Known differences of meaning that are llhttp's own, not an ambiguity between servers.
bool is_comparable(std::string_view head, const HeadState& state) {
    const std::string_view target = head.substr(state.target.offset, state.target.bytes);
    // Strict llhttp refuses raw 8-bit bytes in a query; both databases take them (measured).
    return std::all_of(target.begin(), target.end(),
                       [](char byte) { return static_cast<signed char>(byte) > 0; });
}

void expect_same_meaning(const std::string& head, const HeadState& state) {
    Reading other;
    read_with_llhttp(other, head);
    ASSERT_EQ(other.error, HPE_OK) << llhttp_errno_name(other.error) << "\n" << head;
    ASSERT_TRUE(other.head_complete) << head;
    ASSERT_EQ(llhttp_method_name(static_cast<llhttp_method_t>(other.parser.method)), name_of(state.method))
        << head;
    ASSERT_EQ(other.target, head.substr(state.target.offset, state.target.bytes)) << head;
    ASSERT_EQ(other.parser.http_minor, state.version_minor) << head;
    ASSERT_EQ(other.headers, state.header_lines) << head;
    // HTTP/1.0 with both options: llhttp goes on, the databases close, and we take it for the last request.
    if (!state.closes || !other.says_both) {
        ASSERT_EQ(other.keeps_alive, !state.closes) << head;
    }
    ASSERT_EQ(other.chunked, state.framing == BodyFraming::chunked) << head;
    ASSERT_EQ(other.has_length, state.framing == BodyFraming::length) << head;
    if (other.has_length) {
        ASSERT_EQ(other.content_length, state.content_length) << head;
    }
    // Not one byte earlier: the head is as long as we say.
    Reading shorter;
    read_with_llhttp(shorter, std::string_view(head).substr(0, head.size() - 1));
    ASSERT_FALSE(shorter.head_complete) << head;
}

TEST(Llhttp, AcceptsWhatWeAcceptWithTheSameMeaning) {
    constexpr int mutations = 300'000;
    Mutator mutator(20191205);
    int accepted = 0;
    int refused = 0;
    for (int i = 0; i < mutations; ++i) {
        const std::string bytes = mutator.next();
        HeadState state;
        const HeadResult result = advance_head(state, as_bytes(bytes), {});
        refused += result.status == HeadStatus::refused ? 1 : 0;
        if (result.status != HeadStatus::complete || result.lf_pending || !is_comparable(bytes, state))
            continue;
        ++accepted;
        expect_same_meaning(bytes.substr(0, result.bytes), state);
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(accepted, mutations / 5);
    EXPECT_GT(refused, mutations / 5);
    RecordProperty("accepted", accepted);
    RecordProperty("refused", refused);
}

#else

TEST(Llhttp, AcceptsWhatWeAcceptWithTheSameMeaning) {
    GTEST_SKIP() << "no llhttp sources (Debian package node-llhttp)";
}

#endif

}  // namespace
}  // namespace springlatch::http
