#pragma once
// The socket between the processes: SOCK_SEQPACKET on a unix path; hand-shake with the ring descriptors,
// status, commands.
//
// Roles
//   The control process listens, the data plane connects: it tries again every second and works on meanwhile,
//   since enforcement must not depend on the control process. The rings belong to the data plane and outlive
//   a control process.
// Messages
//   Plain structs behind a MessageHeader, one a packet; a message of another version, size or type than
//   expected is answered by closing the connection.
#include <array>
#include <cstdint>

#include "dataplane/credentials/verifier.h"
#include "dataplane/event/counters.h"

namespace springlatch {

inline constexpr std::uint32_t channel_version = 4;
inline constexpr std::uint32_t workers_max = 32;
inline constexpr std::size_t message_bytes_max = 8192;

enum class MessageType : std::uint32_t {
    hello = 1,   ///< data plane → control, once, with one ring descriptor a worker (SCM_RIGHTS)
    status = 2,  ///< data plane → control, once a second and at its end: one StatusMessage a worker
    stop = 3,    ///< control → data plane: finish and exit
    check =
        4,  ///< data plane → control: is this credential value right? A CheckMessage and the value's bytes
    answer = 5,   ///< control → data plane: an AnswerMessage a check, in any order
    policy = 6,   ///< control → data plane: run another policy; a PolicyMessage with one sealed memfd
                  ///< (SCM_RIGHTS) that holds the policy file's bytes
    adopted = 7,  ///< data plane → control: an AdoptedMessage a policy, when every worker runs it or it was
                  ///< refused
};

struct MessageHeader {
    std::uint32_t version = channel_version;
    MessageType type = MessageType::hello;
    std::uint32_t bytes = 0;    ///< of the whole message
    std::uint32_t workers = 0;  ///< in all
};

struct HelloMessage {
    MessageHeader header;
    std::uint64_t start_ns = 0;  ///< of this data plane; names its life, since the epoch
    std::uint64_t pid = 0;
    std::uint32_t policy_generation = 0;
    std::uint32_t observing = 0;  ///< 1: forwards everything, by the policy's mode or by its command line
    std::array<std::uint8_t, 32> policy_sha256{};  ///< of the policy file's bytes, so that indices in events
                                                   ///< are read with the right names
};

struct StatusMessage {
    MessageHeader header;
    std::uint64_t time_ns = 0;
    std::uint32_t worker = 0;
    std::uint32_t links_up = 0;  ///< bit 0 outside, bit 1 inside
    std::uint32_t finished = 0;  ///< 1: the last one of this worker
    std::uint32_t reserved = 0;
    Counters counters;
};
static_assert(sizeof(StatusMessage) <= message_bytes_max);

/// Followed by header.bytes - sizeof(CheckMessage) bytes, the value: 1 to credential_bytes_max. Both sides
/// wipe it as soon as they have passed it on or checked it (P6).
struct CheckMessage {
    MessageHeader header;
    Fingerprint fingerprint;
    std::uint64_t time_ns = 0;     ///< of the frame, since the Unix epoch
    std::uint32_t generation = 0;  ///< of the policy whose identities are meant; the answer repeats it
    std::uint32_t reserved = 0;
};
static_assert(sizeof(CheckMessage) + credential_bytes_max <= message_bytes_max);

/// More than any policy file may have, in the form of a signed bundle.
inline constexpr std::size_t policy_bytes_max = 32U << 20U;

struct PolicyMessage {
    MessageHeader header;
    std::uint32_t generation = 0;  ///< the data plane's events bear it from the swap on; above the one before
    std::uint32_t reserved = 0;
};

inline constexpr std::size_t refusal_bytes_max = 4096;

struct AdoptedMessage {
    MessageHeader header;
    std::uint32_t generation = 0;  ///< the PolicyMessage's
    std::uint32_t refused = 0;     ///< 1: the policy before stays in force, `refusal` says why
    std::uint32_t observing = 0;   ///< as HelloMessage::observing, of the new policy
    std::uint32_t refusal_bytes = 0;
    std::array<std::uint8_t, 32> policy_sha256{};  ///< as HelloMessage::policy_sha256, of the new policy
    std::array<char, refusal_bytes_max> refusal{};
};
static_assert(sizeof(AdoptedMessage) <= message_bytes_max);

struct AnswerMessage {
    MessageHeader header;
    CheckAnswer answer;
};

}  // namespace springlatch
