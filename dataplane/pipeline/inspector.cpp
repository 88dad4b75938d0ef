#include "dataplane/pipeline/inspector.h"

#include <algorithm>
#include <numeric>

#include "dataplane/flow/sequence.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/pipeline/impl.h"

namespace springlatch {
namespace {

/// Replies and resets that one burst can make at most; beyond it they are left out, which only delays the
/// peer's own time-out.
constexpr std::size_t made_frames_max = burst_frames_max * 4;
/// A pass over the whole flow table takes this long.
constexpr std::uint32_t sweep_seconds = 32;
constexpr std::uint32_t sweep_flows_a_burst = 64;
constexpr std::uint32_t closed_seconds = 15;
constexpr std::uint32_t cut_seconds = 60;
/// Packets between the fetch of a flow's records and their use, and between that of what hangs on them and
/// its use: measured (tests/bench/README.md); shorter waits for memory, longer fills a core's list of misses.
constexpr std::size_t records_ahead = 8;
constexpr std::size_t chained_ahead = 3;

constexpr std::size_t side_index(Side side) noexcept {
    return static_cast<std::size_t>(side);
}

}  // namespace

Output::Output(std::uint32_t frames_kept_max) : verdicts{}, made_(made_frames_max) {
    departures.reserve(burst_frames_max + made_frames_max + frames_kept_max);
    freed.reserve(2 * burst_frames_max + frames_kept_max);
}

void Output::clear() noexcept {
    departures.clear();
    freed.clear();
    made_used_ = 0;
}

std::span<std::byte> Output::made_frame() noexcept {
    if (made_used_ == made_.size()) {
        return {};
    }
    return made_[made_used_++];
}

Inspector::Inspector(std::shared_ptr<const CompiledPolicy> policy, EventSink& events,
                     const InspectorOptions& options)
    : impl_(std::make_unique<Impl>(std::move(policy), events, options)) {}
Inspector::~Inspector() = default;
void Inspector::inspect(std::span<Frame> burst, Output& out) noexcept {
    impl_->inspect(burst, out);
}
void Inspector::learn(const CheckAnswer& answer, std::uint64_t now_ns) noexcept {
    impl_->learn(answer, now_ns);
}
void Inspector::idle(std::uint64_t now_ns, Output& out) noexcept {
    impl_->idle(now_ns, out);
}
void Inspector::finish(std::uint64_t now_ns, Output& out) noexcept {
    impl_->finish(now_ns, out);
}
std::unique_ptr<Adoption> Inspector::prepare(std::shared_ptr<const CompiledPolicy> next) const {
    return impl_->prepare(std::move(next));
}
void Inspector::adopt(Adoption& adoption) noexcept {
    impl_->adopt(adoption);
}
bool Inspector::can_adopt() const noexcept {
    return impl_->can_adopt();
}
const Counters& Inspector::counters() const noexcept {
    return impl_->counters();
}
std::size_t Inspector::memory_bytes() const noexcept {
    return impl_->memory_bytes();
}

Inspector::Impl::Impl(std::shared_ptr<const CompiledPolicy> policy, EventSink& events,
                      const InspectorOptions& options)
    : policy_(std::move(policy)),
      events_(events),
      options_(options),
      observing_(policy_->mode() == Mode::observe),
      table_(policy_->limits().flows),
      half_open_(policy_->limits().flows),
      held_(policy_->limits().held_segments, policy_->limits().held_segments_per_flow),
      retained_(policy_->limits().retained_bytes),
      // Two bytes more than the limit, so that the parser itself sees a head that exceeds it.
      heads_(policy_->limits().open_heads, policy_->limits().head.head_bytes + 2),
      credentials_(policy_->limits().credentials, policy_->parts().identity_names.size(),
                   options.credential_key, options.verifier, policy_->generation()),
      limits_(*policy_, options.credential_key),
      hits_(options.hits, policy_->generation()),
      given_(limits_.counts_bytes() ? policy_->limits().flows : 0),
      patterns_(policy_->parts().patterns, policy_->limits().head.line_bytes),
      reassembler_(policy_->parts().reassemble_fragments
                       ? std::make_unique<Reassembler>(policy_->limits().fragments, options.packet_bytes_max,
                                                       options.secret)
                       : nullptr),
      packets_(burst_frames_max) {}

std::size_t Inspector::Impl::memory_bytes() const noexcept {
    return table_.memory_bytes() + std::size_t{policy_->limits().flows} * sizeof(HalfOpen) +
           held_.memory_bytes() + retained_.memory_bytes() + heads_.memory_bytes() +
           credentials_.memory_bytes() + limits_.memory_bytes() + given_.capacity() * sizeof(Given) +
           patterns_.memory_bytes() + packets_.capacity() * sizeof(Packet) +
           (reassembler_ ? reassembler_->memory_bytes() : 0);
}

void Inspector::Impl::set_time(std::uint64_t now_ns) noexcept {
    now_ns_ = now_ns;
    const auto seconds = static_cast<std::uint32_t>(now_ns / 1'000'000'000U);
    if (seconds != now_seconds_) {
        now_seconds_ = seconds;
        sweep_left_ = table_.capacity() / sweep_seconds + 1;
    }
}

void Inspector::Impl::inspect(std::span<Frame> burst, Output& out) noexcept {
    out_ = &out;
    const auto frames = burst.first(std::min(burst.size(), burst_frames_max));
    // The fetches slide along in front of the work: all of a burst's at once would be more than a core keeps
    // on their way, and none of them would overlap with anything.
    const std::size_t early = frames.size() - std::min(frames.size(), records_ahead);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        Packet& packet = packets_[i];
        packet.frame = frames[i];
        packet.departed = false;
        packet.hint = no_index;
        packet.verdict = &out.verdicts[i];
        *packet.verdict = Verdict{};
        prepare(packet);
        if (i >= early) {
            fetch_records(packets_[i - early]);
        }
    }
    for (std::size_t i = 0; i < std::min(frames.size(), chained_ahead); ++i) {
        fetch_chained(packets_[i]);
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (i + records_ahead < frames.size()) {
            fetch_records(packets_[i + records_ahead]);
        }
        if (i + chained_ahead < frames.size()) {
            fetch_chained(packets_[i + chained_ahead]);
        }
        set_time(packets_[i].frame.time_ns);
        process(packets_[i]);
    }
    sweep();
}

void Inspector::Impl::idle(std::uint64_t now_ns, Output& out) noexcept {
    out_ = &out;
    set_time(now_ns);
    sweep();
}

void Inspector::Impl::finish(std::uint64_t now_ns, Output& out) noexcept {
    out_ = &out;
    set_time(now_ns);
    for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
        if (hot(i).state != FlowState::free) {
            forget(i);
        }
    }
    while (reassembler_) {
        const LostFragments lost = reassembler_->take_any();
        if (lost.frames == 0) {
            break;
        }
        lose_fragments(lost);
    }
}

/// Everything that can be known of a frame without touching flow state.
void Inspector::Impl::prepare(Packet& packet) noexcept {
    identify(packet);
    const std::size_t side = side_index(packet.frame.arrived);
    ++counters_.frames_in[side];
    counters_.bytes_in[side] += packet.frame.bytes.size();
}

void Inspector::Impl::identify(Packet& packet) noexcept {
    const DecodeOutcome outcome = decode(packet.frame.bytes, VerifyTcpChecksum::no, packet.decoded);
    packet.what = classify(packet.frame.bytes, outcome, packet.decoded, *policy_);
    const DecodedFrame& decoded = packet.decoded;
    switch (packet.what.role) {
        case Role::transit:
        case Role::refused:
        case Role::either:
        case Role::fragment:
            break;
        case Role::to_service:
            packet.key = flow_key(options_.secret, decoded.source, decoded.source_port, decoded.destination,
                                  decoded.destination_port);
            table_.prefetch_bucket(packet.key);
            break;
        case Role::from_service:
            packet.key = flow_key(options_.secret, decoded.destination, decoded.destination_port,
                                  decoded.source, decoded.source_port);
            table_.prefetch_bucket(packet.key);
            break;
    }
    if (options_.sides_by_service) {
        const bool from_inside =
            packet.what.role == Role::from_service ||
            (packet.what.role == Role::fragment && !policy_->is_protected(decoded.destination));
        packet.frame.arrived = from_inside ? Side::inside : Side::outside;
    }
}

void Inspector::Impl::fetch_records(Packet& packet) const noexcept {
    if (packet.has_key()) {
        packet.hint = table_.prefetch_flow(packet.key);
    }
}

void Inspector::Impl::fetch_chained(Packet& packet) const noexcept {
    if (packet.hint == no_index) {
        if (packet.has_key()) {
            packet.hint = table_.prefetch_displaced(packet.key);
        }
    } else if (packet.what.role == Role::from_service) {
        retained_.prefetch(table_.cold(packet.hint).retained);
    }
}

/// A connection between two services: whoever sent the SYN is the client.
void Inspector::Impl::resolve_direction(Packet& packet) noexcept {
    const DecodedFrame& decoded = packet.decoded;
    const FlowKey reply = flow_key(options_.secret, decoded.destination, decoded.destination_port,
                                   decoded.source, decoded.source_port);
    if (table_.find(reply) != no_index || half_open_.find(reply, now_seconds_) != nullptr) {
        packet.key = reply;
        packet.what.role = Role::from_service;
        packet.what.service = packet.what.service_at_source;
        return;
    }
    packet.key = flow_key(options_.secret, decoded.source, decoded.source_port, decoded.destination,
                          decoded.destination_port);
    packet.what.role = Role::to_service;
}

bool Inspector::Impl::checksum_good(const Packet& packet) const noexcept {
    if (packet.frame.checksum_good || !options_.verify_checksums) {
        return true;
    }
    const DecodedFrame& decoded = packet.decoded;
    const std::uint32_t l4_bytes =
        static_cast<std::uint32_t>(decoded.payload_offset - decoded.l4_offset) + decoded.payload_bytes;
    constexpr std::uint8_t protocol_tcp = 6;
    const std::uint64_t sum = pseudo_header_sum(decoded.source, decoded.destination, protocol_tcp, l4_bytes) +
                              checksum_sum(packet.frame.bytes.subspan(decoded.l4_offset, l4_bytes));
    return checksum_fold(sum) == 0;
}

void Inspector::Impl::set_mode(const Packet& packet) noexcept {
    Mode mode = policy_->mode();
    if (packet.what.service != no_service) {
        mode = policy_->mode_of(packet.what.service);
    } else if (packet.what.reason != Reason::transit_not_allowed) {
        const DecodedFrame& decoded = packet.decoded;
        mode = policy_->mode_at(policy_->is_protected(decoded.destination) ? decoded.destination
                                                                           : decoded.source);
    }
    observing_ = mode == Mode::observe;
}

void Inspector::Impl::process(Packet& packet) noexcept {
    if (packet.what.role == Role::either) {
        resolve_direction(packet);
    }
    if (policy_->has_service_modes()) {
        set_mode(packet);
    }
    switch (packet.what.role) {
        case Role::transit:
        case Role::either:
            pass(packet);
            return;
        case Role::fragment:
            reassemble(packet);
            return;
        case Role::refused:
            if (packet.what.reason != Reason::malformed_ip && packet.what.reason != Reason::bad_checksum &&
                packet.what.reason != Reason::transit_not_allowed) {
                report_connection(packet, no_index,
                                  observing_ ? EventAction::would_deny : EventAction::denied,
                                  packet.what.reason, no_rule);
            }
            refuse(packet, packet.what.reason);
            return;
        case Role::to_service:
            // Somebody inside who talks to a service: nothing of it leaves on the inside.
            if (packet.frame.arrived == Side::inside && !options_.sides_by_service) {
                pass(packet);
            } else if (!checksum_good(packet)) {
                refuse(packet, Reason::bad_checksum);
            } else {
                from_client(packet);
            }
            return;
        case Role::from_service:
            if (packet.frame.arrived == Side::outside && !options_.sides_by_service) {
                refuse(packet, Reason::spoofed_source);
            } else if (!checksum_good(packet)) {
                refuse(packet, Reason::bad_checksum);
            } else {
                from_server(packet);
            }
            return;
    }
}

void Inspector::Impl::depart(Packet& packet, std::uint32_t bytes, bool keep) noexcept {
    const Side out = opposite(packet.frame.arrived);
    // Written in place: a copy would read in one load what was just stored in two, and wait for both.
    Departure& departure = out_->departures.emplace_back();
    departure.handle = packet.frame.handle;
    departure.bytes = packet.frame.bytes.first(bytes);
    departure.out = out;
    departure.keep = keep;
    ++counters_.frames_forwarded[side_index(out)];
    counters_.bytes_forwarded[side_index(out)] += bytes;
    if (packet.verdict != nullptr) {
        packet.verdict->fate = Fate::forward;
        packet.verdict->bytes = bytes;
    }
}

void Inspector::Impl::pass(Packet& packet) noexcept {
    if (packet.departed) {
        out_->freed.push_back(packet.frame.handle);
        return;
    }
    depart(packet, static_cast<std::uint32_t>(packet.frame.bytes.size()), false);
}

void Inspector::Impl::pass_shortened(Packet& packet, std::uint32_t payload_bytes, Reason reason) noexcept {
    if (packet.departed) {
        pass(packet);
        return;
    }
    const std::size_t bytes = trim_payload(packet.frame.bytes, packet.decoded, payload_bytes);
    ++counters_.frames_shortened;
    if (packet.verdict != nullptr) {
        packet.verdict->reason = reason;
    }
    depart(packet, static_cast<std::uint32_t>(bytes), false);
}

void Inspector::Impl::drop(Packet& packet, Reason reason) noexcept {
    out_->freed.push_back(packet.frame.handle);
    if (packet.departed) {
        return;
    }
    ++counters_.frames_dropped[static_cast<std::size_t>(reason)];
    if (packet.verdict != nullptr) {
        packet.verdict->fate = Fate::drop;
        packet.verdict->reason = reason;
    }
}

void Inspector::Impl::refuse(Packet& packet, Reason reason) noexcept {
    if (!observing_) {
        drop(packet, reason);
        return;
    }
    ++counters_.frames_would_drop[static_cast<std::size_t>(reason)];
    if (packet.verdict != nullptr) {
        packet.verdict->reason = reason;
    }
    pass(packet);
}

void Inspector::Impl::hold(Packet& packet, std::uint32_t index, bool leaves_now) noexcept {
    const HeldSegment segment{.handle = packet.frame.handle,
                              .frame = packet.frame.bytes,
                              .sequence = packet.decoded.sequence,
                              .side = static_cast<std::uint8_t>(packet.frame.arrived),
                              .from_server = !packet.is_from_client(),
                              .departed = packet.departed || leaves_now};
    if (!held_.hold(hot(index).held, segment)) {
        if (!leaves_now) {
            drop(packet, Reason::out_of_resources);
            return;
        }
        // It must leave, so it cannot be read in its turn: from here on this stream is not followed.
        if (packet.is_from_client()) {
            lose(packet, index, Reason::out_of_resources);
        } else {
            hot(index).flags |= flow_flag::responses_lost;
        }
        pass(packet);
        return;
    }
    if (leaves_now && !packet.departed) {
        depart(packet, static_cast<std::uint32_t>(packet.frame.bytes.size()), true);
        return;
    }
    if (!packet.departed) {
        ++counters_.frames_held;
    }
    if (packet.verdict != nullptr) {
        packet.verdict->fate = Fate::hold;
    }
}

/// Forgets what has been silent for too long, a bounded number of records at a time.
void Inspector::Impl::sweep() noexcept {
    const std::uint32_t step = std::min(sweep_left_, sweep_flows_a_burst);
    sweep_left_ -= step;
    for (std::uint32_t i = 0; i < step; ++i) {
        sweep_at_ = sweep_at_ + 1 < table_.capacity() ? sweep_at_ + 1 : 0;
        const FlowHot& flow = hot(sweep_at_);
        const std::uint32_t silent = now_seconds_ - flow.last_seen;
        const bool over = (flow.state == FlowState::open && silent > policy_idle_seconds()) ||
                          (flow.state == FlowState::closed && silent > closed_seconds) ||
                          (flow.state == FlowState::cut && silent > cut_seconds);
        // A clock that ran backwards makes `silent` huge: half the number space is the past, the other half
        // is not.
        if (over && silent < 0x8000'0000U) {
            forget(sweep_at_);
        }
    }
    if (former_left_ > 0) {
        sweep_former();
    }
    if (reassembler_) {
        sweep_fragments();
    }
    counters_.flows = table_.size();
    counters_.half_open_evicted = half_open_.evicted();
    counters_.credential_checks = credentials_.checks();
    if (limits_.active()) {
        limits_.sweep(now_ns_);
        counters_.quarantined = limits_.quarantined();
        counters_.quarantines = limits_.counts().quarantines;
        counters_.quarantines_lost = limits_.counts().quarantines_lost;
        counters_.limits_forgotten = limits_.buckets_evicted();
    }
}

}  // namespace springlatch
