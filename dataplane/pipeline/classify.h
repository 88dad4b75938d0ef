#pragma once
// What a frame has to do with the policy's services, by its addresses, ports and encapsulation alone.
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/decode.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

enum class Role : std::uint8_t {
    transit,       ///< nothing to do with a service
    refused,       ///< towards (or as if from) a protected address in a form that cannot be judged
    to_service,    ///< a TCP segment towards a service
    from_service,  ///< a TCP segment from a service
    either,        ///< both ends are services: the connection's own direction decides
    fragment,      ///< part of a datagram towards or from a protected address that is to be put together
};

struct Classified {
    Role role = Role::transit;
    Reason reason = Reason::none;  ///< refused only
    std::uint16_t service =
        no_service;  ///< at the destination (to_service, either) or the source (from_service)
    std::uint16_t service_at_source = no_service;  ///< either only
};

/// `outcome` is decode()'s answer for `frame`, checksums not considered.
[[nodiscard]] Classified classify(std::span<const std::byte> frame, DecodeOutcome outcome,
                                  const DecodedFrame& decoded, const CompiledPolicy& policy) noexcept;

}  // namespace springlatch
