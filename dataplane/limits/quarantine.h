#pragma once
// Who is shut out for a time: a table of fixed size.
//
// Full: a quarantine that was begun lasts for its time, whatever comes: nobody who floods the table with
// sources of his own gets out of it early. Whoever finds no place among the eight he may have is not shut
// out; what goes above his limit is denied all the same, and each such case is counted.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/credentials/siphash.h"

namespace springlatch {

enum class Confinement : std::uint8_t {
    none,
    observed,  ///< by a rule that is only observed: it is reported, and forwarded
    enforced,
};

class Quarantine {
  public:
    /// Room for at least this many; 0 takes next to no memory.
    explicit Quarantine(std::uint32_t places);

    [[nodiscard]] Confinement of(const Fingerprint& who, std::uint64_t now_ns) const noexcept {
        return last_until_ns_ <= now_ns ? Confinement::none : look_up(who, now_ns);
    }
    /// Until then, or until the end of the one that holds already if that is later. An observed one never
    /// takes the place, or the force, of an enforced one. False: no room.
    [[nodiscard]] bool begin(const Fingerprint& who, Confinement how, std::uint64_t until_ns,
                             std::uint64_t now_ns) noexcept;

    /// Those that hold now, as of the last round of sweep().
    [[nodiscard]] std::uint64_t held() const noexcept { return held_; }
    /// Counts on, a bounded number of places a call.
    void sweep(std::uint64_t now_ns) noexcept;
    [[nodiscard]] std::size_t memory_bytes() const noexcept { return sets_.capacity() * sizeof(Set); }

  private:
    static constexpr std::size_t ways = 8;
    struct Place {
        Fingerprint who;
        std::uint64_t until_ns = 0;  ///< not in the future: the place is free
        Confinement how = Confinement::none;
    };
    static_assert(sizeof(Place) == 32);
    struct alignas(64) Set {
        std::array<Place, ways> places;
    };
    [[nodiscard]] Confinement look_up(const Fingerprint& who, std::uint64_t now_ns) const noexcept;

    std::vector<Set> sets_;
    std::uint64_t mask_;
    std::uint64_t last_until_ns_ = 0;  ///< nothing holds from then on
    std::uint64_t held_ = 0;
    std::uint64_t counted_ = 0;
    std::size_t sweep_at_ = 0;
};

}  // namespace springlatch
