#include "dataplane/protocol/http/request_body.h"

#include <limits>

#include "dataplane/protocol/http/byte_set.h"

namespace springlatch::http {
namespace {

constexpr std::uint8_t size_digits_max = 8;
constexpr std::uint64_t unit_bytes = 1024;  // of ChunkState::total

/// Adds the chunk to the announced bytes; false if they exceed the limit then.
bool announce(ChunkState& state, std::uint64_t limit) noexcept {
    const std::uint64_t announced = std::uint64_t{state.total} * unit_bytes + state.odd_bytes + state.left;
    if (announced > limit || announced / unit_bytes > std::numeric_limits<std::uint32_t>::max()) return false;
    state.total = static_cast<std::uint32_t>(announced / unit_bytes);
    state.odd_bytes = static_cast<std::uint16_t>(announced % unit_bytes);
    return true;
}

/// A size line is judged at its CR.
HeadFault read_size_line(ChunkState& state, unsigned char byte, const HeadLimits& limits) noexcept {
    if (byte == '\r') {
        if (state.digits == 0) return HeadFault::framing;
        if (!announce(state, limits.body_bytes)) return HeadFault::body_too_large;
        state.phase = ChunkPhase::size_lf;
        return HeadFault::none;
    }
    const int value = hex_value(byte);
    if (value < 0 || state.digits == size_digits_max) return HeadFault::framing;
    state.left = state.left * 16 + static_cast<std::uint64_t>(value);
    ++state.digits;
    return HeadFault::none;
}

HeadFault expect_byte(ChunkState& state, unsigned char byte, unsigned char expected,
                      ChunkPhase next) noexcept {
    if (byte != expected) return HeadFault::framing;
    state.phase = next;
    return HeadFault::none;
}

HeadFault read_byte(ChunkState& state, unsigned char byte, const HeadLimits& limits) noexcept {
    switch (state.phase) {
        case ChunkPhase::size_line:
            return read_size_line(state, byte, limits);
        case ChunkPhase::size_lf:
            return expect_byte(state, byte, '\n',
                               state.left == 0 ? ChunkPhase::trailer_line : ChunkPhase::data);
        case ChunkPhase::data_cr:
            return expect_byte(state, byte, '\r', ChunkPhase::data_lf);
        case ChunkPhase::data_lf:
            state.left = 0;
            state.digits = 0;
            return expect_byte(state, byte, '\n', ChunkPhase::size_line);
        default:
            return expect_byte(state, byte, '\r', ChunkPhase::final_lf);
    }
}

ChunkResult refuse(ChunkState& state, HeadFault fault, std::uint32_t at) noexcept {
    state.phase = ChunkPhase::refused;
    return {ChunkStatus::refused, fault, false, at};
}

}  // namespace

ChunkResult advance_chunks(ChunkState& state, std::span<const std::byte> bytes,
                           const HeadLimits& limits) noexcept {
    std::uint32_t at = 0;
    while (state.phase < ChunkPhase::final_lf) {
        if (state.phase == ChunkPhase::data) return {ChunkStatus::data, HeadFault::none, false, at};
        if (at == bytes.size()) return {ChunkStatus::need_more, HeadFault::none, false, at};
        const HeadFault fault = read_byte(state, std::to_integer<unsigned char>(bytes[at]), limits);
        if (fault != HeadFault::none) return refuse(state, fault, at);
        ++at;
    }
    if (state.phase == ChunkPhase::refused) return refuse(state, HeadFault::framing, at);
    // Complete at the CR of the empty line (see request_head.h, early judgement).
    if (state.phase == ChunkPhase::final_lf) {
        if (at == bytes.size()) return {ChunkStatus::complete, HeadFault::none, true, at};
        if (bytes[at] != std::byte{'\n'}) return refuse(state, HeadFault::framing, at);
        state.phase = ChunkPhase::done;
        ++at;
    }
    return {ChunkStatus::complete, HeadFault::none, false, at};
}

}  // namespace springlatch::http
