// The end of a connection: ours, with resets or an HTTP reply, and theirs.
#include "dataplane/flow/sequence.h"
#include "dataplane/packet/build.h"
#include "dataplane/pipeline/impl.h"
#include "dataplane/pipeline/reply.h"

namespace springlatch {
namespace {

/// Late frames of a cut connection are answered this often, then only dropped: enough for lost resets, too
/// few to be of use to anybody.
constexpr std::uint8_t late_resets_max = 8;
constexpr std::uint16_t reply_window = 1024;

}  // namespace

void Inspector::Impl::make(const Packet& model, const Made& made) noexcept {
    const DecodedFrame& decoded = model.decoded;
    const bool onwards = made.to_server == model.is_from_client();
    const bool timestamps = decoded.options.has_timestamp && !made.payload.empty();
    const SegmentSpec spec{
        .link_header = model.frame.bytes.first(decoded.l3_offset),
        .swap_link_addresses = !onwards,
        .source = onwards ? decoded.source : decoded.destination,
        .destination = onwards ? decoded.destination : decoded.source,
        .source_port = onwards ? decoded.source_port : decoded.destination_port,
        .destination_port = onwards ? decoded.destination_port : decoded.source_port,
        .sequence = made.sequence,
        .acknowledgement = made.acknowledgement,
        .flags = made.flags,
        .window = reply_window,
        .has_timestamp = timestamps,
        .timestamp_value =
            decoded.options.timestamp_echo,  // the newest of the server's that the client has seen
        .timestamp_echo = decoded.options.timestamp_value,
        .payload = std::as_bytes(std::span{made.payload.data(), made.payload.size()})};
    const std::span<std::byte> room = out_->made_frame();
    const std::size_t bytes = build_segment(spec, room);
    if (bytes == 0) {
        return;
    }
    const Side out = onwards ? opposite(model.frame.arrived) : model.frame.arrived;
    out_->departures.push_back({nullptr, room.first(bytes), out, false});
    ++counters_.frames_made[static_cast<std::size_t>(out)];
}

void Inspector::Impl::cut(Packet& packet, std::uint32_t index, const Cut& why) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    const bool from_client = packet.is_from_client();
    const std::uint32_t client_end =
        from_client ? packet.end() + (packet.has(tcp_flag::fin) ? 1U : 0U) : flow.client_high;
    // A reply is only understood where the client waits for exactly one answer, this one.
    const bool replies = why.action == Action::reject && has_reply(why.reason) && from_client &&
                         state.in_flight == 0 &&
                         (flow.flags & (flow_flag::responses_lost | flow_flag::server_fin)) == 0 &&
                         http::is_idle(state.response);
    ++counters_.connections_refused[static_cast<std::size_t>(why.reason)];
    make(packet, {.to_server = true,
                  .sequence = flow.client_high,
                  .acknowledgement = flow.server_high,
                  .flags = tcp_flag::rst | tcp_flag::ack});
    if (replies) {
        make(packet, {.sequence = flow.server_high,
                      .acknowledgement = client_end,
                      .flags = tcp_flag::psh | tcp_flag::ack | tcp_flag::fin,
                      .payload = denial_reply(why.reason, why.to_head)});
        flow.flags |= flow_flag::replied;
    } else if (why.action == Action::drop) {
        flow.flags |= flow_flag::silent;
    } else {
        make(packet, {.sequence = flow.server_high,
                      .acknowledgement = client_end,
                      .flags = tcp_flag::rst | tcp_flag::ack});
    }
    unanswered(&packet, index);
    release_resources(index);
    flow.state = FlowState::cut;
    state.chunk_digits = 0;
}

void Inspector::Impl::lose(const Packet& packet, std::uint32_t index, Reason reason) noexcept {
    ++counters_.frames_would_drop[static_cast<std::size_t>(reason)];
    report_connection(packet, index, EventAction::would_deny, reason, no_rule);
    close_head(index);
    cold(index).phase = RequestPhase::lost;
    hot(index).flags |= flow_flag::responses_lost;
}

void Inspector::Impl::violate(Packet& packet, std::uint32_t index, Reason reason) noexcept {
    if (observing_) {
        if (cold(index).phase != RequestPhase::lost) {
            lose(packet, index, reason);
        }
        if (packet.verdict != nullptr) {
            packet.verdict->reason = reason;
        }
        pass(packet);
        return;
    }
    report_connection(packet, index, EventAction::denied, reason, no_rule);
    cut(packet, index, {.reason = reason, .action = policy_->default_action()});
    drop(packet, reason);
}

bool Inspector::Impl::may_send_reset(std::uint32_t index) noexcept {
    return cold(index).chunk_digits < late_resets_max && ++cold(index).chunk_digits > 0;
}

void Inspector::Impl::close(const Packet* packet, std::uint32_t index) noexcept {
    FlowHot& flow = hot(index);
    if (cold(index).phase == RequestPhase::opaque) {
        EventRecord event = record(EventKind::closed, packet, index);
        event.request_bytes = cold(index).body_left;
        event.response_bytes = cold(index).response.given;
        event.complete = packet != nullptr ? 1 : 0;
        emit(event, {}, {}, {});
    }
    unanswered(packet, index);
    release_resources(index);
    flow.state = FlowState::closed;
}

void Inspector::Impl::closed_if_done(const Packet& packet, std::uint32_t index) noexcept {
    constexpr std::uint16_t done = flow_flag::client_fin_acked | flow_flag::server_fin_acked;
    if ((hot(index).flags & done) == done) {
        close(&packet, index);
    }
}

void Inspector::Impl::unanswered(const Packet* packet, std::uint32_t index) noexcept {
    while (cold(index).in_flight > 0) {
        answered(packet, index, false);
    }
}

void Inspector::Impl::release_resources(std::uint32_t index) noexcept {
    HeldSegment segment;
    while (held_.take_first(hot(index).held, segment)) {
        out_->freed.push_back(segment.handle);
        if (!segment.departed) {
            --counters_.frames_held;
            ++counters_.frames_dropped[static_cast<std::size_t>(Reason::connection_cut)];
        }
    }
    retained_.release_all(cold(index).retained);
    close_head(index);
}

/// The record is needed for another flow, or has been silent for too long.
void Inspector::Impl::forget(std::uint32_t index) noexcept {
    if (hot(index).state == FlowState::open) {
        close(nullptr, index);
    }
    table_.erase(index);
}

}  // namespace springlatch
