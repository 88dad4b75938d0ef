// The control process: takes in what the data plane tells, stores it, serves it.
#include <sys/prctl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "config/load.h"
#include "control/api/metrics.h"
#include "control/api/server.h"
#include "control/api/status.h"
#include "control/credentials/check_pool.h"
#include "control/ingest/ingest.h"
#include "control/store/hit_store.h"
#include "control/store/store.h"

namespace springlatch::control {
namespace {

/// How long the rings may fill unseen when nothing happens; at four million events a second they last 16 ms.
constexpr int idle_wait_ms = 2;

struct Options {
    std::string policy;
    std::string socket = "/run/springlatch/control.sock";
    std::string store = "/var/lib/springlatch";
    std::string listen = "127.0.0.1:9600";
};

[[nodiscard]] int fail(const std::string& text) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return 1;
}

[[nodiscard]] std::uint64_t unix_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

/// SIGTERM and SIGINT, blocked before any thread starts, so that only wait() sees them.
class StopSignals {
  public:
    StopSignals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    }
    void wait() const {
        int signal = 0;
        sigwait(&set_, &signal);
    }

  private:
    sigset_t set_{};
};

[[nodiscard]] int serve(const Options& options) {
    Names names;
    std::vector<Identity> identities;
    if (!options.policy.empty()) {
        auto policy = load_policy(options.policy, {});
        if (!policy) {
            std::fputs(lines_of(policy.error()).c_str(), stderr);
            return 1;
        }
        names = Names(policy->policy, policy->sha256);
        identities = std::move(policy->identities);
    }
    const StopSignals signals;
    auto store = Store::open(options.store);
    if (!store) {
        return fail(store.error());
    }
    const std::string folder = std::filesystem::path(options.socket).parent_path().string();
    if (!folder.empty() && mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(options.socket + ": its folder cannot be made; make " + folder +
                    " or give another --socket");
    }
    const auto hits = HitStore::open(options.store);
    if (!hits) {
        return fail(hits.error());
    }
    CheckPool checks(identities, CheckTime::now);
    const auto ingest = Ingest::listen(options.socket, names, **store, &checks, hits->get());
    if (!ingest) {
        return fail(ingest.error());
    }
    const auto server = ApiServer::start(
        options.listen,
        {.metrics =
             [&] {
                 return metrics_text((*ingest)->snapshot(), (*store)->state(), unix_ns(),
                                     read_hits(options.store).value_or(std::vector<RuleHitsTotal>{}));
             },
         .status = [&] { return status_json((*ingest)->snapshot(), (*store)->state(), names, unix_ns()); },
         .store = options.store});
    if (!server) {
        return fail(server.error());
    }
    std::atomic<bool> stop = false;
    std::thread taking([&] {
        std::size_t taken = 0;
        while (!stop.load(std::memory_order_relaxed)) {
            taken = (*ingest)->step(taken > 0 ? 0 : idle_wait_ms);
        }
    });
    std::fprintf(stderr, "springlatchd: data plane at %s, API at port %u of loopback, store in %s\n",
                 options.socket.c_str(), unsigned{(*server)->port()}, options.store.c_str());
    signals.wait();
    stop = true;
    taking.join();
    return (*store)->flush() ? 0 : 1;
}

[[nodiscard]] int run(int argc, char** argv) {
    Options options;
    CLI::App app{"Springlatch's control process: stores the data plane's events and serves them."};
    app.add_option(
        "--policy", options.policy,
        "Policy file of the data plane: names of services, zones and rules, and the identities whose "
        "credentials are checked here");
    app.add_option("--socket", options.socket, "Unix socket on which the data plane is awaited")
        ->capture_default_str();
    app.add_option("--store", options.store, "Folder of the event store; made if missing")
        ->capture_default_str();
    app.add_option("--listen", options.listen, "Loopback address and port of API and metrics")
        ->capture_default_str();
    app.set_version_flag("--version", "springlatchd " SPRINGLATCH_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "error: %s (--help tells what there is)\n", error.what());
        return 2;
    }
    return serve(options);
}

}  // namespace
}  // namespace springlatch::control

int main(int argc, char** argv) {
    prctl(PR_SET_DUMPABLE, 0);  // events carry personal data: no core dump (P6)
    std::signal(SIGPIPE, SIG_IGN);
    return springlatch::control::run(argc, argv);
}
