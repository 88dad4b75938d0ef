#include "dataplane/dpdk/worker.h"

#include <cstring>

#include "dataplane/flow/key.h"
#include "dataplane/packet/decode.h"

namespace springlatch {
namespace {

[[nodiscard]] bool checksum_good(const rte_mbuf* frame) noexcept {
    constexpr std::uint64_t both = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    return (frame->ol_flags & both) == (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD);
}

}  // namespace

std::uint32_t owner_of(rte_mbuf* frame, const HashSecret& secret, std::uint32_t workers,
                       Sharing sharing) noexcept {
    if (workers == 1) {
        return 0;
    }
    DecodedFrame decoded;
    const DecodeOutcome outcome =
        decode({rte_pktmbuf_mtod(frame, const std::byte*), frame->data_len}, VerifyTcpChecksum::no, decoded);
    const bool by_addresses = sharing == Sharing::addresses;
    if (outcome != DecodeOutcome::tcp && !(by_addresses && outcome == DecodeOutcome::fragment)) {
        return 0;
    }
    if (by_addresses) {
        return symmetric_hash(secret, decoded.source, 0, decoded.destination, 0) % workers;
    }
    return symmetric_hash(secret, decoded.source, decoded.source_port, decoded.destination,
                          decoded.destination_port) %
           workers;
}

Exchange::Exchange(Inspector& inspector, rte_mempool* pool, std::uint32_t frames_kept_max,
                   std::uint32_t frame_bytes_end)
    : inspector_(inspector), pool_(pool), frame_bytes_end_(frame_bytes_end), output_(frames_kept_max) {
    departing_.reserve(output_.departures.capacity());
    leaving_.reserve(output_.departures.capacity());
}

void Exchange::inspect(std::span<rte_mbuf* const> frames, std::span<const Side> sides,
                       std::span<const std::uint64_t> times_ns, FrameSink& sink) noexcept {
    std::size_t count = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        rte_mbuf* frame = frames[i];
        if (i + 4 < frames.size()) {
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + 4], void*));
        }
        if (frame->pkt_len >= frame_bytes_end_ || (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0)) {
            ++frames_in_[static_cast<std::size_t>(sides[i])];
            bytes_in_[static_cast<std::size_t>(sides[i])] += frame->pkt_len;
            ++too_large_;
            rte_pktmbuf_free(frame);
            continue;
        }
        burst_[count++] = {.bytes = {rte_pktmbuf_mtod(frame, std::byte*), frame->data_len},
                           .time_ns = times_ns[i],
                           .handle = frame,
                           .arrived = sides[i],
                           .checksum_good = checksum_good(frame),
                           .room = static_cast<std::uint32_t>(frame->buf_len - frame->data_off)};
    }
    output_.clear();
    inspector_.inspect(std::span{burst_}.first(count), output_);
    carry_out(sink);
}

void Exchange::idle(std::uint64_t now_ns, FrameSink& sink) noexcept {
    output_.clear();
    inspector_.idle(now_ns, output_);
    carry_out(sink);
}

void Exchange::finish(std::uint64_t now_ns, FrameSink& sink) noexcept {
    output_.clear();
    inspector_.finish(now_ns, output_);
    carry_out(sink);
}

void Exchange::carry_out(FrameSink& sink) noexcept {
    for (const Departure& departure : output_.departures) {
        auto* frame = static_cast<rte_mbuf*>(departure.handle);
        if (frame == nullptr) {
            frame = rte_pktmbuf_alloc(pool_);
            char* room = frame == nullptr
                             ? nullptr
                             : rte_pktmbuf_append(frame, static_cast<std::uint16_t>(departure.bytes.size()));
            if (room == nullptr) {
                ++made_lost_[static_cast<std::size_t>(departure.out)];
                rte_pktmbuf_free(frame);
                continue;
            }
            std::memcpy(room, departure.bytes.data(), departure.bytes.size());
        } else {
            frame->data_len = static_cast<std::uint16_t>(departure.bytes.size());
            frame->pkt_len = frame->data_len;
            if (departure.keep) {
                rte_mbuf_refcnt_update(frame, 1);
            }
        }
        if (departure.out != departing_side_) {
            flush(departing_side_, sink);
            departing_side_ = departure.out;
        }
        departing_.push_back(frame);
        leaving_.push_back({frame->pkt_len, departure.handle == nullptr});
    }
    flush(departing_side_, sink);
    for (const FrameHandle handle : output_.freed) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(handle));
    }
}

void Exchange::flush(Side out, FrameSink& sink) noexcept {
    if (departing_.empty()) {
        return;
    }
    const auto side = static_cast<std::size_t>(out);
    const std::uint32_t refused = sink.send(out, departing_);
    for (std::size_t i = leaving_.size() - refused; i < leaving_.size(); ++i) {
        if (leaving_[i].made) {
            ++made_lost_[side];
        } else {
            ++refused_[side];
            refused_bytes_[side] += leaving_[i].bytes;
        }
    }
    departing_.clear();
    leaving_.clear();
}

Counters Exchange::counters() const noexcept {
    Counters sum = inspector_.counters();
    for (std::size_t side = 0; side < 2; ++side) {
        sum.frames_in[side] += frames_in_[side];
        sum.bytes_in[side] += bytes_in_[side];
        sum.frames_forwarded[side] -= refused_[side];
        sum.bytes_forwarded[side] -= refused_bytes_[side];
        sum.frames_made[side] -= made_lost_[side];
        sum.frames_dropped[static_cast<std::size_t>(Reason::link_down)] += refused_[side];
    }
    sum.frames_dropped[static_cast<std::size_t>(Reason::frame_too_large)] += too_large_;
    return sum;
}

}  // namespace springlatch
