#include "control/ingest/event_of.h"

#include "config/prefixes.h"
#include "control/ingest/text.h"
#include "dataplane/protocol/elasticsearch/operation.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch::control {
namespace {

[[nodiscard]] std::string action_name(EventAction action) {
    switch (action) {
        case EventAction::allowed:
            return "allowed";
        case EventAction::denied:
            return "denied";
        case EventAction::would_deny:
            return "would_deny";
    }
    return "";
}

}  // namespace

Event event_of(const WholeEvent& whole, const Names& names) {
    const EventRecord& record = whole.record;
    Event event;
    event.time_ns = record.time_ns;
    event.request = record.kind == EventKind::request;
    event.action = action_name(record.action);
    event.reason = record.reason == Reason::none ? "" : std::string(name_of(record.reason));
    event.rule = names.rule(record.rule);
    event.service = names.service(record.service);
    event.zone = names.zone(record.zone);
    event.source = address_text(record.source);
    event.destination = address_text(record.destination);
    event.source_port = record.source_port;
    event.destination_port = record.destination_port;
    event.request_bytes = record.request_bytes;
    event.verdict_ns = record.verdict_ns;
    event.tags = names.tags(record.rule, record.service);
    event.severity = static_cast<std::uint8_t>(names.severity(record.rule, record.service));
    if (!event.request) {
        return event;
    }
    event.operation =
        std::string(elasticsearch::name_of(static_cast<elasticsearch::Operation>(record.operation)));
    event.credentials = std::string(http::name_of(static_cast<http::Credentials>(record.credentials)));
    event.method = std::string(http::name_of(static_cast<http::Method>(record.method)));
    event.version = event.method.empty() ? "" : "1." + std::to_string(record.version_minor);
    event.path = printable(redact_path(whole.path));
    event.query = printable(redact_query(whole.query));
    event.user_agent = printable(whole.user_agent);
    event.user = names.identity(record.identity);
    return event;
}

}  // namespace springlatch::control
