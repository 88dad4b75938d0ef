#include "dataplane/dpdk/replay.h"

#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <vector>

#include "dataplane/dpdk/clock.h"
#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/reporting.h"
#include "dataplane/dpdk/stop.h"
#include "dataplane/dpdk/worker.h"
#include "dataplane/flow/key.h"
#include "dataplane/pcap/capture.h"

namespace springlatch {
namespace {

/// Fixed, so that two replays of a capture are the same to the byte.
constexpr HashSecret replay_secret{
    {0x7370'7269'6e67'6c61U, 0x7463'6820'7265'706cU, 0x6179'2073'6563'7265U, 0x7420'2020'2020'2020U}};
constexpr SipKey replay_credential_key{0x6372'6564'656e'7469U, 0x616c'2072'6570'6c61U};
/// The slowest permitted hash takes half a second.
constexpr std::uint64_t check_seconds_max = 30;
/// One burst can leave this many records behind: as many as it has frames, and the pipelined requests in
/// them, with their texts.
constexpr std::uint64_t ring_reserve_slots = 16'384;
constexpr std::uint64_t connect_seconds_max = 10;
constexpr int empty_polls_max = 1000;

/// The transmit half of the pcap port, and the capture's time of the frame that caused each transmission.
class TimedSink final : public FrameSink {
  public:
    explicit TimedSink(std::uint16_t port) : port_(port) {}
    std::uint32_t send(Side, std::span<rte_mbuf*> frames) noexcept override {
        std::size_t sent = 0;
        for (int tries = 0; sent < frames.size() && tries < empty_polls_max; ++tries) {
            sent += rte_eth_tx_burst(port_, 0, frames.data() + sent,
                                     static_cast<std::uint16_t>(frames.size() - sent));
        }
        times_ns.insert(times_ns.end(), sent, now_ns);
        rte_pktmbuf_free_bulk(frames.data() + sent, static_cast<unsigned>(frames.size() - sent));
        return static_cast<std::uint32_t>(frames.size() - sent);
    }
    std::uint64_t now_ns = 0;
    std::vector<std::uint64_t> times_ns;

  private:
    std::uint16_t port_;
};

struct Shard {
    std::unique_ptr<Inspector> inspector;
    std::unique_ptr<Exchange> exchange;
};

/// Checks credentials while the capture waits: its clients will not send again for our sake, and the verdicts
/// must not depend on how fast this machine is.
class AskAndWait final : public CredentialVerifier {
  public:
    explicit AskAndWait(Reporting& reporting) : reporting_(reporting) {}
    [[nodiscard]] bool ready() const noexcept override { return reporting_.connected(); }
    [[nodiscard]] Asked ask(const CheckRequest& request, CheckAnswer& answer) noexcept override {
        const std::uint64_t start = unix_ns();
        bool sent = false;
        while (reporting_.connected() && unix_ns() - start < check_seconds_max * 1'000'000'000U) {
            sent = sent || reporting_.send(request);
            stopped_ = reporting_.poll(unix_ns()) || stopped_;
            for (const CheckAnswer& told : reporting_.take_answers()) {
                if (told.fingerprint == request.fingerprint) {
                    answer = told;
                    return Asked::answered;
                }
            }
            usleep(200);
        }
        return Asked::full;
    }
    [[nodiscard]] bool stopped() const noexcept { return stopped_; }

  private:
    Reporting& reporting_;
    bool stopped_ = false;
};

class RemoveAtEnd {
  public:
    explicit RemoveAtEnd(std::string path) : path_(std::move(path)) {}
    ~RemoveAtEnd() { unlink(path_.c_str()); }
    RemoveAtEnd(const RemoveAtEnd&) = delete;
    RemoveAtEnd& operator=(const RemoveAtEnd&) = delete;

  private:
    std::string path_;
};

[[nodiscard]] int fail(const std::string& what) {
    std::cerr << "error: " << what << '\n';
    return 1;
}

[[nodiscard]] bool wait_for_control(Reporting& reporting) {
    const std::uint64_t start = unix_ns();
    while (!reporting.connected()) {
        (void)reporting.poll(unix_ns());
        if (unix_ns() - start > connect_seconds_max * 1'000'000'000U) {
            return false;
        }
        usleep(1000);
    }
    return true;
}

/// What the port delivers and what it takes; everything between its start and its end.
[[nodiscard]] int replay_frames(const DataplaneOptions& options, const LoadedPolicy& policy,
                                const CaptureSummary& capture, rte_mempool* pool, Port& port,
                                Reporting& reporting, std::vector<std::uint64_t>& times_ns) {
    const int timestamp_offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
    if (timestamp_offset < 0) {
        return fail("the pcap driver gives no time stamps");
    }
    InspectorOptions inspecting;
    inspecting.secret = replay_secret;
    inspecting.verify_checksums = !options.ignore_checksums;
    inspecting.sides_by_service = true;
    AskAndWait verifier(reporting);
    inspecting.credential_key = replay_credential_key;
    inspecting.verifier = &verifier;
    const std::uint32_t kept = policy.policy->frames_kept_max();
    const Sharing sharing = sharing_of(*policy.policy);
    std::vector<Shard> shards(options.workers);
    for (std::uint32_t i = 0; i < options.workers; ++i) {
        inspecting.hits = reporting.hits(i);
        shards[i].inspector = std::make_unique<Inspector>(policy.policy, reporting.sink(i), inspecting);
        shards[i].exchange = std::make_unique<Exchange>(*shards[i].inspector, pool, kept);
    }
    TimedSink sink(port.id());
    std::array<rte_mbuf*, 32> burst{};
    std::uint64_t frames = 0;
    bool deserted = false;
    bool stopped = false;
    stop_on_signals();
    for (int empty = 0; !deserted && frames < capture.frames && empty < empty_polls_max;) {
        if (reporting.poll(unix_ns()) || verifier.stopped() || stop_requested()) {
            stopped = true;
            break;
        }
        if (reporting.free_slots() < ring_reserve_slots) {
            deserted = reporting.has_channel() && !reporting.connected();
            usleep(200);  // live traffic never waits for its events, a replay does
            continue;
        }
        const std::uint16_t count =
            rte_eth_rx_burst(port.id(), 0, burst.data(), static_cast<std::uint16_t>(burst.size()));
        empty = count == 0 ? empty + 1 : 0;
        for (std::uint16_t i = 0; i < count; ++i) {
            // The driver's unit is the microsecond (22.11).
            sink.now_ns = *RTE_MBUF_DYNFIELD(burst[i], static_cast<std::uintptr_t>(timestamp_offset),
                                             rte_mbuf_timestamp_t*) *
                          1000U;
            const Side side = Side::outside;  // the inspector goes by the service instead
            shards[owner_of(burst[i], replay_secret, options.workers, sharing)].exchange->inspect(
                {&burst[i], 1}, {&side, 1}, {&sink.now_ns, 1}, sink);
        }
        frames += count;
    }
    for (std::uint32_t i = 0; i < shards.size(); ++i) {
        shards[i].exchange->finish(sink.now_ns, sink);
        reporting.status(i, shards[i].exchange->counters(), 3, true, sink.now_ns);
    }
    if (stopped) {
        return fail("stopped before the end of the capture");
    }
    if (deserted) {
        return fail("the control process went away during the replay");
    }
    if (frames != capture.frames) {
        return fail(options.replay + ": holds " + std::to_string(capture.frames) +
                    " frames, but the driver delivered " + std::to_string(frames));
    }
    times_ns = std::move(sink.times_ns);
    return 0;
}

}  // namespace

int run_replay(const DataplaneOptions& options, const LoadedPolicy& policy) {
    const auto capture = check_capture(options.replay);
    if (!capture) {
        return fail(capture.error());
    }
    if (capture->frames_cut > 0) {
        std::cerr << "warning: " << options.replay << ": " << capture->frames_cut
                  << " frames were captured shorter than they were and cannot be judged (tcpdump -s 0 "
                     "captures whole frames)\n";
    }
    std::error_code none;
    const std::string target = std::filesystem::absolute(options.forwarded, none);
    if (!std::filesystem::is_directory(std::filesystem::path(target).parent_path(), none)) {
        return fail(options.forwarded + ": its folder does not exist or is not readable");
    }
    if (access(std::filesystem::path(target).parent_path().c_str(), W_OK) != 0) {
        return fail(options.forwarded + ": cannot be written: " + std::strerror(errno));
    }
    if (std::filesystem::is_directory(target, none)) {
        return fail(options.forwarded + ": is a folder; --forwarded names a file");
    }
    if (std::filesystem::equivalent(target, options.replay, none)) {
        return fail("--forwarded names the capture itself: " + options.forwarded);
    }
    const std::string raw = target + "." + std::to_string(getpid()) + ".raw";
    const std::string source = std::filesystem::absolute(options.replay, none);
    if (source.find(',') != std::string::npos || raw.find(',') != std::string::npos) {
        return fail("a path with a comma cannot be given to the pcap driver");
    }
    const RemoveAtEnd remove_raw(raw);
    PortName name;
    name.device = "net_pcap0";
    name.arguments = "rx_pcap=" + source + ",tx_pcap=" + raw;
    PoolNeeds pool_needs;
    pool_needs.frames = 4096 + 1024U * options.workers + policy.policy->frames_kept_max() * options.workers;
    pool_needs.frame_bytes_max = capture->frame_bytes_max;
    auto eal = Eal::start({.ports = {name},
                           .workers = 1,
                           .pool = pool_needs,
                           .huge_pages = options.huge_pages,
                           .more_arguments = options.eal_arguments});
    if (!eal) {
        return fail(eal.error());
    }
    auto reporting = Reporting::create(options.control, options.workers, policy);
    if (!reporting) {
        return fail(reporting.error());
    }
    if ((*reporting)->has_channel() && !wait_for_control(**reporting)) {
        return fail(options.control + ": no control process listens there");
    }
    const auto pool = make_pool(pool_needs);
    if (!pool) {
        return fail(pool.error());
    }
    std::vector<std::uint64_t> times_ns;
    int result = 0;
    {
        auto port = Port::open(name, *pool, {.queues = 1, .offer_checksums = false});
        if (!port) {
            return fail(port.error());
        }
        result = replay_frames(options, policy, *capture, *pool, *port, **reporting, times_ns);
    }
    const unsigned back = rte_mempool_avail_count(*pool);
    if (back != pool_needs.frames) {
        return fail("mbufs: " + std::to_string(back) + " of " + std::to_string(pool_needs.frames) +
                    " returned");
    }
    if (result == 0) {
        const auto written = write_with_times(raw, target, times_ns);
        if (!written) {
            return fail(written.error());
        }
    }
    return result;
}

}  // namespace springlatch
