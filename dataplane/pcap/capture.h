#pragma once
// Capture files: checked whole before anything is done with them, and rewritten with the times that belong to
// their frames.
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace springlatch {

struct CaptureSummary {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;            ///< captured
    std::uint32_t frame_bytes_max = 0;  ///< captured
    std::uint64_t frames_cut = 0;  ///< captured shorter than they were (snap length): they cannot be judged
    std::uint64_t first_ns = 0;    ///< since the Unix epoch
};

/// Reads a pcap or pcapng file to its end. Error: one line that says what is wrong, where, and what would be
/// right: no such file, not a capture, empty, truncated or corrupt behind frame N, a link type other than
/// Ethernet.
[[nodiscard]] tl::expected<CaptureSummary, std::string> check_capture(const std::string& path);

/// Writes the frames of `from` to `to` with `times_ns` in place of their own times: first under a temporary
/// name beside `to`, synced, then renamed, so that an earlier `to` is whole until the new one is. Error: one
/// line.
[[nodiscard]] tl::expected<void, std::string> write_with_times(const std::string& from, const std::string& to,
                                                               const std::vector<std::uint64_t>& times_ns);

}  // namespace springlatch
