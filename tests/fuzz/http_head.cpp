// Request heads: the input is a head, perhaps with more behind it. Its hash chooses the segments and small
// limits now and then.
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
    springlatch::http::HeadLimits limits;
    if (seed % 8 == 0) limits = {.head_bytes = 96, .line_bytes = 24, .headers = 3, .body_bytes = 1000};
    const std::string wrong = springlatch::http::checks::check_head(bytes, seed, limits);
    if (!wrong.empty()) {
        std::fprintf(stderr, "head: %s\n", wrong.c_str());
        std::abort();
    }
    return 0;
}
