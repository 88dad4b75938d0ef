#pragma once
// The framing of a chunked request body (RFC 9112 §7.1), strict and resumable. Bodies of known length need no
// reader.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocol/http/request_head.h"

namespace springlatch::http {

enum class ChunkPhase : std::uint8_t {
    size_line,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_line,
    final_lf,
    done,
    refused,
    trailer_name,
    trailer_value,
    trailer_lf
};

/// Plain data, 16 bytes, part of a flow's record.
struct ChunkState {
    std::uint64_t left = 0;  ///< size_line: value so far; data: bytes of the chunk still to come; trailer:
                             ///< private, where its reader stands
    ChunkPhase phase = ChunkPhase::size_line;
    std::uint8_t digits = 0;  ///< hex digits of the size line so far (at most 8); trailer: its fields so far
    std::uint16_t odd_bytes = 0;  ///< body bytes announced so far beyond `total`, below 1024
    std::uint32_t total = 0;      ///< the same in whole KiB; both count against HeadLimits::body_bytes, and
                                  ///< for nothing in the trailer
};

enum class ChunkStatus : std::uint8_t {
    need_more,  ///< all bytes consumed, the framing goes on
    data,       ///< a chunk begins: `left` data bytes follow the consumed ones; after them call again (phase
                ///< data_cr)
    complete,   ///< the body's last byte (its final CR, see lf_pending) is consumed
    refused,
};

struct ChunkResult {
    ChunkStatus status = ChunkStatus::need_more;
    HeadFault fault = HeadFault::none;
    bool lf_pending = false;  ///< complete at the CR of the final CRLF; the only acceptable next byte is LF
    std::uint32_t bytes = 0;  ///< consumed; refused: offset of the offending byte
};

inline constexpr std::uint32_t trailer_bytes_max = 8192;  ///< of the field lines with their CRLF
inline constexpr std::uint8_t trailer_fields_max = 64;

/// Reads framing bytes only: the caller skips the `left` data bytes after ChunkStatus::data and then sets
/// phase to data_cr. Chunk extensions are refused.
///
/// Trailer fields are read as a head's (a token, at once a colon, one line) and otherwise ignored. A server
/// may merge them into the head that was judged without them (RFC 9110 §6.5.1), so a name that bears on
/// framing, credentials, the connection or the method is refused at its colon.
///
/// Faults: body_too_large at the CR of the size line that exceeds HeadLimits::body_bytes; head_too_large at
/// the first byte of a trailer field beyond trailer_bytes_max or trailer_fields_max; framing for all else. A
/// refused body stays refused (later calls say framing).
[[nodiscard]] ChunkResult advance_chunks(ChunkState& state, std::span<const std::byte> bytes,
                                         const HeadLimits& limits) noexcept;

}  // namespace springlatch::http
