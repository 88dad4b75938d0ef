// Any segmentation, order and repetition of the same bytes gives the same verdicts, and never more than the
// allowed bytes leave.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

struct Message {
    std::string text;
    bool allowed = true;
    std::size_t head_bytes = 0;
};

[[nodiscard]] std::vector<Message> alphabet() {
    const std::string auth = "Authorization: Basic dXNlcjpwdw==\r\n";
    std::vector<Message> messages;
    const auto add = [&](const std::string& head, const std::string& body, bool allowed) {
        messages.push_back({head + body, allowed, head.size()});
    };
    add("GET /_cat/indices HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "", true);
    add("HEAD / HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n", "", true);
    add("POST /a/_search HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 17\r\n\r\n",
        R"({"query":{"x":1}})", true);
    add("POST /_bulk HTTP/1.1\r\n" + auth + "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "5\r\nGET /\r\n1\r\nx\r\n0\r\n\r\n", true);
    add("PUT /a/_doc/1 HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Length: 40\r\n\r\n",
        "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n12345678", true);
    add("GET /a/_search HTTP/1.1\r\nHost: x\r\n\r\n", "", false);
    add("DELETE /a HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n", "", false);
    return messages;
}

struct Scenario {
    std::string stream;
    std::size_t allowed_bytes = 0;  ///< up to the first denied request
    std::size_t denied_head_end = 0;
    std::size_t allowed_requests = 0;
    bool has_denial = false;
};

[[nodiscard]] Scenario scenario(const std::vector<std::size_t>& choice) {
    const auto messages = alphabet();
    Scenario made;
    for (const std::size_t index : choice) {
        const Message& message = messages[index % messages.size()];
        if (!made.has_denial) {
            if (message.allowed) {
                made.allowed_bytes += message.text.size();
                ++made.allowed_requests;
            } else {
                made.has_denial = true;
                made.denied_head_end = made.stream.size() + message.head_bytes;
            }
        }
        made.stream += message.text;
    }
    return made;
}

struct Segment {
    std::size_t from, bytes;
};

/// Cuts a stream into segments, shuffles them within a window, and repeats some, as a bad network and a busy
/// client would.
[[nodiscard]] std::vector<Segment> segments(std::size_t length) {
    std::vector<Segment> list;
    const std::size_t longest = *rc::gen::element<std::size_t>(1, 3, 11, 60, 200, 1448);
    for (std::size_t at = 0; at < length;) {
        const std::size_t bytes =
            std::min<std::size_t>(length - at, *rc::gen::inRange<std::size_t>(1, longest + 1));
        list.push_back({at, bytes});
        at += bytes;
    }
    const std::size_t swaps = *rc::gen::inRange<std::size_t>(0, 20);
    for (std::size_t i = 0; i < swaps; ++i) {
        const std::size_t a = *rc::gen::inRange<std::size_t>(0, list.size());
        const std::size_t b = std::min(list.size() - 1, a + *rc::gen::inRange<std::size_t>(0, 6));
        std::swap(list[a], list[b]);
    }
    const std::size_t repeats = *rc::gen::inRange<std::size_t>(0, 8);
    for (std::size_t i = 0; i < repeats; ++i) {
        const std::size_t from = *rc::gen::inRange<std::size_t>(0, length);
        const std::size_t bytes =
            std::min<std::size_t>(length - from, *rc::gen::inRange<std::size_t>(1, 300));
        list.insert(
            list.begin() + static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, list.size() + 1)),
            Segment{from, bytes});
    }
    return list;
}

RC_GTEST_PROP(Segmentation, NeverChangesTheVerdictsNorWhatLeaves, ()) {
    const auto choice = *rc::gen::resize(
        8,
        rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 7))));
    const Scenario wanted = scenario(choice);
    Wire wire;
    Connection c(wire);
    c.client_next = *rc::gen::element<std::uint32_t>(1000U, 0xffff'ff00U, 0x7fff'ff80U);
    c.open();
    std::vector<Left> left;
    const auto list = segments(wanted.stream.size());
    // Twice, as TCP would send again what was dropped; the second time in order.
    for (const Segment& segment : list) {
        c.client_at(static_cast<std::uint32_t>(segment.from),
                    std::string_view{wanted.stream}.substr(segment.from, segment.bytes));
        for (Left& one : wire.to_server()) left.push_back(std::move(one));
    }
    for (std::size_t at = 0; at < wanted.stream.size(); at += 1448) {
        c.client_at(static_cast<std::uint32_t>(at), std::string_view{wanted.stream}.substr(at, 1448));
        for (Left& one : wire.to_server()) left.push_back(std::move(one));
    }
    const std::string reached = stream_of(left, c.base);
    RC_ASSERT(reached == wanted.stream.substr(0, reached.size()));
    RC_ASSERT(reached.size() >= wanted.allowed_bytes);
    if (wanted.has_denial) {
        RC_ASSERT(reached.size() + 2 <= wanted.denied_head_end);
    } else {
        RC_ASSERT(reached == wanted.stream);
    }
    std::vector<std::string> verdicts = wire.log.verdicts();
    RC_ASSERT(verdicts.size() >= wanted.allowed_requests + (wanted.has_denial ? 1U : 0U));
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        if (i < wanted.allowed_requests) {
            RC_ASSERT(verdicts[i] == "allowed");
        } else if (i == wanted.allowed_requests) {
            RC_ASSERT(verdicts[i] == "denied:no_credentials");
        } else {
            RC_ASSERT(verdicts[i] == "denied:connection_cut");
        }
    }
}

}  // namespace
}  // namespace springlatch::test
