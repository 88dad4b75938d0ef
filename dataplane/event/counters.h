#pragma once
// What one worker counted since its start. Only its worker writes it; others read copies (channel.h).
#include <array>
#include <cstdint>

#include "dataplane/policy/reason.h"

namespace springlatch {

/// Every number counts since the worker's start. Each frame taken in is counted once among forwarded, dropped
/// and (while it waits) held:
///   frames_in = frames_forwarded + sum(frames_dropped) + frames_held + frames_reassembled.
/// Made frames are apart.
struct Counters {
    std::array<std::uint64_t, 2> frames_in{};  ///< [Side]
    std::array<std::uint64_t, 2> bytes_in{};
    std::array<std::uint64_t, 2>
        frames_forwarded{};  ///< by the side on which they left; shortened ones included
    std::array<std::uint64_t, 2> bytes_forwarded{};
    std::array<std::uint64_t, 2>
        frames_made{};                     ///< resets and replies of our own, by the side on which they left
    std::uint64_t frames_shortened = 0;    ///< part of frames_forwarded
    std::uint64_t frames_held = 0;         ///< a gauge: waiting for earlier bytes or other fragments now
    std::uint64_t frames_reassembled = 0;  ///< fragments that went into the frame of another fragment
    std::array<std::uint64_t, reason_count>
        frames_dropped{};  ///< by reason; frames of cut connections are connection_cut
    std::array<std::uint64_t, reason_count>
        frames_would_drop{};        ///< observe mode: forwarded, but a reason stood against it
    std::uint64_t connections = 0;  ///< handshakes completed
    std::array<std::uint64_t, reason_count> connections_refused{};  ///< refused at the SYN or cut, by reason
    std::uint64_t requests_allowed = 0;
    std::array<std::uint64_t, reason_count> requests_denied{};
    std::array<std::uint64_t, reason_count> requests_would_deny{};
    std::uint64_t flows = 0;          ///< a gauge
    std::uint64_t flows_evicted = 0;  ///< given up for a newer one before their time
    std::uint64_t half_open_evicted = 0;
    std::uint64_t credential_checks = 0;  ///< asked of the control process
    std::uint64_t quarantined = 0;        ///< a gauge: sources and identities shut out
    std::uint64_t quarantines = 0;        ///< begun or prolonged
    std::uint64_t quarantines_lost = 0;   ///< that found no place
    std::uint64_t limits_forgotten = 0;   ///< accounts of a limit given up for newer ones before their time
    std::uint64_t events = 0;             ///< emitted, lost ones included
    std::uint64_t events_lost = 0;
};

}  // namespace springlatch
