#pragma once
// Bytes handed to another process in a sealed memfd: who reads them reads what was sealed, whatever the
// sender does meanwhile.
#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace springlatch {

/// A new memfd that holds `bytes`, sealed against writing, shrinking and growing. Error: errno.
[[nodiscard]] tl::expected<int, int> seal_bytes(const char* name, std::string_view bytes);

/// What a descriptor that came over a socket holds. Error: errno (EPROTO: not sealed; EFBIG: more than
/// `bytes_max`). The descriptor stays the caller's.
[[nodiscard]] tl::expected<std::string, int> read_sealed(int fd, std::size_t bytes_max);

}  // namespace springlatch
