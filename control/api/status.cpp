#include "control/api/status.h"

#include <nlohmann/json.hpp>

#include "config/secrets.h"
#include "config/time_text.h"
#include "control/api/counters_json.h"
#include "control/api/ecs.h"
#include "control/api/totals.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json data_plane_of(const Snapshot& told, std::uint64_t now_ns) {
    Json plane;
    plane["connected"] = told.connected;
    if (!told.known) {
        return plane;
    }
    plane["pid"] = told.hello.pid;
    plane["since"] = rfc3339(told.hello.start_ns);
    plane["workers"] = told.workers.size();
    if (told.status_received_ns != 0) {
        plane["last_status"] = rfc3339(told.status_received_ns);
        plane["last_status_age_ms"] =
            now_ns > told.status_received_ns ? (now_ns - told.status_received_ns) / 1'000'000 : 0;
    }
    std::uint32_t links = 0;
    bool linked = false;
    for (const WorkerSnapshot& worker : told.workers) {
        links |= worker.told ? worker.status.links_up : 0U;
        linked = linked || worker.told;
    }
    if (linked) {
        plane["links"] = {{"outside", (links & 1U) != 0 ? "up" : "down"},
                          {"inside", (links & 2U) != 0 ? "up" : "down"}};
    }
    return plane;
}

[[nodiscard]] Json policy_of(const Snapshot& told, const Names& names) {
    Json policy = Json::object();
    if (told.known) {
        policy["sha256"] = hex_of(told.hello.policy_sha256);
        policy["generation"] = told.hello.policy_generation;
        // What the data plane does, which its command line may have said, and not what the file says.
        policy["mode"] = told.hello.observing != 0 ? "observe" : "enforce";
    }
    if (names.has_policy()) {
        policy["own_sha256"] = hex_of(names.sha256());
        if (told.known) {
            policy["same"] = told.names_fit;
        }
    }
    return policy;
}

}  // namespace

std::string status_json(const Snapshot& told, const StoreState& store, const Names& names,
                        std::uint64_t now_ns) {
    Json json;
    json["version"] = SPRINGLATCH_VERSION;
    json["data_plane"] = data_plane_of(told, now_ns);
    json["policy"] = policy_of(told, names);
    const Counters sum = sum_of(told.workers);
    Json counters;
    put_counters(counters, sum);
    json["counters"] = std::move(counters);
    json["events"] = {{"taken", told.events_taken},
                      {"lost", told.events_lost},
                      {"lost_in_data_plane", sum.events_lost},
                      {"records_bad", told.records_bad},
                      {"answers_unmatched", told.answers_unmatched}};
    const bool has_identities = names.has_policy() && !names.policy()->parts().identity_names.empty();
    json["credential_checks"] = {{"possible", told.connected && told.can_check && has_identities},
                                 {"asked", sum.credential_checks},
                                 {"accepted", told.checks.accepted},
                                 {"refused", told.checks.refused},
                                 {"overloaded", told.checks.overloaded},
                                 {"unavailable", told.checks.unavailable}};
    json["quarantines"] = {{"held", sum.quarantined},
                           {"begun", sum.quarantines},
                           {"no_place", sum.quarantines_lost},
                           {"accounts_forgotten", sum.limits_forgotten}};
    json["store"] = {{"recording", !store.failing},
                     {"stored", store.stored},
                     {"not_stored", store.not_stored},
                     {"failures", store.failures}};
    if (!store.error.empty()) {
        json["store"]["error"] = store.error;
    }
    return json.dump(2) + "\n";
}

}  // namespace springlatch::control
