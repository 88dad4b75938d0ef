#pragma once
// Who knows whether a credential value is right: the slow check, off the packet path.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/credentials/siphash.h"

namespace springlatch {

inline constexpr std::uint16_t no_identity = 0xffff;

/// Longer Authorization values are refused without a check; a signed token of some thousand bytes fits.
inline constexpr std::size_t credential_bytes_max = 7168;

struct CheckRequest {
    Fingerprint fingerprint;
    std::span<const std::byte> value;  ///< of the Authorization header; valid during the call only
    std::uint64_t time_ns = 0;         ///< of the frame, since the Unix epoch
    std::uint32_t generation = 0;      ///< of the policy whose identities it is to be checked against
};

enum class CheckResult : std::uint8_t {
    accepted,
    refused,
    unavailable,  ///< nobody could check it (no policy there, too much to do)
};

struct CheckAnswer {
    Fingerprint fingerprint;
    CheckResult result = CheckResult::unavailable;
    std::uint16_t identity = no_identity;       ///< accepted: index into the policy's identities
    std::uint32_t valid_seconds = 0xffff'ffff;  ///< accepted: no longer than this (a token's `exp`)
    std::uint32_t generation = 0;               ///< the question's
};

enum class Asked : std::uint8_t {
    queued,    ///< the answer will come by CredentialCache::learn()
    full,      ///< no room for the question
    answered,  ///< `answer` is filled in (replays, tests)
};

/// Implemented by the way to the control process and by tests. Called on the packet path: must not block (a
/// replay's may), allocate or throw, and keeps no copy of a value longer than it needs to pass it on (P6).
class CredentialVerifier {
  public:
    virtual ~CredentialVerifier() = default;
    /// False: nobody is there to ask.
    [[nodiscard]] virtual bool ready() const noexcept = 0;
    [[nodiscard]] virtual Asked ask(const CheckRequest& request, CheckAnswer& answer) noexcept = 0;
};

}  // namespace springlatch
