#pragma once
// One of the policies that are compared, prepared: for each zone and service the list of rules that is asked.
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/effect/calls.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::effect {

/// Numbers for texts of conditions, the same in both policies.
class Conditions {
  public:
    static constexpr std::uint16_t plain_path = 0;
    Conditions() { (void)number_of("the path has no needless percent-encoding"); }
    [[nodiscard]] std::uint16_t number_of(const std::string& text);
    [[nodiscard]] const std::string& text_of(std::uint16_t number) const { return texts_[number]; }

  private:
    std::map<std::string, std::uint16_t> numbers_;
    std::vector<std::string> texts_;
};

/// Numbers for whatever has equal content, the same in both policies.
class Contents {
  public:
    [[nodiscard]] std::uint32_t number_of(std::vector<std::uint64_t> key) {
        return numbers_.emplace(std::move(key), static_cast<std::uint32_t>(numbers_.size())).first->second;
    }
    [[nodiscard]] std::uint32_t number_of(const std::string& key) {
        return texts_.emplace(key, static_cast<std::uint32_t>(texts_.size())).first->second;
    }

  private:
    struct Hash {
        std::size_t operator()(const std::vector<std::uint64_t>& key) const noexcept;
    };
    std::unordered_map<std::vector<std::uint64_t>, std::uint32_t, Hash> numbers_;
    std::unordered_map<std::string, std::uint32_t> texts_;
};

/// What a rule asks for and does, without its zones, services and labels.
struct PreparedRule {
    std::uint32_t content = 0;
    CallSet calls;
    std::vector<std::uint16_t> paths;  ///< conditions, one of which must hold; empty: none need to
};

/// What is asked about a request from one zone to one service, in order.
struct RuleList {
    std::uint16_t service = no_service;        ///< no_service: not protected, frames are in transit
    std::vector<std::uint16_t> health_checks;  ///< indices
    std::vector<std::uint16_t> rules;          ///< indices
    std::uint32_t content = 0;                 ///< equal lists of both policies have equal numbers
};

/// The names that stand for the same holder of credentials in both policies.
using IdentityKeys = std::vector<std::string>;  ///< [identity]

class Side {
  public:
    /// `identities`: a text for each identity, equal texts are the same credentials.
    Side(const CompiledPolicy& policy, std::size_t side, const IdentityKeys& identities, std::uint64_t at_ns,
         const Calls& calls, Conditions& conditions, Contents& contents);

    [[nodiscard]] const CompiledPolicy& policy() const noexcept { return policy_; }
    [[nodiscard]] const PreparedRule& rule(std::uint16_t index) const noexcept { return rules_[index]; }
    [[nodiscard]] std::uint16_t patch_condition(std::size_t patch) const noexcept { return patches_[patch]; }
    /// The list's number, for list(); `service` may be no_service.
    [[nodiscard]] std::uint32_t list_of(std::uint16_t zone, std::uint16_t service) const noexcept;
    [[nodiscard]] const RuleList& list(std::uint32_t number) const noexcept { return lists_[number]; }
    [[nodiscard]] Mode mode_of(const Rule& rule, std::uint16_t service) const noexcept {
        return rule.mode.value_or(policy_.mode_of(service));
    }

  private:
    void prepare_rules(std::size_t side, const IdentityKeys& identities, const Calls& calls,
                       Conditions& conditions, Contents& contents);
    void prepare_lists(std::uint64_t at_ns, Contents& contents);
    [[nodiscard]] std::uint32_t content_of(const RuleList& list, std::uint32_t policy_wide,
                                           Contents& contents) const;

    const CompiledPolicy& policy_;
    std::vector<PreparedRule> rules_;
    std::vector<std::uint16_t> patches_;  ///< [patch] → condition
    std::vector<RuleList> lists_;         ///< [0]: in transit
    std::vector<std::uint32_t> of_cell_;  ///< [zone * services + service]; the last row is no_zone
};

}  // namespace springlatch::effect
