#include "dataplane/dpdk/options.h"

#include <CLI/CLI.hpp>
#include <map>

#include "dataplane/ipc/channel.h"

namespace springlatch {

std::variant<DataplaneOptions, int> read_options(int argc, char** argv) {
    DataplaneOptions options;
    CLI::App app{
        "Springlatch data plane: inspects what goes towards the services of a policy and forwards what it "
        "allows."};
    app.add_option("--policy", options.policy, "Policy file (JSON)")->required();
    app.add_option("--policy-key", options.policy_key,
                   "Ed25519 public key (PEM): run only policies signed with its private key");
    CLI::Option* outside = app.add_option(
        "--outside", options.outside,
        "Port towards the clients: a PCI address, or a DPDK vdev string such as net_af_packet0,iface=eth1");
    CLI::Option* inside = app.add_option("--inside", options.inside, "Port towards the services");
    CLI::Option* replay =
        app.add_option("--replay", options.replay,
                       "Run this capture (pcap or pcapng) through the data plane instead of two ports");
    CLI::Option* forwarded =
        app.add_option("--forwarded", options.forwarded, "Replay: write all frames that left to this file");
    outside->needs(inside);
    inside->needs(outside);
    replay->needs(forwarded);
    forwarded->needs(replay);
    replay->excludes(outside);
    app.add_option("--control", options.control, "Unix socket of the control process");
    app.add_option("--workers", options.workers, "Number of workers")
        ->check(CLI::Range(1U, workers_max))
        ->capture_default_str();
    app.add_flag("--observe", options.observe, "Judge and report, but forward everything");
    app.add_flag("--ignore-checksums", options.ignore_checksums,
                 "Do not verify TCP checksums (captures taken on a sender with checksum offload)");
    const std::map<std::string, HugePages> huge = {
        {"auto", HugePages::automatic}, {"yes", HugePages::required}, {"no", HugePages::none}};
    app.add_option("--huge", options.huge_pages, "Hugepages: auto, yes or no")
        ->transform(CLI::CheckedTransformer(huge));
    const std::map<std::string, Polling> polling = {{"adaptive", Polling::adaptive}, {"busy", Polling::busy}};
    app.add_option("--poll", options.polling, "Idle workers: adaptive (sleep for microseconds) or busy")
        ->transform(CLI::CheckedTransformer(polling));
    app.add_option("--eal", options.eal_arguments, "More arguments for DPDK's EAL, in one string");
    app.set_version_flag("--version", "springlatch-dataplane " SPRINGLATCH_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (options.outside.empty() && options.replay.empty()) {
        std::cerr << "error: give --outside and --inside, or --replay and --forwarded\n";
        return 2;
    }
    return options;
}

}  // namespace springlatch
