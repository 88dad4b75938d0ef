#pragma once
// A server's TCP as nobody would want it: any way of resolving overlaps, any loss on the way to it.
// Shares no code with the product.
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "tests/promises/random.h"

namespace springlatch::test {

/// What a TCP receiver needs of one frame; read with its own arithmetic.
struct RawSegment {
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint8_t flags = 0;
    std::uint8_t ttl = 0;
    bool whole = true;  ///< the IP checksum and the TCP checksum fit
    bool signature = false;
    bool ip_options = false;
    std::string destination;  ///< address bytes
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::string payload;
};

class FrameReader {
  public:
    explicit FrameReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    /// Nothing: no unfragmented TCP segment.
    std::optional<RawSegment> segment() {
        std::size_t at = 12;
        while (at + 4 <= bytes_.size() && (u16(at) == 0x8100 || u16(at) == 0x88a8)) at += 4;
        if (at + 2 > bytes_.size()) return std::nullopt;
        const unsigned type = u16(at);
        at += 2;
        RawSegment found;
        std::size_t end = 0;
        std::uint32_t pseudo = 0;
        if (type == 0x0800 && at + 20 <= bytes_.size()) {
            const std::size_t header = (u8(at) & 15U) * std::size_t{4};
            end = at + u16(at + 2);
            if (u8(at + 9) != 6 || (u16(at + 6) & 0x3fffU) != 0 || header < 20 || end > bytes_.size() ||
                at + header + 20 > end)
                return std::nullopt;
            found.ttl = u8(at + 8);
            found.ip_options = header > 20;
            found.whole = folded(at, at + header, 0) == 0xffff;
            for (std::size_t i = 12; i < 20; i += 2) pseudo += u16(at + i);
            found.destination = text(at + 16, 4);
            at += header;
        } else if (type == 0x86dd && at + 40 <= bytes_.size()) {
            end = at + 40 + u16(at + 4);
            if (u8(at + 6) != 6 || end > bytes_.size() || at + 60 > end) return std::nullopt;
            found.ttl = u8(at + 7);
            for (std::size_t i = 8; i < 40; i += 2) pseudo += u16(at + i);
            found.destination = text(at + 24, 16);
            at += 40;
        } else {
            return std::nullopt;
        }
        pseudo += 6 + static_cast<std::uint32_t>(end - at);
        found.whole = found.whole && folded(at, end, pseudo) == 0xffff;
        found.source_port = static_cast<std::uint16_t>(u16(at));
        found.destination_port = static_cast<std::uint16_t>(u16(at + 2));
        found.sequence = u16(at + 4) << 16U | u16(at + 6);
        found.acknowledgement = u16(at + 8) << 16U | u16(at + 10);
        found.flags = u8(at + 13);
        const std::size_t header = (u8(at + 12) >> 4U) * std::size_t{4};
        if (header < 20 || at + header > end) return std::nullopt;
        for (std::size_t i = at + 20; i < at + header && u8(i) != 0;) {
            if (u8(i) == 19 || u8(i) == 29) found.signature = true;
            i += u8(i) == 1 ? 1 : std::max<std::size_t>(2, i + 1 < at + header ? u8(i + 1) : 2);
        }
        found.payload = text(at + header, end - at - header);
        return found;
    }

  private:
    [[nodiscard]] std::uint8_t u8(std::size_t at) const { return std::to_integer<std::uint8_t>(bytes_[at]); }
    [[nodiscard]] std::uint32_t u16(std::size_t at) const { return std::uint32_t{u8(at)} << 8U | u8(at + 1); }
    [[nodiscard]] std::string text(std::size_t at, std::size_t bytes) const {
        return {reinterpret_cast<const char*>(bytes_.data()) + at, bytes};
    }
    [[nodiscard]] std::uint32_t folded(std::size_t from, std::size_t to, std::uint64_t sum) const {
        for (std::size_t i = from; i < to; ++i)
            sum += std::uint64_t{u8(i)} << ((i - from) % 2 == 0 ? 8U : 0U);
        while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
        return static_cast<std::uint32_t>(sum);
    }
    std::span<const std::byte> bytes_;
};

/// One server's end of one connection.
class Receiver {
  public:
    enum class Overlap : std::uint8_t { first, last, earlier_start, coin };
    struct Habits {
        Overlap overlap = Overlap::first;
        unsigned loss_percent = 0;
        std::uint8_t ttl_needed = 3;  ///< what has less never arrives
        bool obeys_resets = true;
        bool takes_data_without_ack = false;  ///< some stacks do
        bool takes_data_on_syn = false;
    };

    Receiver(Random& random, const Habits& habits, std::uint32_t base)
        : random_(random), habits_(habits), base_(base) {}

    void take(const RawSegment& segment) {
        constexpr unsigned fin = 1, syn = 2, rst = 4, ack = 16;
        if (dead_ || !segment.whole || segment.signature || segment.ttl < habits_.ttl_needed ||
            random_.chance(habits_.loss_percent))
            return;
        const auto position = static_cast<std::int32_t>(segment.sequence - base_);
        const auto next = static_cast<std::int32_t>(delivered_.size());
        if ((segment.flags & rst) != 0) {
            dead_ = habits_.obeys_resets && position == next;
            return;
        }
        if ((segment.flags & syn) != 0) {
            if (!habits_.takes_data_on_syn) return;
        } else if ((segment.flags & ack) == 0 && !habits_.takes_data_without_ack) {
            return;
        }
        if (ended_) return;
        for (std::size_t i = 0; i < segment.payload.size(); ++i) {
            const std::int32_t at = position + static_cast<std::int32_t>(i);
            if (at < next || at > next + 1'000'000) continue;
            const auto [place, fresh] = waiting_.try_emplace(at, Waiting{segment.payload[i], position});
            if (!fresh && wins(position, place->second.start)) place->second = {segment.payload[i], position};
        }
        while (!waiting_.empty() && waiting_.begin()->first == static_cast<std::int32_t>(delivered_.size())) {
            delivered_ += waiting_.begin()->second.value;
            waiting_.erase(waiting_.begin());
        }
        if ((segment.flags & fin) != 0)
            fin_at_ = position + static_cast<std::int32_t>(segment.payload.size());
        ended_ = fin_at_ && *fin_at_ <= static_cast<std::int32_t>(delivered_.size());
    }

    [[nodiscard]] const std::string& delivered() const { return delivered_; }
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] bool dead() const { return dead_; }
    [[nodiscard]] std::uint32_t acknowledges() const {
        return base_ + static_cast<std::uint32_t>(delivered_.size()) + (ended_ ? 1U : 0U);
    }

  private:
    struct Waiting {
        char value;
        std::int32_t start;
    };
    bool wins(std::int32_t start, std::int32_t old_start) {
        switch (habits_.overlap) {
            case Overlap::first:
                return false;
            case Overlap::last:
                return true;
            case Overlap::earlier_start:
                return start < old_start;
            case Overlap::coin:
                return random_.chance(50);
        }
        return false;
    }

    Random& random_;
    Habits habits_;
    std::uint32_t base_;
    std::string delivered_;
    std::map<std::int32_t, Waiting> waiting_;
    std::optional<std::int32_t> fin_at_;
    bool ended_ = false;
    bool dead_ = false;
};

}  // namespace springlatch::test
