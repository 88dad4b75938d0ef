#pragma once
// Names for the indices in records.
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "control/ingest/joiner.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::control {

/// The policy that names are taken from; without one, or where the data plane runs another one, the indices
/// themselves are the names.
class Names {
  public:
    Names() = default;
    Names(std::shared_ptr<const CompiledPolicy> policy, std::array<std::uint8_t, 32> sha256)
        : policy_(std::move(policy)), sha256_(sha256) {}

    [[nodiscard]] bool has_policy() const noexcept { return policy_ != nullptr; }
    [[nodiscard]] const CompiledPolicy* policy() const noexcept { return policy_.get(); }
    /// Null without one.
    [[nodiscard]] const std::shared_ptr<const CompiledPolicy>& shared() const noexcept { return policy_; }
    [[nodiscard]] const std::array<std::uint8_t, 32>& sha256() const noexcept { return sha256_; }
    [[nodiscard]] bool fits(const std::array<std::uint8_t, 32>& sha256) const noexcept {
        return has_policy() && sha256 == sha256_;
    }

    [[nodiscard]] IndexLimits limits() const noexcept;
    /// "" for no_service and the like.
    [[nodiscard]] std::string service(std::uint16_t index) const;
    [[nodiscard]] std::string zone(std::uint16_t index) const;
    [[nodiscard]] std::string rule(std::uint16_t index) const;
    [[nodiscard]] std::string identity(std::uint16_t index) const;
    /// Of rule, service and policy, divided by commas.
    [[nodiscard]] std::string tags(std::uint16_t rule, std::uint16_t service) const;
    /// The rule's, else the service's.
    [[nodiscard]] Severity severity(std::uint16_t rule, std::uint16_t service) const noexcept;
    [[nodiscard]] Record record(std::uint16_t rule, std::uint16_t service) const noexcept {
        return has_policy() ? policy_->record_of(rule, service) : Record::full;
    }

  private:
    std::shared_ptr<const CompiledPolicy> policy_;
    std::array<std::uint8_t, 32> sha256_{};
};

}  // namespace springlatch::control
