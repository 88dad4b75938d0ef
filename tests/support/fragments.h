#pragma once
// Fragments of a frame that TcpFrame built, and what a receiver may make of them: a model of the strict
// reading with plain lists, to hold the product's to.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/frames.h"

namespace springlatch::test {

/// Where the IP header begins.
[[nodiscard]] inline std::size_t l3_of(const Bytes& frame) {
    std::size_t at = 12;
    const auto type = [&] {
        return std::to_integer<int>(frame.at(at)) << 8 | std::to_integer<int>(frame.at(at + 1));
    };
    while (type() == 0x8100 || type() == 0x88a8) at += 4;
    return at + 2;
}

/// Bytes `from` to `from + bytes` of what the frame's IP header carries, as a fragment of datagram
/// `identification`; `offset` (bytes, a multiple of 8) is where it says that they belong. No options and no
/// extension headers.
[[nodiscard]] inline Bytes fragment_at(const Bytes& frame, std::size_t from, std::size_t bytes, bool more,
                                       std::uint32_t identification, std::size_t offset) {
    const std::size_t l3 = l3_of(frame);
    const bool v6 = std::to_integer<int>(frame[l3]) >> 4 == 6;
    const std::size_t header = v6 ? 40 : 20;
    const std::span<const std::byte> payload = std::span{frame}.subspan(l3 + header + from, bytes);
    Bytes out(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(l3 + header));
    const auto set16 = [&](std::size_t at, std::size_t value) {
        out[at] = static_cast<std::byte>(value >> 8U & 0xffU);
        out[at + 1] = static_cast<std::byte>(value & 0xffU);
    };
    if (v6) {
        set16(l3 + 4, 8 + bytes);
        put8(out, std::to_integer<std::uint32_t>(out[l3 + 6]));
        out[l3 + 6] = std::byte{44};
        put8(out, 0);
        put16(out, static_cast<std::uint32_t>(offset) | (more ? 1U : 0U));
        put32(out, identification);
    } else {
        set16(l3 + 2, 20 + bytes);
        set16(l3 + 4, identification);
        set16(l3 + 6, offset / 8 | (more ? 0x2000U : 0U));
        set16(l3 + 10, 0);
        set16(l3 + 10, slow_checksum(std::span{out}.subspan(l3, 20)));
    }
    put(out, payload);
    return out;
}
[[nodiscard]] inline Bytes fragment_of(const Bytes& frame, std::size_t from, std::size_t bytes, bool more,
                                       std::uint32_t identification = 7) {
    return fragment_at(frame, from, bytes, more, identification, from);
}

/// Bytes behind the IP header.
[[nodiscard]] inline std::size_t ip_payload_bytes(const Bytes& frame) {
    const std::size_t l3 = l3_of(frame);
    return frame.size() - l3 - (std::to_integer<int>(frame[l3]) >> 4 == 6 ? 40 : 20);
}

/// All of a frame's fragments, cut at these offsets (multiples of 8, ascending).
[[nodiscard]] inline std::vector<Bytes> fragments_of(const Bytes& frame, std::vector<std::size_t> cuts,
                                                     std::uint32_t identification = 7) {
    std::vector<Bytes> list;
    cuts.push_back(ip_payload_bytes(frame));
    std::size_t from = 0;
    for (const std::size_t cut : cuts) {
        list.push_back(fragment_of(frame, from, cut - from, cut != cuts.back(), identification));
        from = cut;
    }
    return list;
}

/// The frame with every IP field as it comes out of reassembly: identification and no more flags.
[[nodiscard]] inline Bytes reassembled(const Bytes& frame, std::uint32_t identification = 7) {
    if (std::to_integer<int>(frame[l3_of(frame)]) >> 4 == 6) return frame;
    Bytes whole = fragment_of(frame, 0, ip_payload_bytes(frame), false, identification);
    return whole;
}

/// One datagram's fragments under the strict rules, as plainly as they can be written.
class FragmentModel {
  public:
    enum class Answer { waits, duplicate, complete, overlap, malformed, spoiled };

    Answer add(std::size_t offset, const std::string& bytes, bool more) {
        if (spoiled_) return Answer::spoiled;
        for (const Part& part : parts_) {
            if (part.offset == offset && part.bytes == bytes && part.more == more) return Answer::duplicate;
        }
        const std::size_t end = offset + bytes.size();
        for (const Part& part : parts_) {
            if (offset < part.end() && part.offset < end) return spoil(Answer::overlap);
        }
        for (const Part& part : parts_) {
            if ((!part.more && end > part.end()) || (!more && part.end() > end)) {
                return spoil(Answer::malformed);
            }
        }
        parts_.push_back({offset, bytes, more});
        std::sort(parts_.begin(), parts_.end(),
                  [](const Part& a, const Part& b) { return a.offset < b.offset; });
        std::string joined;
        for (const Part& part : parts_) {
            if (part.offset != joined.size()) return Answer::waits;
            joined += part.bytes;
        }
        if (parts_.back().more) return Answer::waits;
        whole = joined;
        parts_.clear();
        return Answer::complete;
    }
    /// A fragment that is wrong whatever the others are.
    Answer refuse() {
        if (spoiled_) return Answer::spoiled;
        return parts_.empty() ? Answer::malformed : spoil(Answer::malformed);
    }
    std::string whole;  ///< of the last complete datagram

  private:
    struct Part {
        std::size_t offset;
        std::string bytes;
        bool more;
        [[nodiscard]] std::size_t end() const { return offset + bytes.size(); }
    };
    Answer spoil(Answer why) {
        spoiled_ = true;
        return why;
    }
    std::vector<Part> parts_;
    bool spoiled_ = false;
};

}  // namespace springlatch::test
