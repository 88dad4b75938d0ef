#pragma once
// Lenient, resumable reading of HTTP/1.x responses: status codes and body lengths, for the record and for
// pairing requests with answers.
//
// A response is never judged and never held. What cannot be followed makes the reader `lost`: the connection
// goes on, lengths are no longer known, and whoever needs an answer's end (Expect, denials by 401) falls back
// to a reset.
#include <cstddef>
#include <cstdint>
#include <span>

namespace springlatch::http {

/// Plain data, 24 bytes, part of a flow's record.
struct ResponseState {
    std::uint64_t left = 0;  ///< body or chunk bytes still to come; digits being read while in a head
    std::uint64_t given =
        0;  ///< body bytes of the current response that have passed (chunk framing not counted)
    std::uint16_t status = 0;  ///< of the current response
    std::uint8_t phase = 0;    ///< private to response.cpp
    std::uint8_t match = 0;    ///< private
    std::uint16_t head_bytes = 0;
    std::uint8_t flags = 0;  ///< private
    std::uint8_t reserved = 0;
};
static_assert(sizeof(ResponseState) == 24);

enum class ResponseEvent : std::uint8_t {
    none,      ///< all bytes consumed, nothing ended
    interim,   ///< a 1xx head ended (status); another response follows for the same request. 101 is `lost`.
    head,      ///< a final head ended (status); its body, if any, follows
    complete,  ///< the response ended (status, given)
    lost,      ///< not followable any more
};

struct ResponseResult {
    ResponseEvent event = ResponseEvent::none;
    std::uint32_t bytes = 0;  ///< consumed; call again with the rest (also when the rest is empty after
                              ///< `head`: a response without a body is then `complete` with 0 bytes)
};

/// `to_head`: the request was HEAD, so the response has no body whatever its fields say (RFC 9112 §6.3).
/// A response without length ends at the connection's end: it stays in its body until response_closed().
[[nodiscard]] ResponseResult advance_response(ResponseState& state, std::span<const std::byte> bytes,
                                              bool to_head) noexcept;

/// Body bytes that lie ahead for certain (known length, chunk data, or close-delimited): 0 if the reader must
/// see each byte.
[[nodiscard]] std::uint64_t skippable_bytes(const ResponseState& state) noexcept;
/// Counts `bytes` <= skippable_bytes() as passed without having seen them. The next advance_response() may
/// then report `complete` with 0 bytes.
void skip_bytes(ResponseState& state, std::uint64_t bytes) noexcept;

/// The server's FIN: true if a close-delimited response (status, given) ended here.
[[nodiscard]] bool response_closed(ResponseState& state) noexcept;
/// True between responses: nothing of a next response has been read.
[[nodiscard]] bool is_idle(const ResponseState& state) noexcept;
[[nodiscard]] bool is_lost(const ResponseState& state) noexcept;

}  // namespace springlatch::http
