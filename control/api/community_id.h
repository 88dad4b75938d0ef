#pragma once
// Community ID flow hashing, version 1 (https://github.com/corelight/community-id-spec).
#include <cstdint>
#include <string>

#include "dataplane/packet/address.h"

namespace springlatch::control {

/// Of a TCP connection, seed 0, the same for both directions: "1:" and 28 base64 characters.
[[nodiscard]] std::string community_id(const IpAddress& source, std::uint16_t source_port,
                                       const IpAddress& destination, std::uint16_t destination_port);

}  // namespace springlatch::control
