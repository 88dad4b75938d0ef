#pragma once
// Why a request is allowed or denied: `policy explain` and `policy test`.
//
// The verdict, the answer and the events come from the inspector itself (trial.h); why each rule does not
// decide comes from CompiledPolicy::first_unmet(), which decide() is made of.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/load.h"
#include "control/explain/trial.h"
#include "control/store/event.h"

namespace springlatch::control {

struct Question {
    Ends ends;
    std::string bytes;                      ///< a whole request, as sent
    std::optional<std::uint16_t> identity;  ///< whose its credentials are taken for; none: they are checked
    std::uint64_t time_ns = 0;              ///< since the Unix epoch
};

/// A rule on the way to the verdict.
struct Step {
    std::string rule;
    std::string why_not;  ///< "": it decides
};

struct Explanation {
    std::string zone;     ///< "": the source is in none
    std::string service;  ///< "": there is none at that address and port
    std::string request;  ///< what the request asks for: "GET, operation read, api search"; "" if unreadable
    std::string credentials;
    std::vector<Step> steps;  ///< in order, up to the rule that decides
    std::string action;       ///< "allowed", "denied", "would_deny"; "" if nothing was judged
    std::string reason;       ///< "" if allowed
    std::string rule;         ///< "": `default`
    unsigned status = 0;      ///< of the appliance's own answer; 0: it gives none
    std::string client;       ///< what the client gets, in words
    std::string server;       ///< likewise
    std::vector<Event> events;
};

[[nodiscard]] Explanation explain(const LoadedPolicy& policy, const Question& question);

[[nodiscard]] std::string text_of(const Explanation& explanation);
[[nodiscard]] std::string json_of(const Explanation& explanation);

/// `GET /customers/_search` and headers, each `Name: value`, to the bytes of a request; with `identity` and
/// without an Authorization header among them, one is made up. Error: what is wrong with them.
[[nodiscard]] tl::expected<std::string, std::string> request_bytes(std::string_view line,
                                                                   const std::vector<std::string>& headers,
                                                                   const Ends& ends,
                                                                   const Identity* identity);

/// "198.51.100.10" and "198.51.100.10:9200", "[2001:db8::10]:9200".
[[nodiscard]] std::optional<IpAddress> address_from(std::string_view text);
struct Listener {
    IpAddress address;
    std::uint16_t port = 0;
};
[[nodiscard]] std::optional<Listener> listener_from(std::string_view text);

}  // namespace springlatch::control
