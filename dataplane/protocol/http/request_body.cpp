#include "dataplane/protocol/http/request_body.h"

#include <array>
#include <bit>
#include <limits>
#include <string_view>

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

/// Names that no trailer field may have, in lower case.
constexpr auto barred_names = std::to_array<std::string_view>({
    "authorization",
    "proxy-authorization",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "host",
    "connection",
    "expect",
    "upgrade",
    "http2-settings",
    "te",
    "trailer",
    "cookie",
    "keep-alive",
    "proxy-connection",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
});
static_assert(barred_names.size() < 32);

/// How far a trailer section is read. It has to fit ChunkState::left, for that is what a flow keeps between
/// segments.
struct TrailerState {
    std::uint32_t barred = 0;      ///< bit i: the name so far is a beginning of barred_names[i]
    std::uint32_t name_bytes = 0;  ///< of the name so far
    std::uint32_t bytes = 0;       ///< of the field lines so far

    static TrailerState from(std::uint64_t left) noexcept {
        return {static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(left >> 32U & 0xffffU),
                static_cast<std::uint32_t>(left >> 48U)};
    }
    [[nodiscard]] std::uint64_t packed() const noexcept {
        const std::uint64_t counts = bytes << 16U | name_bytes;
        return counts << 32U | barred;
    }
    void begin_name() noexcept {
        barred = (1U << barred_names.size()) - 1;
        name_bytes = 0;
    }
    void add_to_name(unsigned char byte) noexcept {
        const auto lower = static_cast<char>(to_lower(byte));
        for (std::uint32_t rest = barred; rest != 0; rest &= rest - 1) {
            const auto i = static_cast<std::uint32_t>(std::countr_zero(rest));
            const std::string_view name = barred_names[i];
            if (name_bytes >= name.size() || name[name_bytes] != lower) barred &= ~(1U << i);
        }
        ++name_bytes;
    }
    [[nodiscard]] bool name_is_barred() const noexcept {
        for (std::uint32_t rest = barred; rest != 0; rest &= rest - 1) {
            if (barred_names[static_cast<std::uint32_t>(std::countr_zero(rest))].size() == name_bytes)
                return true;
        }
        return false;
    }
};
static_assert(trailer_bytes_max <= 0xffff);

HeadFault read_name_byte(ChunkState& state, TrailerState& trailer, unsigned char byte) noexcept {
    if (byte == ':' && state.phase == ChunkPhase::trailer_name) {
        if (trailer.name_is_barred()) return HeadFault::framing;
        state.phase = ChunkPhase::trailer_value;
        return HeadFault::none;
    }
    if (!name_bytes.contains(byte)) return HeadFault::framing;
    trailer.add_to_name(byte);
    state.phase = ChunkPhase::trailer_name;
    return HeadFault::none;
}

HeadFault read_value_byte(ChunkState& state, unsigned char byte) noexcept {
    if (byte == '\r') {
        state.phase = ChunkPhase::trailer_lf;
        return HeadFault::none;
    }
    return value_bytes.contains(byte) ? HeadFault::none : HeadFault::framing;
}

/// A byte of a field line, from its name to its LF.
HeadFault read_field_line(ChunkState& state, unsigned char byte) noexcept {
    TrailerState trailer = TrailerState::from(state.left);
    if (trailer.bytes == trailer_bytes_max) return HeadFault::head_too_large;
    ++trailer.bytes;
    HeadFault fault = HeadFault::none;
    switch (state.phase) {
        case ChunkPhase::trailer_value:
            fault = read_value_byte(state, byte);
            break;
        case ChunkPhase::trailer_lf:
            fault = expect_byte(state, byte, '\n', ChunkPhase::trailer_line);
            break;
        case ChunkPhase::trailer_line:
            if (state.digits == trailer_fields_max) return HeadFault::head_too_large;
            ++state.digits;
            trailer.begin_name();
            [[fallthrough]];
        default:
            fault = read_name_byte(state, trailer, byte);
            break;
    }
    state.left = trailer.packed();
    return fault;
}

HeadFault read_byte(ChunkState& state, unsigned char byte, const HeadLimits& limits) noexcept {
    switch (state.phase) {
        case ChunkPhase::size_line:
            return read_size_line(state, byte, limits);
        case ChunkPhase::size_lf:
            state.digits = 0;
            return expect_byte(state, byte, '\n',
                               state.left == 0 ? ChunkPhase::trailer_line : ChunkPhase::data);
        case ChunkPhase::data_cr:
            return expect_byte(state, byte, '\r', ChunkPhase::data_lf);
        case ChunkPhase::data_lf:
            state.left = 0;
            return expect_byte(state, byte, '\n', ChunkPhase::size_line);
        case ChunkPhase::trailer_line:
            if (byte != '\r') return read_field_line(state, byte);
            state.left = 0;
            state.phase = ChunkPhase::final_lf;
            return HeadFault::none;
        default:
            return read_field_line(state, byte);
    }
}

bool is_open(ChunkPhase phase) noexcept {
    return phase != ChunkPhase::final_lf && phase != ChunkPhase::done && phase != ChunkPhase::refused;
}

ChunkResult refuse(ChunkState& state, HeadFault fault, std::uint32_t at) noexcept {
    state.phase = ChunkPhase::refused;
    return {ChunkStatus::refused, fault, false, at};
}

}  // namespace

ChunkResult advance_chunks(ChunkState& state, std::span<const std::byte> bytes,
                           const HeadLimits& limits) noexcept {
    std::uint32_t at = 0;
    while (is_open(state.phase)) {
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
