// Segments of the server: they pass at once. They are read for acknowledgements and windows, which move the
// client's side, and for the answers' status codes and lengths, which tell who was given how much.
#include <algorithm>

#include "dataplane/flow/sequence.h"
#include "dataplane/pipeline/impl.h"

namespace springlatch {

void Inspector::Impl::from_server(Packet& packet) noexcept {
    const bool syn = packet.has(tcp_flag::syn);
    const bool ack = packet.has(tcp_flag::ack);
    if ((syn && (packet.has(tcp_flag::rst) || packet.has(tcp_flag::fin))) ||
        (!syn && !ack && !packet.has(tcp_flag::rst))) {
        refuse(packet, Reason::bad_tcp_flags);
        return;
    }
    if (syn) {
        if (ack) {
            syn_ack_from_server(packet);
        } else {
            refuse(packet, Reason::bad_handshake);  // a service that opens a connection from its own port:
                                                    // simultaneous open
        }
        return;
    }
    const std::uint32_t index = table_.find(packet.key, packet.hint);
    if (index == no_index) {
        server_without_flow(packet);
        return;
    }
    if (!is_current(index) && !look_again(packet, index)) {
        return;
    }
    open_server(packet, index);
}

void Inspector::Impl::open_server(Packet& packet, std::uint32_t index) noexcept {
    FlowHot& flow = hot(index);
    const DecodedFrame& decoded = packet.decoded;
    const std::uint32_t end = packet.end();
    flow.last_seen = now_seconds_;
    if (flow.state == FlowState::cut) {
        if (!packet.has(tcp_flag::rst) && may_send_reset(index)) {
            make(packet, {.to_server = true,
                          .sequence = decoded.acknowledgement,
                          .acknowledgement = end,
                          .flags = tcp_flag::rst | tcp_flag::ack});
        }
        drop(packet, Reason::connection_cut);
        return;
    }
    if (flow.state == FlowState::closed) {
        if (decoded.payload_bytes != 0 && seq::after(end, flow.server_high)) {
            refuse(packet, Reason::midstream);
        } else {
            pass(packet);
        }
        return;
    }
    if (packet.has(tcp_flag::rst)) {
        if (decoded.sequence == flow.server_high) {
            close(&packet, index);
        }
        pass(packet);
        return;
    }
    if (cold(index).phase == RequestPhase::lost) {
        flow.client_high = seq::later(flow.client_high, decoded.acknowledgement);
    } else if (seq::after(decoded.acknowledgement, flow.client_high)) {
        violate(packet, index, Reason::acknowledges_unsent);
        return;
    }
    if (seq::after(decoded.acknowledgement, flow.client_acked)) {
        flow.client_acked = decoded.acknowledgement;
        flow.flags |= flow_flag::confirmed;
        retained_.release(cold(index).retained, flow.client_acked);
    }
    const std::uint32_t window = std::uint32_t{decoded.window} << (flow.scales >> 4U);
    flow.client_edge = seq::later(flow.client_edge, decoded.acknowledgement + window);
    if ((flow.flags & flow_flag::client_fin) != 0 && flow.client_acked == flow.client_high) {
        flow.flags |= flow_flag::client_fin_acked;
    }
    if (decoded.payload_bytes > 0 && (flow.flags & flow_flag::client_spoke) == 0 &&
        cold(index).phase == RequestPhase::head) {
        violate(packet, index,
                Reason::server_speaks_first);  // SSH, MySQL, …: not what this service is said to be
        return;
    }
    flow.server_high = seq::later(flow.server_high, end);
    if (packet.has(tcp_flag::fin) && (flow.flags & flow_flag::server_fin) == 0 && flow.server_high == end) {
        flow.flags |= flow_flag::server_fin;
        flow.server_high = end + 1;
    }
    if (decoded.payload_bytes > 0 && seq::after(decoded.sequence, flow.server_read) &&
        cold(index).phase != RequestPhase::opaque && (flow.flags & flow_flag::responses_lost) == 0) {
        const auto gap_to_end = static_cast<std::uint64_t>(seq::distance(flow.server_read, end));
        if (http::skippable_bytes(cold(index).response) < gap_to_end) {
            hold(packet, index, true);
            return;
        }
    }
    read_server(packet, index);
    pass(packet);
    if (flow.held != no_index) {
        drain(index);
    }
    if (flow.state == FlowState::open) {
        closed_if_done(packet, index);
    }
}

/// Reads the part of a segment that has not been read, if it is next.
void Inspector::Impl::read_server(Packet& packet, std::uint32_t index) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    const std::uint32_t end = packet.end();
    if (seq::after(end, flow.server_read)) {
        if (state.phase == RequestPhase::opaque || (flow.flags & flow_flag::responses_lost) != 0) {
            state.response.given += std::min(static_cast<std::uint32_t>(seq::distance(flow.server_read, end)),
                                             packet.decoded.payload_bytes);
            flow.server_read = end;
            charge_answer(index, false);
            return;
        }
        const std::int32_t gap = seq::distance(flow.server_read, packet.decoded.sequence);
        if (gap > 0) {
            // Bytes of a body of known length; the ones still missing will come and are counted already.
            http::skip_bytes(state.response,
                             static_cast<std::uint64_t>(seq::distance(flow.server_read, end)));
            flow.server_read = end;
            read_answers(packet, index, {});
        } else {
            flow.server_read = end;
            read_answers(packet, index, packet.payload().subspan(static_cast<std::size_t>(-gap)));
        }
    }
    charge_answer(index, false);
    if ((flow.flags & flow_flag::server_fin) != 0 && flow.server_read == flow.server_high - 1) {
        server_fin_read(packet, index);
    }
}

void Inspector::Impl::read_answers(const Packet& packet, std::uint32_t index,
                                   std::span<const std::byte> bytes) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    while (true) {
        if (state.in_flight == 0) {
            if (!bytes.empty()) {
                flow.flags |= flow_flag::responses_lost;  // an answer to nothing: 408, or one to a head that
                                                          // is not complete
            }
            return;
        }
        const http::ResponseResult result =
            http::advance_response(state.response, bytes, (state.heads_in_flight & 1U) != 0);
        bytes = bytes.subspan(result.bytes);
        switch (result.event) {
            case http::ResponseEvent::none:
                return;
            case http::ResponseEvent::interim:
                // Both databases say it as soon as they have read the head, even where earlier answers are
                // still owed (measured); nobody else on this connection waits for one.
                if (state.response.status == 100 && state.phase == RequestPhase::await_100) {
                    begin_body(index);
                    extend_gate(index, flow.client_gate);
                }
                break;
            case http::ResponseEvent::head:
                if (state.in_flight == 1 && state.phase == RequestPhase::await_100) {
                    state.phase = RequestPhase::refused_100;
                }
                break;
            case http::ResponseEvent::complete:
                answered(&packet, index, true);
                break;
            case http::ResponseEvent::lost:
                flow.flags |= flow_flag::responses_lost;
                return;
        }
    }
}

/// The oldest request that is out has its answer, or (complete = false) will never have it.
void Inspector::Impl::answered(const Packet* packet, std::uint32_t index, bool complete) noexcept {
    FlowCold& state = cold(index);
    charge_answer(index, true);
    EventRecord event = record(EventKind::response, packet, index);
    const auto number = static_cast<std::uint16_t>(state.requests - state.in_flight + 1U);
    event.request_number = number == 0 ? 0x1'0000U : number;
    event.status = state.response.status;
    event.response_bytes = state.response.given;
    event.complete = complete ? 1 : 0;
    emit(event, {}, {}, {});
    state.response.status = 0;
    state.response.given = 0;
    state.heads_in_flight >>= 1U;
    if (--state.in_flight == 0) {
        hot(index).flags = static_cast<std::uint16_t>(hot(index).flags & ~flow_flag::awaits_answer);
    }
}

void Inspector::Impl::server_fin_read(const Packet& packet, std::uint32_t index) noexcept {
    if (cold(index).in_flight > 0 && (hot(index).flags & flow_flag::responses_lost) == 0 &&
        http::response_closed(cold(index).response)) {
        answered(&packet, index, true);
    }
}

}  // namespace springlatch
