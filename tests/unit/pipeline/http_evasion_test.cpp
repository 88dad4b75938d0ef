// How attackers hide a request in HTTP, on the whole inspector. The numbers are those of EVASIONS.md.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string auth = "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";
const std::string start = "POST /a HTTP/1.1\r\nHost: x\r\n" + auth;
const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

/// What of `text` reached the server, said in segments of `segment_bytes`; the verdicts on it.
struct Said {
    std::string reached;
    std::vector<std::string> verdicts;
    Said(const std::string& text, std::size_t segment_bytes, PolicyParts parts = {}) {
        Wire wire(std::move(parts));
        Connection c(wire);
        c.open();
        for (std::size_t at = 0; at < text.size(); at += segment_bytes)
            c.client(text.substr(at, segment_bytes));
        reached = stream_of(wire.to_server(), c.base);
        verdicts = wire.log.verdicts();
    }
};

/// The flow is cut for this reason, whole, byte by byte and behind an honest request; what hides behind it
/// never leaves, and nothing of its own last line does.
void refused(const std::string& text, const std::string& reason) {
    const std::string all = text + hidden;
    for (const std::size_t segment_bytes : {all.size(), std::size_t{1}, std::size_t{7}}) {
        for (const bool behind_another : {false, true}) {
            const std::string before = behind_another ? with_credentials : "";
            const Said said(before + all, segment_bytes);
            EXPECT_TRUE((before + text).starts_with(said.reached));
            EXPECT_LT(said.reached.size(), before.size() + text.size()) << text;
            std::vector<std::string> denials;
            for (const std::string& verdict : said.verdicts)
                if (verdict.starts_with("denied:") && verdict != "denied:connection_cut")
                    denials.push_back(verdict);
            EXPECT_THAT(denials, ElementsAre("denied:" + reason))
                << text << "\nin segments of " << segment_bytes << (behind_another ? " behind another" : "");
        }
    }
}
void refused(const std::vector<std::string>& texts, const std::string& reason) {
    for (const std::string& text : texts) refused(text, reason);
}
/// Forwarded to its last byte; what follows is judged for itself.
void passes(const std::string& text, std::size_t requests = 1) {
    for (const std::size_t segment_bytes : {text.size() + hidden.size(), std::size_t{1}, std::size_t{7}}) {
        const Said said(text + hidden, segment_bytes);
        EXPECT_TRUE(said.reached.starts_with(text)) << text << "\nreached:\n" << said.reached;
        EXPECT_LE(said.reached.size() + 2, text.size() + hidden.size());
        std::vector<std::string> expected(requests, "allowed");
        expected.emplace_back("denied:no_credentials");
        EXPECT_EQ(said.verdicts, expected) << text;
    }
}
std::string chunked(const std::string& body) {
    return start + "Transfer-Encoding: chunked\r\n\r\n" + body;
}
std::string with_header(const std::string& header) {
    return "GET /a HTTP/1.1\r\nHost: x\r\n" + auth + header + "\r\n\r\n";
}

// 48
TEST(HttpEvasion, TransferEncodingTogetherWithContentLength) {
    refused(start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ambiguous_framing");
    refused(start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "ambiguous_framing");
}
// 49
TEST(HttpEvasion, TwoContentLengths) {
    refused(start + "Content-Length: 0\r\nContent-Length: 34\r\n\r\n", "ambiguous_framing");
    refused(start + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", "ambiguous_framing");
}
// 50
TEST(HttpEvasion, ContentLengthThatIsNotOneDecimalNumber) {
    for (const std::string value :
         {"+1", "-1", "0x10", "1e0", "1 2", "", "1,1", "1, 1", "1;1", "1.0", "\t1", "1\t", "٣"})
        refused(start + "Content-Length: " + value + "\r\n\r\n" + std::string(16, 'b'), "ambiguous_framing");
}
TEST(HttpEvasion, ContentLengthWithLeadingZerosIsDecimal) {
    passes(start + "Content-Length: 010\r\n\r\n" + std::string(10, 'b'));
}
// 51
TEST(HttpEvasion, ContentLengthAboveTheCeiling) {
    refused(start + "Content-Length: 100000001\r\n\r\n", "body_too_large");
    refused(start + "Content-Length: 999999999999999999\r\n\r\n", "body_too_large");
    for (const std::string value :
         {"18446744073709551616", "99999999999999999999999"})  // no number of any server
        refused(start + "Content-Length: " + value + "\r\n\r\n", "ambiguous_framing");
}
// 52
TEST(HttpEvasion, TransferEncodingThatIsNotExactlyChunked) {
    for (const std::string value :
         {"identity", "chunked, identity", "identity, chunked", "gzip, chunked", "\"chunked\"", "xchunked",
          "chunkedx", "chunked;q=1", "chun ked", "\tchunked", "chunked\t", "\xe3hunked", "cow", ","})
        refused(start + "Transfer-Encoding: " + value + "\r\n\r\n0\r\n\r\n", "ambiguous_framing");
    refused(start + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "ambiguous_framing");
}
// 53
TEST(HttpEvasion, TwoTransferEncodings) {
    refused(start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "ambiguous_framing");
    refused(start + "Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n\r\n0\r\n\r\n",
            "ambiguous_framing");
}
// 54
TEST(HttpEvasion, TransferEncodingInHttp10) {
    refused("POST /a HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n" + auth +
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "ambiguous_framing");
}
// 55
TEST(HttpEvasion, ChunkSizeThatIsNotPlainHexadecimal) {
    for (const std::string size :
         {"+1", "-1", "0x1", "1_0", " 1", "1 ", "", "000000001", "1\t", "g", "1\x0b"})
        refused(chunked(size + "\r\nb\r\n0\r\n\r\n"), "ambiguous_framing");
}
// 56
TEST(HttpEvasion, ChunkExtension) {
    for (const std::string extension : {";a", ";a=b", ";a=\"\r\n\"", ";\n"})
        refused(chunked("1" + extension + "\r\nb\r\n0\r\n\r\n"), "ambiguous_framing");
}
// 57
TEST(HttpEvasion, BareLineFeedOrCarriageReturnAsLineEnd) {
    const std::string good = "GET /a HTTP/1.1\r\nHost: x\r\n" + auth + "X: y\r\n\r\n";
    for (std::size_t at = good.find("\r\n"); at != std::string::npos; at = good.find("\r\n", at + 2)) {
        std::string lf = good;
        lf.erase(at, 1);
        refused(lf, "malformed_http");
        std::string cr = good;
        cr.erase(at + 1, 1);
        if (at + 2 < good.size()) refused(cr, "malformed_http");
    }
    // The CR of the empty line completes the head: then only its LF may follow.
    for (const std::size_t segment_bytes : {std::size_t{1}, good.size()}) {
        const Said said(good.substr(0, good.size() - 1) + hidden, segment_bytes);
        EXPECT_TRUE(good.starts_with(said.reached));
        EXPECT_EQ(said.verdicts.back(), "denied:malformed_http");
    }
    refused({chunked("1\nb\r\n0\r\n\r\n"), chunked("1\r\nb\n0\r\n\r\n"), chunked("1\r\nb\r\n0\n\r\n")},
            "ambiguous_framing");
}
// 58
TEST(HttpEvasion, TrailerThatNamesFramingOrAuthorization) {
    for (const std::string name :
         {"Authorization", "Content-Length", "Transfer-Encoding", "Host", "Expect", "Connection", "Upgrade"})
        refused(chunked("0\r\n" + name + ": x\r\n\r\n"), "ambiguous_framing");
}
// 59
TEST(HttpEvasion, BytesBehindTheLastChunkAreTheNextRequest) {
    passes(chunked("1\r\nb\r\n0\r\n\r\n"));
    passes(chunked("1\r\nb\r\n0\r\n\r\n") + with_credentials, 2);
}
// 60
TEST(HttpEvasion, ExpectOtherThanExactlyOneContinueWouldRunTheBody) {
    for (const std::string value :
         {"foo", "", "100-continue, foo", "100-continue;q=1", "100 continue", "200-ok"})
        refused(
            start + "Content-Length: " + std::to_string(hidden.size()) + "\r\nExpect: " + value + "\r\n\r\n",
            "expectation_not_allowed");
    const std::string twice = "Expect: 100-continue\r\nExpect: 100-continue\r\n";
    refused(start + "Content-Length: 34\r\n" + twice + "\r\n", "expectation_not_allowed");
    refused("POST /a HTTP/1.0\r\nHost: x\r\n" + auth + "Content-Length: 34\r\nExpect: 100-continue\r\n\r\n",
            "expectation_not_allowed");
}
TEST(HttpEvasion, AFinalStatusInPlaceOfTheContinueEndsTheConnection) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(start + "Content-Length: " + std::to_string(hidden.size()) + "\r\nExpect: 100-continue\r\n\r\n");
    c.server("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    (void)wire.to_server();
    c.client(hidden);
    for (const Left& left : wire.to_server()) EXPECT_EQ(left.payload(), "");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:expectation_not_allowed"));
}
TEST(HttpEvasion, AFinalStatusInPlaceOfTheContinueBehindAnOpenRequestReleasesNoBody) {
    Wire wire;
    Connection c(wire);
    c.open();
    c.client(with_credentials + start + "Content-Length: " + std::to_string(hidden.size()) +
             "\r\nExpect: 100-continue\r\n\r\n");
    (void)wire.to_server();
    for (const char* answer :
         {"HTTP/1.1 413 no\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
        c.server(answer);
        c.outside(c.client_frame().payload(hidden));
        for (const Left& left : wire.to_server()) EXPECT_EQ(left.payload(), "");
    }
}
TEST(HttpEvasion, ABodyThatCameBeforeTheContinueIsCutWithIt) {
    Wire wire;
    Connection c(wire);
    c.open();
    const std::string head =
        start + "Content-Length: " + std::to_string(hidden.size()) + "\r\nExpect: 100-continue\r\n\r\n";
    c.client(head + hidden);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), head) << "the body waits";
    c.client_acked = c.base + static_cast<std::uint32_t>(head.size());
    c.client_next = c.client_acked;
    c.client(hidden);  // sent again
    EXPECT_THAT(wire.to_server(), testing::IsEmpty());
    c.inside(c.server_frame().payload("HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n"));
    for (const Left& left : wire.to_server()) EXPECT_EQ(left.payload(), "");
    EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:expectation_not_allowed"));
}
// 61
TEST(HttpEvasion, UpgradeAndHttp2) {
    for (const std::string header : {"Upgrade: h2c", "Upgrade: websocket", "HTTP2-Settings: AAMAAABkAAQAAP__",
                                     "Connection: upgrade", "Connection: keep-alive, Upgrade"})
        refused(with_header(header), "upgrade_not_allowed");
    const Said preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 100);
    EXPECT_EQ(preface.reached, "");
    EXPECT_THAT(preface.verdicts, ElementsAre(HasSubstr("denied:")));
}
// 62
TEST(HttpEvasion, ConnectAndTrace) {
    refused({"CONNECT db:9200 HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n",
             "TRACE / HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n"},
            "method_not_allowed");
}
// 63
TEST(HttpEvasion, ARequestBehindTheOneThatCloses) {
    for (const std::string last :
         {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", "GET / HTTP/1.0\r\nHost: x\r\n"}) {
        for (const std::size_t segment_bytes : {std::size_t{1}, std::size_t{1000}}) {
            const std::string closing = last + auth + "\r\n";
            const Said said(closing + with_credentials, segment_bytes);
            EXPECT_EQ(said.reached, closing);
            EXPECT_THAT(said.verdicts, ElementsAre("allowed", "denied:ambiguous_framing"));
        }
    }
}
// 64
TEST(HttpEvasion, PipelinedRequestsAreJudgedOneByOneAndABadOneKillsTheRest) {
    const Said said(with_credentials + with_credentials + "GET /a HTTP/1.1\nHost: x\n\n" + with_credentials,
                    1000);
    EXPECT_EQ(said.reached, with_credentials + with_credentials);
    EXPECT_THAT(said.verdicts, ElementsAre("allowed", "allowed", "denied:malformed_http"));
}
// 65
TEST(HttpEvasion, OtherVersions) {
    for (const std::string version : {"HTTP/0.9", "HTTP/1.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "FOO/1.1",
                                      "http/1.1", "HTTP/1.10", "HTTP/01.1", "HTTP/1,1", "HTTP/1.", "HTTP"})
        refused("GET /a " + version + "\r\nHost: x\r\n" + auth + "\r\n", "malformed_http");
    refused("GET /a\r\n", "malformed_http");
}
// 66
TEST(HttpEvasion, BlankBeforeTheColon) {
    for (const std::string name :
         {"Authorization ", "Authorization\t", "Authorization\x0b", "Content-Length "})
        refused("GET /a HTTP/1.1\r\nHost: x\r\n" + name + ": Basic dTpw\r\n\r\n", "malformed_http");
}
// 67
TEST(HttpEvasion, ControlBytesInNamesAndValues) {
    for (const std::string& header : {"X\x01: y"s, "X\0Y: y"s, "X\xff: y"s, "X(: y"s, "X y: z"s, ": y"s, "X"s,
                                      "X: a\0b"s, "X: a\x7f"s, "X: a\x08"s})
        refused(with_header(header), "malformed_http");
    refused(with_header("X: a\rb"), "malformed_http");
    refused(with_header("X: a\nb"), "malformed_http");
}
// 68
TEST(HttpEvasion, FoldedHeaders) {
    refused({with_header("X: a\r\n b"), with_header("X: a\r\n\tb"),
             "GET /a HTTP/1.1\r\nHost: x\r\nX: y\r\n " + auth + "\r\n"},
            "malformed_http");
}
// 69
TEST(HttpEvasion, FirstHeaderLineThatBeginsWithABlank) {
    refused({"GET /a HTTP/1.1\r\n Host: x\r\n" + auth + "\r\n",
             "GET /a HTTP/1.1\r\n\tX: y\r\nHost: x\r\n" + auth + "\r\n"},
            "malformed_http");
}
// 70
TEST(HttpEvasion, TwoAuthorizationHeaders) {
    refused({with_header("Authorization: Basic dTpw"), with_header("authorization: Bearer x")},
            "malformed_credentials");
}
// 71
TEST(HttpEvasion, AnEmptyOrUnknownSchemeIsNoCredential) {
    const std::string before = "GET /a HTTP/1.1\r\nHost: x\r\nAuthorization:";
    refused({before + "\r\n\r\n", before + " \r\n\r\n", before + " Digest username=u\r\n\r\n",
             before + " Negotiate YII=\r\n\r\n", before + " AWS4-HMAC-SHA256 Credential=x\r\n\r\n"},
            "no_credentials");
    refused({before + " Basic\r\n\r\n", before + " Basic \r\n\r\n", before + " Basic a b\r\n\r\n",
             before + " Basic ???\r\n\r\n"},
            "malformed_credentials");
}
// 72
TEST(HttpEvasion, AnAuthorizationThatOnlySomeServersSeeNeverCounts) {
    refused("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + auth + "\r\n",
            "no_credentials");
    refused("GET /a HTTP/1.1\r\nHost: x\r\nX: y\r\n " + auth + "\r\n", "malformed_http");
    refused("GET /a HTTP/1.1\r\nHost: x\r\nX: y\r" + auth + "\r\n", "malformed_http");
    refused("GET /a HTTP/1.1\r\nHost: x\r\nX: y\n" + auth + "\r\n", "malformed_http");
    refused(
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(auth.size()) + "\r\n\r\n" + auth,
        "no_credentials");
}
// 73
TEST(HttpEvasion, MissingOrSecondHost) {
    refused(
        {"GET /a HTTP/1.1\r\n" + auth + "\r\n", "GET /a HTTP/1.1\r\nHost: x\r\n" + auth + "Host: x\r\n\r\n"},
        "malformed_http");
}
// 74
TEST(HttpEvasion, HeadsAndLinesAboveTheLimits) {
    refused(with_header("X: " + std::string(16'384, 'x')), "head_too_large");
    refused("GET /" + std::string(4'096, 'a') + " HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "head_too_large");
    std::string many = "GET / HTTP/1.1\r\nHost: x\r\n" + auth;
    for (int i = 0; i < 2001; ++i) many += "a:\r\n";
    refused(many + "\r\n", "head_too_large");
}
// 75
TEST(HttpEvasion, BlanksTabsAndPrefixBytesInTheRequestLine) {
    const std::string rest = "Host: x\r\n" + auth + "\r\n";
    refused({"GET  /a HTTP/1.1\r\n" + rest, "GET /a  HTTP/1.1\r\n" + rest, "GET\t/a HTTP/1.1\r\n" + rest,
             "GET /a\tHTTP/1.1\r\n" + rest, "GET /a HTTP/1.1 \r\n" + rest},
            "malformed_http");
    for (const std::string& prefix :
         {" "s, "\t"s, "\n"s, "\r"s, "\r\n\r\n"s, "\x01"s, "\0"s, "\xef\xbb\xbf"s}) {
        for (const std::size_t segment_bytes : {std::size_t{1}, std::size_t{1000}}) {
            const Said said(prefix + with_credentials, segment_bytes);
            EXPECT_TRUE(prefix.starts_with(said.reached)) << said.reached;
            EXPECT_THAT(said.verdicts, ElementsAre(HasSubstr("denied:")));
        }
    }
    passes("\r\n" + with_credentials);
}
// 76
TEST(HttpEvasion, PathsThatServersReadDifferently) {
    for (const std::string path : {"/%2e%2e/_search", "/a/%2E./b", "/a%2f_search", "/a%5c_search", "/a%252f",
                                   "/%252e%252e/", "/%c0%af", "/%c0%ae%c0%ae/", "/a\\b", "//_search", "/a//b",
                                   "/../_search", "/./a", "/a/..", "/a#b", "/a%00", "/%zz", "/%2", "/..;/a"})
        refused("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "ambiguous_target");
}
TEST(HttpEvasion, ASemicolonInThePathIsALetterToEveryMeasuredServer) {
    passes("GET /a;b=c/_search HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n");
}
// 77
TEST(HttpEvasion, CompressedRequestBodies) {
    for (const std::string coding : {"gzip", "deflate", "br", "identity, gzip"})
        refused(start + "Content-Encoding: " + coding + "\r\nContent-Length: 3\r\n\r\nabc", "encoded_body");
}
// 78
TEST(HttpEvasion, WhatIsInABodyIsNotJudgedWhateverItsEncoding) {
    const std::string utf16 = "\xff\xfe{\0}\0\n\0"s;
    passes("POST /_msearch HTTP/1.1\r\nHost: x\r\n" + auth +
           "Content-Length: " + std::to_string(utf16.size()) + "\r\n\r\n" + utf16);
    refused("POST /_msearch HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(utf16.size()) +
                "\r\n\r\n" + utf16,
            "no_credentials");
}
// 79
TEST(HttpEvasion, OtherProtocolsOnTheServicesPort) {
    const std::vector<std::string> greetings = {"ES\0\0\0\x27\0\0\0\0\0\0\0\x01\0"s,
                                                "*1\r\n$4\r\nPING\r\n"s,
                                                "\x20\0\0\x01\x85\xa2\x1e\0\0\0\0\x40\x08"s,
                                                "\x3f\0\0\0\x07\0\0\0\0\0\0\0\xd4\x07\0\0"s,
                                                "SSH-2.0-x\r\n"s,
                                                "PROXY TCP4 192.0.2.1 198.51.100.10 1 9200\r\n"s,
                                                "\0\0\0\x08\x04\xd2\x16\x2f"s};
    for (const std::string& greeting : greetings) {
        const Said said(greeting, greeting.size());
        EXPECT_EQ(said.reached, "");
        EXPECT_THAT(said.verdicts, ElementsAre(HasSubstr("denied:"))) << greeting;
    }
    const Said prefixed("PROXY TCP4 192.0.2.1 198.51.100.10 1 9200\r\n" + with_credentials, 1000);
    EXPECT_EQ(prefixed.reached, "");
}
// 80
TEST(HttpEvasion, TlsInAnySegmentationIsBlockedBeforeItsFirstByte) {
    for (const std::string& hello :
         {"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"s, "\x80\x2e\x01\0\x02\0\x15\0\0\0\x10"s}) {
        for (const std::size_t segment_bytes : {std::size_t{1}, std::size_t{2}, hello.size()}) {
            const Said said(hello, segment_bytes);
            EXPECT_EQ(said.reached, "");
            EXPECT_THAT(said.verdicts, ElementsAre("denied:tls_not_allowed"));
        }
    }
}
TEST(HttpEvasion, TlsPassesUnreadWhereThePolicySaysSoAndOnlyAtTheBeginning) {
    const auto parts = [] {
        PolicyParts with_tls;
        with_tls.services[0].tls_allowed = true;
        return with_tls;
    };
    const std::string hello = "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"s;
    for (const std::size_t segment_bytes : {std::size_t{1}, hello.size()}) {
        const Said said(hello + std::string(300, '\xee'), segment_bytes, parts());
        EXPECT_EQ(said.reached, hello + std::string(300, '\xee'));
        EXPECT_THAT(said.verdicts, ElementsAre("allowed"));
        const Said later(with_credentials + hello, 1000, parts());
        EXPECT_EQ(later.reached, with_credentials) << "plain first, then TLS: that is no HTTP";
        EXPECT_THAT(later.verdicts, ElementsAre("allowed", "denied:malformed_http"));
        const Said noise("\x16\x04\x01 or any other first byte"s, segment_bytes, parts());
        EXPECT_THAT(noise.verdicts, ElementsAre("denied:not_http"));
        const Said open(without_credentials, segment_bytes, parts());
        EXPECT_THAT(open.reached, Not(HasSubstr("\r\n\r")));
        EXPECT_THAT(open.verdicts, ElementsAre("denied:no_credentials"))
            << "plain HTTP on such a port is still judged";
    }
}

}  // namespace
}  // namespace springlatch::test
