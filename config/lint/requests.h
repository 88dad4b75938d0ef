#pragma once
// Sets of requests, by everything of a request that the rules of a policy tell apart.
#include <cstdint>
#include <vector>

#include "config/bit_set.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::lint {

/// By the places of Requests' kinds.
using RequestSet = BitSet;

/// The kinds of requests: a method together with an endpoint of the catalogue, or with a path in no entry.
/// Endpoints that no rule could tell apart are one kind.
class Requests {
  public:
    explicit Requests(const CompiledPolicy& policy);
    /// What meets the rule's methods, operations, apis and flags; its paths are not looked at.
    [[nodiscard]] RequestSet of(const Rule& rule) const;
    /// With a path in no entry of the catalogue, whatever the method.
    [[nodiscard]] const RequestSet& unknown() const noexcept { return unknown_; }
    [[nodiscard]] std::size_t kinds() const noexcept { return kinds_.size(); }

  private:
    struct Kind {
        http::Method method = http::Method::unknown;
        elasticsearch::Operation operation = elasticsearch::Operation::unknown;
        std::uint16_t flags = 0;
        std::vector<std::uint16_t> apis;  ///< sorted
        bool operator<(const Kind& other) const noexcept;
    };

    std::vector<Kind> kinds_;
    RequestSet unknown_;
};

}  // namespace springlatch::lint
