#pragma once
// `springlatch status`: asks a running springlatchd.
#include <string>

namespace springlatch::control {

struct StatusOptions {
    std::string url = "http://127.0.0.1:9600";
    bool json = false;
};

/// Returns the exit code: 0 told, 1 not reachable or no data plane connected, 2 the URL is none.
[[nodiscard]] int status(const StatusOptions& options);

}  // namespace springlatch::control
