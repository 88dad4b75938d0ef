#include "control/api/totals.h"

namespace springlatch::control {
namespace {

template <std::size_t n>
void add(std::array<std::uint64_t, n>& sum, const std::array<std::uint64_t, n>& part) {
    for (std::size_t i = 0; i < n; ++i) {
        sum[i] += part[i];
    }
}

void add(Counters& sum, const Counters& part) {
    add(sum.frames_in, part.frames_in);
    add(sum.bytes_in, part.bytes_in);
    add(sum.frames_forwarded, part.frames_forwarded);
    add(sum.bytes_forwarded, part.bytes_forwarded);
    add(sum.frames_made, part.frames_made);
    sum.frames_shortened += part.frames_shortened;
    sum.frames_held += part.frames_held;
    sum.frames_reassembled += part.frames_reassembled;
    add(sum.frames_dropped, part.frames_dropped);
    add(sum.frames_would_drop, part.frames_would_drop);
    sum.connections += part.connections;
    add(sum.connections_refused, part.connections_refused);
    sum.requests_allowed += part.requests_allowed;
    add(sum.requests_denied, part.requests_denied);
    add(sum.requests_would_deny, part.requests_would_deny);
    sum.flows += part.flows;
    sum.flows_evicted += part.flows_evicted;
    sum.half_open_evicted += part.half_open_evicted;
    sum.credential_checks += part.credential_checks;
    sum.quarantined += part.quarantined;
    sum.quarantines += part.quarantines;
    sum.quarantines_lost += part.quarantines_lost;
    sum.limits_forgotten += part.limits_forgotten;
    sum.events += part.events;
    sum.events_lost += part.events_lost;
}

}  // namespace

Counters sum_of(const std::vector<WorkerSnapshot>& workers) {
    Counters sum;
    for (const WorkerSnapshot& worker : workers) {
        if (worker.told) {
            add(sum, worker.status.counters);
        }
    }
    return sum;
}

}  // namespace springlatch::control
