#pragma once
// Numbers in network byte order, read and written at any alignment. The caller has checked that the bytes are
// there.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace springlatch::wire {

[[nodiscard]] inline std::uint8_t load8(const std::byte* at) noexcept {
    return std::to_integer<std::uint8_t>(*at);
}
[[nodiscard]] inline std::uint16_t load16(const std::byte* at) noexcept {
    std::uint16_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}
[[nodiscard]] inline std::uint32_t load32(const std::byte* at) noexcept {
    std::uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}
[[nodiscard]] inline std::uint64_t load64(const std::byte* at) noexcept {
    std::uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

inline void store8(std::byte* at, std::uint8_t value) noexcept {
    *at = static_cast<std::byte>(value);
}
inline void store16(std::byte* at, std::uint16_t value) noexcept {
    value = __builtin_bswap16(value);
    std::memcpy(at, &value, sizeof value);
}
inline void store32(std::byte* at, std::uint32_t value) noexcept {
    value = __builtin_bswap32(value);
    std::memcpy(at, &value, sizeof value);
}
inline void store64(std::byte* at, std::uint64_t value) noexcept {
    value = __builtin_bswap64(value);
    std::memcpy(at, &value, sizeof value);
}

}  // namespace springlatch::wire
