#pragma once
// The event records that leave the data plane: fixed size, plain data, versioned.
//
// Overview
//   An event is one EventRecord, followed by text_records TextRecords that carry its texts (path, query, user
//   agent) one after the other without separators. Both are 128 bytes, the slot size of the ring. An event's
//   records are published together. A request is told by up to two events: `request` when it is judged,
//   `response` when its answer ended or the connection did. `flow` and `request_number` tie them together.
// P5: `sequence` counts every event of a worker from 1, those that found the ring full included, so a gap
// shows a loss. P6: no credential value and no body byte is in any record.
#include <array>
#include <cstdint>

#include "dataplane/packet/address.h"
#include "dataplane/policy/reason.h"

namespace springlatch {

inline constexpr std::uint32_t event_version = 2;

enum class EventKind : std::uint8_t {
    request = 1,  ///< a request was judged
    response =
        2,  ///< the answer to request_number ended (or the connection did): status, response_bytes, complete
    connection = 3,  ///< a connection or a first packet was judged, not a request: `tcp` services, refused
                     ///< sources, cuts, mid-stream, …
    closed = 4,  ///< an allowed connection of a `tcp` service ended: request_bytes and response_bytes are its
                 ///< payload bytes
    text = 5,    ///< continuation
};

enum class EventAction : std::uint8_t { allowed, denied, would_deny };

struct EventRecord {
    EventKind kind = EventKind::request;
    EventAction action = EventAction::allowed;
    Reason reason = Reason::none;
    std::uint8_t method = 0;       ///< http::Method
    std::uint8_t operation = 0;    ///< elasticsearch::Operation
    std::uint8_t credentials = 0;  ///< http::Credentials
    std::uint8_t version_minor = 0;
    std::uint8_t text_records = 0;  ///< how many TextRecords follow
    std::uint64_t sequence = 0;
    std::uint64_t time_ns = 0;         ///< since the Unix epoch, of the frame that decided
    std::uint64_t flow = 0;            ///< names the connection within this start of the data plane
    IpAddress source;                  ///< the client, whoever sent the frame
    IpAddress destination;             ///< the service
    std::uint64_t request_bytes = 0;   ///< head plus announced body (chunked: head only)
    std::uint64_t response_bytes = 0;  ///< body bytes that passed to the client
    std::uint32_t request_number = 0;  ///< on this connection, from 1; 0 for connection events
    std::uint32_t verdict_ns =
        0;  ///< time from the frame's arrival in the burst to its verdict; 0: not measured
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint16_t service = 0xffff;
    std::uint16_t zone = 0xffff;
    std::uint16_t rule = 0xffff;
    std::uint16_t status = 0;      ///< of the response; 0: none seen
    std::uint16_t path_bytes = 0;  ///< lengths of the texts that follow, in this order
    std::uint16_t query_bytes = 0;
    std::uint16_t user_agent_bytes = 0;
    std::uint8_t complete =
        0;  ///< response: 1 if its end was seen; 0 if it was cut short or could not be followed
    std::uint8_t text_cut = 0;  ///< 1: a text was longer than event_text_bytes_max allowed
    std::uint32_t generation =
        0;  ///< of the policy that judged; service, zone, rule and identity are its indices
    std::uint16_t identity = 0xffff;  ///< whose credentials the request has; 0xffff: not verified
    std::array<std::uint16_t, 7> reserved{};
};
static_assert(sizeof(EventRecord) == 128);

struct TextRecord {
    EventKind kind = EventKind::text;
    std::uint8_t bytes = 0;  ///< used of `text`
    std::array<char, 126> text{};
};
static_assert(sizeof(TextRecord) == 128);

inline constexpr std::size_t event_text_records_max =
    33;  ///< 4,158 bytes of text an event: a whole request line of 4,096
inline constexpr std::size_t event_text_bytes_max = event_text_records_max * 126;

}  // namespace springlatch
