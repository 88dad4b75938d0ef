#include <sys/prctl.h>

#include <csignal>
#include <iostream>

#include "config/load.h"
#include "dataplane/dpdk/live.h"
#include "dataplane/dpdk/options.h"
#include "dataplane/dpdk/replay.h"

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
    auto policy = load_policy(options.policy, loading);
    if (!policy) {
        std::cerr << lines_of(policy.error());
        return 1;
    }
    policy->identities.clear();  // hashes and keys are the control process's business
    return options.replay.empty() ? run_live(options, *policy) : run_replay(options, *policy);
}
