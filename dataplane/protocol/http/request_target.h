#pragma once
// Request targets that every server reads alike (RFC 9112 §3.2).
//
// Both databases match routes on the path as sent and decode afterwards (measured); a proxy in front of them
// may decode first. Refused is what these two orders, or two known servers, read differently:
//   `//`                            Elasticsearch drops the empty segment, OpenSearch does not
//   `.` and `..` segments           however encoded, and also before `;` (path parameters)
//   %2f %5c %00, raw `\` and `#`    a delimiter after decoding
//   %25 before 2e 2f 5c 00 25       the same, encoded twice
//   overlong UTF-8 of these bytes   %c0%af and longer forms
//   % without two hex digits        both databases fail late, others keep the bytes
// Not refused, because all measured servers agree: `;` (both databases and seven other parsers take it
// literally), overlong or broken UTF-8 that hides none of these bytes (%c0%a6, %80), %3A, and raw 8-bit bytes
// in the query.
#include <string_view>

#include "dataplane/protocol/http/request_head.h"

namespace springlatch::http {

/// True if `target`, made of bytes that a request line may hold and neither `\` nor `#`, is one of:
/// origin-form; absolute-form of scheme http with an authority without userinfo and a path; `*` for OPTIONS.
[[nodiscard]] bool is_plain_target(std::string_view target, Method method) noexcept;

}  // namespace springlatch::http
