#pragma once
// The event ring: one producer (a worker), one consumer (the control process), in a sealed memfd; behind it
// the worker's hit counters (event/hits.h), which the consumer only reads.
//
// Trust
//   Neither side believes the other: the slot count is a compile-time constant, each side keeps its own index
//   privately and only publishes a copy, what it reads of the other's index is checked to be within one ring
//   of its own (else the peer is counted as broken and ignored), and the consumer copies a slot before it
//   looks into it.
// Full
//   The producer never waits: push() says false and the caller counts the event.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <tl/expected.hpp>

#include "dataplane/event/hits.h"
#include "dataplane/event/record.h"
#include "dataplane/event/sink.h"

namespace springlatch {

inline constexpr std::uint32_t ring_slots = 1U << 16U;  ///< of 128 bytes: 8 MiB a worker
inline constexpr std::size_t ring_slot_bytes = 128;

struct alignas(128) RingSlot {
    std::byte bytes[ring_slot_bytes];
};

/// Owns the mapping and the descriptor of one ring; unmaps and closes at the end.
class RingMemory {
  public:
    /// A new memfd, sized, sealed against shrinking, growing and further sealing. Error: errno.
    [[nodiscard]] static tl::expected<RingMemory, int> create(const char* name) noexcept;
    /// Maps a descriptor that came over the socket, after checking its size and its seals. Takes ownership.
    /// Error: errno (EPROTO: wrong size or unsealed).
    [[nodiscard]] static tl::expected<RingMemory, int> adopt(int fd) noexcept;

    RingMemory(RingMemory&& other) noexcept;
    RingMemory& operator=(RingMemory&& other) noexcept;
    ~RingMemory();
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] void* base() const noexcept { return base_; }
    [[nodiscard]] HitPages& hits() const noexcept;

  private:
    RingMemory(int fd, void* base) noexcept : fd_(fd), base_(base) {}
    int fd_ = -1;
    void* base_ = nullptr;
};

/// The worker's end; also the inspector's EventSink. A worker that outlives its control process goes on
/// writing into the ring until it is full; a new control process adopts the same ring and continues where the
/// old one stopped.
class RingProducer final : public EventSink {
  public:
    explicit RingProducer(void* base) noexcept;
    /// All records or none, visible together.
    [[nodiscard]] bool push(std::span<const RingSlot> slots) noexcept;
    bool emit(EventRecord& record, std::string_view path, std::string_view query,
              std::string_view user_agent) noexcept override;
    /// Slots that push() would find free now; a replay waits for the consumer instead of losing events, live
    /// traffic never does.
    [[nodiscard]] std::uint64_t free_slots() noexcept;
    [[nodiscard]] std::uint64_t emitted() const noexcept { return sequence_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

  private:
    void* base_;
    std::uint64_t head_ = 0;       ///< own index, private
    std::uint64_t tail_seen_ = 0;  ///< last checked copy of the consumer's
    std::uint64_t sequence_ = 0;
    std::uint64_t lost_ = 0;
};

class RingConsumer {
  public:
    /// Continues at the index that the ring says was consumed.
    explicit RingConsumer(void* base) noexcept;
    /// Copies up to out.size() slots; returns how many. 0 and broken() if the producer's index is impossible.
    [[nodiscard]] std::size_t pop(std::span<RingSlot> out) noexcept;
    [[nodiscard]] bool broken() const noexcept { return broken_; }

  private:
    void* base_;
    std::uint64_t tail_ = 0;
    bool broken_ = false;
};

}  // namespace springlatch
