#pragma once
// Real requests under two policies: which of them would have been decided otherwise.
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/load.h"

namespace springlatch::control {

/// Requests that are alike and decided otherwise.
struct Redecided {
    bool opens = false;  ///< stopped before, passes after; else the other way round
    std::string what;    ///< "GET /customers/_search"; "(connection)"
    std::string source;
    std::string service;   ///< of the policy after, or else before
    std::string identity;  ///< "" if nobody's
    std::string before;    ///< "allowed", "denied: no_credentials", …
    std::string after;
    std::uint64_t count = 0;
};

struct TrafficDiff {
    std::uint64_t judged = 0;            ///< requests and connections that were decided under both
    std::uint64_t not_redecided = 0;     ///< of which one verdict cannot be known
    std::vector<Redecided> differences;  ///< the most frequent first
};

/// Replays a capture through the data plane, once under each policy file. Error: one line, or none if it was
/// told on standard error already.
[[nodiscard]] tl::expected<TrafficDiff, std::string> diff_of_capture(const std::string& capture,
                                                                     const std::string& before,
                                                                     const std::string& after);

/// Decides what the event store in `dir` has since `from_ns` anew, as of `at_ns`. Error: one line.
[[nodiscard]] tl::expected<TrafficDiff, std::string> diff_of_store(const std::string& dir,
                                                                   std::uint64_t from_ns, std::uint64_t at_ns,
                                                                   const CompiledPolicy& before,
                                                                   const CompiledPolicy& after);

[[nodiscard]] std::string text_of(const TrafficDiff& diff);
[[nodiscard]] std::string json_of(const TrafficDiff& diff);

}  // namespace springlatch::control
