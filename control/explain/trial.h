#pragma once
// One exchange between a made-up client and server, judged by the data plane's own inspector.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/ingest/joiner.h"
#include "dataplane/pipeline/inspector.h"

namespace springlatch::control {

struct Ends {
    IpAddress client;
    IpAddress server;
    std::uint16_t client_port = 50000;
    std::uint16_t server_port = 0;
};

/// What came of it.
struct Outcome {
    bool reached_server = false;     ///< the SYN left the inside port
    bool connected = false;          ///< the handshake was completed through the appliance
    std::string to_server;           ///< payload that left towards the server
    std::string reply;               ///< payload that the appliance itself sent to the client
    bool client_reset = false;       ///< the appliance sent the client a reset
    bool server_reset = false;       ///< likewise the server
    std::vector<WholeEvent> events;  ///< in order; responses left out
    Verdict verdict;                 ///< of the last frame of the client's
};

/// A client that connects and sends `bytes`, in segments of 1,400. `time_ns`: when, since the Unix epoch. The
/// server completes the handshake, and says nothing.
[[nodiscard]] Outcome run_trial(const std::shared_ptr<const CompiledPolicy>& policy,
                                CredentialVerifier& verifier, const Ends& ends, std::string_view bytes,
                                std::uint64_t time_ns);

}  // namespace springlatch::control
