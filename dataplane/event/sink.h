#pragma once
// Where the inspector leaves its events.
#include <cstdint>
#include <string_view>

#include "dataplane/event/record.h"

namespace springlatch {

/// Implemented by the ring's producer (ipc/), by tests and by fuzzers. Called on the packet path: must not
/// block, allocate or throw.
class EventSink {
  public:
    virtual ~EventSink() = default;
    /// `record.sequence` and the text fields are filled in by the sink from the texts given. False: no room;
    /// the event is lost and has to be counted.
    virtual bool emit(EventRecord& record, std::string_view path, std::string_view query,
                      std::string_view user_agent) noexcept = 0;
};

}  // namespace springlatch
