#pragma once
// One question to springlatchd over HTTP.
#include <string>
#include <tl/expected.hpp>

namespace springlatch::control {

/// True if it is of the form http://HOST:PORT.
[[nodiscard]] bool is_service_url(const std::string& url);

/// The body of a 200 answer, at most 16 MiB. Error: what happened instead.
[[nodiscard]] tl::expected<std::string, std::string> fetch(const std::string& url, const std::string& path);

}  // namespace springlatch::control
