#include "dataplane/pipeline/impl.h"

namespace springlatch {
namespace {

[[nodiscard]] std::string_view text_of(std::span<const std::byte> bytes, const http::Piece& piece) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()) + piece.offset, piece.bytes};
}

}  // namespace

/// `packet` tells the addresses; without one (a flow that was forgotten in silence) the record is tied to its
/// request by `flow` alone.
EventRecord Inspector::Impl::record(EventKind kind, const Packet* packet,
                                    std::uint32_t index) const noexcept {
    EventRecord event;
    event.kind = kind;
    event.time_ns = now_ns_;
    event.generation = policy_->generation();
    if (packet != nullptr) {
        const DecodedFrame& decoded = packet->decoded;
        const bool from_client = packet->what.role != Role::from_service;
        event.source = from_client ? decoded.source : decoded.destination;
        event.destination = from_client ? decoded.destination : decoded.source;
        event.source_port = from_client ? decoded.source_port : decoded.destination_port;
        event.destination_port = from_client ? decoded.destination_port : decoded.source_port;
        event.time_ns = packet->frame.time_ns;
    }
    if (index != no_index) {
        const FlowHot& flow = table_.hot(index);
        if (is_current(index)) {  // else they are indices of another policy than `generation` says
            event.service = flow.service;
            event.zone = flow.zone;
        }
        event.flow = flow.key.low ^ (std::uint64_t{table_.cold(index).incarnation} << 48U);
    } else if (packet != nullptr) {
        event.service = packet->what.service;
        event.zone = policy_->zone_of(event.source);
        event.flow = packet->key.low;
    }
    return event;
}

void Inspector::Impl::emit(EventRecord& event, std::string_view path, std::string_view query,
                           std::string_view user_agent) noexcept {
    ++counters_.events;
    if (!events_.emit(event, path, query, user_agent)) {
        ++counters_.events_lost;
    }
}

void Inspector::Impl::report_connection(const Packet& packet, std::uint32_t index, EventAction action,
                                        Reason reason, std::uint16_t rule) noexcept {
    EventRecord event = record(EventKind::connection, &packet, index);
    event.action = action;
    event.reason = reason;
    event.rule = rule;
    emit(event, {}, {}, {});
}

RequestView Inspector::Impl::view_of(const http::HeadState& head,
                                     std::span<const std::byte> bytes) const noexcept {
    const std::string_view target = text_of(bytes, head.target);
    const std::size_t mark = target.find('?');
    RequestView view;
    view.head = &head;
    view.path = target.substr(0, mark);
    view.query = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    view.user_agent = text_of(bytes, head.user_agent);
    view.meaning = policy_->meaning_of(head.method, view.path);
    return view;
}

void Inspector::Impl::report_request(const Packet& packet, std::uint32_t index, const RequestView& request,
                                     EventAction action, Reason reason, std::uint16_t rule,
                                     std::uint64_t request_bytes, std::uint16_t number) noexcept {
    EventRecord event = record(EventKind::request, &packet, index);
    event.action = action;
    event.reason = reason;
    event.rule = rule;
    event.method = static_cast<std::uint8_t>(request.head->method);
    event.operation = static_cast<std::uint8_t>(request.meaning.operation);
    event.credentials = static_cast<std::uint8_t>(request.head->credentials);
    event.identity = request.identity;
    event.version_minor = request.head->version_minor;
    event.request_bytes = request_bytes;
    event.request_number = number == 0 ? 0x1'0000U : number;
    emit(event, request.path, request.query, request.user_agent);
}

}  // namespace springlatch
