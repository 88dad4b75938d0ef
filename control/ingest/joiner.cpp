#include "control/ingest/joiner.h"

#include <cstring>

#include "dataplane/policy/compiled.h"
#include "dataplane/protocol/elasticsearch/operation.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch::control {
namespace {

/// A jump beyond this is no loss but a wrong number: at ten million events a second it is a year.
constexpr std::uint64_t gap_max = std::uint64_t{1} << 48U;
constexpr std::uint64_t number_max = INT64_MAX;  ///< what the store can hold

[[nodiscard]] bool index_possible(std::uint16_t index, std::uint32_t count) noexcept {
    return index == 0xffff || index < count;
}

[[nodiscard]] std::uint32_t text_bytes(const EventRecord& record) noexcept {
    return std::uint32_t{record.path_bytes} + record.query_bytes + record.user_agent_bytes;
}

}  // namespace

bool is_possible(const EventRecord& record, const IndexLimits& limits) noexcept {
    constexpr auto text_size = std::uint32_t{std::tuple_size_v<decltype(TextRecord::text)>};
    const auto kind = static_cast<std::uint8_t>(record.kind);
    return kind >= static_cast<std::uint8_t>(EventKind::request) &&
           kind <= static_cast<std::uint8_t>(EventKind::closed) &&
           static_cast<std::uint8_t>(record.action) <= static_cast<std::uint8_t>(EventAction::would_deny) &&
           static_cast<std::size_t>(record.reason) < reason_count &&
           record.method <= static_cast<std::uint8_t>(http::Method::connect) &&
           record.operation <= static_cast<std::uint8_t>(elasticsearch::Operation::security) &&
           record.credentials <= static_cast<std::uint8_t>(http::Credentials::other) &&
           record.version_minor <= 9 && record.complete <= 1 && record.text_cut <= 1 &&
           (record.status == 0 || (record.status >= 100 && record.status <= 999)) &&
           index_possible(record.service, limits.services) && index_possible(record.zone, limits.zones) &&
           index_possible(record.rule, limits.rules) && index_possible(record.identity, limits.identities) &&
           record.time_ns <= number_max && record.request_bytes <= number_max &&
           record.response_bytes <= number_max && text_bytes(record) <= event_text_bytes_max &&
           record.text_records == (text_bytes(record) + text_size - 1) / text_size;
}

std::optional<WholeEvent> Joiner::take(const RingSlot& slot) {
    return static_cast<EventKind>(slot.bytes[0]) == EventKind::text ? take_text(slot) : take_first(slot);
}

void Joiner::reject() noexcept {
    ++bad_;
    texts_left_ = 0;
    skipping_ = true;
}

std::optional<WholeEvent> Joiner::take_first(const RingSlot& slot) {
    if (texts_left_ > 0) {
        reject();
    }
    std::memcpy(&record_, slot.bytes, sizeof record_);
    const std::uint64_t step = record_.sequence - sequence_;
    if (!is_possible(record_, limits_of_(record_.generation)) || step == 0 || step > gap_max) {
        reject();
        return std::nullopt;
    }
    lost_ += step - 1;
    sequence_ = record_.sequence;
    texts_.clear();
    texts_left_ = record_.text_records;
    skipping_ = false;
    return texts_left_ == 0 ? finish() : std::nullopt;
}

std::optional<WholeEvent> Joiner::take_text(const RingSlot& slot) {
    if (texts_left_ == 0) {
        if (!skipping_) {
            reject();
        }
        return std::nullopt;
    }
    TextRecord text;
    std::memcpy(&text, slot.bytes, sizeof text);
    --texts_left_;
    const std::size_t missing = text_bytes(record_) - texts_.size();
    const std::size_t expected = texts_left_ > 0 ? text.text.size() : missing;
    if (text.bytes != expected || text.bytes > text.text.size()) {
        reject();
        return std::nullopt;
    }
    texts_.append(text.text.data(), text.bytes);
    return texts_left_ == 0 ? finish() : std::nullopt;
}

std::optional<WholeEvent> Joiner::finish() {
    WholeEvent whole;
    whole.record = record_;
    whole.path = texts_.substr(0, record_.path_bytes);
    whole.query = texts_.substr(record_.path_bytes, record_.query_bytes);
    whole.user_agent = texts_.substr(std::size_t{record_.path_bytes} + record_.query_bytes);
    return whole;
}

}  // namespace springlatch::control
