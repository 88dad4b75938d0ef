// P2: a protected service gets only what was parsed without ambiguity; everything else is cut with a named
// reason. There is no "unknown protocol: pass".
#include <gmock/gmock.h>

#include <regex>

#include "tests/promises/receiver.h"
#include "tests/promises/requests.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

/// One connection to a service with a server that takes everything as it comes.
struct Bench {
    Wire wire;
    Connection c{wire};
    Random random{1};
    Receiver server{random, {}, c.client_next + 1};
    Bench() {
        c.open();
        wire.on_leave = [this](const Left& left) {
            const auto segment = FrameReader(left.bytes).segment();
            if (left.side == Side::inside && segment) server.take(*segment);
        };
    }
    void say(const std::string& text, std::size_t segment_bytes) {
        for (std::size_t at = 0; at < text.size(); at += segment_bytes)
            c.client(text.substr(at, segment_bytes));
    }
    /// The reason for which the connection was cut; "" if it was not.
    [[nodiscard]] std::string cut() const {
        for (const std::string& verdict : wire.log.verdicts())
            if (verdict.starts_with("denied:")) return verdict.substr(7);
        return "";
    }
};

TEST(P2OnlyTheUnderstood, NoOtherProtocolIsForwardedToAService) {
    using namespace std::string_literals;
    std::vector<std::string> greetings = {
        "*1\r\n$4\r\nPING\r\n",
        "PING\r\n",
        "INFO\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "EHLO scanner\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.10 1 9200\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"s,                            // PROXY version 2
        "\0\0\0\x08\x04\xd2\x16\x2f"s,                                    // PostgreSQL: SSLRequest
        "\0\0\0\x21\0\x03\0\0user\0postgres\0\0"s,                        // PostgreSQL: startup
        "\x20\0\0\x01\x85\xa2\x1e\0\0\0\0\x40\x08"s,                      // MySQL: the client's part
        "\x3f\0\0\0\x07\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0"s,  // MongoDB: OP_QUERY
        "ES\0\0\0\x27\0\0\0\0\0\0\0\x01\0"s,                              // Elasticsearch: transport
        "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"s,                      // TLS
        "\x80\x2e\x01\0\x02\0\x15\0\0\0\x10"s,                            // SSLv2
        "stats\r\n",
        "\x80\0\0\0\0\0\0\0"s,        // memcached, binary
        "\x03\0\0\x13\x0e\xe0\0\0"s,  // RDP
        "AMQP\0\0\x09\x01"s,
        "\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0"s,
        "GIOP\x01\0\x01\0"s,
        "GET / HTTP/2.0\r\nHost: x\r\nAuthorization: Basic dTpw\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n",
        "GET /\r\n",
        "get / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\n\r\n",
    };
    Random random(7);
    for (int i = 0; i < 500; ++i) {
        std::string noise(random.between(1, 80), '\0');
        for (char& c : noise) c = random.byte();
        greetings.push_back(noise + "\r\n\r\n");
    }
    for (const std::string& greeting : greetings) {
        for (const std::size_t segment_bytes : {greeting.size(), std::size_t{1}}) {
            Bench bench;
            bench.say(greeting, segment_bytes);
            const std::string& reached = bench.server.delivered();
            EXPECT_EQ(reached.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ /.1\r\n"), std::string::npos)
                << "only a beginning that could still have become a request may have left: " << reached;
            EXPECT_TRUE(segment_bytes == 1 || reached.empty()) << reached;
            EXPECT_LT(reached.size(), greeting.size());
            EXPECT_THAT(bench.cut(), testing::Not(testing::AnyOf("", "none"))) << greeting;
            bench.say(with_credentials, 1000);
            EXPECT_EQ(bench.server.delivered(), reached) << "the connection is over";
        }
    }
}

/// RFC 9112 at its narrowest, and nothing else.
bool is_plain(const std::string& head) {
    static const std::regex request_line(
        R"((GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) /([!"$-.0-\[\]-~][!"$-.0-\[\]-~/]*)?(\?[!"$-~\x80-\xff]*)? HTTP/1\.[01])");
    static const std::regex field("([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \\t]*([\\t -~\\x80-\\xff]*)");
    std::size_t hosts = 0;
    std::size_t authorizations = 0;
    bool first = true;
    for (std::size_t at = 0; at < head.size();) {
        const std::size_t end = head.find("\r\n", at);
        if (end == std::string::npos) return false;
        const std::string line = head.substr(at, end - at);
        at = end + 2;
        if (line.empty()) {
            if (first && at == 2) continue;
            return !first && at == head.size() && hosts <= 1 && authorizations == 1;
        }
        std::smatch match;
        if (first) {
            if (!std::regex_match(line, request_line)) return false;
            first = false;
            continue;
        }
        if (!std::regex_match(line, match, field)) return false;
        std::string name = match[1];
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        if (name == "host") ++hosts;
        if (name == "authorization") ++authorizations;
        if (name == "transfer-encoding" || name == "upgrade" || name == "expect") return false;
        if (name == "content-length" && !std::regex_match(match[2].str(), std::regex("[0-9]+ *")))
            return false;
    }
    return false;
}

TEST(P2OnlyTheUnderstood, AnyOneByteOfARequestSpoilt) {
    const std::string good =
        "POST /a/_search?q=1 HTTP/1.1\r\nHost: db\r\nContent-Length: 2\r\nAuthorization: Basic dTpw\r\n\r\n";
    ASSERT_TRUE(is_plain(good)) << "the judge of this test";
    std::size_t forwarded = 0;
    std::size_t cut = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            std::string text = good;
            text[at] = static_cast<char>(value);
            Bench bench;
            bench.say(text, text.size());
            if (bench.server.delivered() == text) {
                ++forwarded;
                EXPECT_TRUE(is_plain(text)) << "at " << at << " byte " << value << ":\n" << text;
                EXPECT_THAT(bench.wire.log.verdicts(), testing::ElementsAre("allowed"));
            } else {
                ++cut;
                EXPECT_EQ(bench.server.delivered(), "") << "at " << at << " byte " << value;
                EXPECT_THAT(bench.cut(), testing::Not(testing::AnyOf("", "none")))
                    << "at " << at << " byte " << value;
            }
        }
    }
    EXPECT_GT(forwarded, good.size());
    EXPECT_GT(cut, 50 * good.size());
}

TEST(P2OnlyTheUnderstood, AnyOneByteOfAFrameSpoilt) {
    Random random(3);
    for (const bool v6 : {false, true}) {
        const std::string client = v6 ? "2001:db8:1::5" : "192.0.2.1";
        const std::string server = v6 ? "2001:db8::10" : "198.51.100.10";
        const Bytes good = TcpFrame()
                               .from(client, 40000)
                               .to(server, 9200)
                               .seq(1001)
                               .ack(5001)
                               .payload(with_credentials)
                               .build();
        const std::string address = FrameReader(good).segment()->destination;
        const std::size_t headers = good.size() - with_credentials.size();
        for (std::size_t at = 0; at < headers; ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                Wire wire;
                Connection c(wire, client, 40000, server, 9200);
                c.open();
                Bytes frame = good;
                frame[at] ^= static_cast<std::byte>(1 << bit);
                const Verdict verdict = wire.send(Side::outside, frame);
                EXPECT_FALSE(verdict.fate == Fate::drop && verdict.reason == Reason::none) << "byte " << at;
                for (const Left& left : wire.to_server()) {
                    if (left.made) continue;
                    const auto segment = FrameReader(left.bytes).segment();
                    // It left: then it is whole to its end, or it is no segment of this service at all.
                    const bool to_service =
                        segment && segment->destination == address && segment->destination_port == 9200;
                    EXPECT_TRUE(!to_service || at < 14 || segment->whole) << "byte " << at << " bit " << bit;
                    EXPECT_TRUE(left.bytes == frame) << "byte " << at;
                }
            }
        }
    }
}

}  // namespace
}  // namespace springlatch::test
