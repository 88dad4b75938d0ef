#include "control/api/counters_json.h"

#include <nlohmann/json.hpp>

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json by_side(const std::array<std::uint64_t, 2>& sides) {
    return {{"outside", sides[0]}, {"inside", sides[1]}};
}

[[nodiscard]] Json by_reason(const std::array<std::uint64_t, reason_count>& counts) {
    Json object = Json::object();
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] != 0) {
            object[std::string(reason_names[i])] = counts[i];
        }
    }
    return object;
}

}  // namespace

void put_counters(Json& json, const Counters& counters) {
    json["frames_in"] = by_side(counters.frames_in);
    json["frames_forwarded"] = by_side(counters.frames_forwarded);
    json["frames_dropped"] = by_reason(counters.frames_dropped);
    json["frames_would_drop"] = by_reason(counters.frames_would_drop);
    json["frames_made"] = by_side(counters.frames_made);
    json["frames_shortened"] = counters.frames_shortened;
    json["frames_held"] = counters.frames_held;
    json["frames_reassembled"] = counters.frames_reassembled;
    json["bytes_in"] = by_side(counters.bytes_in);
    json["bytes_forwarded"] = by_side(counters.bytes_forwarded);
    json["connections"] = counters.connections;
    json["connections_refused"] = by_reason(counters.connections_refused);
    json["requests_allowed"] = counters.requests_allowed;
    json["requests_denied"] = by_reason(counters.requests_denied);
    json["requests_would_deny"] = by_reason(counters.requests_would_deny);
}

}  // namespace springlatch::control
