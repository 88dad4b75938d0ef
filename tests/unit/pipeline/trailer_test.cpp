// Trailers come behind the verdict: none may change what was judged.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;

const std::string bulk =
    "POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n0\r\n";

/// What of `message` reached the server, sent in segments of `segment_bytes`.
std::string forwarded(Wire& wire, Connection& c, const std::string& message, std::size_t segment_bytes) {
    std::string stream;
    for (std::size_t at = 0; at < message.size(); at += segment_bytes) {
        c.client(message.substr(at, segment_bytes));
        for (const auto& left : wire.to_server()) {
            if (!left.made) stream += left.payload();
        }
        (void)wire.to_client();
    }
    return stream;
}

TEST(Trailer, ThatNamesAuthorizationCutsTheConnectionBeforeItsColon) {
    const std::string before_colon = bulk + "Vary: *\r\nAuthorization";
    std::string message = before_colon + ": Basic dTpw\r\n\r\n";
    message += with_credentials;
    for (const std::size_t segment_bytes : {std::size_t{1}, std::size_t{3}, bulk.size(), std::size_t{1000}}) {
        Wire wire;
        Connection c(wire);
        c.open();
        const std::string stream = forwarded(wire, c, message, segment_bytes);
        EXPECT_TRUE(before_colon.starts_with(stream)) << segment_bytes << ": " << stream;
        EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:ambiguous_framing")) << segment_bytes;
    }
}

TEST(Trailer, HidesNoRequestWithoutCredentialsBehindIt) {
    const std::string message = bulk + "Vary: *\r\n\r\n" + without_credentials;
    for (const std::size_t segment_bytes : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
        Wire wire;
        Connection c(wire);
        c.open();
        const std::string stream = forwarded(wire, c, message, segment_bytes);
        EXPECT_LT(stream.size(), message.size()) << segment_bytes;
        EXPECT_THAT(wire.log.verdicts(), ElementsAre("allowed", "denied:no_credentials")) << segment_bytes;
    }
}

}  // namespace
}  // namespace springlatch::test
