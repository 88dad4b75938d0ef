#pragma once
// The inspector: one burst of frames in, what leaves out. Start reading here.
//
// Overview
//   inspect() takes a burst and writes to an Output, in order, what leaves on which side: frames of the
//   burst, frames held from earlier bursts, and frames made here (resets, replies). The same code runs behind
//   DPDK, in replays, tests, fuzzers and benchmarks: no I/O, no clock (time comes with the frames), no
//   allocation after construction.
// Ownership
//   A frame's bytes and handle belong to the inspector from inspect() until the handle comes back, exactly
//   once, as a Departure without `keep` or in Output::freed. A Departure with `keep` is sent while the
//   inspector keeps reading the bytes (the edge adds a reference); its handle comes back in `freed` later.
//   Bytes of a kept frame must not change.
// Threads
//   One inspector a worker; a flow belongs to one worker in both directions. Nothing is shared but the
//   policy, which is read-only, and is exchanged by adopt() alone.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/credentials/cache.h"
#include "dataplane/event/counters.h"
#include "dataplane/event/hits.h"
#include "dataplane/event/sink.h"
#include "dataplane/flow/key.h"
#include "dataplane/limits/limiter.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

enum class Side : std::uint8_t { outside, inside };
[[nodiscard]] constexpr Side opposite(Side side) noexcept {
    return side == Side::outside ? Side::inside : Side::outside;
}

using FrameHandle = void*;  ///< the edge's own; never null, never looked into

struct Frame {
    std::span<std::byte> bytes;  ///< from the destination MAC on, contiguous, without FCS
    std::uint64_t time_ns =
        0;  ///< arrival, since the Unix epoch; must not run backwards by more than a second
    FrameHandle handle = nullptr;
    Side arrived = Side::outside;
    bool checksum_good = false;  ///< the NIC verified IP and TCP checksums
    std::uint32_t room = 0;  ///< bytes that may be written from bytes.data() on, if more than bytes.size();
                             ///< where fragments are put together
};

enum class Fate : std::uint8_t { forward, hold, drop };

struct Verdict {
    Fate fate = Fate::drop;
    Reason reason = Reason::none;  ///< why dropped or shortened; in observe mode: why it would have been
    std::uint16_t rule = no_rule;  ///< of the last request judged in this frame
    std::uint32_t bytes = 0;       ///< forward: bytes that leave (less than came if shortened)
};

struct Departure {
    FrameHandle handle = nullptr;  ///< null: a made frame
    std::span<const std::byte>
        bytes;  ///< what leaves; a made frame's bytes live in the Output until its next clear()
    Side out = Side::inside;
    bool keep = false;
};

inline constexpr std::size_t burst_frames_max = 64;
inline constexpr std::size_t made_frame_bytes_max = 512;

/// Results of one inspect(): memory for the worst case is taken at construction.
class Output {
  public:
    /// `frames_kept_max`: the policy's, since one frame may release them all.
    explicit Output(std::uint32_t frames_kept_max);
    void clear() noexcept;

    std::array<Verdict, burst_frames_max> verdicts;  ///< [i] belongs to the i-th frame of the burst
    std::vector<Departure> departures;               ///< in the order in which they must leave
    std::vector<FrameHandle> freed;

    [[nodiscard]] std::span<std::byte>
    made_frame() noexcept;  ///< room for one more made frame; empty if none is left (counted by the caller)

  private:
    std::vector<std::array<std::byte, made_frame_bytes_max>> made_;
    std::size_t made_used_ = 0;
};

struct InspectorOptions {
    HashSecret secret;                       ///< random at start; fixed in replays so that they repeat
    SipKey credential_key;                   ///< likewise; the same for all workers, who share answers
    CredentialVerifier* verifier = nullptr;  ///< not owned; null: no credentials can be verified
    HitPages* hits = nullptr;      ///< of this worker alone, not owned; null: rules' hits are not counted
    bool verify_checksums = true;  ///< false: captures taken on a sender with checksum offload
    bool sides_by_service =
        false;  ///< replay: a frame is from inside if it comes from a service, whatever port it arrived on
    std::uint32_t packet_bytes_max = 65535;  ///< IP packets longer than this are not made out of fragments
};

/// All that one inspector needs to go over to another policy; after that, all it does not need any more.
struct Adoption {
    std::shared_ptr<const CompiledPolicy> policy;
    CredentialChange credentials;
    /// Of each service of the policy before: was it only observed, and is it still?
    enum class Observed : std::uint8_t { no, until_now, still };
    std::vector<Observed> observed;
    std::optional<PatternScratch> patterns;
    std::optional<LimitSet> limits;
    std::optional<Limiter> fresh_limiter;  ///< where no policy before had limits
    std::optional<CredentialCache> fresh;  ///< where no policy before had identities
};

class Inspector {
  public:
    /// Takes all memory the policy's limits ask for.
    Inspector(std::shared_ptr<const CompiledPolicy> policy, EventSink& events,
              const InspectorOptions& options);
    ~Inspector();
    Inspector(const Inspector&) = delete;
    Inspector& operator=(const Inspector&) = delete;

    /// At most burst_frames_max frames. Appends to a cleared `out`.
    void inspect(std::span<Frame> burst, Output& out) noexcept;
    /// The answer to a question of the verifier's, between two bursts.
    void learn(const CheckAnswer& answer, std::uint64_t now_ns) noexcept;
    /// For idle times: lets time-outs run without a frame. `now_ns` as Frame::time_ns.
    void idle(std::uint64_t now_ns, Output& out) noexcept;
    /// Gives back every held frame and reports unfinished responses; the inspector must not be used
    /// afterwards except for counters().
    void finish(std::uint64_t now_ns, Output& out) noexcept;

    /// Another policy, in two steps. prepare() takes the memory, in any thread, while no other adoption is
    /// under way. `next` has another generation and asks for nothing that needs_restart().
    [[nodiscard]] std::unique_ptr<Adoption> prepare(std::shared_ptr<const CompiledPolicy> next) const;
    /// adopt() is the worker's, between two bursts: every request whose last head byte comes after it is
    /// judged by the new policy. Connections go on and are looked up again with their next frame: those that
    /// the new policy does not let in are cut (`source_not_allowed`), as are those whose bytes were not read
    /// so far as the new policy wants them read (`midstream`: another protocol, or only observed until now).
    /// The adoption is left with what is to be freed elsewhere.
    void adopt(Adoption& adoption) noexcept;
    /// False for some bursts (or calls of idle()) after an adoption, until every connection was marked as
    /// looked up under an earlier policy; adopt() must wait for it.
    [[nodiscard]] bool can_adopt() const noexcept;

    [[nodiscard]] const Counters& counters() const noexcept;
    /// Bytes taken at construction, flow table included.
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace springlatch
