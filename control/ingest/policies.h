#pragma once
// Which policy is meant by the generation that a record, a question or a hello bears.
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "control/credentials/checker.h"
#include "control/ingest/names.h"

namespace springlatch::control {

struct KnownPolicy {
    Names names;
    std::shared_ptr<const Checker> checker;  ///< of its identities; null: those the CheckPool was made with
};

/// Around a swap two generations are alive: events of the old one are still in the rings when the new one is
/// in force. What is unknown here has numbers for names.
class PolicyBook {
  public:
    /// Another policy is the control process's own; the ones before are remembered for some time.
    void own(KnownPolicy policy);
    [[nodiscard]] const KnownPolicy& own() const noexcept { return *known_.back(); }

    /// A data plane says which policy it runs. Its earlier generations are known if it is the same one as
    /// before.
    void greet(std::uint32_t generation, const std::array<std::uint8_t, 32>& sha256, bool same_life);
    /// The generation of a policy that the data plane is about to run.
    void expect(std::uint32_t generation, KnownPolicy policy);
    void forget(std::uint32_t generation) { generations_.erase(generation); }
    /// Above every generation that the data plane has had.
    [[nodiscard]] std::uint32_t next() const noexcept;

    /// Null if it is unknown.
    [[nodiscard]] const KnownPolicy* find(std::uint32_t generation) const noexcept;
    [[nodiscard]] const Names& names(std::uint32_t generation) const noexcept;
    [[nodiscard]] IndexLimits limits(std::uint32_t generation) const noexcept {
        return names(generation).limits();
    }

  private:
    static constexpr std::size_t known_max = 8;
    static constexpr std::size_t generations_max = 8;
    std::deque<std::shared_ptr<const KnownPolicy>> known_{std::make_shared<const KnownPolicy>()};
    std::map<std::uint32_t, std::shared_ptr<const KnownPolicy>> generations_;  ///< null: unknown
    Names unnamed_;
};

}  // namespace springlatch::control
