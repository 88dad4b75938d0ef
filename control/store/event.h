#pragma once
// An event as it is stored and shown: names instead of indices, texts cleaned, a request and its answer in
// one.
#include <cstdint>
#include <string>

namespace springlatch::control {

/// Empty texts and zero ports, statuses and verdict times mean "unknown" and are left out wherever an event
/// is shown.
struct Event {
    std::int64_t id = 0;         ///< in the store; a later one is greater
    std::uint64_t life = 0;      ///< HelloMessage::start_ns of the data plane that told it
    std::uint64_t sequence = 0;  ///< unique within this life, over all workers; see unique_sequence()
    std::uint64_t time_ns = 0;   ///< since the Unix epoch
    std::uint32_t worker = 0;
    bool request = true;  ///< else a connection
    std::string action;   ///< "allowed", "denied", "would_deny"
    std::string reason;
    std::string rule;
    std::string source;  ///< an address
    std::string destination;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::string service;
    std::string zone;
    std::string operation;
    std::string credentials;  ///< the kind, never the value
    std::string user;         ///< the identity whose credentials were verified
    std::string method;
    std::string version;  ///< "1.0", "1.1"
    std::string path;
    std::string query;  ///< credential values redacted
    std::string user_agent;
    bool answered = false;             ///< the answer, or the end of the connection, was told
    std::uint16_t status = 0;          ///< of the answer
    std::uint64_t request_bytes = 0;   ///< head and announced body; of a connection: payload from the client
    std::uint64_t response_bytes = 0;  ///< only if answered; of a connection: payload from the server
    std::uint32_t verdict_ns = 0;
    std::uint64_t requests = 0;  ///< so many of one minute, their bytes added up; 0: one, told in full
    std::string tags;            ///< of rule, service and policy, divided by commas
    std::uint8_t severity = 0;   ///< Severity of the rule, else of the service
};

/// What is told of an event later.
struct Answer {
    std::uint16_t status = 0;
    std::uint64_t response_bytes = 0;
    std::uint64_t request_bytes = 0;  ///< of a connection
};

/// One number for (worker, its own sequence): with one worker the sequence itself.
[[nodiscard]] constexpr std::uint64_t unique_sequence(std::uint64_t sequence, std::uint32_t worker,
                                                      std::uint32_t workers) noexcept {
    return (sequence - 1) * workers + worker + 1;
}

}  // namespace springlatch::control
