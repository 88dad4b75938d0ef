#pragma once
// What is remembered of one connection: 120 bytes in two parts, the first a cache line that every packet touches.
//
// Words
//   client: who opened the connection; server: the service. gate: the first client byte that is not yet judged.
//   All positions are TCP sequence numbers; compare them with sequence.h only.
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
    free,      ///< the record is not in use
    open,      ///< judged byte by byte
    cut,       ///< denied: nothing passes any more but a new handshake
    closed,    ///< both FINs acknowledged, or a valid RST seen: kept a short while for late retransmissions
};

/// Where the client's byte stream stands.
enum class RequestPhase : std::uint8_t {
    head,         ///< at or inside a request head
    head_lf,      ///< judged and allowed; exactly one LF must follow, then body or next head
    body,         ///< body_left more bytes of known length
    chunks,       ///< inside chunk framing (chunk_* fields) or chunk data (body_left)
    chunks_lf,    ///< last chunk's final LF must follow
    await_100,    ///< Expect: 100-continue was forwarded; body bytes wait for the server's word
    refused_100,  ///< the server gave a final status instead: no client byte is acceptable any more
    last_seen,    ///< the client said this was its last request: any further byte is refused
    opaque,       ///< tcp service or allowed TLS: bytes are counted, not read
    lost,         ///< observe mode only: the stream could not be followed any more, nothing is judged
};

struct alignas(64) FlowHot {
    FlowKey key;
    std::uint32_t client_gate = 0;   ///< next client position to judge; what lies before it may pass
    std::uint32_t client_high = 0;   ///< end of the highest client byte that left
    std::uint32_t client_acked = 0;  ///< highest acknowledgement of the server
    std::uint32_t client_edge = 0;   ///< right edge of the server's window
    std::uint32_t server_high = 0;   ///< end of the highest server byte that left
    std::uint32_t server_read = 0;   ///< next position the response reader wants
    std::uint32_t server_acked = 0;  ///< highest acknowledgement of the client
    std::uint32_t server_edge = 0;   ///< right edge of the client's window
    std::uint32_t client_ts = 0;     ///< newest time stamp accepted from the client (PAWS, RFC 7323 §5)
    std::uint32_t last_seen = 0;     ///< seconds since the table's epoch
    std::uint16_t service = 0xffff;
    std::uint16_t zone = 0xffff;
    FlowState state = FlowState::free;
    std::uint8_t scales = 0;         ///< low 4 bits: client's window scale, high 4 bits: server's
    std::uint16_t flags = 0;         ///< flow_flag
};
static_assert(sizeof(FlowHot) == 64);

namespace flow_flag {
inline constexpr std::uint16_t client_fin = 1, server_fin = 2, client_fin_acked = 4, server_fin_acked = 8, timestamps = 16, observe = 32,
                               responses_lost = 64, deny_reported = 128, has_held = 256, has_retained = 512, has_head = 1024,
                               first_bytes_seen = 2048, awaits_answer = 4096, observed_denial = 8192;
}

inline constexpr std::uint32_t no_index = 0xffff'ffff;

struct FlowCold {
    http::ResponseState response;
    std::uint64_t body_left = 0;        ///< bytes of a known-length piece beyond the gate
    std::uint32_t head = no_index;      ///< open head in the head pool
    std::uint32_t held = no_index;      ///< first held segment
    std::uint32_t retained = no_index;  ///< last retained block (a ring: its next is the first)
    std::uint32_t heads_in_flight = 0;  ///< bit i: the i-th unanswered request was HEAD
    std::uint16_t requests = 0;         ///< judged on this connection (wraps; events carry 32 bits counted from here)
    std::uint8_t in_flight = 0;         ///< forwarded requests whose answer has not ended
    RequestPhase phase = RequestPhase::head;
    std::uint8_t chunk_phase = 0;
    std::uint8_t chunk_digits = 0;
    std::uint8_t generation = 0;        ///< low bits of the policy generation that service and zone are indices of
    std::uint8_t reserved = 0;
};
static_assert(sizeof(FlowCold) == 56);

}  // namespace springlatch
