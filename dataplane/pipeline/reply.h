#pragma once
// The words of a denial: what a client without accepted credentials is told.
#include <string_view>

#include "dataplane/policy/reason.h"

namespace springlatch {

/// A whole HTTP/1.1 response, at most reply_bytes_max bytes: 401 with WWW-Authenticate where credentials were
/// missing or wrong (RFC 9110 §11.6.1), 429 where somebody did too much (RFC 6585 §4), 503 where they could
/// not be checked, else 403, each closing the connection, with a JSON body that names the reason in the form
/// Elasticsearch uses for errors. `to_head`: without the body (RFC 9110 §9.3.2).
[[nodiscard]] std::string_view denial_reply(Reason reason, bool to_head) noexcept;

/// True if the client is known to speak HTTP when this reason stops it, so that it can be told by HTTP.
[[nodiscard]] bool has_reply(Reason reason) noexcept;

inline constexpr std::size_t reply_bytes_max = 400;

}  // namespace springlatch
