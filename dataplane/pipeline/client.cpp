// Segments of the client: what may be believed of them, the in-order gate, retransmissions.
//
//   acked          gate                          edge
//     |  forwarded  |  next to be judged, in order  |   beyond the server's window
//     |  (kept)     |  [held] [held]                |
//
// Before `gate` everything was judged (or lies inside a body of known length): it may pass in any order, but
// control bytes that the server has not acknowledged must be the ones that were judged. At `gate` bytes are
// read and judged. Behind it segments wait.
#include <algorithm>

#include "dataplane/flow/sequence.h"
#include "dataplane/pipeline/impl.h"

namespace springlatch {
namespace {

/// Positions are compared modulo 2^32, so the gate never runs further ahead of the stream than this.
constexpr std::uint32_t gate_stride = 1U << 29U;
constexpr std::int32_t oldest_distance = -(1 << 30);

}  // namespace

void Inspector::Impl::from_client(Packet& packet) noexcept {
    const bool syn = packet.has(tcp_flag::syn);
    const bool rst = packet.has(tcp_flag::rst);
    const bool fin = packet.has(tcp_flag::fin);
    const bool ack = packet.has(tcp_flag::ack);
    if ((syn && (rst || fin)) || (rst && fin) || (!syn && !rst && !ack)) {
        refuse(packet, Reason::bad_tcp_flags);  // null, Christmas tree, SYN+FIN, data without ACK: Linux
                                                // ignores them, others may not
        return;
    }
    if (syn && ack) {
        refuse(
            packet,
            Reason::bad_handshake);  // a listener's peer never sends one: split handshake, simultaneous open
        return;
    }
    if (syn && !packet.has(tcp_flag::urg)) {
        syn_from_client(packet);
        return;
    }
    const std::uint32_t index = table_.find(packet.key, packet.hint);
    if (index != no_index && !is_current(index) && !look_again(packet, index)) {
        return;
    }
    if (packet.has(tcp_flag::urg)) {
        if (index != no_index && hot(index).state == FlowState::open && !syn) {
            violate(packet, index, Reason::urgent_data);
        } else {
            refuse(packet, Reason::urgent_data);
        }
        return;
    }
    if (index == no_index) {
        client_without_flow(packet);
        return;
    }
    open_client(packet, index);
}

void Inspector::Impl::open_client(Packet& packet, std::uint32_t index) noexcept {
    if ((hot(index).flags & flow_flag::rehandshake) != 0) {
        HalfOpen* handshake = half_open_.find(packet.key, now_seconds_);
        const bool is_rst = packet.has(tcp_flag::rst);
        if (!is_rst && (handshake == nullptr ? !observing_ : !completes(packet, *handshake))) {
            // The server may still take what belongs to the other one, with SYN cookies also when we have
            // forgotten it; to this one it listens no more.
            refuse(packet, Reason::bad_handshake);
            return;
        }
        if (handshake != nullptr && !is_rst) {
            if (hot(index).state == FlowState::open && (hot(index).flags & flow_flag::confirmed) == 0) {
                // Observe mode only: nobody can say which of the two the server is on.
                report_connection(packet, index, EventAction::would_deny, Reason::bad_handshake, no_rule);
            }
            forget(index);
            index = establish(packet, *handshake);
            if (index == no_index) {
                refuse(packet, Reason::out_of_resources);
                return;
            }
            if (!source_allowed(packet, index)) {
                return;
            }
        }
    }
    FlowHot& flow = hot(index);
    flow.last_seen = now_seconds_;
    if (flow.state == FlowState::cut) {
        cut_client(packet, index);
        return;
    }
    if (flow.state == FlowState::closed) {
        closed_client(packet, index);
        return;
    }
    if (packet.has(tcp_flag::rst)) {
        if (packet.decoded.payload_bytes != 0) {
            refuse(packet, Reason::bad_tcp_flags);
            return;
        }
        // Only the exact position ends anything (RFC 5961 §3.2), here as at the server: a blind third party
        // can kill no flow.
        if (packet.decoded.sequence == flow.client_high) {
            close(&packet, index);
        }
        pass(packet);
        return;
    }
    if ((flow.flags & flow_flag::confirmed) == 0 &&
        seq::before(packet.decoded.acknowledgement, flow.server_acked)) {
        refuse(packet, Reason::bad_handshake);  // it would complete another handshake than ours
        return;
    }
    if (seq::after(packet.decoded.acknowledgement, flow.server_high) &&
        cold(index).phase != RequestPhase::lost) {
        violate(packet, index, Reason::acknowledges_unsent);
        return;
    }
    flow.server_acked = seq::later(flow.server_acked, packet.decoded.acknowledgement);
    if ((flow.flags & flow_flag::server_fin) != 0 && flow.server_acked == flow.server_high) {
        flow.flags |= flow_flag::server_fin_acked;
    }
    switch (cold(index).phase) {
        case RequestPhase::opaque:
            if (policy_->expires() && !policy_->reachable(flow.zone, flow.service, now_ns_)) {
                violate(packet, index, Reason::source_not_allowed);  // the rule that let it in has expired
                return;
            }
            opaque_client(packet, index);
            break;
        case RequestPhase::lost:
            opaque_client(packet, index);
            break;
        default:
            client_data(packet, index);
            break;
    }
    if (hot(index).state == FlowState::open) {
        closed_if_done(packet, index);
    }
}

/// A connection that is judged by its source alone, or (observe mode) could not be followed.
void Inspector::Impl::opaque_client(Packet& packet, std::uint32_t index) noexcept {
    FlowHot& flow = hot(index);
    const std::uint32_t end = packet.end();
    if (seq::after(end, flow.client_high)) {
        const auto fresh = static_cast<std::uint32_t>(seq::distance(flow.client_high, end));
        cold(index).body_left += std::min(fresh, packet.decoded.payload_bytes);
        flow.client_high = end;
    }
    if (packet.has(tcp_flag::fin) && (flow.flags & flow_flag::client_fin) == 0 && end == flow.client_high) {
        flow.flags |= flow_flag::client_fin;
        flow.client_high = end + 1;
    }
    flow.client_gate = flow.client_high;
    pass(packet);
}

/// Body bytes need no order: the gate runs ahead over a body of known length, at most a stride at a time.
void Inspector::Impl::extend_gate(std::uint32_t index, std::uint32_t towards) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    while (state.phase == RequestPhase::body &&
           seq::distance(towards, flow.client_gate) < static_cast<std::int32_t>(gate_stride / 2)) {
        const auto step = static_cast<std::uint32_t>(std::min<std::uint64_t>(state.body_left, gate_stride));
        flow.client_gate += step;
        state.body_left -= step;
        if (state.body_left == 0) {
            end_body(index);
        }
    }
}

void Inspector::Impl::client_data(Packet& packet, std::uint32_t index) noexcept {
    const DecodedFrame& decoded = packet.decoded;
    FlowHot& flow = hot(index);
    const bool fin = packet.has(tcp_flag::fin);
    if (decoded.payload_bytes == 0 && !fin) {
        pass(packet);  // acknowledgements, window updates and probes, keep-alive without data
        return;
    }
    const std::uint32_t end = packet.end();
    // One byte beyond the edge is a window probe (RFC 9293 §3.8.6.1).
    // Before the first acknowledgement `acked` is the stream's first byte: nothing but a keep-alive probe
    // lies in front of it.
    const bool is_before_base = (flow.flags & flow_flag::confirmed) == 0 &&
                                seq::before(decoded.sequence, flow.client_acked) &&
                                (decoded.payload_bytes > 1 || decoded.sequence + 1 != flow.client_acked);
    if (is_before_base || seq::distance(flow.client_gate, decoded.sequence) < oldest_distance ||
        seq::after(end, flow.client_edge + 1)) {
        refuse(packet, Reason::bad_sequence);
        return;
    }
    if ((flow.flags & flow_flag::timestamps) != 0 && decoded.options.has_timestamp) {
        if (seq::before(decoded.options.timestamp_value, flow.client_ts)) {
            refuse(packet, Reason::bad_timestamp);  // the server would ignore it (PAWS, RFC 7323 §5.3)
            return;
        }
        if (seq::at_or_before(decoded.sequence, flow.client_acked)) {
            flow.client_ts = decoded.options.timestamp_value;
        }
    }
    if ((flow.flags & flow_flag::client_fin) != 0) {
        if (seq::after(end, flow.client_high - 1) || (fin && end != flow.client_high - 1)) {
            violate(packet, index, Reason::bad_sequence);  // nothing follows a FIN
            return;
        }
    }
    extend_gate(index, end);
    if (seq::after(decoded.sequence, flow.client_gate)) {
        hold(packet, index, observing_);
        return;
    }
    client_in_order(packet, index);
    if (flow.held != no_index) {
        drain(index);
    }
}

void Inspector::Impl::client_in_order(Packet& packet, std::uint32_t index) noexcept {
    FlowHot& flow = hot(index);
    const std::uint32_t sequence = packet.decoded.sequence;
    const std::uint32_t end = packet.end();
    const bool fin = packet.has(tcp_flag::fin) && (flow.flags & flow_flag::client_fin) == 0;
    const auto payload = packet.payload();

    // What was sent before must be what was judged, unless the server has it already.
    const auto acknowledged = static_cast<std::size_t>(
        std::clamp(seq::distance(sequence, flow.client_acked), 0, static_cast<std::int32_t>(payload.size())));
    if (!retained_.agrees(cold(index).retained, sequence + static_cast<std::uint32_t>(acknowledged),
                          payload.subspan(acknowledged))) {
        violate(packet, index, Reason::inconsistent_retransmission);
        return;
    }
    const auto old = static_cast<std::uint32_t>(std::min<std::int64_t>(
        seq::distance(sequence, flow.client_gate), static_cast<std::int64_t>(payload.size())));
    const StreamResult result = read_client(packet, index, payload.subspan(old), sequence + old, fin);
    const bool lost = cold(index).phase == RequestPhase::lost;
    // What may leave in front of where it stopped, first copy or not: the server may still lack it, and then
    // neither what it is part of nor the answer that the rest waits for would ever come.
    const std::uint32_t front = old + result.allowed;
    const bool has_front = front > 0;
    switch (result.stop) {
        case StreamResult::Stop::none:
            if (!payload.empty()) {
                flow.flags |= flow_flag::client_spoke;
            }
            flow.client_high = seq::later(flow.client_high, end);
            if (fin && !lost) {
                if (seq::after(flow.client_high, end)) {
                    violate(packet, index,
                            Reason::bad_sequence);  // a FIN in front of bytes that left already
                    return;
                }
                client_fin(index, end);
            } else if (fin) {
                flow.flags |= flow_flag::client_fin;
                flow.client_high = end + 1;
            }
            pass(packet);
            return;
        case StreamResult::Stop::wait:
            if (!has_front) {
                hold(packet, index, false);
                return;
            }
            flow.flags |= flow_flag::client_spoke;
            flow.client_high = seq::later(flow.client_high, sequence + front);
            pass_shortened(packet, front, Reason::none);
            return;
        case StreamResult::Stop::retry:
            if (!has_front) {
                drop(packet, result.reason);
                return;
            }
            flow.flags |= flow_flag::client_spoke;
            flow.client_high = seq::later(flow.client_high, sequence + front);
            pass_shortened(packet, front, result.reason);
            return;
        case StreamResult::Stop::cut:
            if (packet.verdict != nullptr) {
                packet.verdict->rule = result.rule;
            }
            if (has_front) {
                flow.client_high = seq::later(flow.client_high, sequence + front);
                pass_shortened(packet, front, result.reason);
            }
            cut(packet, index, {.reason = result.reason, .action = result.action, .to_head = result.to_head});
            if (!has_front) {
                drop(packet, result.reason);
            }
            return;
    }
}

void Inspector::Impl::client_fin(std::uint32_t index, std::uint32_t position) noexcept {
    FlowHot& flow = hot(index);
    flow.flags |= flow_flag::client_fin;
    flow.client_high = position + 1;
    flow.client_gate = position + 1;
    cold(index).body_left = 0;
    cold(index).phase = RequestPhase::last_seen;
}

void Inspector::Impl::drain(std::uint32_t index) noexcept {
    // A segment whose turn has not come after all goes back to the end of the list: twice its length bounds
    // the work.
    std::uint32_t budget = 2 * policy_->limits().held_segments_per_flow;
    HeldSegment segment;
    while (budget-- > 0 && hot(index).state == FlowState::open &&
           held_.take_ready(hot(index).held, hot(index).client_gate, hot(index).server_read, segment)) {
        Packet packet;
        packet.frame = {.bytes = segment.frame,
                        .time_ns = now_ns_,
                        .handle = segment.handle,
                        .arrived = static_cast<Side>(segment.side),
                        .checksum_good = true};
        packet.departed = segment.departed;
        if (!segment.departed) {
            --counters_.frames_held;
        }
        const DecodeOutcome outcome = decode(packet.frame.bytes, VerifyTcpChecksum::no, packet.decoded);
        if (outcome != DecodeOutcome::tcp) {
            drop(packet, Reason::malformed_tcp);
            continue;
        }
        packet.key = hot(index).key;
        packet.what.service = hot(index).service;
        packet.what.role = segment.from_server ? Role::from_service : Role::to_service;
        if (segment.from_server) {
            read_server(packet, index);
            pass(packet);
            continue;
        }
        extend_gate(index, packet.end());
        const std::uint32_t gate = hot(index).client_gate;
        if (cold(index).phase == RequestPhase::lost || cold(index).phase == RequestPhase::opaque) {
            opaque_client(packet, index);
            continue;
        }
        client_in_order(packet, index);
        if (hot(index).state == FlowState::open && hot(index).client_gate == gate && must_wait(index)) {
            return;  // it went back: what it waits for is an answer
        }
    }
}

/// Nothing passes after a cut; late frames are answered so that the peer learns of it.
void Inspector::Impl::cut_client(Packet& packet, std::uint32_t index) noexcept {
    const FlowHot& flow = hot(index);
    const bool quiet = (flow.flags & flow_flag::silent) != 0 || packet.has(tcp_flag::rst);
    if (!quiet && packet.has(tcp_flag::ack)) {
        if (packet.decoded.payload_bytes != 0 && may_send_reset(index)) {
            make(packet, {.sequence = packet.decoded.acknowledgement,
                          .acknowledgement = packet.end(),
                          .flags = tcp_flag::rst | tcp_flag::ack});
        } else if (packet.has(tcp_flag::fin) && (flow.flags & flow_flag::replied) != 0 &&
                   may_send_reset(index)) {
            make(packet, {.sequence = packet.decoded.acknowledgement,
                          .acknowledgement = packet.end() + 1,
                          .flags = tcp_flag::ack});
        }
    }
    drop(packet, Reason::connection_cut);
}

void Inspector::Impl::closed_client(Packet& packet, std::uint32_t index) noexcept {
    const FlowHot& flow = hot(index);
    if ((flow.flags & flow_flag::confirmed) == 0 && !packet.has(tcp_flag::rst)) {
        // A server that keeps no state of handshakes would take its third packet even now.
        refuse(packet, Reason::midstream);
        return;
    }
    if (packet.decoded.payload_bytes != 0 && seq::after(packet.end(), flow.client_high)) {
        midstream(packet);
        return;
    }
    const std::uint32_t end = packet.end() + (packet.has(tcp_flag::fin) ? 1U : 0U);
    if ((packet.decoded.payload_bytes != 0 || packet.has(tcp_flag::fin)) &&
        seq::after(end, flow.client_acked)) {
        // The server may not have received what closed the connection (a reset whose TTL ends before it), and
        // what was sent is no longer kept to compare this with.
        refuse(packet, Reason::midstream);
        return;
    }
    pass(packet);
}

}  // namespace springlatch
