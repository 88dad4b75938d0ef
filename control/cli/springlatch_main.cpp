// The operator's command line.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "config/schema_check.h"
#include "config/secrets.h"
#include "config/time_text.h"
#include "control/api/ecs.h"
#include "control/cli/activate.h"
#include "control/cli/alerts.h"
#include "control/cli/hits.h"
#include "control/cli/output.h"
#include "control/cli/policy_diff.h"
#include "control/cli/policy_explain.h"
#include "control/cli/policy_lint.h"
#include "control/cli/policy_test.h"
#include "control/cli/posture.h"
#include "control/cli/reach.h"
#include "control/cli/replay.h"
#include "control/cli/secret.h"
#include "control/cli/sign.h"
#include "control/cli/status.h"
#include "control/cli/when.h"
#include "control/cli/who.h"
#include "control/clock.h"
#include "control/store/store.h"
#include "dataplane/ipc/channel.h"

namespace springlatch::control {
namespace {

constexpr int usage_mistake = 2;

struct QueryOptions {
    std::string store;
    std::string from;
    std::string to;
    EventFilter filter;
};

[[nodiscard]] int query(QueryOptions options) {
    const auto time = [](const std::string& text, const char* option, std::uint64_t& ns) {
        if (text.empty()) {
            return true;
        }
        const auto parsed = moment_of(text, unix_ns());
        if (!parsed) {
            std::fprintf(stderr, "error: %s: %s\n", option, parsed.error().c_str());
            return false;
        }
        ns = *parsed;
        return true;
    };
    if (!time(options.from, "--from", options.filter.from_ns) ||
        !time(options.to, "--to", options.filter.to_ns)) {
        return usage_mistake;
    }
    if (!options.filter.source.empty()) {
        const auto source = canonical_address(options.filter.source);
        if (!source) {
            std::fprintf(stderr, "error: --source: %s is no address\n", options.filter.source.c_str());
            return usage_mistake;
        }
        options.filter.source = *source;
    }
    auto reader = StoreReader::open(options.store);
    if (!reader) {
        std::fprintf(stderr, "error: %s\n", reader.error().c_str());
        return 1;
    }
    const auto result = reader->each(options.filter, EventOrder::oldest_first, 0, [](const Event& event) {
        return std::puts(ecs_json(event).c_str()) >= 0;
    });
    if (!result) {
        std::fprintf(stderr, "error: %s\n", result.error().c_str());
        return 1;
    }
    if (!flush_output()) {
        return 1;
    }
    return 0;
}

/// The names of the commands at the level where parsing stopped.
[[nodiscard]] std::vector<std::string> commands_of(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    if (!chosen.empty()) {
        return commands_of(*chosen.front());
    }
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    return names;
}

/// Tells the first word that is no command, with the one that was probably meant.
[[nodiscard]] bool tell_unknown_command(const CLI::App& app) {
    const std::vector<std::string> names = commands_of(app);
    const std::vector<std::string> rest = app.remaining(true);
    if (names.empty() || rest.empty() || rest.front().starts_with("-")) {
        return false;
    }
    std::string allowed;
    for (const std::string& name : names) {
        allowed += (allowed.empty() ? "" : ", ") + name;
    }
    std::fprintf(stderr, "error: unknown command %s%s (commands: %s)\n", rest.front().c_str(),
                 did_you_mean(rest.front(), names).c_str(), allowed.c_str());
    return true;
}

[[nodiscard]] int run(int argc, char** argv) {
    CLI::App app{"Springlatch keeps databases shut to strangers: the operator's command line."};
    app.require_subcommand(1);
    app.set_version_flag("--version", "springlatch " SPRINGLATCH_VERSION);
    int code = 0;

    ReplayOptions replaying;
    CLI::App* replay_command =
        app.add_subcommand("replay", "Run a capture through the data plane and report what it stops");
    replay_command->add_option("capture", replaying.capture, "Capture file (pcap or pcapng)")->required();
    replay_command->add_option("--policy", replaying.policy, "Policy file (JSON)")->required();
    replay_command->add_option("--out", replaying.out, "Folder for the results; made if missing")->required();
    replay_command->add_flag("--observe", replaying.observe, "Judge and report, but forward everything");
    replay_command->add_option("--workers", replaying.workers, "Workers of the data plane")
        ->check(CLI::Range(1U, workers_max))
        ->capture_default_str();
    replay_command->add_flag(
        "--ignore-checksums", replaying.ignore_checksums,
        "Do not verify TCP checksums (captures taken on a sender with checksum offload)");
    replay_command->add_flag("--quiet", replaying.quiet, "Print no table at the end");
    replay_command->callback([&] { code = replay(replaying); });

    StatusOptions asking;
    CLI::App* status_command = app.add_subcommand("status", "How the processes are");
    status_command->add_option("--url", asking.url, "Of springlatchd")->capture_default_str();
    status_command->add_flag("--json", asking.json, "As springlatchd tells it");
    status_command->callback([&] { code = status(asking); });

    CLI::App* events_command = app.add_subcommand("events", "What was judged");
    events_command->require_subcommand(1);
    QueryOptions querying;
    CLI::App* query_command = events_command->add_subcommand("query", "Print events as NDJSON, oldest first");
    query_command->add_option("--store", querying.store, "Folder of the event store")->required();
    query_command->add_option("--from", querying.from,
                              "Not before this time (RFC 3339, or back from now: -24h)");
    query_command->add_option("--to", querying.to, "Not after this time");
    query_command->add_option("--source", querying.filter.source, "Only from this address");
    query_command->add_option("--action", querying.filter.action, "Only allowed, denied or would_deny")
        ->check(CLI::IsMember({"allowed", "denied", "would_deny"}));
    query_command->add_option("--reason", querying.filter.reason, "Only with this reason");
    query_command->callback([&] { code = query(querying); });

    add_who(app, code);
    add_posture(app, code);
    add_alerts(app, code);

    CLI::App* policy_command = app.add_subcommand("policy", "Work on policies");
    policy_command->require_subcommand(1);
    add_policy_lint(*policy_command, code);
    add_policy_explain(*policy_command, code);
    add_policy_test(*policy_command, code);
    add_policy_diff(*policy_command, code);

    add_hits(*policy_command, code);
    add_activate(*policy_command, code);
    add_confirm(*policy_command, code);
    add_rollback(*policy_command, code);
    add_history(*policy_command, code);
    add_sign(*policy_command, code);
    add_reach(app, code);

    SecretOptions hashing;
    CLI::App* secret_command = app.add_subcommand(
        "secret",
        "Read a secret (without echo, or one line from a pipe) and print what a policy may hold of it");
    CLI::Option* user =
        secret_command->add_option("--user", hashing.user, "Print a Basic identity of this user");
    CLI::Option* api_key =
        secret_command->add_option("--api-key", hashing.api_key, "Print an API key identity of this id");
    CLI::Option* bearer = secret_command->add_flag("--bearer", hashing.bearer,
                                                   "Print a bearer identity (SHA-256 of the token)");
    user->excludes(api_key)->excludes(bearer);
    api_key->excludes(bearer);
    secret_command->add_flag("--sha256", hashing.sha256,
                             "SHA-256 instead of Argon2id: for random secrets only");
    secret_command->add_option("--memory", hashing.memory_kib, "Argon2id: KiB of memory a check takes")
        ->check(CLI::Range(argon2_memory_kib_min, argon2_memory_kib_max))
        ->capture_default_str();
    secret_command->add_option("--passes", hashing.passes, "Argon2id: passes over that memory")
        ->check(CLI::Range(1U, argon2_work_kib_max / argon2_memory_kib_max))
        ->capture_default_str();
    secret_command->callback([&] { code = secret(hashing); });

    app.add_subcommand("version", "Print the version")->callback([] {
        std::puts("springlatch " SPRINGLATCH_VERSION);
    });

    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        if (!tell_unknown_command(app)) {
            std::fprintf(stderr, "error: %s (--help tells what there is)\n", error.what());
        }
        return usage_mistake;
    }
    return code;
}

}  // namespace
}  // namespace springlatch::control

int main(int argc, char** argv) {
    prctl(PR_SET_DUMPABLE, 0);  // events carry personal data: no core dump (P6)
    std::signal(SIGPIPE, SIG_IGN);
    return springlatch::control::run(argc, argv);
}
