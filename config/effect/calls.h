#pragma once
// Every kind of request that two policies can tell apart by method and path, as a finite list.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "config/bit_set.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::effect {

/// What a rule matches, what is still undecided; by the places in Calls.
using CallSet = BitSet;

/// What stands in front of the calls in every set: bytes that are no request.
inline constexpr std::size_t call_connection =
    0;  ///< a connection, whatever its bytes: where nothing is read
inline constexpr std::size_t call_unreadable = 1;  ///< bytes that are no request that is read in one way
inline constexpr std::size_t call_tls = 2;         ///< TLS
inline constexpr std::size_t special_calls = 3;

struct Call {
    http::Method method = http::Method::unknown;
    std::string path = {};  ///< "/{index}/_search"; "": in no entry of the catalogue. As sent where `exact`
    bool exact = false;     ///< one request that a health check names, and no other
    /// What the catalogue of each policy says.
    std::array<elasticsearch::Meaning, 2> meanings = {};
};

class Calls {
  public:
    /// The built-in catalogue's endpoints, and what health checks name.
    Calls(const CompiledPolicy& before, const CompiledPolicy& after);

    [[nodiscard]] std::size_t size() const noexcept { return calls_.size(); }
    [[nodiscard]] const Call& operator[](std::size_t index) const noexcept { return calls_[index]; }
    /// Everything that is a request.
    [[nodiscard]] const CallSet& requests() const noexcept { return requests_; }
    [[nodiscard]] CallSet none() const { return CallSet(calls_.size()); }
    /// What meets the rule's methods, operations, flags and apis. `side`: 0 before, 1 after.
    [[nodiscard]] CallSet matching(const CompiledPolicy& policy, const Rule& rule, std::size_t side) const;
    [[nodiscard]] CallSet matching(const HealthCheck& check) const;
    [[nodiscard]] CallSet with_methods(std::uint16_t methods) const;

  private:
    void add(Call call);
    std::vector<Call> calls_;
    CallSet requests_;
};

/// The calls in as few words as they have: "every request", "info, read", "read by GET", "search, msearch".
[[nodiscard]] std::string text_of(const Calls& calls, const CallSet& set, const CompiledPolicy& names,
                                  std::size_t side);
/// Every method and path: "GET /{index}/_search"; "GET (in no entry of the catalogue)"; "exactly GET
/// /_cluster/health".
[[nodiscard]] std::vector<std::string> list_of(const Calls& calls, const CallSet& set);

}  // namespace springlatch::effect
