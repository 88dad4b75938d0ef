#pragma once
// What is remembered of one connection: 120 bytes in two parts, the first a cache line that every packet
// touches.
//
// Words
//   client: who opened the connection; server: the service. gate: the first client byte that is not yet
//   judged. All positions are TCP sequence numbers; compare them with sequence.h only.
#include <cstdint>

#include "dataplane/protocol/http/response.h"

namespace springlatch {

/// Keyed 128-bit fingerprint of (client address, client port, server address, server port); see key.h.
struct FlowKey {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool operator==(const FlowKey&) const = default;
};

enum class FlowState : std::uint8_t {
    free,    ///< the record is not in use
    open,    ///< judged byte by byte
    cut,     ///< denied: nothing passes any more but a new handshake
    closed,  ///< both FINs acknowledged, or a valid RST seen: kept a short while for late retransmissions
};

/// Where the client's byte stream stands.
enum class RequestPhase : std::uint8_t {
    head,         ///< at or inside a request head
    head_lf,      ///< judged and allowed; exactly one LF must follow, then body or next head
    body,         ///< body_left more bytes of known length lie beyond the gate; then chunks or head
    chunks,       ///< at or inside chunk framing (chunk_* fields)
    chunks_lf,    ///< the body is complete but for its final LF
    await_100,    ///< Expect: 100-continue was forwarded; body bytes wait for the server's word
    refused_100,  ///< the server gave a final status instead: no client byte is acceptable any more
    last_seen,    ///< the client said this was its last request: any further byte is refused
    opaque,       ///< tcp service or allowed TLS: bytes are counted, not read
    lost,         ///< observe mode only: the stream could not be followed any more, nothing is judged
};

inline constexpr std::uint32_t no_index = 0xffff'ffff;

struct alignas(64) FlowHot {
    FlowKey key;
    std::uint32_t client_gate = 0;   ///< next client position to judge; what lies before it may pass
    std::uint32_t client_high = 0;   ///< end of the highest client byte that left
    std::uint32_t client_acked = 0;  ///< highest acknowledgement of the server
    std::uint32_t client_edge = 0;   ///< right edge of the server's window
    std::uint32_t server_high = 0;   ///< end of the highest server byte that left
    std::uint32_t server_read = 0;   ///< next position the response reader wants
    std::uint32_t server_acked = 0;  ///< highest acknowledgement of the client
    std::uint32_t held = no_index;   ///< last held segment (a ring: its next is the first)
    std::uint32_t client_ts = 0;     ///< newest time stamp accepted from the client (PAWS, RFC 7323 §5)
    std::uint32_t last_seen = 0;     ///< seconds since the table's epoch
    std::uint16_t service = 0xffff;
    std::uint16_t zone = 0xffff;
    FlowState state = FlowState::free;
    std::uint8_t scales = 0;  ///< low 4 bits: client's window scale, high 4 bits: server's
    std::uint16_t flags = 0;  ///< flow_flag
};
static_assert(sizeof(FlowHot) == 64);

namespace flow_flag {
inline constexpr std::uint16_t client_fin = 1;  ///< the client's FIN left; client_high lies behind it
inline constexpr std::uint16_t server_fin = 2;
inline constexpr std::uint16_t client_fin_acked = 4;
inline constexpr std::uint16_t server_fin_acked = 8;
inline constexpr std::uint16_t timestamps = 16;      ///< both ends agreed on RFC 7323 time stamps
inline constexpr std::uint16_t client_spoke = 32;    ///< at least one payload byte of the client left
inline constexpr std::uint16_t responses_lost = 64;  ///< answers cannot be paired with requests any more
inline constexpr std::uint16_t awaits_answer =
    128;  ///< a request without credentials is out: nothing may follow before its answer
inline constexpr std::uint16_t last_request = 256;  ///< the client said that no further request comes
inline constexpr std::uint16_t rehandshake =
    512;  ///< the server answered a new SYN on this tuple: the next ACK may replace the flow
inline constexpr std::uint16_t replied =
    1024;  ///< cut with an HTTP reply and a FIN of our own: the client's FIN is acknowledged
inline constexpr std::uint16_t silent = 2048;            ///< cut with action drop: the client gets nothing
inline constexpr std::uint16_t expects_continue = 4096;  ///< the request's body waits for the server's 100
/// The server has acknowledged a byte of the client: it stands on this handshake, not on another one that it
/// answered on the same tuple (with SYN cookies it remembers none, and the next ACK decides).
inline constexpr std::uint16_t confirmed = 8192;
/// Under which policy `service` and `zone` were looked up: one of three marks in turn (bits 14 and 15), or 0
/// for any policy but the one in force. See Inspector::adopt().
inline constexpr std::uint16_t policy_mark = 0xc000;
inline constexpr std::uint16_t policy_mark_step = 0x4000;
}  // namespace flow_flag

inline constexpr std::uint8_t not_chunked = 0xff;

struct FlowCold {
    http::ResponseState response;
    std::uint64_t body_left =
        0;  ///< bytes of a known-length piece beyond the gate; opaque: client payload bytes so far
    std::uint64_t heads_in_flight = 0;  ///< bit i: the i-th unanswered request was HEAD
    std::uint32_t head = no_index;      ///< open head in the pool of heads that come in pieces
    std::uint32_t retained = no_index;  ///< last retained block (a ring: its next is the first)
    std::uint16_t requests = 0;         ///< forwarded on this connection, modulo 2^16
    std::uint16_t incarnation = 0;      ///< tells connections on the same tuple apart in events
    std::uint8_t in_flight = 0;         ///< forwarded requests whose answer has not ended
    RequestPhase phase = RequestPhase::head;
    std::uint8_t chunk_phase = not_chunked;  ///< http::ChunkPhase, or not_chunked
    std::uint8_t chunk_digits = 0;  ///< while cut: resets sent for late frames; opaque: 1 if it is TLS
};
static_assert(sizeof(FlowCold) == 56);

}  // namespace springlatch
