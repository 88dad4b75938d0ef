#pragma once
// `springlatch replay`: a capture through the real data plane into an embedded store and three files.
#include <cstdint>
#include <string>

namespace springlatch::control {

struct ReplayOptions {
    std::string capture;
    std::string policy;
    std::string out;
    std::string data_plane;  ///< the program; "": springlatch-dataplane beside this one
    bool observe = false;
    std::uint32_t workers = 1;
    bool ignore_checksums = false;
    bool quiet = false;
};

/// Returns the exit code; every failure is told on standard error, and then nothing that was in `out` has
/// changed.
[[nodiscard]] int replay(const ReplayOptions& options);

}  // namespace springlatch::control
