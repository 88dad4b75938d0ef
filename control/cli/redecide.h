#pragma once
// One stored event decided anew by a policy.
#include <cstdint>
#include <string>

#include "control/store/event.h"
#include "dataplane/policy/compiled.h"

namespace springlatch::control {

struct Redecision {
    enum class Fate : std::uint8_t { stopped, passes, unknown };
    Fate fate = Fate::unknown;  ///< unknown: the event does not say enough
    std::string words;          ///< "allowed", "would_deny: no_credentials", "denied: …", "not protected"
    std::string service;        ///< of this policy; "" if there is none
};

/// By CompiledPolicy::decide() with what the event has kept: who, from where, method, path and query. Of the
/// head nothing is kept, so no patch that looks at a head is asked; of credentials whose they were.
[[nodiscard]] Redecision redecide(const CompiledPolicy& policy, PatternScratch& scratch, const Event& event,
                                  std::uint64_t at_ns);

}  // namespace springlatch::control
