#include "control/api/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <functional>
#include <vector>

namespace springlatch::control {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<const char*, 2> side_names = {"outside", "inside"};

/// Collects families; numbers come as copies of somebody else's counters, so no registry is involved.
class Families {
  public:
    explicit Families(const Snapshot& told) : told_(told) {}

    void single(MetricType type, const char* name, const char* help, double value) {
        add_sample(begin(type, name, help), {}, value);
    }
    void by_worker(MetricType type, const char* name, const char* help, std::uint64_t Counters::*member) {
        MetricFamily& family = begin(type, name, help);
        each_worker([&](const Counters& counters, const ClientMetric::Label& worker) {
            add_sample(family, {worker}, static_cast<double>(counters.*member));
        });
    }
    void by_side(const char* name, const char* help, std::array<std::uint64_t, 2> Counters::*member) {
        MetricFamily& family = begin(MetricType::Counter, name, help);
        each_worker([&](const Counters& counters, const ClientMetric::Label& worker) {
            for (std::size_t side = 0; side < side_names.size(); ++side) {
                add_sample(family, {{"side", side_names[side]}, worker},
                           static_cast<double>((counters.*member)[side]));
            }
        });
    }
    void by_reason(const char* name, const char* help,
                   std::array<std::uint64_t, reason_count> Counters::*member) {
        MetricFamily& family = begin(MetricType::Counter, name, help);
        each_worker([&](const Counters& counters, const ClientMetric::Label& worker) {
            for (std::size_t reason = 1; reason < reason_count; ++reason) {
                add_sample(family, {{"reason", std::string(reason_names[reason])}, worker},
                           static_cast<double>((counters.*member)[reason]));
            }
        });
    }
    void by_rule(const std::vector<RuleHitsTotal>& rules) {
        const auto each = [&](const char* name, const char* help, std::uint64_t HitCount::*member) {
            MetricFamily& family = begin(MetricType::Counter, name, help);
            for (const RuleHitsTotal& rule : rules) {
                add_sample(family, {{"rule", rule.rule}}, static_cast<double>(rule.count.*member));
            }
        };
        each("rule_hits_total", "Requests (of tcp services: connections) that the rule decided",
             &HitCount::hits);
        each("rule_limited_total", "Of them denied by a limit or a quarantine", &HitCount::limited);
    }
    [[nodiscard]] std::string text() const { return prometheus::TextSerializer{}.Serialize(families_); }

  private:
    MetricFamily& begin(MetricType type, const char* name, const char* help) {
        MetricFamily family;
        family.name = std::string("springlatch_") + name;
        family.help = help;
        family.type = type;
        families_.push_back(std::move(family));
        return families_.back();
    }
    static void add_sample(MetricFamily& family, std::vector<ClientMetric::Label> labels, double value) {
        ClientMetric sample;
        sample.label = std::move(labels);
        (family.type == MetricType::Counter ? sample.counter.value : sample.gauge.value) = value;
        family.metric.push_back(std::move(sample));
    }
    void each_worker(const std::function<void(const Counters&, const ClientMetric::Label&)>& take) const {
        for (const WorkerSnapshot& worker : told_.workers) {
            if (worker.told) {
                take(worker.status.counters, {"worker", std::to_string(worker.status.worker)});
            }
        }
    }

    const Snapshot& told_;
    std::vector<MetricFamily> families_;
};

void add_data_plane(Families& families) {
    families.by_side("frames_in_total", "Frames taken in, by the side on which they came",
                     &Counters::frames_in);
    families.by_side("bytes_in_total", "Bytes of frames taken in", &Counters::bytes_in);
    families.by_side("frames_forwarded_total", "Frames forwarded, by the side on which they left",
                     &Counters::frames_forwarded);
    families.by_side("bytes_forwarded_total", "Bytes of frames forwarded", &Counters::bytes_forwarded);
    families.by_side("frames_made_total", "Resets and replies of our own, by the side on which they left",
                     &Counters::frames_made);
    families.by_worker(MetricType::Counter, "frames_shortened_total",
                       "Frames forwarded without their denied end; part of frames_forwarded",
                       &Counters::frames_shortened);
    families.by_worker(MetricType::Gauge, "frames_held",
                       "Frames that wait for earlier bytes or for other fragments", &Counters::frames_held);
    families.by_worker(MetricType::Counter, "frames_reassembled_total",
                       "Fragments that went into the frame of another fragment",
                       &Counters::frames_reassembled);
    families.by_reason("frames_dropped_total", "Frames not forwarded", &Counters::frames_dropped);
    families.by_reason("frames_would_drop_total", "Frames forwarded only because of observe mode",
                       &Counters::frames_would_drop);
    families.by_worker(MetricType::Counter, "connections_total", "Handshakes completed",
                       &Counters::connections);
    families.by_reason("connections_refused_total", "Connections refused at their SYN, or cut",
                       &Counters::connections_refused);
    families.by_worker(MetricType::Counter, "requests_allowed_total", "Requests allowed",
                       &Counters::requests_allowed);
    families.by_reason("requests_denied_total", "Requests denied", &Counters::requests_denied);
    families.by_reason("requests_would_deny_total", "Requests forwarded only because of observe mode",
                       &Counters::requests_would_deny);
    families.by_worker(MetricType::Gauge, "flows", "Connections in the table", &Counters::flows);
    families.by_worker(MetricType::Counter, "flows_evicted_total",
                       "Connections forgotten before their time for newer ones", &Counters::flows_evicted);
    families.by_worker(MetricType::Counter, "half_open_evicted_total",
                       "Handshakes forgotten before their time for newer ones", &Counters::half_open_evicted);
    families.by_worker(MetricType::Counter, "credential_checks_asked_total",
                       "Credential values that the data plane asked about, repeated ones included",
                       &Counters::credential_checks);
    families.by_worker(MetricType::Gauge, "quarantined", "Sources and identities shut out now",
                       &Counters::quarantined);
    families.by_worker(MetricType::Counter, "quarantines_total", "Quarantines begun or prolonged",
                       &Counters::quarantines);
    families.by_worker(MetricType::Counter, "quarantines_lost_total", "Quarantines that found no place",
                       &Counters::quarantines_lost);
    families.by_worker(MetricType::Counter, "limits_forgotten_total",
                       "Accounts of a rule's limit given up for newer ones before their time",
                       &Counters::limits_forgotten);
    families.by_worker(MetricType::Counter, "data_plane_events_total",
                       "Events the data plane had to tell, lost ones included", &Counters::events);
    families.by_worker(MetricType::Counter, "data_plane_events_lost_total",
                       "Events that found the ring full, as the data plane counts them",
                       &Counters::events_lost);
}

}  // namespace

std::string metrics_text(const Snapshot& told, const StoreState& store, std::uint64_t now_ns,
                         const std::vector<RuleHitsTotal>& rules) {
    const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
    Families families(told);
    families.single(MetricType::Gauge, "data_plane_connected", "1 if a data plane is connected",
                    told.connected ? 1 : 0);
    if (told.known) {
        families.single(MetricType::Gauge, "data_plane_observing",
                        "1 if the data plane forwards everything (observe mode)",
                        told.hello.observing != 0 ? 1 : 0);
    }
    if (told.status_received_ns != 0 && now_ns >= told.status_received_ns) {
        families.single(MetricType::Gauge, "status_age_seconds",
                        "Since the data plane last told its counters",
                        number(now_ns - told.status_received_ns) / 1e9);
    }
    families.single(MetricType::Counter, "events_taken_total", "Events taken from the rings",
                    number(told.events_taken));
    families.single(MetricType::Counter, "events_lost_total", "Gaps in the numbers of the events taken",
                    number(told.events_lost));
    families.single(MetricType::Counter, "records_bad_total", "Events dropped for impossible values",
                    number(told.records_bad));
    families.single(MetricType::Counter, "answers_unmatched_total", "Answers whose request is not known",
                    number(told.answers_unmatched));
    families.single(MetricType::Counter, "channel_refused_total",
                    "Data planes turned away: one too many, or not understood",
                    number(told.connections_refused));
    families.single(MetricType::Gauge, "store_recording", "0 while the store fails", store.failing ? 0 : 1);
    families.single(MetricType::Counter, "store_failures_total", "Times that recording stopped",
                    number(store.failures));
    families.single(MetricType::Counter, "events_stored_total", "Events committed to the store",
                    number(store.stored));
    families.single(MetricType::Counter, "events_not_stored_total",
                    "Events that the failing store did not take", number(store.not_stored));
    families.single(MetricType::Gauge, "credential_checks_possible",
                    "1 if a data plane is connected that runs the policy whose identities are known here",
                    told.connected && told.can_check ? 1 : 0);
    families.single(MetricType::Counter, "credential_checks_accepted_total", "Credential values found right",
                    number(told.checks.accepted));
    families.single(MetricType::Counter, "credential_checks_refused_total", "Credential values found wrong",
                    number(told.checks.refused));
    families.single(MetricType::Counter, "credential_checks_overloaded_total",
                    "Credential values that found the queue full", number(told.checks.overloaded));
    families.single(MetricType::Counter, "credential_checks_unavailable_total",
                    "Credential values of a data plane that runs another policy",
                    number(told.checks.unavailable));
    add_data_plane(families);
    families.by_rule(rules);
    return families.text();
}

}  // namespace springlatch::control
