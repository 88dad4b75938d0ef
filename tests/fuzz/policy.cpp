// Policy text: whatever the bytes, the loader answers with a sound policy or with at least one error that has
// a place.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/lint/lint.h"
#include "config/lint/posture.h"
#include "config/load.h"

using namespace springlatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)lint::parse_posture(text);
    const auto loaded = parse_policy(text, "policy.json", {});
    if (!loaded) {
        if (loaded.error().empty()) {
            std::abort();
        }
        for (const PolicyError& error : loaded.error()) {
            if (error.str().find('\n') != std::string::npos || error.text.empty()) {
                std::abort();
            }
        }
        return 0;
    }
    const CompiledPolicy& policy = *loaded->policy;
    for (std::uint16_t service = 0; service < policy.parts().services.size(); ++service) {
        // Every source of a rule is named, so an address outside all zones gets in nowhere.
        if (policy.reachable(no_zone, service, 0) ||
            policy.decide(no_zone, service, {}).action == Action::allow) {
            std::abort();
        }
    }
    for (const lint::Finding& finding : lint::lint(*loaded, text, "policy.json", {})) {
        if (finding.line == 0 || finding.str().find('\n') != std::string::npos) {
            std::abort();
        }
    }
    return 0;
}
