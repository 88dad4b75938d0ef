#pragma once
// Segments that arrived before the bytes they follow: a bounded pool, one ring list a flow.
//
// Overview
//   A flow's `held` is the index of its last node; that node's next is the first, so appending is one step.
//   Nodes stay in order of arrival. take_ready() unlinks the first node that the caller's positions have
//   reached.
// Limits
//   The pool's size and a number a flow, from the policy. Full: the caller drops the segment and TCP sends it
//   again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/flow/flow.h"

namespace springlatch {

struct HeldSegment {
    void* handle = nullptr;
    std::span<std::byte> frame;
    std::uint32_t next = no_index;
    std::uint32_t sequence = 0;  ///< of its first payload byte
    std::uint32_t count = 0;     ///< of the flow's nodes; valid in the last node only
    std::uint8_t side = 0;       ///< on which it arrived
    bool from_server = false;
    bool departed = false;  ///< it left already and is only waiting to be read
};

class HeldPool {
  public:
    HeldPool(std::uint32_t segments, std::uint32_t segments_per_flow);

    /// Appends to the list whose last node is `last`. False: the pool or the flow's share is full.
    [[nodiscard]] bool hold(std::uint32_t& last, const HeldSegment& segment) noexcept;

    /// Unlinks the first client segment that starts at or before `client_gate`, or server segment at or
    /// before `server_read`. False: none is ready.
    [[nodiscard]] bool take_ready(std::uint32_t& last, std::uint32_t client_gate, std::uint32_t server_read,
                                  HeldSegment& out) noexcept;

    /// Unlinks the first node whatever its position; false: the list is empty.
    [[nodiscard]] bool take_first(std::uint32_t& last, HeldSegment& out) noexcept;

    [[nodiscard]] std::uint32_t used() const noexcept { return used_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return nodes_.capacity() * sizeof(HeldSegment);
    }

  private:
    void unlink(std::uint32_t& last, std::uint32_t before, HeldSegment& out) noexcept;

    std::vector<HeldSegment> nodes_;
    std::uint32_t free_ = no_index;
    std::uint32_t used_ = 0;
    std::uint32_t per_flow_;
};

}  // namespace springlatch
