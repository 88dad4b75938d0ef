#pragma once
// Activation: from a file that an operator hands in to the policy that the data plane runs.
//
// Overview
//   check → compare with the active policy → write to the history → hand to the data plane → make it active.
//   Each step may refuse; then the policy before stays everywhere. A policy that opens something is refused
//   unless the operator says why. A policy to be confirmed returns to the one before when its time is up,
//   also across restarts of this process.
//   A data plane that runs another policy than the active one is handed the active one.
// Threads: one calls everything here; the data plane is reached through Ingest.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/bundle.h"
#include "config/load.h"
#include "control/ingest/ingest.h"
#include "control/policy/state.h"

namespace springlatch::control {

struct Operator {
    std::uint32_t uid = 0;
    std::string name;
};

struct PolicyCommand {
    enum class What : std::uint8_t { activate, rollback, confirm, history };
    What what = What::history;
    std::string name;   ///< activate: of the file, for messages
    std::string bytes;  ///< activate: of the file
    std::string reason;
    std::string widen;                  ///< why it may open what was shut; "": it may not
    std::uint32_t confirm_seconds = 0;  ///< 0: it stays without being confirmed
    bool dry_run = false;
    std::int64_t to = 0;  ///< rollback: number; 0: the one before the active one
};

struct PolicyAnswer {
    std::vector<std::string> lines;  ///< what was done
    std::string error;               ///< one line or several; "": done
    std::vector<Activation> history;
};

class PolicyManager {
  public:
    struct Options {
        std::string state;             ///< folder
        std::string first;             ///< policy file for an empty state; "" if none
        std::optional<PolicyKey> key;  ///< only policies signed by it
    };
    /// Error: one line or several.
    [[nodiscard]] static tl::expected<std::unique_ptr<PolicyManager>, std::string> open(Options options);

    /// The active policy; null before the first activation.
    [[nodiscard]] const LoadedPolicy* active() const noexcept { return active_ ? &*active_ : nullptr; }
    [[nodiscard]] KnownPolicy known() const;
    /// Before anything below.
    void attach(Ingest& ingest) noexcept { ingest_ = &ingest; }

    [[nodiscard]] PolicyAnswer handle(const PolicyCommand& command, const Operator& who);
    /// Several times a second: what is not confirmed in time returns, and a data plane that runs another
    /// policy is told.
    void tick();

  private:
    struct Candidate {
        std::string name;
        LoadedPolicy policy;
        std::string text;  ///< of the policy
        std::string file;  ///< the same, or the bundle that it came in
        Activation record;
    };
    explicit PolicyManager(Options options) : options_(std::move(options)) {}
    [[nodiscard]] std::string take_first();
    [[nodiscard]] tl::expected<Candidate, std::string> read(const std::string& name, std::string bytes,
                                                            bool may_be_older) const;
    /// What lint calls an error in `next` and does not in the active policy, which are known.
    [[nodiscard]] std::vector<std::string> new_mistakes(const Candidate& next) const;
    [[nodiscard]] PolicyAnswer activate(const PolicyCommand& command, const Operator& who);
    [[nodiscard]] PolicyAnswer rollback(const PolicyCommand& command, const Operator& who);
    [[nodiscard]] PolicyAnswer confirm(const Operator& who);
    [[nodiscard]] PolicyAnswer put_in_force(Candidate candidate);
    void return_unconfirmed();
    void reconcile();

    Options options_;
    std::unique_ptr<PolicyState> state_;
    std::optional<LoadedPolicy> active_;
    Ingest* ingest_ = nullptr;
    bool differs_ = false;         ///< the data plane runs another policy, as the last tick() saw it
    std::uint64_t retry_ns_ = 0;   ///< not before: the return of a policy that was not confirmed
    std::uint64_t told_life_ = 0;  ///< of the data plane that refused the active policy
    std::string told_sha256_;
};

}  // namespace springlatch::control
