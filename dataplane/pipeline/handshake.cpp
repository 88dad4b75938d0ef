// How connections begin. The base of every position is what the server acknowledged in its SYN-ACK and the
// client in the packet after it (the first of the three invariants): no other SYN or segment ever moves it.
#include <algorithm>

#include "dataplane/flow/sequence.h"
#include "dataplane/pipeline/impl.h"

namespace springlatch {
namespace {

constexpr std::uint32_t unscaled_window_max = 65535;
/// A copy of a SYN-ACK is overtaken by no more of either stream than this.
constexpr std::int32_t late_copy_bytes_max = 65535;
/// In whole seconds of a clock that cuts off: at least one second, much longer than anything is on its way
/// between us and a service.
constexpr std::int32_t on_the_way_seconds = 2;

[[nodiscard]] std::uint8_t scale_or_zero(const TcpOptions& options) noexcept {
    return options.window_scale == 0xff ? std::uint8_t{0} : options.window_scale;
}

}  // namespace

void Inspector::Impl::syn_from_client(Packet& packet) noexcept {
    const DecodedFrame& decoded = packet.decoded;
    const std::uint16_t zone = policy_->zone_of(decoded.source);
    if (!policy_->reachable(zone, packet.what.service, now_ns_)) {
        const Decision decision = policy_->decide_connection(zone, packet.what.service, now_ns_);
        if (!let_in(packet, Reason::source_not_allowed, decision)) {
            return;
        }
    } else if (const Confinement how = limits_.confinement(decoded.source, now_ns_);
               how != Confinement::none) {
        const Mode mode =
            how == Confinement::observed ? Mode::observe : policy_->mode_of(packet.what.service);
        if (!let_in(packet, Reason::quarantined, {.action = policy_->default_action(), .mode = mode})) {
            return;
        }
    }
    HalfOpen& handshake = half_open_.claim(packet.key, now_seconds_);
    if ((handshake.flags & half_open_flag::client_syn) == 0 || handshake.client_isn != decoded.sequence) {
        handshake.flags = half_open_flag::used | half_open_flag::client_syn;
        handshake.client_isn = decoded.sequence;
        handshake.scales = scale_or_zero(decoded.options);
        if (decoded.options.window_scale != 0xff) {
            handshake.flags |= half_open_flag::client_scale;
        }
        if (decoded.options.has_timestamp) {
            handshake.flags |= half_open_flag::client_timestamps;
        }
    }
    if (decoded.payload_bytes > 0 && !observing_) {
        // Whether a server takes data on a SYN depends on its TCP Fast Open state; without them it is an
        // ordinary handshake (RFC 7413 §3).
        pass_shortened(packet, 0, Reason::syn_data);
        return;
    }
    pass(packet);
}

bool Inspector::Impl::let_in(Packet& packet, Reason reason, const Decision& decision) noexcept {
    const DecodedFrame& decoded = packet.decoded;
    const bool forwards = decision.mode == Mode::observe;
    hits_.count(decision.rule, reason == Reason::quarantined, now_ns_);
    ++counters_.connections_refused[static_cast<std::size_t>(reason)];
    report_connection(packet, no_index, forwards ? EventAction::would_deny : EventAction::denied, reason,
                      decision.rule);
    if (forwards) {
        ++counters_.frames_would_drop[static_cast<std::size_t>(reason)];
        return true;
    }
    if (decision.action != Action::drop) {
        make(packet, {.sequence = 0,
                      .acknowledgement = decoded.sequence + 1 + decoded.payload_bytes,
                      .flags = tcp_flag::rst | tcp_flag::ack});
    }
    drop(packet, reason);
    return false;
}

void Inspector::Impl::syn_ack_from_server(Packet& packet) noexcept {
    const DecodedFrame& decoded = packet.decoded;
    HalfOpen* handshake = half_open_.find(packet.key, now_seconds_);
    const bool is_answer = handshake != nullptr && decoded.payload_bytes == 0;
    const std::uint32_t index = table_.find(packet.key, packet.hint);
    if (index != no_index && !observing_) {
        if (repeats_own(decoded, index)) {
            pass(packet);
            return;
        }
        if (!is_answer || !may_begin_anew(decoded, index)) {
            doubt(packet, index);
            return;
        }
    }
    if (!is_answer) {
        refuse(packet, Reason::bad_handshake);
        return;
    }
    const std::uint32_t client_isn = decoded.acknowledgement - 1;
    const bool repeated = (handshake->flags & half_open_flag::syn_ack_seen) != 0 &&
                          handshake->server_isn == decoded.sequence && handshake->client_isn == client_isn;
    if (!repeated) {
        handshake->client_isn = client_isn;
        handshake->server_isn = decoded.sequence;
        handshake->flags = static_cast<std::uint8_t>(
            (handshake->flags & ~(half_open_flag::established | half_open_flag::challenged)) |
            half_open_flag::syn_ack_seen);
        if ((handshake->flags & half_open_flag::client_scale) != 0 && decoded.options.window_scale != 0xff) {
            handshake->scales = static_cast<std::uint8_t>(
                (handshake->scales & 0x0fU) | (std::uint32_t{decoded.options.window_scale} << 4U));
        } else {
            handshake->scales = 0;
        }
        if ((handshake->flags & half_open_flag::client_timestamps) != 0 && decoded.options.has_timestamp) {
            handshake->flags |= half_open_flag::timestamps;
        }
        if (index != no_index) {
            hot(index).flags |= flow_flag::rehandshake;
        }
    }
    pass(packet);
}

/// The third packet has not reached the server yet.
bool Inspector::Impl::repeats_own(const DecodedFrame& decoded, std::uint32_t index) const noexcept {
    const FlowHot& flow = table_.hot(index);
    return flow.state == FlowState::open && (flow.flags & flow_flag::confirmed) == 0 &&
           decoded.acknowledgement == flow.client_acked && decoded.sequence + 1 == flow.server_acked;
}

/// Whether the server has left this record's connection, or never took it up, if it sends such a SYN-ACK. Any
/// that it sent before it took the connection up may be on its way until it acknowledges a byte of it, and
/// for a while after the connection ended here: what left of it may have got lost, and then our reset was not
/// at the exact position. Behind that byte only a copy that was overtaken may still come.
bool Inspector::Impl::may_begin_anew(const DecodedFrame& decoded, std::uint32_t index) const noexcept {
    const FlowHot& flow = table_.hot(index);
    if ((flow.flags & flow_flag::confirmed) == 0) {
        const bool was_ended_for_certain =
            flow.state == FlowState::cut && flow.client_high == flow.client_acked;
        return flow.state != FlowState::open &&
               (was_ended_for_certain || seq::distance(flow.last_seen, now_seconds_) >= on_the_way_seconds);
    }
    const std::int32_t client = seq::distance(decoded.acknowledgement, flow.client_acked);
    const std::int32_t server = seq::distance(decoded.sequence + 1, flow.server_acked);
    const bool may_be_late_copy =
        client >= 0 && client <= late_copy_bytes_max && server >= 0 && server <= late_copy_bytes_max;
    return flow.state == FlowState::cut || !may_be_late_copy;
}

/// Nobody can say which connection the server is on, so nothing of this one passes any more; a SYN-ACK that
/// means a new one comes again.
void Inspector::Impl::doubt(Packet& packet, std::uint32_t index) noexcept {
    if (hot(index).state == FlowState::open) {
        violate(packet, index, Reason::bad_handshake);
        return;
    }
    if ((hot(index).flags & flow_flag::confirmed) != 0) {
        hot(index).state = FlowState::cut;  // of a closed one late copies pass
    }
    refuse(packet, Reason::bad_handshake);
}

/// The third packet, or a later one that overtook it: it proves that the client has seen the SYN-ACK.
bool Inspector::Impl::completes(const Packet& packet, const HalfOpen& handshake) const noexcept {
    const std::int32_t ahead = seq::distance(handshake.client_isn + 1, packet.decoded.sequence);
    return (handshake.flags & half_open_flag::syn_ack_seen) != 0 &&
           (handshake.flags & half_open_flag::established) == 0 && packet.has(tcp_flag::ack) &&
           packet.decoded.acknowledgement == handshake.server_isn + 1 && ahead >= 0 &&
           ahead <= static_cast<std::int32_t>(unscaled_window_max);
}

void Inspector::Impl::client_without_flow(Packet& packet) noexcept {
    HalfOpen* handshake = half_open_.find(packet.key, now_seconds_);
    if (handshake == nullptr) {
        if (packet.has(tcp_flag::rst)) {
            refuse(packet, Reason::midstream);
        } else {
            midstream(packet);
        }
        return;
    }
    if (packet.has(tcp_flag::rst)) {
        if ((handshake->flags & half_open_flag::challenged) != 0 && packet.decoded.payload_bytes == 0 &&
            packet.decoded.sequence == handshake->server_isn) {
            pass(packet);  // ends the server's older connection, so that the next copy of the SYN is answered
            return;
        }
        if (packet.decoded.sequence != handshake->client_isn + 1) {
            refuse(packet, Reason::bad_sequence);
            return;
        }
        half_open_.erase(*handshake);
        pass(packet);
        return;
    }
    if (!completes(packet, *handshake)) {
        if ((handshake->flags & half_open_flag::established) != 0) {
            midstream(packet);  // its flow was given up for another one
        } else {
            refuse(packet, Reason::bad_handshake);  // no reset: it could end a handshake that this packet
                                                    // does not belong to
        }
        return;
    }
    const std::uint32_t index = establish(packet, *handshake);
    if (index == no_index) {
        refuse(packet, Reason::out_of_resources);
        return;
    }
    if (source_allowed(packet, index)) {  // it was at its SYN; the policy may be another one since
        open_client(packet, index);
    }
}

void Inspector::Impl::server_without_flow(Packet& packet) noexcept {
    HalfOpen* handshake = half_open_.find(packet.key, now_seconds_);
    if (packet.has(tcp_flag::rst)) {
        if (handshake != nullptr && packet.decoded.acknowledgement == handshake->client_isn + 1) {
            half_open_.erase(*handshake);  // nobody listens there
            pass(packet);
        } else {
            refuse(packet, Reason::midstream);
        }
        return;
    }
    if (handshake != nullptr) {
        // Data of a server before the client's third packet has come by, or a challenge ACK (RFC 5961 §4):
        // TCP sends data again.
        if (packet.decoded.payload_bytes == 0) {
            if ((handshake->flags & half_open_flag::syn_ack_seen) == 0) {
                handshake->flags |= half_open_flag::challenged;
                handshake->server_isn = packet.decoded.acknowledgement;
            }
            pass(packet);
        } else {
            refuse(packet, Reason::bad_handshake);
        }
        return;
    }
    midstream(packet);
}

/// No state, no pass (the third invariant): both ends are told, so that the client connects anew.
void Inspector::Impl::midstream(Packet& packet) noexcept {
    const DecodedFrame& decoded = packet.decoded;
    if (observing_) {
        const std::uint32_t index = new_flow(packet.key);
        if (index != no_index) {
            hot(index).service = packet.what.service;
            hot(index).zone =
                policy_->zone_of(packet.is_from_client() ? decoded.source : decoded.destination);
            cold(index).phase = RequestPhase::lost;
            hot(index).flags |= flow_flag::responses_lost;
        }
        report_connection(packet, index, EventAction::would_deny, Reason::midstream, no_rule);
        refuse(packet, Reason::midstream);
        return;
    }
    ++counters_.connections_refused[static_cast<std::size_t>(Reason::midstream)];
    report_connection(packet, no_index, EventAction::denied, Reason::midstream, no_rule);
    const std::uint32_t end = packet.end() + (packet.has(tcp_flag::fin) ? 1U : 0U);
    const bool to_server_onwards = packet.is_from_client();
    const bool tell_client = policy_->default_action() != Action::drop;
    const Made onwards{.to_server = to_server_onwards,
                       .sequence = decoded.sequence,
                       .acknowledgement = decoded.acknowledgement,
                       .flags = tcp_flag::rst | tcp_flag::ack};
    const Made back{.to_server = !to_server_onwards,
                    .sequence = decoded.acknowledgement,
                    .acknowledgement = end,
                    .flags = tcp_flag::rst | tcp_flag::ack};
    if (packet.has(tcp_flag::ack)) {
        if (onwards.to_server || tell_client) {
            make(packet, onwards);
        }
        if (back.to_server || tell_client) {
            make(packet, back);
        }
    }
    drop(packet, Reason::midstream);
}

std::uint32_t Inspector::Impl::new_flow(const FlowKey& key) noexcept {
    std::uint32_t index = table_.insert(key);
    if (index == no_index) {
        const std::uint32_t victim = table_.victim(key, now_seconds_, policy_idle_seconds());
        if (victim == no_index) {
            ++counters_.connections_refused[static_cast<std::size_t>(Reason::out_of_resources)];
            return no_index;
        }
        ++counters_.flows_evicted;
        forget(victim);
        index = table_.insert(key);
        if (index == no_index) {
            ++counters_.connections_refused[static_cast<std::size_t>(Reason::out_of_resources)];
            return no_index;
        }
    }
    if (!given_.empty()) {
        given_[index].rule = no_rule;
    }
    hot(index).last_seen = now_seconds_;
    hot(index).flags = mark_;
    cold(index).incarnation = ++incarnation_;
    return index;
}

std::uint32_t Inspector::Impl::establish(Packet& packet, HalfOpen& handshake) noexcept {
    const std::uint32_t index = new_flow(packet.key);
    if (index == no_index) {
        return no_index;
    }
    handshake.flags |= half_open_flag::established;
    FlowHot& flow = hot(index);
    flow.client_gate = flow.client_high = flow.client_acked = handshake.client_isn + 1;
    flow.client_edge = flow.client_acked + unscaled_window_max;
    flow.server_high = flow.server_read = flow.server_acked = handshake.server_isn + 1;
    flow.service = packet.what.service;
    flow.zone = policy_->zone_of(packet.decoded.source);
    flow.scales = handshake.scales;
    if ((handshake.flags & half_open_flag::timestamps) != 0) {
        flow.flags |= flow_flag::timestamps;
        flow.client_ts = packet.decoded.options.has_timestamp ? packet.decoded.options.timestamp_value : 0;
    }
    ++counters_.connections;
    if (policy_->parts().services[flow.service].protocol == ServiceProtocol::tcp) {
        cold(index).phase = RequestPhase::opaque;
        const Decision decision = policy_->decide_connection(flow.zone, flow.service, now_ns_);
        if (decision.action == Action::allow) {
            hits_.count(decision.rule, false, now_ns_);
            report_connection(packet, index, EventAction::allowed, Reason::none, decision.rule);
        }
    }
    return index;
}

}  // namespace springlatch
