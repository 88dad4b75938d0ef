#pragma once
// The worker: mbufs in, the inspector, mbufs out. The only place where frames of DPDK and of the core meet.
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/pipeline/inspector.h"

namespace springlatch {

/// What two frames must share to be sure of the same worker: fragments have no ports, so where they are put
/// together, it is the addresses.
enum class Sharing : std::uint8_t { connection, addresses };
[[nodiscard]] inline Sharing sharing_of(const CompiledPolicy& policy) noexcept {
    return policy.parts().reassemble_fragments ? Sharing::addresses : Sharing::connection;
}

/// Which of `workers` owns this frame's connection, in both directions; what is neither TCP nor (by
/// addresses) a fragment belongs to the first.
[[nodiscard]] std::uint32_t owner_of(rte_mbuf* frame, const HashSecret& secret, std::uint32_t workers,
                                     Sharing sharing) noexcept;

/// Where a worker's frames go. Takes ownership of every mbuf.
class FrameSink {
  public:
    virtual ~FrameSink() = default;
    /// Returns how many at the end of `frames` were refused (and freed).
    virtual std::uint32_t send(Side out, std::span<rte_mbuf*> frames) noexcept = 0;
};

/// Turns bursts of mbufs into frames for the inspector and departures into mbufs for a sink.
class Exchange {
  public:
    /// `frames_kept_max`: the policy's. Frames of `frame_bytes_end` bytes or more are dropped: the port may
    /// have cut them, or the other one would not take them.
    Exchange(Inspector& inspector, rte_mempool* pool, std::uint32_t frames_kept_max,
             std::uint32_t frame_bytes_end = UINT32_MAX);

    /// `frames`: at most burst_frames_max mbufs whose side is sides[i]; times_ns as Frame::time_ns. Owned
    /// from here on.
    void inspect(std::span<rte_mbuf* const> frames, std::span<const Side> sides,
                 std::span<const std::uint64_t> times_ns, FrameSink& sink) noexcept;
    void idle(std::uint64_t now_ns, FrameSink& sink) noexcept;
    void finish(std::uint64_t now_ns, FrameSink& sink) noexcept;

    /// The inspector's counters corrected by what happened at the edge: frames too large to be read, refused
    /// by a port (link_down), or never made for want of mbufs.
    [[nodiscard]] Counters counters() const noexcept;

  private:
    struct Leaving {
        std::uint32_t bytes = 0;
        bool made = false;
    };
    void carry_out(FrameSink& sink) noexcept;
    void flush(Side out, FrameSink& sink) noexcept;

    Inspector& inspector_;
    rte_mempool* pool_;
    std::uint32_t frame_bytes_end_;
    Output output_;
    std::array<Frame, burst_frames_max> burst_;
    std::vector<rte_mbuf*> departing_;
    std::vector<Leaving> leaving_;  ///< [i] tells of departing_[i], which a sink may have freed
    Side departing_side_ = Side::outside;
    std::uint64_t frames_in_[2] = {0, 0};
    std::uint64_t bytes_in_[2] = {0, 0};
    std::uint64_t too_large_ = 0;
    std::uint64_t refused_[2] = {0, 0};  ///< by the side on which they should have left; without made ones
    std::uint64_t refused_bytes_[2] = {0, 0};
    std::uint64_t made_lost_[2] = {0, 0};
};

/// Lets another thread read a worker's counters: it asks, the worker copies at a safe point, it reads.
class CounterMailbox {
  public:
    /// Worker: answers a request, if there is one, with what `counters` returns.
    template <typename Source>
    void serve(Source&& counters) {
        if (state_.load(std::memory_order_acquire) == State::wanted) {
            copy_ = counters();
            state_.store(State::ready, std::memory_order_release);
        }
    }
    /// Reader: true and the counters if an answer is there; asks for the next one.
    [[nodiscard]] bool take(Counters& out) noexcept {
        const State state = state_.load(std::memory_order_acquire);
        if (state == State::wanted) {
            return false;
        }
        if (state == State::ready) {
            out = copy_;
        }
        state_.store(State::wanted, std::memory_order_release);
        return state == State::ready;
    }

  private:
    enum class State : std::uint8_t { idle, wanted, ready };
    std::atomic<State> state_{State::idle};
    Counters copy_;
};

}  // namespace springlatch
