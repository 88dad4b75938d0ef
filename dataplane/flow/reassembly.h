#pragma once
// IP fragments put together to the datagram that they came from (RFC 791 §3.2, RFC 8200 §4.5), strictly.
//
// Overview
//   A datagram grows in the frame of its fragment that came first: that one's bytes move to their place
//   there, those of the others are copied beside them, and their frames go back at once. When the last gap is
//   closed the frame is an ordinary, unfragmented one with the link and IP headers of the fragment at offset
//   0.
// What is refused
//   Any overlap, equal bytes or not, spoils the whole datagram (RFC 5722, and the same for IPv4), and so does
//   what contradicts an earlier fragment; of a spoiled datagram nothing is taken any more. Only the exact
//   duplicate of a fragment is what it seems (RFC 8200 §4.5 lets it pass). TCP headers must lie in the first
//   fragment whole (RFC 1858, RFC 7112).
// Limits
//   A number of datagrams at once, fragments_per_pair_max of them between any two addresses; where that is
//   full the oldest is given up. What is not complete after fragment_seconds_max is given up too. A datagram
//   must fit into the frame in which it grows.
// Threads
//   One owner; nothing is shared.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/flow/huge_pages.h"
#include "dataplane/flow/key.h"
#include "dataplane/packet/decode.h"

namespace springlatch {

/// Between fragments of one datagram on two ways may lie as many other datagrams.
inline constexpr std::size_t fragments_per_pair_max = 64;
/// From the first fragment to the last; Linux waits as long.
inline constexpr std::uint32_t fragment_seconds_max = 30;

enum class FragmentOutcome : std::uint8_t {
    kept,          ///< the datagram's first to come: the pool has its frame now
    merged,        ///< copied (or a duplicate): its frame is the caller's
    complete,      ///< the datagram stands in `whole`; where that is another frame, this one is the caller's
    overlap,       ///< refused, as are all below; the frame is the caller's
    header_split,  ///< TCP whose header is not whole in the first fragment
    malformed,     ///< empty, no multiple of 8 bytes, beyond 65,535, or at odds with the datagram's end
    too_large,     ///< the datagram would not fit into its frame or is longer than packets may be
    given_up,      ///< (of earlier fragments only) for a newer datagram
    timed_out,     ///< (of earlier fragments only)
};

struct FragmentFrame {
    std::span<std::byte> bytes;  ///< from the destination MAC on
    std::size_t room = 0;        ///< bytes that may be written from bytes.data() on; at least bytes.size()
    void* handle = nullptr;      ///< the caller's own
};

/// Earlier fragments that will become nothing.
struct LostFragments {
    void* handle = nullptr;    ///< of the frame that the pool had, the caller's again
    std::uint32_t frames = 0;  ///< 0: none were lost
    FragmentOutcome why = FragmentOutcome::timed_out;
};

class Reassembler {
  public:
    /// `datagrams` at once, rounded up to a multiple of fragments_per_pair_max; `packet_bytes_max` is the
    /// longest IP packet that may come out.
    Reassembler(std::uint32_t datagrams, std::uint32_t packet_bytes_max, const HashSecret& secret);

    struct Result {
        FragmentOutcome outcome = FragmentOutcome::malformed;
        bool repeated = false;     ///< refused because an earlier fragment of the datagram was
        std::uint32_t frames = 0;  ///< complete: fragments that went into it, this one included
        FragmentFrame whole;       ///< complete
        LostFragments lost;        ///< given up or spoiled by this fragment
    };
    /// `decoded` is decode()'s answer for the frame, with outcome `fragment`, without IPv4 options or
    /// extension headers in front of the fragment header. `side`: on which it came; those of different sides
    /// are not put together.
    [[nodiscard]] Result add(const DecodedFrame& decoded, const FragmentFrame& frame, std::uint8_t side,
                             std::uint32_t now_seconds) noexcept;

    /// Looks at the next `datagrams` for one that ran out of time; frames == 0: there was none.
    [[nodiscard]] LostFragments expire(std::uint32_t datagrams, std::uint32_t now_seconds) noexcept;
    /// Gives up any one datagram; frames == 0: there is none any more.
    [[nodiscard]] LostFragments take_any() noexcept;

    [[nodiscard]] std::size_t memory_bytes() const noexcept;

  private:
    /// A set of the 8-byte units that a datagram may have.
    class Units {
      public:
        [[nodiscard]] bool has(std::uint32_t unit) const noexcept;
        [[nodiscard]] bool has_any(std::uint32_t first, std::uint32_t end) const noexcept;
        [[nodiscard]] bool has_all(std::uint32_t first, std::uint32_t end) const noexcept;
        void add(std::uint32_t first, std::uint32_t end) noexcept;

      private:
        static constexpr std::uint32_t units_max = 65536 / 8;
        std::array<std::uint64_t, units_max / 64> words_{};
    };
    struct Coverage {
        Units covered;
        Units starts;  ///< where a fragment began
    };
    enum class State : std::uint8_t { free, open, spoiled };
    struct Datagram {
        FlowKey key;              ///< of addresses and identification
        std::uint32_t kind = 0;   ///< protocol, side, family, link header: what else must be the same
        std::uint32_t since = 0;  ///< second of the first fragment
        std::uint64_t order = 0;  ///< of the first fragment
        FragmentFrame frame;
        std::uint32_t frames = 0;
        std::uint32_t total = 0;  ///< payload bytes; 0: the last fragment has not come
        std::uint32_t high = 0;   ///< end of the highest byte that has come
        std::uint32_t units = 0;  ///< that have come
        State state = State::free;
        FragmentOutcome spoiled_by = FragmentOutcome::overlap;
        bool congestion = false;  ///< a fragment met congestion (ECN CE)
    };
    struct Fragment;

    [[nodiscard]] static Fragment read(const DecodedFrame& decoded, std::span<const std::byte> frame,
                                       std::uint8_t side) noexcept;
    [[nodiscard]] FragmentOutcome judge_alone(const Fragment& fragment) const noexcept;
    [[nodiscard]] FragmentOutcome place(std::size_t index, const Fragment& fragment,
                                        std::span<const std::byte> frame) noexcept;
    [[nodiscard]] bool is_duplicate(std::size_t index, const Fragment& fragment) const noexcept;
    [[nodiscard]] static FragmentFrame unfragmented(const Fragment& fragment, FragmentFrame frame,
                                                    std::uint32_t payload_bytes, bool congestion) noexcept;
    [[nodiscard]] std::size_t find(std::size_t set, const FlowKey& key, std::uint32_t kind) const noexcept;
    [[nodiscard]] std::size_t claim(std::size_t set) const noexcept;
    [[nodiscard]] bool has_expired(const Datagram& datagram, std::uint32_t now_seconds) const noexcept;
    [[nodiscard]] static LostFragments lose(Datagram& datagram, FragmentOutcome why) noexcept;

    TableMemory<Datagram> datagrams_;
    TableMemory<Coverage> coverage_;  ///< [i] is that of datagrams_[i]
    HashSecret secret_;
    std::uint32_t packet_bytes_max_;
    std::uint64_t order_ = 0;
    std::size_t sweep_ = 0;
};

}  // namespace springlatch
