#pragma once
// What a client may send: honest requests, requests without credentials, and every known way of hiding the
// second kind. All at random, repeatable by seed.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/promises/random.h"

namespace springlatch::test {

inline constexpr std::string_view authorization_line = "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";

[[nodiscard]] inline std::string open_request(Random& random) {
    const std::vector<std::string> targets = {"/support-cases/_search?q=*", "/_cat/indices", "/",
                                              "/a/_doc/1"};
    const std::vector<std::string> methods = {"GET", "GET", "DELETE", "HEAD"};
    return random.pick(methods) + " " + random.pick(targets) + " HTTP/1.1\r\nHost: db\r\n\r\n";
}

/// A request with credentials, in any legal shape; bodies may hold what looks like a request.
[[nodiscard]] inline std::string honest_request(Random& random, bool with_expect = false) {
    const std::string auth{authorization_line};
    const std::string hidden =
        random.chance(50) ? open_request(random) : std::string(random.between(0, 200), 'b');
    switch (random.below(7)) {
        case 0:
            return "POST /a/_search HTTP/1.1\r\nHost: db\r\n" + auth +
                   "Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" + hidden;
        case 1: {
            std::string text =
                "POST /_bulk HTTP/1.1\r\n" + auth + "Host: db\r\nTransfer-Encoding: chunked\r\n\r\n";
            for (std::size_t at = 0; at < hidden.size();) {
                const std::size_t bytes = std::min(hidden.size() - at, random.between(1, 40));
                const std::string digits = "0123456789abcdef";
                text +=
                    (bytes > 15 ? std::string(1, digits[bytes / 16]) : std::string{}) + digits[bytes % 16];
                text += "\r\n" + hidden.substr(at, bytes) + "\r\n";
                at += bytes;
            }
            return text + "0\r\n\r\n";
        }
        case 4:
            if (hidden.empty() || !with_expect) break;
            return "POST /_bulk HTTP/1.1\r\nHost: db\r\n" + auth +
                   "Expect: 100-continue\r\nContent-Length: " + std::to_string(hidden.size()) + "\r\n\r\n" +
                   hidden;
        case 2:
            return "HEAD / HTTP/1.1\r\nHost: db\r\n" + auth + "\r\n";
        case 3:
            return "GET /_cat/indices?v HTTP/1.1\r\n" + auth +
                   "Host: db\r\nX-Long: " + std::string(random.between(1, 300), 'x') + "\r\n\r\n";
        default:
            break;
    }
    return "GET /support-cases/_search HTTP/1.1\r\nHost: db\r\n" + auth + "\r\n";
}

/// A request that reads differently to different servers and may carry another one behind or inside it.
[[nodiscard]] inline std::string hidden_request(Random& random) {
    const std::string auth{authorization_line};
    const std::string inner = open_request(random);
    const std::string length = "Content-Length: " + std::to_string(inner.size()) + "\r\n";
    const std::string start = "POST /a HTTP/1.1\r\nHost: db\r\n" + auth;
    const std::vector<std::string> codings = {
        "xchunked",  "chunked, identity", "identity",  "\"chunked\"", "chunked\x0b",
        "\tchunked", "chunked\r\n ",      "chunked;a", "CHUNKED ",    "gzip, chunked"};
    const std::vector<std::string> lengths = {"+0", "0x0", "-1", "0,0", "0 ", "00", "1e0", " 0 9", "", "0\t"};
    const std::vector<std::string> expects = {"foo", "", "100-continue, foo", "100-Continue;q=1", "200-ok"};
    switch (random.below(16)) {
        case 0:
            return start + "Transfer-Encoding: chunked\r\n" + length + "\r\n0\r\n\r\n" + inner;
        case 1:
            return start + "Transfer-Encoding: " + random.pick(codings) + "\r\n\r\n0\r\n\r\n" + inner;
        case 2:
            return start + "Transfer-Encoding: " + random.pick(codings) + "\r\n" + length + "\r\n" + inner;
        case 3:
            return start + "Content-Length: " + random.pick(lengths) + "\r\n\r\n" + inner;
        case 4:
            return start + "Content-Length: 0\r\n" + length + "\r\n" + inner;
        case 5:
            return start + length + "Expect: " + random.pick(expects) + "\r\n\r\n" + inner;
        case 6:
            return start + "Transfer-Encoding: chunked\r\n\r\n" +
                   random.pick(std::vector<std::string>{"0x0", "+0", "0 ", "00000000000000000", "0\n",
                                                        "0;a=\n", "0;a\r"}) +
                   "\r\n\r\n" + inner;
        case 7:
            return "GET /a HTTP/1.1\nHost: db\n\n" + inner;
        case 8:
            return "GET /a HTTP/1.1\r\nHost: db\r\n X: y\r\n" + std::string(random.chance(50) ? "\t" : " ") +
                   auth + "\r\n";
        case 9:
            return "GET /a\r\n" + inner;
        case 10:
            return std::string(1, static_cast<char>(random.between(1, 32))) + inner;
        case 11:
            return "GET\t/a\tFOO/1.1\r\nHost: db\r\n\r\n";
        case 12:
            return "GET /a HTTP/1.1\r\nHost: db\r\nAuthorization : Basic dTpw\r\n\r\n";
        case 13:
            return "GET /a HTTP/1.1\r\nHost: db\r\n" + auth + auth + "\r\n";
        case 14:
            return start + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + auth + "\r\n" + inner;
        default: {
            std::string text = honest_request(random) + inner;  // one byte spoilt somewhere
            const std::size_t at = random.below(text.size());
            const std::vector<std::string> odd = {
                "\r", "\n", "\t", std::string(1, '\0'), " ", "\r\n", "\x0b", ":", "0", "\xff"};
            if (random.chance(50)) {
                text.replace(at, random.below(3), random.pick(odd));
            } else {
                text[at] = random.byte();
            }
            return text;
        }
    }
}

/// Some requests one after the other, of either kind.
[[nodiscard]] inline std::string client_stream(Random& random) {
    std::string stream;
    const std::size_t requests = random.between(1, 4);
    for (std::size_t i = 0; i < requests; ++i) {
        if (random.chance(40)) {
            stream += honest_request(random, true);
        } else {
            stream += random.chance(60) ? hidden_request(random) : open_request(random);
        }
    }
    return stream;
}

}  // namespace springlatch::test
