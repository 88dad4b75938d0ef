#include "dataplane/flow/reassembly.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/wire.h"

namespace springlatch {
namespace {

constexpr std::uint32_t unit_bytes = 8;
constexpr std::uint32_t ip_packet_bytes_max = 0xffff;
constexpr std::uint32_t v4_header_bytes = 20;
constexpr std::uint32_t v6_header_bytes = 40;
constexpr std::uint32_t v6_fragment_header_bytes = 8;
constexpr std::uint32_t tcp_header_bytes_min = 20;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::size_t none = SIZE_MAX;

[[nodiscard]] constexpr std::uint32_t units_of(std::uint32_t bytes) noexcept {
    return (bytes + unit_bytes - 1) / unit_bytes;
}

/// Bits of the ECN field in the second byte of the IP header (RFC 3168 §5).
[[nodiscard]] constexpr std::uint8_t congestion_bits(bool is_v6) noexcept {
    return is_v6 ? 0x30 : 0x03;
}

/// The bits of word `word` that stand for units `first` to `end`.
[[nodiscard]] constexpr std::uint64_t bits_of(std::uint32_t word, std::uint32_t first,
                                              std::uint32_t end) noexcept {
    const std::uint32_t from = std::max(first, word * 64) - word * 64;
    const std::uint32_t to = std::min(end, word * 64 + 64) - word * 64;
    const std::uint64_t below_to = to == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << to) - 1;
    return below_to & ~((std::uint64_t{1} << from) - 1);
}

}  // namespace

bool Reassembler::Units::has(std::uint32_t unit) const noexcept {
    return (words_[unit / 64] >> (unit % 64) & 1U) != 0;
}

bool Reassembler::Units::has_any(std::uint32_t first, std::uint32_t end) const noexcept {
    for (std::uint32_t word = first / 64; word * 64 < end; ++word) {
        if ((words_[word] & bits_of(word, first, end)) != 0) return true;
    }
    return false;
}

bool Reassembler::Units::has_all(std::uint32_t first, std::uint32_t end) const noexcept {
    for (std::uint32_t word = first / 64; word * 64 < end; ++word) {
        if ((~words_[word] & bits_of(word, first, end)) != 0) return false;
    }
    return true;
}

void Reassembler::Units::add(std::uint32_t first, std::uint32_t end) noexcept {
    for (std::uint32_t word = first / 64; word * 64 < end; ++word) words_[word] |= bits_of(word, first, end);
}

struct Reassembler::Fragment {
    std::span<const std::byte> payload;
    std::uint32_t headers_bytes = 0;  ///< link and IP header in front of the payload of the whole datagram
    std::uint32_t identification = 0;
    std::uint32_t kind = 0;
    std::uint32_t offset = 0;  ///< bytes
    bool more = false;
    std::uint8_t protocol = 0;
    bool is_v6 = false;

    [[nodiscard]] std::uint32_t end() const noexcept {
        return offset + static_cast<std::uint32_t>(payload.size());
    }
    /// IPv6 only (RFC 6946): a fragment header, but no other fragments.
    [[nodiscard]] bool is_atomic() const noexcept { return offset == 0 && !more; }
    [[nodiscard]] std::uint32_t ip_header_bytes() const noexcept {
        return is_v6 ? v6_header_bytes : v4_header_bytes;
    }
    [[nodiscard]] std::uint32_t first_unit() const noexcept { return offset / unit_bytes; }
    [[nodiscard]] std::uint32_t end_unit() const noexcept { return units_of(end()); }
};

Reassembler::Fragment Reassembler::read(const DecodedFrame& decoded, std::span<const std::byte> frame,
                                        std::uint8_t side) noexcept {
    Fragment fragment;
    fragment.is_v6 = decoded.is_v6;
    fragment.protocol = decoded.protocol;
    fragment.payload = frame.subspan(decoded.payload_offset, decoded.payload_bytes);
    fragment.headers_bytes = decoded.l3_offset + fragment.ip_header_bytes();
    // The protocol is part of what an IPv4 datagram is told by (RFC 791 §3.2). For IPv6 only the first
    // fragment's counts (RFC 8200 §4.5), but no sender has two.
    fragment.kind = std::uint32_t{decoded.l3_offset} << 16U | std::uint32_t{decoded.protocol} << 8U |
                    std::uint32_t{side} << 1U | (decoded.is_v6 ? 1U : 0U);
    if (decoded.is_v6) {
        const std::byte* header = frame.data() + decoded.l4_offset - v6_fragment_header_bytes;
        const std::uint16_t word = wire::load16(header + 2);
        fragment.offset = word & 0xfff8U;
        fragment.more = (word & 1U) != 0;
        fragment.identification = wire::load32(header + 4);
    } else {
        const std::byte* header = frame.data() + decoded.l3_offset;
        const std::uint16_t word = wire::load16(header + 6);
        fragment.offset = (word & 0x1fffU) * unit_bytes;
        fragment.more = (word & 0x2000U) != 0;
        fragment.identification = wire::load16(header + 4);
    }
    return fragment;
}

Reassembler::Reassembler(std::uint32_t datagrams, std::uint32_t packet_bytes_max, const HashSecret& secret)
    : datagrams_((std::max<std::size_t>(datagrams, 1) + fragments_per_pair_max - 1) / fragments_per_pair_max *
                 fragments_per_pair_max),
      coverage_(datagrams_.size()),
      secret_(secret),
      packet_bytes_max_(packet_bytes_max) {}

std::size_t Reassembler::memory_bytes() const noexcept {
    return datagrams_.capacity() * sizeof(Datagram) + coverage_.capacity() * sizeof(Coverage);
}

/// What no fragment may be, whatever the others are; `complete` if nothing stands against it.
FragmentOutcome Reassembler::judge_alone(const Fragment& fragment) const noexcept {
    const std::uint32_t counted = fragment.end() + (fragment.is_v6 ? 0 : v4_header_bytes);
    if ((fragment.payload.empty() && !fragment.is_atomic()) ||
        (fragment.more && fragment.payload.size() % unit_bytes != 0) || counted > ip_packet_bytes_max) {
        return FragmentOutcome::malformed;
    }
    if (fragment.end() + fragment.ip_header_bytes() > packet_bytes_max_) return FragmentOutcome::too_large;
    if (fragment.protocol != protocol_tcp || fragment.is_atomic()) return FragmentOutcome::complete;
    if (fragment.offset != 0) {
        return fragment.offset < tcp_header_bytes_min ? FragmentOutcome::header_split
                                                      : FragmentOutcome::complete;
    }
    constexpr std::size_t data_offset_at = 12;
    const bool is_whole = fragment.payload.size() >= tcp_header_bytes_min &&
                          (wire::load8(fragment.payload.data() + data_offset_at) >> 4U) * std::size_t{4} <=
                              fragment.payload.size();
    return is_whole ? FragmentOutcome::complete : FragmentOutcome::header_split;
}

bool Reassembler::has_expired(const Datagram& datagram, std::uint32_t now_seconds) const noexcept {
    const std::uint32_t age = now_seconds - datagram.since;
    // A clock that ran backwards makes `age` huge: half the number space is the past, the other half is not.
    return datagram.state != State::free && age > fragment_seconds_max && age < 0x8000'0000U;
}

LostFragments Reassembler::lose(Datagram& datagram, FragmentOutcome why) noexcept {
    const LostFragments lost{datagram.frame.handle, datagram.frames, why};
    datagram.frame = {};
    datagram.frames = 0;
    datagram.state = State::free;
    return lost;
}

std::size_t Reassembler::find(std::size_t set, const FlowKey& key, std::uint32_t kind) const noexcept {
    for (std::size_t i = set; i < set + fragments_per_pair_max; ++i) {
        const Datagram& datagram = datagrams_[i];
        if (datagram.state != State::free && datagram.key == key && datagram.kind == kind) return i;
    }
    return none;
}

/// A free place, else the one whose datagram began first.
std::size_t Reassembler::claim(std::size_t set) const noexcept {
    std::size_t oldest = set;
    for (std::size_t i = set; i < set + fragments_per_pair_max; ++i) {
        if (datagrams_[i].state == State::free) return i;
        if (datagrams_[i].order < datagrams_[oldest].order) oldest = i;
    }
    return oldest;
}

bool Reassembler::is_duplicate(std::size_t index, const Fragment& fragment) const noexcept {
    const Datagram& datagram = datagrams_[index];
    const Coverage& coverage = coverage_[index];
    const std::uint32_t first = fragment.first_unit();
    const std::uint32_t end = fragment.end_unit();
    const bool was_last = datagram.total == fragment.end();
    return was_last != fragment.more && coverage.starts.has(first) && coverage.covered.has_all(first, end) &&
           !coverage.starts.has_any(first + 1, end) &&
           (datagram.high <= fragment.end() || coverage.starts.has(end) || !coverage.covered.has(end)) &&
           std::memcmp(datagram.frame.bytes.data() + fragment.headers_bytes + fragment.offset,
                       fragment.payload.data(), fragment.payload.size()) == 0;
}

/// Puts the fragment's bytes to where they belong in the datagram's own frame.
FragmentOutcome Reassembler::place(std::size_t index, const Fragment& fragment,
                                   std::span<const std::byte> frame) noexcept {
    Datagram& datagram = datagrams_[index];
    Coverage& coverage = coverage_[index];
    const std::uint32_t end = fragment.end();
    if (coverage.covered.has_any(fragment.first_unit(), fragment.end_unit())) {
        return is_duplicate(index, fragment) ? FragmentOutcome::merged : FragmentOutcome::overlap;
    }
    const bool fits_the_end = fragment.more ? datagram.total == 0 || end < datagram.total
                                            : datagram.total == 0 && datagram.high <= end;
    if (!fits_the_end) return FragmentOutcome::malformed;
    if (fragment.headers_bytes + end > datagram.frame.room) return FragmentOutcome::too_large;

    std::byte* whole = datagram.frame.bytes.data();
    // The first to come is moved within its own frame.
    std::memmove(whole + fragment.headers_bytes + fragment.offset, fragment.payload.data(),
                 fragment.payload.size());
    if (fragment.offset == 0) std::memmove(whole, frame.data(), fragment.headers_bytes);
    coverage.covered.add(fragment.first_unit(), fragment.end_unit());
    coverage.starts.add(fragment.first_unit(), fragment.first_unit() + 1);
    datagram.units += fragment.end_unit() - fragment.first_unit();
    datagram.high = std::max(datagram.high, end);
    if (!fragment.more) datagram.total = end;
    const bool is_complete = datagram.total != 0 && datagram.units == units_of(datagram.total);
    return is_complete ? FragmentOutcome::complete : FragmentOutcome::merged;
}

/// The headers in front of `payload_bytes` become those of an unfragmented packet.
FragmentFrame Reassembler::unfragmented(const Fragment& fragment, FragmentFrame frame,
                                        std::uint32_t payload_bytes, bool congestion) noexcept {
    std::byte* l3 = frame.bytes.data() + fragment.headers_bytes - fragment.ip_header_bytes();
    const std::uint8_t marks = congestion_bits(fragment.is_v6);
    const std::uint8_t second = wire::load8(l3 + 1);
    // Where the first fragment says that its ends do not speak ECN, no mark is added (RFC 3168 §5.3).
    if (congestion && (second & marks) != 0) wire::store8(l3 + 1, second | marks);
    if (fragment.is_v6) {
        wire::store16(l3 + 4, static_cast<std::uint16_t>(payload_bytes));
        wire::store8(l3 + 6, fragment.protocol);
    } else {
        constexpr std::uint16_t not_of_fragments = 0xc000;
        wire::store16(l3 + 2, static_cast<std::uint16_t>(v4_header_bytes + payload_bytes));
        wire::store16(l3 + 6, wire::load16(l3 + 6) & not_of_fragments);
        wire::store16(l3 + 10, 0);
        wire::store16(l3 + 10, checksum_fold(checksum_sum({l3, v4_header_bytes})));
    }
    frame.bytes = {frame.bytes.data(), fragment.headers_bytes + payload_bytes};
    return frame;
}

Reassembler::Result Reassembler::add(const DecodedFrame& decoded, const FragmentFrame& frame,
                                     std::uint8_t side, std::uint32_t now_seconds) noexcept {
    const Fragment fragment = read(decoded, frame.bytes, side);
    Result result;
    result.outcome = judge_alone(fragment);
    const bool is_good = result.outcome == FragmentOutcome::complete;
    if (fragment.is_atomic()) {
        // It stands for itself, whatever fragments with its identification are on their way (RFC 6946 §4).
        if (is_good) {
            std::memmove(frame.bytes.data() + fragment.headers_bytes, fragment.payload.data(),
                         fragment.payload.size());
            result.frames = 1;
            result.whole = unfragmented(fragment, frame, fragment.end(), false);
        }
        return result;
    }

    const auto low_half = static_cast<std::uint16_t>(fragment.identification);
    const auto high_half = static_cast<std::uint16_t>(fragment.identification >> 16U);
    const FlowKey pair = flow_key(secret_, decoded.source, 0, decoded.destination, 0);
    const FlowKey key = flow_key(secret_, decoded.source, high_half, decoded.destination, low_half);
    const std::size_t sets = datagrams_.size() / fragments_per_pair_max;
    const std::size_t set = static_cast<std::size_t>(pair.low) % sets * fragments_per_pair_max;
    std::size_t index = find(set, key, fragment.kind);
    if (index != none && has_expired(datagrams_[index], now_seconds)) {
        result.lost = lose(datagrams_[index], FragmentOutcome::timed_out);
        index = none;
    }
    const bool is_first_to_come = index == none;
    if (is_first_to_come) {
        if (is_good && fragment.headers_bytes + fragment.end() > frame.room) {
            result.outcome = FragmentOutcome::too_large;
        }
        if (result.outcome != FragmentOutcome::complete) return result;
        index = claim(set);
        if (datagrams_[index].frames != 0) {
            result.lost = lose(datagrams_[index], FragmentOutcome::given_up);
        }
        coverage_[index] = {};
        datagrams_[index] = {};
        datagrams_[index].key = key;
        datagrams_[index].kind = fragment.kind;
        datagrams_[index].since = now_seconds;
        datagrams_[index].order = ++order_;
        datagrams_[index].frame = frame;
        datagrams_[index].state = State::open;
    }
    Datagram& datagram = datagrams_[index];
    if (datagram.state == State::spoiled) {
        result.outcome = datagram.spoiled_by;
        result.repeated = true;
        return result;
    }
    if (is_good) result.outcome = place(index, fragment, frame.bytes);
    if (result.outcome != FragmentOutcome::merged && result.outcome != FragmentOutcome::complete) {
        result.lost = lose(datagram, result.outcome);
        datagram.state = State::spoiled;
        datagram.spoiled_by = result.outcome;
        return result;
    }
    const std::uint8_t marks = congestion_bits(fragment.is_v6);
    const std::uint8_t second = wire::load8(frame.bytes.data() + decoded.l3_offset + 1);
    datagram.congestion = datagram.congestion || (second & marks) == marks;
    ++datagram.frames;
    if (result.outcome == FragmentOutcome::complete) {
        result.frames = datagram.frames;
        result.whole = unfragmented(fragment, datagram.frame, datagram.total, datagram.congestion);
        datagram = {};
    } else if (is_first_to_come) {
        result.outcome = FragmentOutcome::kept;
    }
    return result;
}

LostFragments Reassembler::expire(std::uint32_t datagrams, std::uint32_t now_seconds) noexcept {
    for (std::uint32_t i = 0; i < datagrams; ++i) {
        sweep_ = sweep_ + 1 < datagrams_.size() ? sweep_ + 1 : 0;
        if (has_expired(datagrams_[sweep_], now_seconds)) {
            const LostFragments lost = lose(datagrams_[sweep_], FragmentOutcome::timed_out);
            if (lost.frames != 0) return lost;
        }
    }
    return {};
}

LostFragments Reassembler::take_any() noexcept {
    for (Datagram& datagram : datagrams_) {
        const LostFragments lost = lose(datagram, FragmentOutcome::timed_out);
        if (lost.frames != 0) return lost;
    }
    return {};
}

}  // namespace springlatch
