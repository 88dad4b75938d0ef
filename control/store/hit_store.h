#pragma once
// How often each rule decided, over policies, data planes and restarts: DIR/hits.sqlite, beside the events.
//
// Overview
//   The data plane's counters begin at zero with each start and each policy. What they say is kept under
//   (policy, rule, run of that policy), so to store it again changes nothing, and a control process that was
//   away takes up where the counters are now. What is asked for is a sum over runs, and over policies by the
//   rule's id.
// Bounds
//   The newest runs and policies are kept apart, older ones as one sum.
// Failure: the counters go on in the data plane; the next save() that works makes good what was missed.
// Threads: a HitStore belongs to one thread; read_hits() may be called from any.
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/store/sqlite.h"

namespace springlatch::control {

/// The id under which `default` is counted: no rule can be called so.
inline constexpr const char* default_rule_id = "(default)";

struct HitCount {
    std::uint64_t hits = 0;      ///< requests decided
    std::uint64_t limited = 0;   ///< of them denied by a limit or a quarantine
    std::uint64_t first_ns = 0;  ///< since the Unix epoch; 0: never
    std::uint64_t last_ns = 0;
};

/// One policy as one data plane runs it.
struct HitRun {
    std::string policy;            ///< SHA-256 of its file, in hex
    std::uint64_t life = 0;        ///< HelloMessage::start_ns
    std::uint32_t generation = 0;  ///< of the policy in this life
};

struct RuleHitsOfRun {
    std::string rule;
    HitCount count;
};

class HitStore {
  public:
    /// Error: one line that names the file.
    [[nodiscard]] static tl::expected<std::unique_ptr<HitStore>, std::string> open(const std::string& dir);

    /// Every rule of the policy, in its order, counted or not: from now on it is the one that read_hits()
    /// tells of. Error: one line.
    [[nodiscard]] tl::expected<void, std::string> begin(const HitRun& run,
                                                        const std::vector<std::string>& rules,
                                                        std::uint64_t now_ns);
    /// What the counters of this run say now, of rules that begin() named.
    [[nodiscard]] tl::expected<void, std::string> save(const HitRun& run,
                                                       const std::vector<RuleHitsOfRun>& counts);

  private:
    HitStore(std::string file, Database database) : file_(std::move(file)), database_(std::move(database)) {}
    [[nodiscard]] tl::expected<void, std::string> run(const char* sql);
    [[nodiscard]] std::string problem() const;
    std::string file_;
    Database database_;
};

struct RuleHitsTotal {
    std::string rule;
    std::uint64_t since_ns = 0;  ///< counted since then, under this policy or one before it
    HitCount count;
};

/// The rules of the policy that ran last, in its order, behind them `default`. Empty: nothing was counted
/// yet. Error: one line.
[[nodiscard]] tl::expected<std::vector<RuleHitsTotal>, std::string> read_hits(const std::string& dir);

}  // namespace springlatch::control
