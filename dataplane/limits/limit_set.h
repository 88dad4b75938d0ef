#pragma once
// A policy's limits as a worker asks for them: immutable, made off the packet path.
//
// Names, not indices, say whose bucket one is: it outlives a change of the policy as long as the rule's id
// and the limit stay what they are, and so does the quarantine of an identity.
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/credentials/bucket_table.h"
#include "dataplane/credentials/siphash.h"
#include "dataplane/packet/address.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

struct CompiledLimit {
    std::uint64_t name = 0;  ///< a keyed hash of whose it is and what it says
    Allowance allowance;
    std::uint64_t quarantine_ns = 0;  ///< 0: none
    LimitPer per = LimitPer::source;
    LimitOf of = LimitOf::requests;
};

class LimitSet {
  public:
    LimitSet(const CompiledPolicy& policy, const SipKey& key);

    [[nodiscard]] bool empty() const noexcept { return limits_.empty(); }
    /// Of what Decision::rule counts: rules and health checks.
    [[nodiscard]] std::span<const CompiledLimit> of_rule(std::uint16_t rule) const noexcept {
        if (rule + std::size_t{1} >= starts_.size()) {
            return {};
        }
        return std::span{limits_}.subspan(starts_[rule], starts_[rule + 1U] - starts_[rule]);
    }
    [[nodiscard]] bool counts_bytes() const noexcept { return counts_bytes_; }
    [[nodiscard]] std::uint64_t identity_name(std::uint16_t identity) const noexcept {
        return identity < identities_.size() ? identities_[identity] : 0;
    }

  private:
    std::vector<CompiledLimit> limits_;
    std::vector<std::uint32_t> starts_;  ///< [rule]; one more at the end
    std::vector<std::uint64_t> identities_;
    bool counts_bytes_ = false;
};

}  // namespace springlatch
