#pragma once
// What peers wrote, made fit to be stored and shown.
#include <string>
#include <string_view>

namespace springlatch::control {

/// Values of query parameters that carry credentials become REDACTED (P6). A name counts in any case and
/// percent-encoded; parameters are divided by `&` and by `;`, as Elasticsearch reads them; the value of a
/// credential goes on to the next `&`.
[[nodiscard]] std::string redact_query(std::string_view query);

/// `scheme://user:password@host/…` and `//user:password@host/…` without the part before the `@`.
[[nodiscard]] std::string redact_path(std::string_view path);

/// Bytes that are not printable UTF-8 (control characters, marks that turn the direction of text, invalid
/// sequences) as \xNN, everything else as it is.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace springlatch::control
