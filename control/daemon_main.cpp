// The control process: takes in what the data plane tells, stores it, serves it.
#include <sys/prctl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "config/bundle.h"
#include "config/load.h"
#include "control/alerts/acknowledging.h"
#include "control/alerts/watcher.h"
#include "control/api/metrics.h"
#include "control/api/server.h"
#include "control/api/status.h"
#include "control/clock.h"
#include "control/credentials/check_pool.h"
#include "control/ingest/ingest.h"
#include "control/policy/manager.h"
#include "control/policy/operators.h"
#include "control/posture/prober.h"
#include "control/settings/settings.h"
#include "control/store/hit_store.h"
#include "control/store/store.h"

namespace springlatch::control {
namespace {

/// How long the rings may fill unseen when nothing happens; at four million events a second they last 16 ms.
constexpr int idle_wait_ms = 2;
/// How late an unconfirmed policy returns at most.
constexpr int command_wait_ms = 200;

struct Options {
    std::string policy;
    std::string socket = "/run/springlatch/control.sock";
    std::string store = "/var/lib/springlatch";
    std::string listen = "127.0.0.1:9600";
    std::string state;  ///< empty: policies are not activated here
    std::string operators = operator_socket_default;
    std::string policy_key;
    std::string settings;  ///< empty: every default
};

[[nodiscard]] int fail(const std::string& text) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return 1;
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

[[nodiscard]] tl::expected<std::optional<PolicyKey>, std::string> key_of(const std::string& file) {
    if (file.empty()) {
        return std::nullopt;
    }
    auto key = PolicyKey::load(file);
    if (!key) {
        return tl::unexpected(key.error());
    }
    return std::optional(std::move(*key));
}

[[nodiscard]] int serve(const Options& options) {
    const auto settings = options.settings.empty() ? Settings{} : load_settings(options.settings);
    if (!settings) {
        std::fputs(lines_of(settings.error()).c_str(), stderr);
        return 1;
    }
    auto key = key_of(options.policy_key);
    if (!key) {
        return fail("--policy-key: " + key.error());
    }
    std::unique_ptr<PolicyManager> manager;
    Names names;
    std::vector<Identity> identities;
    if (!options.state.empty()) {
        auto opened =
            PolicyManager::open({.state = options.state, .first = options.policy, .key = std::move(*key)});
        if (!opened) {
            return fail(opened.error());
        }
        manager = std::move(*opened);
        if (const LoadedPolicy* active = manager->active()) {
            names = Names(active->policy, active->sha256);
            identities = active->identities;
        }
    } else if (!options.policy.empty()) {
        auto policy = load_policy(options.policy, {}, *key ? &**key : nullptr);
        if (!policy) {
            std::fprintf(stderr, "%s%s", policy.error().c_str(), policy.error().ends_with('\n') ? "" : "\n");
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
    for (const std::string* socket : {&options.socket, manager ? &options.operators : &options.socket}) {
        const std::string folder = std::filesystem::path(*socket).parent_path().string();
        if (!folder.empty() && mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
            return fail(*socket + ": its folder cannot be made; make " + folder + " or give another socket");
        }
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
    auto watcher = Watcher::start(options.store, *settings, [&ingest = **ingest] {
        const Snapshot told = ingest.snapshot();
        return Health{.known = told.known,
                      .connected = told.connected,
                      .status_ns = told.status_received_ns,
                      .events_lost = told.events_lost};
    });
    if (!watcher) {
        return fail(watcher.error());
    }
    (*ingest)->observe(**watcher);
    const Prober prober(
        settings->posture.probe, (*watcher)->posture().key(),
        [&ingest = **ingest] { return ingest.snapshot().names.shared(); },
        [&watching = **watcher](const ProbeFinding& finding) { watching.probed(finding); });
    const auto server = ApiServer::start(
        options.listen, {.metrics =
                             [&] {
                                 return metrics_text(
                                     (*ingest)->snapshot(), (*store)->state(), unix_ns(),
                                     read_hits(options.store).value_or(std::vector<RuleHitsTotal>{}));
                             },
                         .status =
                             [&] {
                                 const Snapshot told = (*ingest)->snapshot();
                                 return status_json(told, (*store)->state(), told.names, unix_ns());
                             },
                         .store = options.store});
    if (!server) {
        return fail(server.error());
    }
    std::unique_ptr<OperatorSocket> operators;
    if (manager) {
        manager->attach(**ingest);
        auto listening = OperatorSocket::listen(options.operators, *manager);
        if (!listening) {
            return fail(listening.error());
        }
        operators = std::move(*listening);
        operators->also(
            [&](std::string_view json) { return answer_acknowledgement((*watcher)->alerts(), json); });
        operators->on_widened(
            [&](const std::string& user, const std::string& why) { (*watcher)->policy_widened(user, why); });
    }
    std::atomic<bool> stop = false;
    std::atomic<bool> stop_commands = false;
    std::thread taking([&] {
        std::size_t taken = 0;
        while (!stop.load(std::memory_order_relaxed)) {
            taken = (*ingest)->step(taken > 0 ? 0 : idle_wait_ms);
        }
    });
    std::thread commanding([&] {
        while (operators && !stop_commands.load(std::memory_order_relaxed)) {
            operators->step(command_wait_ms);
            manager->tick();
        }
    });
    std::fprintf(stderr, "springlatchd: data plane at %s, API at port %u of loopback, store in %s\n",
                 options.socket.c_str(), unsigned{(*server)->port()}, options.store.c_str());
    signals.wait();
    stop_commands = true;
    commanding.join();  // it may wait for the data plane, which the other thread talks to
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
    CLI::Option* state = app.add_option("--state", options.state,
                                        "Folder of the active policy and the history of activations; made if "
                                        "missing. Without it no policy can "
                                        "be activated. --policy is then the first one only");
    app.add_option("--operators", options.operators,
                   "Unix socket for springlatch policy activate and the like")
        ->capture_default_str()
        ->needs(state);
    app.add_option("--policy-key", options.policy_key,
                   "Ed25519 public key (PEM): only policies signed with its private key are taken");
    app.add_option(
        "--settings", options.settings,
        "Settings file (JSON): store, posture, alerts, API; without it every setting has its default");
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
