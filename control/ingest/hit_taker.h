#pragma once
// From the workers' hit counters to the store: sums over workers, once a second, only what changed.
//
// The data plane is not believed in more than numbers: slots that the policy has no rule for are not looked
// at, and a page that changed its generation while it was read is left for the next time.
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "control/store/hit_store.h"
#include "dataplane/event/hits.h"

namespace springlatch::control {

class HitTaker {
  public:
    /// Null: nothing is kept.
    explicit HitTaker(HitStore* store) : store_(store) {}

    /// A data plane runs this policy under this generation. `rules`: its ids as Decision::rule counts them;
    /// empty: unknown, then numbers are their names.
    void begin(std::uint64_t life, std::uint32_t generation, const std::array<std::uint8_t, 32>& sha256,
               std::vector<std::string> rules, std::uint64_t unix_ns);
    /// Stores what the counters of all workers of this life say now.
    void take(std::span<const HitPages* const> workers);

  private:
    struct Known {
        HitRun run;
        std::vector<std::string> rules;    ///< [slot]
        std::vector<std::uint64_t> saved;  ///< [slot]: hits
        std::vector<std::string> listed;   ///< to be shown, hit or not
        std::uint64_t since_ns = 0;        ///< since the Unix epoch
        bool named = false;                ///< the rules' names are known; else what was hit is listed
        bool begun = false;                ///< the store has the list
    };
    void take(Known& known, std::span<const HitPages* const> workers);
    [[nodiscard]] bool store(Known& known, const std::vector<RuleHitsOfRun>& changed);
    void tell(const std::string& problem);

    HitStore* store_;
    std::map<std::uint32_t, Known> known_;  ///< by generation, of one life
    bool failing_ = false;
};

}  // namespace springlatch::control
