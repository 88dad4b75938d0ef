// Fragments: put together, and then judged as if the datagram had come whole.
//
// What leaves is one frame, never the fragments: two receivers may put the same fragments together in two
// ways, and whoever can make one of them get lost behind us (by its hop limit, say) can mix those of two
// datagrams that were both judged to a third one that never was. A datagram for which no single frame has
// room is refused. TCP does not make such segments: the server's MSS tells what its link takes, and that is
// ours.
#include "dataplane/pipeline/impl.h"

namespace springlatch {
namespace {

constexpr std::uint32_t sweep_datagrams_a_burst = 64;

[[nodiscard]] Reason reason_of(FragmentOutcome outcome) noexcept {
    switch (outcome) {
        case FragmentOutcome::kept:
        case FragmentOutcome::merged:
        case FragmentOutcome::complete:
            return Reason::none;
        case FragmentOutcome::overlap:
            return Reason::fragment_overlap;
        case FragmentOutcome::header_split:
            return Reason::fragment;
        case FragmentOutcome::malformed:
            return Reason::malformed_ip;
        case FragmentOutcome::too_large:
            return Reason::frame_too_large;
        case FragmentOutcome::given_up:
            return Reason::out_of_resources;
        case FragmentOutcome::timed_out:
            return Reason::fragment_timeout;
    }
    return Reason::fragment;
}

}  // namespace

void Inspector::Impl::lose_fragments(const LostFragments& lost) noexcept {
    if (lost.frames == 0) {
        return;
    }
    out_->freed.push_back(lost.handle);
    counters_.frames_held -= lost.frames;
    counters_.frames_dropped[static_cast<std::size_t>(reason_of(lost.why))] += lost.frames;
}

void Inspector::Impl::sweep_fragments() noexcept {
    lose_fragments(reassembler_->expire(sweep_datagrams_a_burst, now_seconds_));
}

void Inspector::Impl::reassemble(Packet& packet) noexcept {
    if (!reassembler_ || observing_) {  // observe mode forwards every frame as it came
        pass(packet);
        return;
    }
    const std::size_t room = std::max<std::size_t>(packet.frame.room, packet.frame.bytes.size());
    const Reassembler::Result result =
        reassembler_->add(packet.decoded, {packet.frame.bytes, room, packet.frame.handle},
                          static_cast<std::uint8_t>(packet.frame.arrived), now_seconds_);
    lose_fragments(result.lost);
    switch (result.outcome) {
        case FragmentOutcome::complete:
            judge_whole(packet, result);
            return;
        case FragmentOutcome::merged:
            out_->freed.push_back(packet.frame.handle);
            [[fallthrough]];
        case FragmentOutcome::kept:
            ++counters_.frames_held;
            packet.verdict->fate = Fate::hold;
            return;
        default:
            if (!result.repeated) {
                report_connection(packet, no_index, EventAction::denied, reason_of(result.outcome), no_rule);
            }
            drop(packet, reason_of(result.outcome));
            return;
    }
}

/// The fragment that closed the last gap stands for the datagram from here on.
void Inspector::Impl::judge_whole(Packet& packet, const Reassembler::Result& result) noexcept {
    counters_.frames_held -= result.frames - 1;
    counters_.frames_reassembled += result.frames - 1;
    if (result.whole.handle != packet.frame.handle) {
        out_->freed.push_back(packet.frame.handle);
    }
    packet.frame.handle = result.whole.handle;
    packet.frame.bytes = result.whole.bytes;
    packet.frame.checksum_good = false;  // what the device says of a fragment is not said of the datagram
    identify(packet);
    if (packet.decoded.has_extension_headers) {
        packet.what = {Role::refused, Reason::extension_headers, no_service, no_service};
    }
    process(packet);
}

}  // namespace springlatch
