#pragma once
// Strict, resumable reading of an HTTP/1.x request head (RFC 9112 §2–§3, §5).
//
// Overview
//   advance_head() is given the bytes of a head from its first byte on, as many as have arrived, and a
//   HeadState that remembers how far it looked. It accepts only what every server reads alike; all else is a
//   HeadFault at the first byte that could be read in two ways. So no lenient reader can see a complete
//   request in bytes that were accepted so far without the head being complete here too.
// The early judgement
//   A line is evaluated at its CR, not at its LF, and the head is complete at the CR of its empty line: a
//   server that takes a bare CR as line end would run the request there. `lf_pending` tells that the LF has
//   not been seen; the only acceptable next byte of the stream is then LF.
// Limits
//   HeadLimits; offsets are 32 bits and a head never exceeds head_bytes.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace springlatch::http {

enum class Method : std::uint8_t { unknown, get, head, post, put, delete_, options, patch, trace, connect };

[[nodiscard]] std::string_view name_of(Method method) noexcept;  ///< "GET", …; "" for unknown

enum class HeadFault : std::uint8_t {
    none,
    not_http,   ///< the first bytes are no method token: TLS is told apart below
    tls,        ///< the first bytes are a TLS or SSLv2 record header
    malformed,  ///< a byte or line that RFC 9112 forbids, or that real servers read differently (bare LF,
                ///< obs-fold, …)
    version,    ///< anything but HTTP/1.0 and HTTP/1.1; HTTP/2 preface included
    framing,    ///< Content-Length or Transfer-Encoding doubled, both, not exactly one decimal number or
                ///< `chunked`, in HTTP/1.0 (the latter), next to a tab, or named by Connection
    target,     ///< not origin-form, absolute-form or `*` with OPTIONS; `#`, `\`, `//`, dot segments, %2f %5c
                ///< %2e%2e %00, bad %XX; see request_target.h
    method,     ///< CONNECT, TRACE, or a registered method that is not in Method; anything else is not_http
    upgrade,    ///< Upgrade, HTTP2-Settings, or `Connection: upgrade`
    expectation,     ///< Expect is anything but exactly one `100-continue` in an HTTP/1.1 request with a body
    host,            ///< none (HTTP/1.1) or more than one
    head_too_large,  ///< more than head_bytes or line_bytes bytes, or more than `headers` header lines
    body_too_large,  ///< Content-Length above body_bytes
    encoded_body,  ///< Content-Encoding other than identity on a request (`chunked`, which no server decodes,
                   ///< passes too)
};

struct HeadLimits {
    std::uint32_t head_bytes = 16384;
    std::uint32_t line_bytes = 4096;  ///< of the request line without CRLF: what both databases take
    std::uint32_t headers = 2000;
    std::uint64_t body_bytes = 100'000'000;  ///< Content-Length ceiling
};

/// none: no header, or an empty one. malformed: two headers, or a known scheme without exactly one
/// well-formed token. other: any other scheme. The head itself is good in all cases; the policy decides.
enum class Credentials : std::uint8_t { none, malformed, basic, bearer, api_key, other };
/// As in events: "none", "malformed", "basic", "bearer", "api_key", "other".
[[nodiscard]] std::string_view name_of(Credentials credentials) noexcept;

enum class BodyFraming : std::uint8_t { none, length, chunked };

/// A piece of the head: offset from the head's first byte and bytes.
struct Piece {
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
};

/// Where the reading stands; plain data, copied freely. Fields from `method` on are facts once the head is
/// complete.
struct HeadState {
    std::uint32_t scanned = 0;     ///< bytes looked at and found good
    std::uint32_t line_start = 0;  ///< offset of the line being read
    std::uint32_t header_lines = 0;
    std::uint8_t phase = 0;  ///< private to request_head.cpp
    std::uint8_t seen = 0;   ///< private: bits for headers that may come once
    Method method = Method::unknown;
    std::uint8_t version_minor = 1;
    BodyFraming framing = BodyFraming::none;
    Credentials credentials = Credentials::none;
    bool expects_continue = false;
    bool closes = false;  ///< the client said this is its last request: Connection: close, or HTTP/1.0
                          ///< without keep-alive
    HeadFault fault = HeadFault::none;  ///< private: what it was refused for
    std::uint16_t name_bytes = 0;       ///< private: length of the name of the header line being read
    std::uint64_t content_length = 0;
    Piece target;         ///< as sent, query included
    Piece authorization;  ///< value without surrounding blanks; empty if absent
    Piece user_agent;
};

enum class HeadStatus : std::uint8_t { need_more, complete, refused };

struct HeadResult {
    HeadStatus status = HeadStatus::need_more;
    HeadFault fault = HeadFault::none;
    bool lf_pending = false;  ///< complete, but the final LF has not arrived yet
    /// complete: length of the head so far, final LF included unless pending. refused: offset of the
    /// offending byte, which is the line's CR if the line's meaning offends, and the blank behind it if the
    /// target's does.
    std::uint32_t bytes = 0;
};

/// `head` must begin with the same bytes at every call. One CRLF before the request line is skipped (RFC 9112
/// §2.2) and counts as part of the head. A refused head stays refused. Never reads past `head`, allocates
/// nothing, throws nothing.
[[nodiscard]] HeadResult advance_head(HeadState& state, std::span<const std::byte> head,
                                      const HeadLimits& limits) noexcept;

}  // namespace springlatch::http
