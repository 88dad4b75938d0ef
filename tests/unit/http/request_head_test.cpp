// Heads that must be refused, each at the first byte that two servers could read differently, and heads that
// must pass. Every case is also run in one-byte segments and cut once at each offset: the answer must not
// change.
#include "dataplane/protocol/http/request_head.h"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/http/drive.h"

namespace springlatch::http {
namespace {

using namespace std::string_literals;

/// Expects the same answer for every way to cut `head` once, and for one-byte segments; returns it.
std::string read_in_all_cuts(const std::string& head, const HeadLimits& limits = {}) {
    std::string expected = whole(head, limits);
    HeadState trickled;
    std::string last;
    for (std::size_t cut = 0; cut <= head.size(); ++cut) {
        last = describe(advance_head(trickled, exact(head.substr(0, cut)).span(), limits));
        HeadState state;
        (void)advance_head(state, exact(head.substr(0, cut)).span(), limits);
        EXPECT_EQ(describe(advance_head(state, as_bytes(head), limits)), expected) << "cut at " << cut;
    }
    EXPECT_EQ(last, expected) << "in one-byte segments";
    return expected;
}

// Refusals

struct Refusal {
    std::string name;
    std::string good;  ///< what may still be forwarded
    std::string bad;   ///< the offending byte and what would follow it
    HeadFault fault;
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << refusal.name;
}

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, AtTheOffendingByteInEverySegmentation) {
    const Refusal& refusal = GetParam();
    EXPECT_EQ(read_in_all_cuts(refusal.good + refusal.bad),
              name_of(refusal.fault) + " "s + std::to_string(refusal.good.size()));
}

TEST_P(Refused, OnlyFromThatByteOn) {
    const std::string& good = GetParam().good;
    EXPECT_EQ(whole(good), "need_more " + std::to_string(good.size()));
}

const std::string get = "GET / HTTP/1.1\r\n";
const std::string get_host = get + "Host: a\r\n";
const std::string post_host = "POST /i/_search HTTP/1.1\r\nHost: a\r\n";
const std::string rest = " HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string end = "\r\n\r\n";

std::string get_of(const std::string& target) {
    return "GET " + target + rest;
}
std::string of_method(const std::string& method) {
    return method + " /" + rest;
}
std::string get_with(const std::string& lines) {
    return get_host + lines + end;
}
std::string post_with(const std::string& lines) {
    return post_host + lines + end;
}

std::string nul() {
    return std::string(1, '\0');
}

/// One case a target: the fault shows at the blank behind it.
std::vector<Refusal> refused_targets() {
    std::vector<Refusal> cases;
    const auto add = [&cases](const std::string& name, const std::string& target) {
        cases.push_back({name, "GET " + target, rest, HeadFault::target});
    };
    add("DoubleSlashInFront", "//_search");
    add("DoubleSlashInside", "/customers//_search");
    add("DotSegment", "/./_search");
    add("DotDotSegment", "/x/../_search");
    add("DotDotAtTheEnd", "/x/..");
    add("DotAtTheEndBeforeTheQuery", "/x/.?a");
    add("EncodedDotDot", "/x/%2e%2e/_search");
    add("HalfEncodedDotDot", "/x/.%2E/_search");
    add("EncodedDot", "/%2e/_search");
    add("DotDotWithParameters", "/x/..;a=b/_search");
    add("EncodedDotDotWithParameters", "/x/%2e%2e;/_search");
    add("EncodedSlash", "/customers%2f_search");
    add("EncodedSlashInUpperCase", "/customers%2F_search");
    add("EncodedBackslash", "/customers%5c_search");
    add("EncodedNul", "/_search%00");
    add("DoublyEncodedSlash", "/customers%252f_search");
    add("DoublyEncodedDot", "/x/%252e%252e/_search");
    add("DoublyEncodedBackslash", "/x%255Cy");
    add("TriplyEncodedSlash", "/x%25252fy");
    add("OverlongSlashIn2Bytes", "/x%c0%af_search");
    add("OverlongSlashIn3Bytes", "/x%e0%80%af_search");
    add("OverlongSlashIn4Bytes", "/x%f0%80%80%af_search");
    add("OverlongSlashIn5Bytes", "/x%f8%80%80%80%af_search");
    add("OverlongSlashIn6Bytes", "/x%fc%80%80%80%80%af_search");
    add("OverlongDot", "/x/%c0%ae%c0%ae/_search");
    add("OverlongBackslash", "/x%c1%9cy");
    add("OverlongNul", "/x%c0%80");
    add("PercentAtTheEnd", "/_search%");
    add("PercentAndOneDigit", "/_search%2");
    add("PercentAndNoDigits", "/_search%zz");
    add("StarWithGet", "*");
    add("SlashlessPathThatBeginsLikeAScheme", "hosts/_search");
    add("AbsoluteWithoutAuthority", "http:///_search");
    add("AbsoluteWithoutPath", "http://example.com");
    add("AbsoluteWithQueryInsteadOfPath", "http://example.com?a");
    add("AbsoluteWithUserInfo", "http://a:b@example.com/");
    add("AbsoluteHttps", "https://example.com/");
    add("AbsoluteWithDotDot", "http://example.com/a/../_search");
    add("AbsoluteWithDoubleSlash", "http://example.com//_search");
    return cases;
}

/// One case a header line: the fault shows at its CR.
std::vector<Refusal> refused_lines() {
    std::vector<Refusal> cases;
    const auto add = [&cases](const std::string& name, const std::string& lines, HeadFault fault) {
        cases.push_back({name, post_host + lines, end, fault});
    };
    // Framing
    add("TransferEncodingAfterContentLength", "Content-Length: 4\r\nTransfer-Encoding: chunked",
        HeadFault::framing);
    add("ContentLengthAfterTransferEncoding", "Transfer-Encoding: chunked\r\nContent-Length: 4",
        HeadFault::framing);
    add("TwoContentLengthsThatDiffer", "Content-Length: 4\r\nContent-Length: 5", HeadFault::framing);
    add("TwoEqualContentLengths", "Content-Length: 4\r\nContent-Length: 4", HeadFault::framing);
    for (const std::string value :
         {"+1", "-1", "+0", "0x10", "1e0", "1 2", "1\t2", "", "1,1", "1, 1", "1.0", "a", "4;", "\t4", "4\t",
          "\"4\"", "\xb2", "99999999999999999999", "18446744073709551616"}) {
        add("ContentLength " + value, "Content-Length: " + value, HeadFault::framing);
    }
    for (const std::string value :
         {"identity", "xchunked", "chunkedx", "chunked, identity", "identity, chunked", "chunked, chunked",
          ",chunked", "chunked,", "\"chunked\"", "chunked;a=b", "gzip, chunked", "ch\tunked", "c hunked",
          "\xa0 chunked", "chunked\x85", "CHUNKE\xc4", "\tchunked", "chunked\t", ""}) {
        add("TransferEncoding " + value, "Transfer-Encoding: " + value, HeadFault::framing);
    }
    add("TwoTransferEncodings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        HeadFault::framing);
    add("TransferEncodingInTwoCases", "TRANSFER-ENCODING: chunked\r\ntransfer-encoding: identity",
        HeadFault::framing);
    cases.push_back({"TransferEncodingInHttp10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked", end,
                     HeadFault::framing});
    add("ContentLengthAboveTheCeiling", "Content-Length: 100000001", HeadFault::body_too_large);
    add("ContentLengthOfInt64Max", "Content-Length: 9223372036854775807", HeadFault::body_too_large);
    add("ContentLengthDroppedByConnection", "Content-Length: 4\r\nConnection: close, Content-Length",
        HeadFault::framing);
    add("AuthorizationDroppedByConnection", "Connection: authorization", HeadFault::framing);
    add("ConnectionOptionThatIsNoToken", "Connection: clo se", HeadFault::malformed);
    add("TabInFrontOfAConnectionOption", "Connection:\tclose", HeadFault::malformed);
    add("TabBehindAConnectionOption", "Connection: close\t", HeadFault::malformed);
    // Expect
    for (const std::string value :
         {"foo", "", "100-continue, foo", "foo, 100-continue", "100-continue, 100-continue",
          "\"100-continue\"", "100", "100-continue;a", "100-continu", "100-continue\t"}) {
        add("Expect " + value, "Content-Length: 4\r\nExpect: " + value, HeadFault::expectation);
    }
    add("TwoExpects", "Content-Length: 4\r\nExpect: 100-continue\r\nExpect: 100-continue",
        HeadFault::expectation);
    add("TwoExpectsWithTheFirstBad", "Content-Length: 4\r\nExpect: foo", HeadFault::expectation);
    cases.push_back({"ExpectInHttp10", "POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue", end,
                     HeadFault::expectation});
    // Upgrades
    add("UpgradeToH2c", "Upgrade: h2c", HeadFault::upgrade);
    add("UpgradeToWebSocket", "upgrade: websocket", HeadFault::upgrade);
    add("Http2Settings", "HTTP2-Settings: AAMAAABkAAQAAP__", HeadFault::upgrade);
    add("ConnectionUpgrade", "Connection: keep-alive, Upgrade", HeadFault::upgrade);
    // Codings, hosts
    for (const std::string value :
         {"gzip", "x-gzip", "GZIP", "deflate", "br", "zstd", "compress", "identity, gzip", "lzma"}) {
        add("ContentEncoding " + value, "Content-Encoding: " + value, HeadFault::encoded_body);
    }
    add("SecondHost", "Host: b", HeadFault::host);
    add("SecondEqualHost", "HOST: a", HeadFault::host);
    return cases;
}

std::vector<Refusal> refused_bytes() {
    using enum HeadFault;
    std::vector<Refusal> cases = {
        // What is no HTTP
        {"TlsClientHello", "\x16", "\x03\x01\x02", tls},
        {"Sslv2ClientHello", "\x80\x9e", "\x01\x03\x01", tls},
        {"RecordTypeOfTlsBeforeAMethod", "\x16", "GET / HTTP/1.1\r\n", not_http},
        {"HighBytesBeforeAMethod", "\xef\xbb", "\xbfGET / HTTP/1.1\r\n", not_http},
        {"SunRpc", "\x80\x00"s, "\x00\x28\x72\xfe\x1d\x13"s, not_http},
        {"NulBytes", "", nul() + nul(), not_http},
        {"ControlByteBeforeTheMethod1", "", "\x01GET" + rest, not_http},
        {"ControlByteBeforeTheMethod2", "", "\x02GET" + rest, not_http},
        {"NulBeforeTheMethod", "", nul() + "GET" + rest, not_http},
        {"SpaceBeforeTheMethod", "", " GET" + rest, not_http},
        {"TabBeforeTheMethod", "", "\tGET" + rest, not_http},
        {"BareLfBeforeTheMethod", "", "\nGET" + rest, not_http},
        {"SecondEmptyLineBeforeTheMethod", "\r\n", "\r\nGET" + rest, not_http},
        {"BareCrBeforeTheMethod", "\r", "GET" + rest, malformed},
        {"SshBanner", "S", "SH-2.0-OpenSSH_9.2\r\n", not_http},
        {"ProxyProtocol1", "PRO", "XY TCP4 192.0.2.1 198.51.100.10 1 2\r\n", not_http},
        {"ProxyProtocol2", "\r\n", "\r\n\x00\r\nQUIT\n"s, not_http},
        {"Quit", "QU", "IT\r\n", not_http},
        {"Help", "HE", "LP\r\n", not_http},
        {"RedisInline", "", "*1\r\n$4\r\nPING\r\n", not_http},
        {"RedisPing", "P", "ING\r\n", not_http},
        {"ElasticsearchTransport", "", "ES\x00\x00\x00\x2d"s, not_http},
        {"MethodInLowerCase", "", "get" + rest, not_http},
        {"MethodWithMoreBytes", "GET", "S" + rest, not_http},
        {"MethodWithNulInside", "GE", nul() + "T" + rest, not_http},
        // Methods
        {"Connect", "CONNECT", " a:443" + rest, method},
        {"Trace", "TRACE", " /" + rest, method},
        {"Propfind", "PROPFIND", " /" + rest, method},
        {"Report", "REPORT", " /test" + rest, method},
        {"MSearch", "M-SEARCH", " *" + rest, method},
        {"MethodCutShort", "GE", " /" + rest, method},
        {"Http2Preface", "PRI", " * HTTP/2.0\r\n\r\nSM\r\n\r\n", version},
        // The request line
        {"TabAfterTheMethod", "GET", "\t/" + rest, malformed},
        {"LfAfterTheMethod", "GET", "\n/" + rest, malformed},
        {"CrAfterTheMethod", "GET", "\r\n", malformed},
        {"TwoSpacesAfterTheMethod", "GET ", " /" + rest, malformed},
        {"TabBeforeTheTarget", "GET ", "\t/" + rest, malformed},
        {"TabAfterTheTarget", "GET /", "\tHTTP/1.1\r\n", malformed},
        {"TwoSpacesAfterTheTarget", "GET / ", " HTTP/1.1\r\n", malformed},
        {"SpaceAfterTheVersion", "GET / HTTP/1.1", " \r\n", malformed},
        {"TabAfterTheVersion", "GET / HTTP/1.1", "\t\r\n", malformed},
        {"ControlByteInTheTarget", "GET /a", "\x01 HTTP/1.1\r\n", malformed},
        {"NulInTheQuery", "GET /?p=%20", nul() + "%21 HTTP/1.1\r\n", malformed},
        {"FormFeedInTheTarget", "GET /a", "\fHTTP/1.1\r\n", malformed},
        {"VerticalTabInTheTarget", "GET /", "\vHTTP/1.1\r\n", malformed},
        {"DeleteInTheTarget", "GET /a", "\x7f HTTP/1.1\r\n", malformed},
        {"NoTarget", "GET ", "\r\n\r\n", malformed},
        {"SlashlessTarget", "GET ", "_cat/health" + rest, target},
        {"QueryWithoutPath", "GET ", "?pretty" + rest, target},
        {"NonsenseTarget", "GET ", "!" + rest, target},
        {"AuthorityForm", "GET ", "example.com:80" + rest, target},
        {"HighByteBeforeTheTarget", "GET ", "\xa0/" + rest, target},
        {"HighByteInThePath", "GET /a", "\xff" + rest, target},
        {"BackslashInThePath", "GET /a", "\\_search" + rest, target},
        {"FragmentInThePath", "GET /_search", "#x" + rest, target},
        {"FragmentInTheQuery", "GET /_search?a", "#x" + rest, target},
        {"Http09", "GET /", "\r\n", version},
        {"Http09BareLf", "GET /", "\n", malformed},
        {"VersionInLowerCase", "GET / ", "http/1.1\r\n", version},
        {"VersionFoo", "GET / ", "FOO/1.1\r\n", version},
        {"Version0", "GET / HTTP/", "0.9\r\n", version},
        {"Version12", "GET / HTTP/1.", "2\r\n", version},
        {"Version19", "GET / HTTP/1.", "9\r\n", version},
        {"Version20", "GET / HTTP/", "2.0\r\n", version},
        {"Version91", "GET / HTTP/", "9.1\r\n", version},
        {"VersionWithThreeDigits", "GET / HTTP/1.0", "1\r\n", version},
        {"VersionWithLeadingZero", "GET / HTTP/", "01.1\r\n", version},
        {"VersionWithoutDot", "GET / HTTP/1", "\r\n", malformed},
        {"VersionWithoutMinor", "GET / HTTP/1.", "\r\n", malformed},
        // Line ends
        {"BareLfAfterTheRequestLine", "GET / HTTP/1.1", "\nHost: a\n\n", malformed},
        {"BareCrAfterTheRequestLine", "GET / HTTP/1.1\r", "Host: a\r\r", malformed},
        {"CrCrLfAfterTheRequestLine", "GET / HTTP/1.1\r", "\r\n", malformed},
        {"BareLfAfterAHeader", get + "Host: a", "\n\r\n", malformed},
        {"BareCrAfterAHeader", get + "Host: a\r", "Transfer-Encoding: chunked" + end, malformed},
        {"BareLfAsTheEmptyLine", get_host, "\n", malformed},
        {"BareLfThenHiddenRequest", get_host + "Useless:", "\n\nGET / HTTP/1.1" + end, malformed},
        // Header lines
        {"FirstHeaderLineBeginsWithASpace", get, " folded: line" + end, malformed},
        {"FirstHeaderLineBeginsWithATab", get, "\tContent-Length: 1" + end, malformed},
        {"ObsFold", get_host + "Line1: abc\r\n", " def" + end, malformed},
        {"ObsFoldWithTab", get_host + "Transfer-Encoding: chunked\r\n", "\tx" + end, malformed},
        {"ObsFoldOfAuthorization", get_host + "Authorization: Basic\r\n", " YTpi" + end, malformed},
        {"EmptyHeaderName", get_host, ": a" + end, malformed},
        {"SpaceBeforeTheColon", get_host + "Transfer-Encoding", " : chunked" + end, malformed},
        {"TabBeforeTheColon", get_host + "Content-Length", "\t: 5" + end, malformed},
        {"SpaceInAName", get_host + "Transfer", " Encoding: chunked" + end, malformed},
        {"NoColon", get_host + "Foo", "\r\n\r\n", malformed},
        {"NulInAName", get_host + "Content", nul() + "-Length: 5" + end, malformed},
        {"ControlByteBeforeAName", get_host, "\x04Transfer-Encoding: chunked" + end, malformed},
        {"HighByteInAName", get_host + "Transfer",
         "\xad"
         "Encoding: chunked" +
             end,
         malformed},
        {"HighByteAfterAName", get_host + "Transfer-Encoding", "\xa0: chunked" + end, malformed},
        {"QuoteInAName", get_host, "\"Host\": b" + end, malformed},
        {"NulInAValue", get_host + "X: a", nul() + end, malformed},
        {"ControlByteInAValue", get_host + "X: X", "\x01Transfer-Encoding: chunked" + end, malformed},
        {"VerticalTabInAValue", get_host + "Transfer-Encoding: chunked", "\v" + end, malformed},
        {"FormFeedInAValue", get_host + "Transfer-Encoding: ",
         "\f"
         "chunked" +
             end,
         malformed},
        {"DeleteInAValue", get_host + "X: ", "\x7f" + end, malformed},
        // The whole head
        {"NoHostInHttp11", get + "A: b\r\n", "\r\n", host},
        {"NoHeaderInHttp11", get, "\r\n", host},
        {"ExpectWithoutABody", post_host + "Expect: 100-continue\r\n", "\r\n", expectation},
        {"ExpectWithAnEmptyBody", post_host + "Expect: 100-continue\r\nContent-Length: 0\r\n", "\r\n",
         expectation},
    };
    return cases;
}

std::string name_of_case(const testing::TestParamInfo<Refusal>& info) {
    std::string name;
    for (const char byte : info.param.name) {
        if (std::isalnum(static_cast<unsigned char>(byte)) != 0) name += byte;
    }
    return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Bytes, Refused, testing::ValuesIn(refused_bytes()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Targets, Refused, testing::ValuesIn(refused_targets()), name_of_case);
INSTANTIATE_TEST_SUITE_P(Lines, Refused, testing::ValuesIn(refused_lines()), name_of_case);

// What must pass

std::string complete(const std::string& head) {
    return "complete " + std::to_string(head.size());
}

TEST(RequestHead, PassesTargetsThatAllServersReadAlike) {
    for (const std::string target : {"/",
                                     "/_search",
                                     "/_cat/health/",
                                     "/customers,zzz/_search?ignore_unavailable=true",
                                     "/*/_search",
                                     "/%2A/_search",
                                     "/%3Ccustomers%3E/_search",
                                     "/.kibana/_doc/...",
                                     "/.../x",
                                     "/a.b/..c/d..",
                                     "/customers+/_search",
                                     "/%e0%80%a6.txt",
                                     "/%c0%a6.txt",
                                     "/Risti%C4%87%80.txt",
                                     "/%EF%BC%86.txt",
                                     "/compressed/eicar.txt/ce%3Alzma;lzma1",
                                     "/_search;a=b",
                                     "/i/_doc/100%25",
                                     "/i/_doc/50%25aa",
                                     "/_search%3fsize=1",
                                     "/?p=%zz",
                                     "/?a//../b",
                                     "/?a=/../\\",
                                     "/?",
                                     "/?q=caf\xc3\xa9",
                                     "/?q=\xff",
                                     "/[a]{b}|c^d`<e>\"f\"",
                                     "http://[::1]:8080/?p=%20",
                                     "HTTP://example.com:9200/_search"}) {
        const std::string head = get_of(target);
        EXPECT_EQ(read_in_all_cuts(head), complete(head)) << target;
    }
}

TEST(RequestHead, PassesHeadsThatAllServersReadAlike) {
    for (const std::string& head : {
             "GET / HTTP/1.0\r\n\r\n"s,
             "\r\nGET / HTTP/1.0\r\n\r\n"s,
             "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"s,
             "HEAD /foo HTTP/1.0\r\nSome: header\r\n\r\n"s,
             get + "Host:\r\n\r\n",
             get + "hOsT:a\r\n\r\n",
             get_host + "X: \xff\x85\xa0 caf\xc3\xa9\r\n\r\n",
             get_host + "X:\r\nY: \t \r\nZ:\ta\tb\t\r\n\r\n",
             get_host + "X: X\xffTransfer-Encoding: chunked\r\n\r\n",
             get_host + "!#$%&'*+-.^_`|~09: x\r\n\r\n",
             get_host + "Connection: keep-alive, TE\r\nTE: trailers\r\n\r\n",
             get_host + "Connection:\r\n\r\n",
             get_host +
                 "X-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: PUT\r\nX-Method-Override: PUT\r\n\r\n",
             get_host + "Upgrade-Insecure-Requests: 1\r\n\r\n",
             post_host + "Transfer_Encoding: chunked\r\nContent-Length: 40\r\n\r\n",
             post_host + "Content-Encoding: chunked\r\nContent-Length: 40\r\n\r\n",
             post_host + "Content-Encoding: identity\r\nContent-Length: 40\r\n\r\n",
         }) {
        EXPECT_EQ(read_in_all_cuts(head), complete(head)) << head;
    }
}

TEST(RequestHead, IsCompleteAtTheCrOfTheEmptyLine) {
    EXPECT_EQ(whole(get_host + "\r"), "complete 26 lf_pending");
    HeadState state;
    (void)advance_head(state, as_bytes(get_host + "\r"), {});
    EXPECT_EQ(describe(advance_head(state, as_bytes(get_host + "\r\nGET"), {})), "complete 27");
}

TEST(RequestHead, IsRefusedIfNoLfFollowsItsFinalCr) {
    EXPECT_EQ(read_in_all_cuts(get_host + "\rGET /hidden" + rest), "malformed 26");
    EXPECT_EQ(read_in_all_cuts(get_host + "\r\r\n"), "malformed 26");
}

TEST(RequestHead, EndsBeforeThePipelinedNextOne) {
    EXPECT_EQ(read_in_all_cuts(get_host + "\r\n" + "GET /2" + rest), "complete 27");
}

TEST(RequestHead, StaysRefused) {
    HeadState state;
    const std::string head = "GET / HTTP/2.0";
    EXPECT_EQ(describe(advance_head(state, as_bytes(head), {})), "version 11");
    EXPECT_EQ(describe(advance_head(state, as_bytes(head + "\r\n\r\n"), {})), "version 11");
    EXPECT_EQ(describe(advance_head(state, as_bytes(get_host + "\r\n"), {})), "version 11");
}

TEST(RequestHead, AsksForMoreAtEveryTruncation) {
    const std::string head =
        "POST /a/_search?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nAuthorization: Basic YTpi\r\n\r";
    for (std::size_t n = 0; n < head.size(); ++n) {
        EXPECT_EQ(whole(head.substr(0, n)), "need_more " + std::to_string(n));
    }
}

// Facts

struct Read {
    HeadState state;
    std::string head;
    [[nodiscard]] std::string_view at(const Piece& piece) const {
        return std::string_view(head).substr(piece.offset, piece.bytes);
    }
};

Read read(const std::string& head) {
    Read result{{}, head};
    EXPECT_EQ(describe(advance_head(result.state, as_bytes(head), {})), complete(head)) << head;
    return result;
}

TEST(RequestHeadFacts, AreWhatTheClientSent) {
    const Read got = read(
        "POST /support-cases/_search?size=5 HTTP/1.1\r\nHost: a\r\nUser-Agent: \t curl/7.88.1 \r\n"
        "authorization:Bearer abc.def-_~+/==\r\ncontent-length: 0042 \r\nExpect: 100-Continue\r\n\r\n");
    EXPECT_EQ(got.state.method, Method::post);
    EXPECT_EQ(got.state.version_minor, 1);
    EXPECT_EQ(got.at(got.state.target), "/support-cases/_search?size=5");
    EXPECT_EQ(got.at(got.state.user_agent), "curl/7.88.1");
    EXPECT_EQ(got.at(got.state.authorization), "Bearer abc.def-_~+/==");
    EXPECT_EQ(got.state.credentials, Credentials::bearer);
    EXPECT_EQ(got.state.framing, BodyFraming::length);
    EXPECT_EQ(got.state.content_length, 42U);
    EXPECT_EQ(got.state.header_lines, 5U);
    EXPECT_TRUE(got.state.expects_continue);
    EXPECT_FALSE(got.state.closes);
}

TEST(RequestHeadFacts, KnowEveryMethod) {
    for (const auto& [text, method] :
         std::vector<std::pair<std::string, Method>>{{"GET", Method::get},
                                                     {"HEAD", Method::head},
                                                     {"POST", Method::post},
                                                     {"PUT", Method::put},
                                                     {"DELETE", Method::delete_},
                                                     {"OPTIONS", Method::options},
                                                     {"PATCH", Method::patch}}) {
        EXPECT_EQ(read(of_method(text)).state.method, method);
        EXPECT_EQ(name_of(method), text);
    }
    EXPECT_EQ(name_of(Method::unknown), "");
}

TEST(RequestHeadFacts, ChunkedInAnyCaseWithBlanksAround) {
    for (const std::string line :
         {"Transfer-Encoding: chunked", "transfer-encoding:  CHUNKED  ", "TRANSFER-ENCODING:Chunked"}) {
        EXPECT_EQ(read(post_with(line)).state.framing, BodyFraming::chunked) << line;
    }
}

TEST(RequestHeadFacts, ContentLengthIsDecimalWhateverItsZeros) {
    const auto length = [](const std::string& value) {
        return read(post_host + "Content-Length:" + value + end).state.content_length;
    };
    EXPECT_EQ(length("010"), 10U);
    EXPECT_EQ(length(" 0000000000000000000000000035"), 35U);
    EXPECT_EQ(length("  35  "), 35U);
    EXPECT_EQ(length("100000000"), 100'000'000U);
}

TEST(RequestHeadFacts, LastRequestOfAConnection) {
    const auto closes = [](const std::string& version, const std::string& lines) {
        return read("GET / " + version + "\r\nHost: a\r\n" + lines + "\r\n").state.closes;
    };
    EXPECT_FALSE(closes("HTTP/1.1", ""));
    EXPECT_FALSE(closes("HTTP/1.1", "Connection: closed\r\n"));
    EXPECT_TRUE(closes("HTTP/1.1", "Connection: Close\r\n"));
    EXPECT_TRUE(closes("HTTP/1.1", "Connection: te , close\r\n"));
    EXPECT_TRUE(closes("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    EXPECT_TRUE(closes("HTTP/1.0", ""));
    EXPECT_FALSE(closes("HTTP/1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_TRUE(closes("HTTP/1.0", "Connection: keep-alive, close\r\n"));
}

TEST(RequestHeadFacts, CredentialsByTheirForm) {
    using enum Credentials;
    const std::vector<std::pair<std::string, Credentials>> cases = {
        {"Basic aXZhbnI6c2VjcmV0", basic},
        {"basic YTpi", basic},
        {"BASIC    YTpi", basic},
        {"Basic YTo=", basic},
        {"Basic YTo", basic},
        {"Basic YQ==", basic},
        {"Basic AAAA", basic},
        {"Bearer abc", bearer},
        {"bearer a.b.c", bearer},
        {"ApiKey dTpr", api_key},
        {"APIKEY dTpr==", api_key},
        {"", none},
        {" \t ", none},
        {"Basic", malformed},
        {"Basic ", malformed},
        {"Basic\tYTpi", malformed},
        {"Basic YT pi", malformed},
        {"Basic YTpi,", malformed},
        {"Basic YTpi Basic YTpi", malformed},
        {"Basic Y", malformed},
        {"Basic =", malformed},
        {"Basic YTpi=", malformed},
        {"Basic YTo==", malformed},
        {"Basic YQ=", malformed},
        {"Basic YQ===", malformed},
        {"Basic YTpi====", malformed},
        {"Basic Y=Q=", malformed},
        {"Basic YT-_", malformed},
        {"Basic YTp\xff", malformed},
        {"Basic : YTpi", malformed},
        {"Bearer", malformed},
        {"Bearer a b", malformed},
        {"Bearer \"a\"", malformed},
        {"ApiKey a,b", malformed},
        {"Digest username=\"a\"", other},
        {"Negotiate abc", other},
        {"BasicYTpi", other},
        {"YTpi", other},
        {"Basic: YTpi", other},
        {"\"Basic\" YTpi", other},
        {"B\xc3\xa4sic YTpi", other},
        {"ApiKe a", other},
    };
    for (const auto& [value, credentials] : cases) {
        EXPECT_EQ(read(get_with("Authorization: " + value)).state.credentials, credentials) << value;
    }
}

TEST(RequestHeadFacts, TwoAuthorizationHeadersAreNeverCredentials) {
    for (const std::string lines :
         {"Authorization: Basic YTpi\r\nAuthorization: Basic YTpi",
          "Authorization:\r\nauthorization: Basic YTpi",
          "Authorization: Basic YTpi\r\nX: y\r\nAUTHORIZATION:",
          "Authorization: x y\r\nAuthorization: Bearer a\r\nAuthorization: Bearer a"}) {
        EXPECT_EQ(read(get_with(lines)).state.credentials, Credentials::malformed) << lines;
    }
}

TEST(RequestHeadFacts, OtherHeadersAreNoCredentials) {
    const Read got = read(
        get_host +
        "Proxy-Authorization: Basic YTpi\r\nX-Authorization: Basic YTpi\r\nAuthorization2: Basic YTpi" + end);
    EXPECT_EQ(got.state.credentials, Credentials::none);
    EXPECT_EQ(got.state.authorization.bytes, 0U);
}

// Limits

TEST(RequestHeadLimits, RequestLine) {
    HeadLimits limits;
    const std::string fits = "GET /" + std::string(4096 - 14, 'a') + " HTTP/1.1";
    ASSERT_EQ(fits.size(), 4096U);
    EXPECT_EQ(whole(fits + "\r\nHost: a" + end, limits), complete(fits + "\r\nHost: a" + end));
    for (const std::string& line : {"GET /a" + fits.substr(5), "GET /" + std::string(5000, 'a'),
                                    "GET /?" + std::string(4090, '%') + "\r"}) {
        EXPECT_EQ(whole(line, limits), "head_too_large 4096");
    }
    limits.line_bytes = 100;
    EXPECT_EQ(read_in_all_cuts("\r\nGET /" + std::string(95, 'a') + "\n", limits), "head_too_large 102");
}

TEST(RequestHeadLimits, HeadWithItsFinalLf) {
    HeadLimits limits;
    limits.head_bytes = 100;
    const std::string begin = get_host + "X: ";
    const auto head = [&begin](std::size_t bytes) {
        return begin + std::string(bytes - begin.size() - 4, 'x') + "\r\n\r\n";
    };
    EXPECT_EQ(read_in_all_cuts(head(100), limits), "complete 100");
    EXPECT_EQ(read_in_all_cuts(head(101), limits), "head_too_large 99");
    EXPECT_EQ(read_in_all_cuts(head(102), limits), "head_too_large 100");
    EXPECT_EQ(read_in_all_cuts(head(150), limits), "head_too_large 100");
}

TEST(RequestHeadLimits, HeaderLines) {
    HeadLimits limits;
    limits.headers = 3;
    EXPECT_EQ(read_in_all_cuts(get_host + "A: b\r\nC: d\r\n\r\n", limits), "complete 39");
    EXPECT_EQ(read_in_all_cuts(get_host + "A: b\r\nC: d\r\nE: f\r\n\r\n", limits), "head_too_large 37");
}

TEST(RequestHeadLimits, WhatTheDatabasesTakePasses) {
    std::string head = get_host;
    for (int i = 0; i < 1169; ++i) head += "A:b\r\n";
    EXPECT_EQ(whole(head + "\r\n"), complete(head + "\r\n"));
}

TEST(RequestHeadLimits, NameLongerThan64KiB) {
    HeadLimits limits;
    limits.head_bytes = 1'000'000;
    EXPECT_EQ(whole(get_host + std::string(65535, 'a') + ": b" + end, limits),
              complete(get_host + std::string(65535, 'a') + ": b" + end));
    EXPECT_EQ(whole(get_host + std::string(65536, 'a') + ": b" + end, limits),
              "head_too_large " + std::to_string(get_host.size() + 65535));
    EXPECT_EQ(whole(get_host + std::string(200'000, 'a') + ": b" + end, limits),
              "head_too_large " + std::to_string(get_host.size() + 65535));
}

}  // namespace
}  // namespace springlatch::http
