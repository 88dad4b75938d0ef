#pragma once
// Request heads that arrive in more than one segment: their bytes so far and where the reading stands, in a
// bounded pool.
//
// A head that comes whole in one segment (nearly all do) never gets here. When the pool is full the oldest
// open head is given up: its owner is cut, so somebody who opens heads and never ends them only hurts
// himself.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/flow/flow.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch {

class OpenHeads {
  public:
    OpenHeads(std::uint32_t heads, std::uint32_t head_bytes);

    /// A cleared head for `flow`, the newest of all; no_index if none is free: then give up oldest() first.
    [[nodiscard]] std::uint32_t open(std::uint32_t flow) noexcept;
    void close(std::uint32_t head) noexcept;
    /// The flow whose head has been open longest; no_index if no head is open.
    [[nodiscard]] std::uint32_t oldest_flow() const noexcept;

    /// Appends as many of `bytes` as fit behind what is there; returns how many did.
    std::uint32_t append(std::uint32_t head, std::span<const std::byte> bytes) noexcept;
    /// Keeps the first `bytes` only: what was appended behind them did not leave.
    void take_back(std::uint32_t head, std::uint32_t bytes) noexcept { heads_[head].bytes = bytes; }
    [[nodiscard]] std::span<const std::byte> bytes(std::uint32_t head) const noexcept;
    [[nodiscard]] http::HeadState& state(std::uint32_t head) noexcept { return heads_[head].state; }

    [[nodiscard]] std::uint32_t used() const noexcept { return used_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return heads_.capacity() * sizeof(Head) + buffer_.capacity();
    }

  private:
    struct Head {
        http::HeadState state;
        std::uint32_t bytes = 0;
        std::uint32_t flow = no_index;
        std::uint32_t older = no_index;
        std::uint32_t newer = no_index;  ///< also the link of the free list
    };

    std::vector<Head> heads_;
    std::vector<std::byte> buffer_;
    std::uint32_t head_bytes_;
    std::uint32_t free_ = no_index;
    std::uint32_t oldest_ = no_index;
    std::uint32_t newest_ = no_index;
    std::uint32_t used_ = 0;
};

}  // namespace springlatch
