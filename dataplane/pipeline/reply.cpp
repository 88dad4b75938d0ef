#include "dataplane/pipeline/reply.h"

#include <array>
#include <string>

namespace springlatch {
namespace {

struct Reply {
    std::string whole;
    std::size_t head_bytes = 0;
};

[[nodiscard]] bool asks_for_credentials(Reason reason) noexcept {
    return reason == Reason::no_credentials || reason == Reason::malformed_credentials ||
           reason == Reason::bad_credentials;
}

[[nodiscard]] std::string status_line(Reason reason) {
    if (asks_for_credentials(reason)) {
        return "401 Unauthorized";
    }
    switch (reason) {
        case Reason::rate_limited:
        case Reason::quarantined:
            return "429 Too Many Requests";
        case Reason::credentials_unchecked:
            return "503 Service Unavailable";
        default:
            return "403 Forbidden";
    }
}

[[nodiscard]] Reply make_reply(Reason reason) {
    const std::string line = status_line(reason);
    const std::string status = line.substr(0, 3);
    const std::string body = R"({"error":{"type":"springlatch","reason":")" + std::string{name_of(reason)} +
                             R"("},"status":)" + status + "}\n";
    Reply reply;
    reply.whole = "HTTP/1.1 " + line + "\r\n";
    if (asks_for_credentials(reason)) {
        reply.whole += "WWW-Authenticate: Basic realm=\"springlatch\", charset=\"UTF-8\"\r\n";
    }
    reply.whole += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\nConnection: close\r\n\r\n";
    reply.head_bytes = reply.whole.size();
    reply.whole += body;
    return reply;
}

/// Made before the first packet: the packet path allocates nothing.
const std::array<Reply, reason_count> replies = [] {
    std::array<Reply, reason_count> made;
    for (std::size_t i = 0; i < reason_count; ++i) {
        made[i] = make_reply(static_cast<Reason>(i));
    }
    return made;
}();

}  // namespace

std::string_view denial_reply(Reason reason, bool to_head) noexcept {
    const Reply& reply = replies[static_cast<std::size_t>(reason)];
    return std::string_view{reply.whole}.substr(0, to_head ? reply.head_bytes : reply.whole.size());
}

bool has_reply(Reason reason) noexcept {
    switch (reason) {
        case Reason::source_not_allowed:
        case Reason::no_credentials:
        case Reason::malformed_credentials:
        case Reason::bad_credentials:
        case Reason::operation_not_allowed:
        case Reason::malformed_http:
        case Reason::ambiguous_framing:
        case Reason::ambiguous_target:
        case Reason::upgrade_not_allowed:
        case Reason::method_not_allowed:
        case Reason::expectation_not_allowed:
        case Reason::body_not_allowed:
        case Reason::encoded_body:
        case Reason::head_too_large:
        case Reason::body_too_large:
        case Reason::rate_limited:
        case Reason::credentials_unchecked:
        case Reason::patched:
        case Reason::quarantined:
            return true;
        default:
            return false;
    }
}

}  // namespace springlatch
