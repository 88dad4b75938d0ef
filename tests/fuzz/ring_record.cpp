// Slots of a data plane that lies: whatever they hold, the ingest neither crashes nor passes on a record that
// no data plane could have meant, and what it passes on stays within its announced sizes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "control/ingest/joiner.h"
#include "control/ingest/text.h"

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace springlatch;
    const control::IndexLimits limits{.services = 3, .zones = 3, .rules = 3};
    control::Joiner joiner(limits, 0);
    std::uint64_t sequence = 0;
    std::uint64_t whole_events = 0;
    for (std::size_t at = 0; at < size; at += ring_slot_bytes) {
        RingSlot slot{};
        std::memcpy(slot.bytes, data + at, std::min(ring_slot_bytes, size - at));
        const auto whole = joiner.take(slot);
        if (!whole) {
            continue;
        }
        ++whole_events;
        require(control::is_possible(whole->record, limits));
        require(whole->record.sequence > sequence);
        sequence = whole->record.sequence;
        require(whole->path.size() == whole->record.path_bytes);
        require(whole->query.size() == whole->record.query_bytes);
        require(whole->user_agent.size() == whole->record.user_agent_bytes);
        const std::string shown = control::printable(control::redact_query(whole->query)) +
                                  control::printable(control::redact_path(whole->path)) +
                                  control::printable(whole->user_agent);
        require(shown.find('\n') == std::string::npos && shown.find('\x1b') == std::string::npos);
        require(control::printable(shown) == shown);
    }
    const std::size_t slots = (size + ring_slot_bytes - 1) / ring_slot_bytes;
    require(whole_events + joiner.bad() <= slots + 1);
    return 0;
}
