#pragma once
// What the policy looks at in one request, in words, and what each rule makes of it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/explain/explanation.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::control {

struct Place {
    std::uint16_t zone = no_zone;
    std::uint16_t service = no_service;
};

class Facts {
  public:
    /// Reads the head as the data plane does; `bytes` must outlive this.
    Facts(const CompiledPolicy& policy, std::string_view bytes, std::uint64_t time_ns);
    Facts(const Facts&) = delete;
    Facts& operator=(const Facts&) = delete;

    /// The credentials were looked at: whose they are, or no_identity.
    void verified(std::uint16_t identity) noexcept;

    [[nodiscard]] std::string request_text() const;
    [[nodiscard]] std::string credentials_text() const;
    /// Patches, health checks and rules in order, to the one named `decider`, or all of them; of the patches
    /// none but that one. Nothing if there was no request to be judged.
    [[nodiscard]] std::vector<Step> steps(const Place& place, std::string_view decider);

  private:
    [[nodiscard]] std::string why_not(const Rule& rule, const Place& place, Unmet unmet) const;
    [[nodiscard]] std::string why_not(const HealthCheck& check, const Place& place) const;

    const CompiledPolicy& policy_;
    bool complete_ = false;  ///< the head is one
    std::string_view path_;
    std::string_view query_;
    RequestFacts facts_;
    PatternScratch scratch_;
    std::optional<PatternQuestion> texts_;
};

}  // namespace springlatch::control
