#pragma once
// The flow key: a keyed fingerprint of the 4-tuple, oriented client → server.
#include <cstdint>

#include "dataplane/flow/flow.h"
#include "dataplane/packet/address.h"

namespace springlatch {

/// A secret of this start of the process, so that nobody outside can choose tuples that collide.
struct HashSecret {
    std::uint64_t words[4] = {};
};

/// AES-NI based; about 2 ns. To somebody who does not know the secret, two different tuples share a key with
/// a probability of at most about 2^-113; key.cpp says why.
[[nodiscard]] FlowKey flow_key(const HashSecret& secret, const IpAddress& client, std::uint16_t client_port,
                               const IpAddress& server, std::uint16_t server_port) noexcept;

/// The same for both directions of a connection; for a software dispatcher that has no orientation yet.
[[nodiscard]] std::uint32_t symmetric_hash(const HashSecret& secret, const IpAddress& a, std::uint16_t a_port,
                                           const IpAddress& b, std::uint16_t b_port) noexcept;

}  // namespace springlatch
