#include <sys/prctl.h>

#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "config/bundle.h"
#include "config/load.h"
#include "dataplane/dpdk/live.h"
#include "dataplane/dpdk/options.h"
#include "dataplane/dpdk/replay.h"

namespace {

[[nodiscard]] std::string with_newline(std::string text) {
    return text.ends_with('\n') ? text : text + '\n';
}

}  // namespace

int main(int argc, char** argv) {
    using namespace springlatch;
    prctl(PR_SET_DUMPABLE, 0);  // frames carry credentials and personal data: no core dump (P6)
    std::signal(SIGPIPE, SIG_IGN);
    const auto read = read_options(argc, argv);
    if (const int* code = std::get_if<int>(&read)) {
        return *code;
    }
    const auto& options = std::get<DataplaneOptions>(read);
    LoadOptions loading;
    if (options.observe) {
        loading.mode = Mode::observe;
    }
    std::optional<PolicyKey> key;
    if (!options.policy_key.empty()) {
        auto loaded = PolicyKey::load(options.policy_key);
        if (!loaded) {
            std::cerr << "error: --policy-key: " << loaded.error() << '\n';
            return 1;
        }
        key = std::move(*loaded);
    }
    auto policy = load_policy(options.policy, loading, key ? &*key : nullptr);
    if (!policy) {
        std::cerr << with_newline(policy.error());
        return 1;
    }
    policy->identities.clear();  // hashes and keys are the control process's business
    const PolicyReader reader = [loading, key](const std::string& bytes, std::uint32_t generation) {
        LoadOptions next_loading = loading;
        next_loading.generation = generation;
        auto next = parse_policy(bytes, "policy", next_loading, key ? &*key : nullptr);
        if (next) {
            next->identities.clear();
        }
        return next;
    };
    return options.replay.empty() ? run_live(options, *policy, reader) : run_replay(options, *policy);
}
