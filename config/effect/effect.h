#pragma once
// What a change of policy opens and closes: policies compared by their effect, not by their text.
//
// Overview
//   Both policies are laid over the same space: every source address × every listener × every kind of
//   credentials × every call of the catalogue. space.h cuts the addresses, calls.h lists the calls, judge.h
//   follows the rules, diff() compares piece by piece. No sampling: what is in no Change is the same.
// What is a condition here
//   Expressions over paths and virtual patches are known by their text alone. Two different expressions may
//   match the same paths; they are compared as if each could hold without the other, so a change may be told
//   that no request can show, and none is left out.
// What is not compared
//   The policies' bounds (`limits`), and the reason that a denial names.
// Time
//   A policy with rules that expire is compared at one time and at every later one at which such a rule ends.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::effect {

/// Many changes have the same long lists; never null.
using SharedNames = std::shared_ptr<const std::vector<std::string>>;

struct Change {
    /// "office"; "internet → office" where a prefix moves; "(no zone)"; "everywhere" for all there is.
    SharedNames zones;
    SharedNames prefixes;   ///< of the clients: the fewest that are exactly them
    SharedNames all_but;    ///< the fewest that are exactly all other addresses; empty if those are no fewer
    SharedNames services;   ///< "support-cases"; "(not protected)" in front of or behind an arrow
    SharedNames listeners;  ///< "198.51.100.10/32 port 9200-9203"; none: it is no service's
    SharedNames calls;      ///< "GET /{index}/_search", all of them
    SharedNames credentials;  ///< "without credentials", "identity ops", …; none: it is no request
    std::string requests;     ///< "every request", "info, read", "read by GET", "read: search, msearch"
    std::vector<std::string> conditions;  ///< "path matches /logs-.*", "not known to patch:CVE-2015-1427"
    std::string before;                   ///< "denied by default (reject)", "allowed by office-reads"
    std::string after;
    std::uint64_t from_ns = 0;  ///< not before this time since the Unix epoch: a rule ends; 0: at once
};

struct EffectDiff {
    std::vector<Change> opens;   ///< passes after, did not before
    std::vector<Change> closes;  ///< passed before, does not after
    std::vector<Change> others;  ///< the same passes: another denial, another recording, only observed
    /// Where the comparison would have taken too many cases, or reaches beyond what a policy can say: one
    /// sentence each. What they speak of must be taken as opened.
    std::vector<std::string> inexact;

    [[nodiscard]] bool widens() const noexcept { return !opens.empty() || !inexact.empty(); }
    [[nodiscard]] bool same() const noexcept {
        return opens.empty() && closes.empty() && others.empty() && inexact.empty();
    }
};

/// Identities are the same if their names are. `at_ns`: since the Unix epoch.
[[nodiscard]] EffectDiff diff(const CompiledPolicy& before, const CompiledPolicy& after, std::uint64_t at_ns);
/// Identities are the same if they are proved in the same way: another hash, another key is another holder.
[[nodiscard]] EffectDiff diff(const LoadedPolicy& before, const LoadedPolicy& after, std::uint64_t at_ns);

/// One line, without sign and newline: "office (203.0.113.0/24) → support-cases: read, with credentials of
/// …".
[[nodiscard]] std::string line_of(const Change& change);
/// `+ OPENS …`, `- CLOSES …`, `  CHANGES …`; ends with a newline. "" if nothing differs.
[[nodiscard]] std::string text_of(const EffectDiff& diff);
/// One object.
[[nodiscard]] std::string json_of(const EffectDiff& diff);

}  // namespace springlatch::effect
