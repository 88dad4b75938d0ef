#include "control/ingest/aggregates.h"

#include <algorithm>
#include <initializer_list>

namespace springlatch::control {
namespace {

constexpr std::uint64_t minute_ns = 60'000'000'000;

}  // namespace

std::size_t Aggregates::Hash::operator()(const Key& key) const noexcept {
    constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15U;
    std::uint64_t hash = 0;
    for (const std::uint64_t part : {key.minute, key.source.high, key.source.low,
                                     std::uint64_t{key.service} << 48U | std::uint64_t{key.zone} << 32U |
                                         std::uint64_t{key.identity} << 16U | key.rule,
                                     std::uint64_t{key.generation} << 8U | key.operation}) {
        hash = (hash ^ part) * odd;
        hash ^= hash >> 32U;
    }
    return hash;
}

std::int64_t& Aggregates::event_for(const EventRecord& record) {
    const Key key{.minute = record.time_ns / minute_ns,
                  .source = record.source,
                  .service = record.service,
                  .zone = record.zone,
                  .identity = record.identity,
                  .rule = record.rule,
                  .generation = record.generation,
                  .operation = record.operation};
    // Workers are read one after the other, so the minute before may still get some.
    if (open_.size() >= open_max || key.minute > newest_minute_ + 1) {
        open_.clear();
    }
    newest_minute_ = std::max(newest_minute_, key.minute);
    return open_[key];
}

void Aggregates::generalise(Event& event) {
    event.time_ns -= event.time_ns % minute_ns;
    event.requests = 1;
    event.source_port = 0;
    event.destination.clear();
    event.destination_port = 0;
    event.credentials.clear();
    event.method.clear();
    event.version.clear();
    event.path.clear();
    event.query.clear();
    event.user_agent.clear();
    event.verdict_ns = 0;
}

}  // namespace springlatch::control
