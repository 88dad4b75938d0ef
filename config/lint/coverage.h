#pragma once
// Which rules can decide at all: what each matches, without what those before it take.
#include <cstdint>
#include <memory>
#include <vector>

#include "config/lint/requests.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::lint {

/// What a rule matches, in sets. Credentials are told apart as far as the rules do: none that are
/// well-formed, well-formed ones that are nobody's, and each group of identities that the same rules name.
struct Reach {
    std::vector<std::uint16_t> credentials;  ///< sorted classes of credentials
    std::uint32_t requests = 0;              ///< index into Coverage::request_sets()
    bool expired = false;
};

class Coverage {
  public:
    /// `now_ns`: rules past their `expires` match nothing.
    Coverage(const CompiledPolicy& policy, std::uint64_t now_ns);

    [[nodiscard]] const Requests& requests() const noexcept { return requests_; }
    [[nodiscard]] const Reach& reach(std::uint16_t rule) const noexcept { return reaches_[rule]; }
    [[nodiscard]] const RequestSet& requests_of(std::uint16_t rule) const noexcept {
        return request_sets_[reaches_[rule].requests];
    }
    /// True if rules before it take everything that this one matches, in every zone that has an address, and
    /// will for as long as it lasts. False also where the policy is too large to be compared.
    [[nodiscard]] bool shadowed(std::uint16_t rule) const noexcept { return shadowed_[rule]; }
    /// The one rule that takes all of a shadowed rule, else those that take parts of it; at most `most`.
    [[nodiscard]] std::vector<std::uint16_t> shadows_of(std::uint16_t rule, std::size_t most) const;
    /// True if it could decide something: it has not expired, its conditions can hold together, one of its
    /// zones has an address, and it is not shadowed.
    [[nodiscard]] bool alive(std::uint16_t rule) const noexcept;
    [[nodiscard]] bool zone_has_addresses(std::uint16_t zone) const noexcept { return zones_[zone]; }
    /// True if some request could meet the conditions of both.
    [[nodiscard]] bool meet(std::uint16_t one, std::uint16_t other) const;

  private:
    void make_reaches(std::uint64_t now_ns);
    void make_shadows();
    void look_at(const std::vector<std::uint16_t>& rules);
    [[nodiscard]] bool takes_all_of(std::uint16_t early, std::uint16_t late) const;

    const CompiledPolicy::Parts& parts_;
    Requests requests_;
    std::vector<RequestSet> request_sets_;
    std::size_t classes_ = 0;
    std::vector<Reach> reaches_;
    std::vector<bool> zones_;
    std::vector<bool> seen_;      ///< [rule]: in some cell
    std::vector<bool> shadowed_;  ///< [rule]
};

}  // namespace springlatch::lint
