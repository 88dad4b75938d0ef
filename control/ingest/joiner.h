#pragma once
// From ring slots to whole, checked events of one worker.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "dataplane/event/record.h"
#include "dataplane/ipc/ring.h"

namespace springlatch::control {

/// How many services, zones, rules and identities the policy has that the indices in records refer to.
struct IndexLimits {
    std::uint32_t services = 0xffff;
    std::uint32_t zones = 0xffff;
    std::uint32_t rules = 0xffff;
    std::uint32_t identities = 0xffff;
};

struct WholeEvent {
    EventRecord record;
    std::string path;
    std::string query;
    std::string user_agent;
};

/// True if every value of the record is one that the data plane could have meant.
[[nodiscard]] bool is_possible(const EventRecord& record, const IndexLimits& limits) noexcept;

/// Takes a worker's slots in order. Nothing that it is given can make it read or write beyond an event's
/// bounds, or hold more than one event.
class Joiner {
  public:
    /// `last_sequence`: of the last event known from this worker, 0 if none.
    Joiner(IndexLimits limits, std::uint64_t last_sequence)
        : Joiner([limits](std::uint32_t) { return limits; }, last_sequence) {}
    /// `limits_of`: by the generation of the policy.
    Joiner(std::function<IndexLimits(std::uint32_t)> limits_of, std::uint64_t last_sequence)
        : limits_of_(std::move(limits_of)), sequence_(last_sequence) {}

    /// An event, if this slot completes one.
    [[nodiscard]] std::optional<WholeEvent> take(const RingSlot& slot);

    [[nodiscard]] std::uint64_t bad() const noexcept { return bad_; }    ///< events dropped as impossible
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }  ///< missing sequence numbers
    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    /// Of the event begun last; 0 before the first.
    [[nodiscard]] std::uint64_t time_ns() const noexcept { return record_.time_ns; }

  private:
    [[nodiscard]] std::optional<WholeEvent> take_first(const RingSlot& slot);
    [[nodiscard]] std::optional<WholeEvent> take_text(const RingSlot& slot);
    [[nodiscard]] std::optional<WholeEvent> finish();
    void reject() noexcept;

    std::function<IndexLimits(std::uint32_t)> limits_of_;
    std::uint64_t sequence_;
    std::uint64_t bad_ = 0;
    std::uint64_t lost_ = 0;
    EventRecord record_;
    std::string texts_;
    std::uint32_t texts_left_ = 0;  ///< TextRecords still to come
    bool skipping_ = true;          ///< the texts of an event already dropped, or begun before we came
};

}  // namespace springlatch::control
