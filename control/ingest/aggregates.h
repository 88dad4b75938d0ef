#pragma once
// Allowed requests that are counted instead of told one by one: the policy's `record: "aggregate"`.
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "control/store/event.h"
#include "dataplane/event/record.h"

namespace springlatch::control {

/// Finds the event that requests of one minute are counted in: those with the same source, service, zone,
/// operation, identity and rule. Bounded: if there are too many at once, further events are begun, so that
/// nothing is lost.
class Aggregates {
  public:
    static constexpr std::size_t open_max = 1U << 16U;

    /// The id in the store; 0: none yet, it is the caller's to set.
    [[nodiscard]] std::int64_t& event_for(const EventRecord& record);
    /// What an event of one request becomes when it stands for all of its kind: without what only that
    /// request has, at the start of its minute.
    static void generalise(Event& event);

  private:
    struct Key {
        std::uint64_t minute = 0;
        IpAddress source;
        std::uint16_t service = 0;
        std::uint16_t zone = 0;
        std::uint16_t identity = 0;
        std::uint16_t rule = 0;
        std::uint32_t generation = 0;
        std::uint8_t operation = 0;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::size_t operator()(const Key& key) const noexcept;
    };
    std::unordered_map<Key, std::int64_t, Hash> open_;
    std::uint64_t newest_minute_ = 0;
};

}  // namespace springlatch::control
