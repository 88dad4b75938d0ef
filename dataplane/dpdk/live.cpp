#include "dataplane/dpdk/live.h"

#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sched.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <type_traits>
#include <vector>

#include "dataplane/dpdk/clock.h"
#include "dataplane/dpdk/link.h"
#include "dataplane/dpdk/policy_change.h"
#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/reporting.h"
#include "dataplane/dpdk/stop.h"
#include "dataplane/dpdk/worker.h"
#include "dataplane/flow/key.h"
#include "dataplane/ipc/check_queue.h"

namespace springlatch {
namespace {

constexpr std::uint16_t burst_frames = 32;
constexpr std::uint32_t worker_ring_frames = 2048;
constexpr std::uint32_t empty_polls_before_yield = 256;
constexpr std::uint32_t empty_polls_before_sleep = 4096;
constexpr std::uint64_t idle_interval_ns = 1'000'000;
constexpr unsigned main_interval_us = 5'000;  // part of what a first request with new credentials waits
constexpr std::uint64_t status_interval_ns = 1'000'000'000U;
constexpr std::uint64_t link_interval_ns = 200'000'000U;

/// An idle worker: polls on, or gives the processor away for ever longer moments.
class Patience {
  public:
    explicit Patience(Polling polling) : polling_(polling) {}
    void worked() noexcept { empty_ = 0; }
    void idle() noexcept {
        ++empty_;
        if (polling_ == Polling::busy || empty_ < empty_polls_before_yield) {
            rte_pause();
        } else if (empty_ < empty_polls_before_sleep) {
            sched_yield();
        } else {
            const timespec moment{.tv_sec = 0, .tv_nsec = 20'000};
            nanosleep(&moment, nullptr);
        }
    }

  private:
    Polling polling_;
    std::uint32_t empty_ = 0;
};

/// Where mbufs come from.
class FrameSource {
  public:
    virtual ~FrameSource() = default;
    /// Fills `frames` and `sides`; returns how many.
    virtual std::uint16_t receive(std::span<rte_mbuf*> frames, std::span<Side> sides) noexcept = 0;
};

/// The same queue of both ports, in turn.
class PortSource final : public FrameSource {
  public:
    PortSource(std::array<std::uint16_t, 2> ports, std::uint16_t queue) : ports_(ports), queue_(queue) {}
    std::uint16_t receive(std::span<rte_mbuf*> frames, std::span<Side> sides) noexcept override {
        const auto half = static_cast<std::uint16_t>(frames.size() / 2);
        std::uint16_t count = 0;
        for (std::size_t side = 0; side < 2; ++side) {
            const std::uint16_t got = rte_eth_rx_burst(ports_[side], queue_, frames.data() + count, half);
            std::fill_n(sides.begin() + count, got, static_cast<Side>(side));
            count = static_cast<std::uint16_t>(count + got);
        }
        return count;
    }

  private:
    std::array<std::uint16_t, 2> ports_;
    std::uint16_t queue_;
};

class PortSink final : public FrameSink {
  public:
    PortSink(std::array<std::uint16_t, 2> ports, std::array<std::uint16_t, 2> queues)
        : ports_(ports), queues_(queues) {}
    std::uint32_t send(Side out, std::span<rte_mbuf*> frames) noexcept override {
        const auto side = static_cast<std::size_t>(out);
        const std::uint16_t sent = rte_eth_tx_burst(ports_[side], queues_[side], frames.data(),
                                                    static_cast<std::uint16_t>(frames.size()));
        // Waiting for the port would add latency to everything behind; TCP sends again what is dropped here.
        rte_pktmbuf_free_bulk(frames.data() + sent, static_cast<unsigned>(frames.size() - sent));
        return static_cast<std::uint32_t>(frames.size() - sent);
    }

  private:
    std::array<std::uint16_t, 2> ports_;
    std::array<std::uint16_t, 2> queues_;
};

struct RingDeleter {
    void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
};
using MbufRing = std::unique_ptr<rte_ring, RingDeleter>;

[[nodiscard]] MbufRing make_ring(const std::string& name) {
    return MbufRing(rte_ring_create(name.c_str(), worker_ring_frames, static_cast<int>(rte_socket_id()),
                                    RING_F_SP_ENQ | RING_F_SC_DEQ));
}

[[nodiscard]] std::uint32_t enqueue(rte_ring* ring, std::span<rte_mbuf*> frames) noexcept {
    const unsigned taken = rte_ring_enqueue_burst(ring, reinterpret_cast<void**>(frames.data()),
                                                  static_cast<unsigned>(frames.size()), nullptr);
    rte_pktmbuf_free_bulk(frames.data() + taken, static_cast<unsigned>(frames.size() - taken));
    return static_cast<std::uint32_t>(frames.size()) - taken;
}

/// From and to the dispatcher. An mbuf's `port` is its side: of arrival on the way in, of departure on the
/// way out.
class RingSource final : public FrameSource {
  public:
    explicit RingSource(rte_ring* ring) : ring_(ring) {}
    std::uint16_t receive(std::span<rte_mbuf*> frames, std::span<Side> sides) noexcept override {
        const unsigned count = rte_ring_dequeue_burst(ring_, reinterpret_cast<void**>(frames.data()),
                                                      static_cast<unsigned>(frames.size()), nullptr);
        for (unsigned i = 0; i < count; ++i) {
            sides[i] = static_cast<Side>(frames[i]->port);
        }
        return static_cast<std::uint16_t>(count);
    }

  private:
    rte_ring* ring_;
};

class RingSink final : public FrameSink {
  public:
    explicit RingSink(rte_ring* ring) : ring_(ring) {}
    std::uint32_t send(Side out, std::span<rte_mbuf*> frames) noexcept override {
        for (rte_mbuf* frame : frames) {
            frame->port = static_cast<std::uint16_t>(out);
        }
        return enqueue(ring_, frames);
    }

  private:
    rte_ring* ring_;
};

struct Worker {
    std::unique_ptr<FrameSource> source;
    std::unique_ptr<FrameSink> sink;
    std::unique_ptr<Inspector> inspector;
    std::unique_ptr<Exchange> exchange;
    CheckQueue checks;
    CounterMailbox mailbox;
    AdoptionSlot adoption;
    Polling polling = Polling::adaptive;
};

int run_worker(void* argument) {
    auto& worker = *static_cast<Worker*>(argument);
    std::array<rte_mbuf*, burst_frames> frames{};
    std::array<Side, burst_frames> sides{};
    std::array<std::uint64_t, burst_frames> times{};
    Patience patience(worker.polling);
    std::uint64_t last_idle_ns = 0;
    while (!stop_requested()) {
        const std::uint16_t count = worker.source->receive(frames, sides);
        worker.mailbox.serve([&worker] { return worker.exchange->counters(); });
        worker.adoption.serve(*worker.inspector);
        while (const auto answer = worker.checks.take_answer()) {
            worker.inspector->learn(*answer, unix_ns());
        }
        if (count == 0) {
            const std::uint64_t now = unix_ns();
            if (now - last_idle_ns > idle_interval_ns) {
                last_idle_ns = now;
                worker.exchange->idle(now, *worker.sink);
            }
            patience.idle();
            continue;
        }
        patience.worked();
        times.fill(unix_ns());  // once a burst
        worker.exchange->inspect(std::span{frames}.first(count), std::span{sides}.first(count),
                                 std::span{times}.first(count), *worker.sink);
    }
    worker.exchange->finish(unix_ns(), *worker.sink);
    return 0;
}

/// Where the ports cannot spread connections over queues: one lcore takes all frames in, hands them to their
/// owners, and sends what comes back.
struct Dispatcher {
    std::array<std::uint16_t, 2> ports{};
    HashSecret secret;
    Sharing sharing = Sharing::connection;
    std::vector<MbufRing> to_worker;
    std::vector<MbufRing> from_worker;
    Polling polling = Polling::adaptive;
    std::array<std::atomic<std::uint64_t>, 2>
        overflow{};  ///< frames that found a worker's ring full, by the side on which they came
    std::array<std::atomic<std::uint64_t>, 2>
        refused{};  ///< frames that a port did not take, by the side on which they should have left
};

[[nodiscard]] bool send_back(Dispatcher& dispatcher) noexcept {
    std::array<rte_mbuf*, burst_frames> frames{};
    bool worked = false;
    for (const MbufRing& ring : dispatcher.from_worker) {
        const unsigned count = rte_ring_dequeue_burst(ring.get(), reinterpret_cast<void**>(frames.data()),
                                                      burst_frames, nullptr);
        worked = worked || count > 0;
        for (unsigned i = 0; i < count; ++i) {
            if (rte_eth_tx_burst(dispatcher.ports[frames[i]->port], 0, &frames[i], 1) == 0) {
                dispatcher.refused[frames[i]->port].fetch_add(1, std::memory_order_relaxed);
                rte_pktmbuf_free(frames[i]);
            }
        }
    }
    return worked;
}

int run_dispatcher(void* argument) {
    auto& dispatcher = *static_cast<Dispatcher*>(argument);
    PortSource source(dispatcher.ports, 0);
    const auto workers = static_cast<std::uint32_t>(dispatcher.to_worker.size());
    std::array<rte_mbuf*, burst_frames> frames{};
    std::array<Side, burst_frames> sides{};
    Patience patience(dispatcher.polling);
    while (!stop_requested()) {
        const std::uint16_t count = source.receive(frames, sides);
        for (std::uint16_t i = 0; i < count; ++i) {
            frames[i]->port = static_cast<std::uint16_t>(sides[i]);
            rte_ring* ring =
                dispatcher.to_worker[owner_of(frames[i], dispatcher.secret, workers, dispatcher.sharing)]
                    .get();
            dispatcher.overflow[static_cast<std::size_t>(sides[i])].fetch_add(enqueue(ring, {&frames[i], 1}),
                                                                              std::memory_order_relaxed);
        }
        if (send_back(dispatcher) || count > 0) {
            patience.worked();
        } else {
            patience.idle();
        }
    }
    return 0;
}

/// Frames that were on their way between lcores when they stopped.
void drain(std::vector<MbufRing>& rings) noexcept {
    for (MbufRing& ring : rings) {
        void* frame = nullptr;
        while (rte_ring_dequeue(ring.get(), &frame) == 0) {
            rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
        }
    }
}

[[nodiscard]] int fail(const std::string& what) {
    std::cerr << "error: " << what << '\n';
    return 1;
}

template <typename Secret>
[[nodiscard]] bool randomise(Secret& secret) noexcept {
    static_assert(std::has_unique_object_representations_v<Secret>);
    return getrandom(&secret, sizeof secret, 0) == static_cast<ssize_t>(sizeof secret);
}

/// Builds the workers, runs them until a signal, takes them down.
class Appliance {
  public:
    Appliance(const DataplaneOptions& options, const LoadedPolicy& policy, Port& outside, Port& inside,
              rte_mempool* pool, std::uint32_t frame_bytes_end, Reporting& reporting, PolicyReader reader)
        : options_(options),
          policy_(policy),
          outside_(outside),
          inside_(inside),
          pool_(pool),
          frame_bytes_end_(frame_bytes_end),
          reporting_(reporting),
          reader_(std::move(reader)),
          workers_(options.workers) {}

    [[nodiscard]] tl::expected<void, std::string> build() {
        InspectorOptions inspecting;
        if (!randomise(inspecting.secret) || !randomise(inspecting.credential_key)) {
            return tl::unexpected(std::string{"no random numbers"});
        }
        inspecting.verify_checksums = !options_.ignore_checksums;
        inspecting.packet_bytes_max = std::min(outside_.packet_bytes_max(), inside_.packet_bytes_max());
        const std::array<std::uint16_t, 2> ports = {outside_.id(), inside_.id()};
        const bool spread_by_ports =
            outside_.receive_queues() >= options_.workers && inside_.receive_queues() >= options_.workers &&
            outside_.transmit_queues() >= options_.workers && inside_.transmit_queues() >= options_.workers;
        if (!spread_by_ports) {
            dispatcher_ = std::make_unique<Dispatcher>();
            dispatcher_->ports = ports;
            dispatcher_->secret = inspecting.secret;
            dispatcher_->sharing = sharing_of(*policy_.policy);
            dispatcher_->polling = options_.polling;
        }
        for (std::uint32_t i = 0; i < options_.workers; ++i) {
            Worker& worker = workers_[i];
            worker.polling = options_.polling;
            inspecting.verifier = &worker.checks;
            inspecting.hits = reporting_.hits(i);
            worker.inspector = std::make_unique<Inspector>(policy_.policy, reporting_.sink(i), inspecting);
            worker.exchange = std::make_unique<Exchange>(*worker.inspector, pool_,
                                                         policy_.policy->frames_kept_max(), frame_bytes_end_);
            if (spread_by_ports) {
                const auto queue = static_cast<std::uint16_t>(i);
                worker.source = std::make_unique<PortSource>(ports, queue);
                worker.sink = std::make_unique<PortSink>(ports, std::array{queue, queue});
                continue;
            }
            MbufRing in = make_ring("to-" + std::to_string(i));
            MbufRing out = make_ring("from-" + std::to_string(i));
            if (!in || !out) {
                return tl::unexpected(std::string{"no memory for the rings between dispatcher and workers"});
            }
            worker.source = std::make_unique<RingSource>(in.get());
            worker.sink = std::make_unique<RingSink>(out.get());
            dispatcher_->to_worker.push_back(std::move(in));
            dispatcher_->from_worker.push_back(std::move(out));
        }
        return {};
    }

    void run() {
        unsigned lcore = rte_get_next_lcore(-1U, 1, 0);
        for (Worker& worker : workers_) {
            rte_eal_remote_launch(run_worker, &worker, lcore);
            lcore = rte_get_next_lcore(lcore, 1, 0);
        }
        if (dispatcher_) {
            rte_eal_remote_launch(run_dispatcher, dispatcher_.get(), lcore);
        }
        supervise();
        rte_eal_mp_wait_lcore();
        if (dispatcher_) {
            while (send_back(*dispatcher_)) {
            }
            drain(dispatcher_->to_worker);
            drain(dispatcher_->from_worker);
        }
        for (std::uint32_t i = 0; i < workers_.size(); ++i) {
            reporting_.status(i, with_overflow(i, workers_[i].exchange->counters()), links_, true, unix_ns());
        }
    }

  private:
    void supervise() {
        LinkFollower<Port> links(outside_, inside_);
        PolicyChange change(policy_.policy, reader_, places());
        std::uint64_t status_ns = 0;
        std::uint64_t link_ns = 0;
        while (!stop_requested()) {
            const std::uint64_t now = unix_ns();
            if (reporting_.poll(now)) {
                request_stop();
            }
            carry_checks();
            carry_policy(change);
            if (now - link_ns >= link_interval_ns) {
                link_ns = now;
                links_ = links.follow(now);
            }
            if (now - status_ns >= status_interval_ns) {
                status_ns = now;
                for (std::uint32_t i = 0; i < workers_.size(); ++i) {
                    Counters counters;
                    if (workers_[i].mailbox.take(counters)) {
                        reporting_.status(i, with_overflow(i, counters), links_, false, now);
                    }
                }
            }
            usleep(main_interval_us);
        }
    }

    [[nodiscard]] std::vector<PolicyChange::Place> places() {
        std::vector<PolicyChange::Place> places;
        for (Worker& worker : workers_) {
            places.push_back({worker.inspector.get(), &worker.adoption});
        }
        return places;
    }

    /// One policy at a time: an order that comes meanwhile waits.
    void carry_policy(PolicyChange& change) {
        if (!outcome_ && !change.busy()) {
            if (auto order = reporting_.take_policy()) {
                change.begin(std::move(*order));
            }
        }
        if (!outcome_) {
            outcome_ = change.step();
            if (outcome_) {
                tell_change(*outcome_);
            }
        }
        if (outcome_ && reporting_.send(*outcome_)) {
            outcome_.reset();
        }
    }

    static void tell_change(const AdoptedMessage& outcome) {
        if (outcome.refused != 0) {
            std::cerr << "policy refused, the one before stays: "
                      << std::string_view(outcome.refusal.data(), outcome.refusal_bytes) << '\n';
        } else {
            std::cerr << "policy: " << hex_of(outcome.policy_sha256) << ", "
                      << (outcome.observing != 0 ? "observe" : "enforce") << '\n';
        }
    }

    /// Questions to the control process; answers to all workers, since the next connection may be another's.
    void carry_checks() {
        for (const CheckAnswer& answer : reporting_.take_answers()) {
            for (Worker& worker : workers_) {
                worker.checks.tell(answer);
            }
        }
        for (Worker& worker : workers_) {
            worker.checks.set_ready(reporting_.connected());
            for (auto check = worker.checks.front(); check && reporting_.send(*check);
                 check = worker.checks.front()) {
                worker.checks.pop();
            }
        }
    }

    /// What the dispatcher dropped is told with the first worker's counters.
    [[nodiscard]] Counters with_overflow(std::uint32_t worker, Counters counters) const noexcept {
        if (worker == 0 && dispatcher_) {
            for (std::size_t side = 0; side < 2; ++side) {
                const std::uint64_t overflow = dispatcher_->overflow[side].load(std::memory_order_relaxed);
                const std::uint64_t refused = dispatcher_->refused[side].load(std::memory_order_relaxed);
                counters.frames_in[side] += overflow;
                counters.frames_dropped[static_cast<std::size_t>(Reason::out_of_resources)] += overflow;
                counters.frames_forwarded[side] -= std::min(refused, counters.frames_forwarded[side]);
                counters.frames_dropped[static_cast<std::size_t>(Reason::link_down)] += refused;
            }
        }
        return counters;
    }

    const DataplaneOptions& options_;
    const LoadedPolicy& policy_;
    Port& outside_;
    Port& inside_;
    rte_mempool* pool_;
    std::uint32_t frame_bytes_end_;
    Reporting& reporting_;
    PolicyReader reader_;
    std::vector<Worker> workers_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::uint32_t links_ = 0;
    std::optional<AdoptedMessage> outcome_;  ///< that the control process has not taken yet
};

}  // namespace

int run_live(const DataplaneOptions& options, const LoadedPolicy& policy, const PolicyReader& reader) {
    auto outside_name = parse_port(options.outside);
    auto inside_name = parse_port(options.inside);
    if (!outside_name || !inside_name) {
        return fail(!outside_name ? outside_name.error() : inside_name.error());
    }
    if (outside_name->device == inside_name->device || outside_name->hardware() == inside_name->hardware()) {
        return fail("--outside and --inside are both '" + outside_name->hardware() +
                    "'; two different ports are needed");
    }
    std::vector<PortLock> locks;
    for (const PortName* name : {&*outside_name, &*inside_name}) {
        auto lock = PortLock::take(*name);
        if (!lock) {
            return fail(lock.error());
        }
        locks.push_back(std::move(*lock));
    }
    stop_on_signals();

    outside_name = fitted_to_interface(std::move(*outside_name));
    inside_name = fitted_to_interface(std::move(*inside_name));
    // Held segments must never starve the ports of buffers.
    const std::uint32_t lcores = options.workers + 1;
    PoolNeeds pool_needs;
    pool_needs.frames = 4U * ring_descriptors * options.workers +
                        lcores * (RTE_MEMPOOL_CACHE_MAX_SIZE + 4U * burst_frames) +
                        options.workers * (policy.policy->frames_kept_max() + 2U * worker_ring_frames);
    pool_needs.frame_bytes_max = std::max(outside_name->frame_room_bytes(), inside_name->frame_room_bytes());
    // What one port may have cut, or the other would not take.
    const std::uint32_t frame_bytes_end =
        std::min(outside_name->frame_bytes_end(), inside_name->frame_bytes_end());
    auto eal = Eal::start({.ports = {*outside_name, *inside_name},
                           .workers = lcores,
                           .pool = pool_needs,
                           .huge_pages = options.huge_pages,
                           .more_arguments = options.eal_arguments});
    if (!eal) {
        return fail(eal.error());
    }
    const auto pool = make_pool(pool_needs);
    if (!pool) {
        return fail(pool.error());
    }
    auto reporting = Reporting::create(options.control, options.workers, policy);
    if (!reporting) {
        return fail(reporting.error());
    }
    {
        // Both or none: a connection whose two directions were spread differently would be torn apart. None
        // where fragments are put together: devices spread them by other fields than whole segments.
        const auto workers = static_cast<std::uint16_t>(options.workers);
        const bool spread = sharing_of(*policy.policy) == Sharing::connection &&
                            Port::can_spread(*outside_name, workers) &&
                            Port::can_spread(*inside_name, workers);
        const PortSetup setup{.queues = spread ? workers : std::uint16_t{1}};
        auto outside = Port::open(*outside_name, *pool, setup);
        if (!outside) {
            return fail(outside.error());
        }
        auto inside = Port::open(*inside_name, *pool, setup);
        if (!inside) {
            return fail(inside.error());
        }
        Appliance appliance(options, policy, *outside, *inside, *pool, frame_bytes_end, **reporting, reader);
        const auto built = appliance.build();
        if (!built) {
            return fail(built.error());
        }
        std::cerr << "running: " << options.workers << " worker" << (options.workers == 1 ? "" : "s") << ", "
                  << (policy.policy->mode() == Mode::observe ? "observe" : "enforce") << '\n';
        appliance.run();
    }
    const unsigned back = rte_mempool_avail_count(*pool);
    std::cerr << "mbufs: " << back << " of " << pool_needs.frames << " returned\n";
    return back == pool_needs.frames ? 0 : 1;
}

}  // namespace springlatch
