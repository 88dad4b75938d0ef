// Responses: the input is what a server sends on one connection. Its hash chooses the segments; both kinds of
// request are tried.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/http_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    std::uint64_t seed = 1469598103934665603U;
    for (const char byte : bytes) seed = (seed ^ static_cast<unsigned char>(byte)) * 1099511628211U;
    for (const bool to_head : {false, true}) {
        const std::string wrong = springlatch::http::checks::check_responses(bytes, seed, to_head);
        if (!wrong.empty()) {
            std::fprintf(stderr, "response: %s\n", wrong.c_str());
            std::abort();
        }
    }
    return 0;
}
