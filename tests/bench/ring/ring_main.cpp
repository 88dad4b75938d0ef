// The whole path through DPDK: bursts of mbufs from a ring, through the exchange and the inspector, and back
// to their pool. One third requests with credentials, one third 1.4 KB responses, one third acknowledgements,
// over connections in random order.
//
// Floor: the same loop, but the frames go straight from the ring to the sink: what is left is what input and
// output cost (an mbuf from the pool, the frame's bytes written into it as a device would, the ring, the mbuf
// given back). Floor and path take turns, so that a machine that becomes slower meanwhile is slower for both.
#include <rte_errno.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/worker.h"
#include "dataplane/flow/huge_pages.h"
#include "tests/support/frames.h"
#include "tests/support/policy_parts.h"

namespace {

using namespace springlatch;
using namespace springlatch::test;

constexpr std::size_t burst_frames = 32;
constexpr std::uint32_t ring_slots = 1024;  // as a device's receive queue
constexpr std::uint32_t ring_frames = 960;  // that wait in the ring: a multiple of kinds and of bursts
constexpr std::uint32_t pool_frames = 4096;
constexpr std::size_t round_packets = 3'000'000;
constexpr std::size_t rounds = 7;
constexpr std::size_t ip_at = 14, ip_checksum_at = ip_at + 10, source_at = ip_at + 12,
                      destination_at = ip_at + 16, source_port_at = ip_at + 20,
                      destination_port_at = ip_at + 22, sequence_at = ip_at + 24,
                      acknowledgement_at = ip_at + 28, headers_bytes = 54;
constexpr std::uint32_t client_first = 1001, server_first = 5001;

const std::string request =
    "GET /support-cases/_search?size=20 HTTP/1.1\r\nHost: 198.51.100.10:9200\r\nAuthorization: Basic "
    "aW5nZXN0OnNlY3JldA==\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

[[nodiscard]] std::string response() {
    std::string text = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1300\r\n\r\n";
    text.append(1300, 'r');
    return text;
}

class NoEvents final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

[[nodiscard]] std::uint32_t client_of(std::uint32_t flow) {
    return 0xc0000200U | (flow & 0xffU);
}
[[nodiscard]] std::uint16_t port_of(std::uint32_t flow) {
    return static_cast<std::uint16_t>(1024 + (flow >> 8U) % 64000U);
}

void put_be32(std::byte* at, std::uint32_t value) noexcept {
    value = __builtin_bswap32(value);
    std::memcpy(at, &value, sizeof value);
}
void put_be16(std::byte* at, std::uint16_t value) noexcept {
    value = __builtin_bswap16(value);
    std::memcpy(at, &value, sizeof value);
}

/// The frame of one kind without a client: its address and port are zero.
struct Kind {
    Kind(Side side, std::string_view payload) : arrived(side) {
        const IpAddress client = IpAddress::v4(0), server = ip("198.51.100.10");
        TcpFrame made;
        if (side == Side::outside) {
            made.from(client, 0).to(server, 9200);
        } else {
            made.from(server, 9200).to(client, 0);
        }
        frame = made.ack(1).payload(payload).build();
        frame[ip_checksum_at] = frame[ip_checksum_at + 1] = std::byte{0};
        header_sum = static_cast<std::uint16_t>(~slow_checksum(std::span{frame}.subspan(ip_at, 20)));
    }
    [[nodiscard]] std::uint16_t bytes() const { return static_cast<std::uint16_t>(frame.size()); }
    [[nodiscard]] std::uint32_t payload_bytes() const { return bytes() - std::uint32_t{headers_bytes}; }

    Side arrived;
    Bytes frame;
    std::uint32_t header_sum = 0;  ///< of the IPv4 header without checksum and client (RFC 1071)
};

enum KindIndex : std::uint16_t { kind_request, kind_response, kind_acknowledgement };
constexpr std::size_t kind_count = 3;
using Kinds = std::array<Kind, kind_count>;

/// The state of all connections and whose turn it is. Each connection gets a request, a response and an
/// acknowledgement in turn; the three kinds go over the same random order a third of it apart, so that
/// whatever kind the ring yields there is a connection that waits for it.
class Traffic {
  public:
    Traffic(const Kinds& kinds, std::uint32_t flows) : kinds_(kinds), flows_(flows), order_(flows) {
        std::iota(order_.begin(), order_.end(), 0U);
        std::shuffle(order_.begin(), order_.end(), std::mt19937(7));
    }

    /// Writes the headers of the next frame of this kind into `frame`, which holds a frame of that kind.
    void write_next(std::byte* frame, std::size_t kind) noexcept {
        ++written_[kind];
        std::uint32_t& cursor = cursors_[kind];
        const std::uint32_t index = order_[cursor];
        cursor = cursor + 1 == order_.size() ? 0 : cursor + 1;
        // A sender's memory is not the appliance's: its cache misses shall not count.
        constexpr std::uint32_t ahead = 16;
        __builtin_prefetch(&flows_[order_[cursor + ahead < order_.size() ? cursor + ahead : cursor]], 1);
        Flow& flow = flows_[index];
        const Kind& one = kinds_[kind];
        const std::uint32_t client = client_of(index);
        const bool from_client = one.arrived == Side::outside;
        put_be32(frame + (from_client ? source_at : destination_at), client);
        put_be16(frame + (from_client ? source_port_at : destination_port_at), port_of(index));
        std::uint32_t& sent = from_client ? flow.client_next : flow.server_next;
        put_be32(frame + sequence_at, sent);
        put_be32(frame + acknowledgement_at, from_client ? flow.server_next : flow.client_next);
        sent += one.payload_bytes();
        std::uint32_t sum = one.header_sum + (client >> 16U) + (client & 0xffffU);
        sum = (sum & 0xffffU) + (sum >> 16U);
        sum = (sum & 0xffffU) + (sum >> 16U);
        put_be16(frame + ip_checksum_at, static_cast<std::uint16_t>(~sum));
    }

    /// The handshakes of all connections and as many requests and responses as put the kinds a third of the
    /// order apart. `give`: takes (bytes, side).
    template <typename Give>
    void open(Give&& give) {
        for (std::uint32_t i = 0; i < flows_.size(); ++i) {
            const IpAddress client = IpAddress::v4(client_of(i)), server = ip("198.51.100.10");
            const auto from_client = [&] { return TcpFrame().from(client, port_of(i)).to(server, 9200); };
            give(from_client().seq(client_first - 1).syn().build(), Side::outside);
            give(TcpFrame()
                     .from(server, 9200)
                     .to(client, port_of(i))
                     .seq(server_first - 1)
                     .ack(client_first)
                     .syn()
                     .build(),
                 Side::inside);
            give(from_client().seq(client_first).ack(server_first).build(), Side::outside);
        }
        advance(give);
    }
    /// The same without handshakes, for connections that nobody inspects.
    template <typename Give>
    void advance(Give&& give) {
        const std::size_t third = flows_.size() / 3;
        const auto some = [&](std::size_t kind, std::size_t count) {
            for (std::size_t i = 0; i < count; ++i) {
                Bytes frame = kinds_[kind].frame;
                write_next(frame.data(), kind);
                give(std::move(frame), kinds_[kind].arrived);
            }
        };
        some(kind_request, 2 * third);
        some(kind_response, third);
    }

    [[nodiscard]] std::uint64_t requests() const noexcept { return written_[kind_request]; }
    /// Without handshakes.
    [[nodiscard]] std::uint64_t frames() const noexcept {
        return std::accumulate(written_.begin(), written_.end(), std::uint64_t{0});
    }

  private:
    struct Flow {
        std::uint32_t client_next = client_first, server_next = server_first;
    };
    const Kinds& kinds_;
    TableMemory<Flow> flows_;
    TableMemory<std::uint32_t> order_;
    std::array<std::uint32_t, kind_count> cursors_{};
    std::array<std::uint64_t, kind_count> written_{};
};

/// Where frames come from, as from a device: mbufs of the pool with a frame's bytes in them, in a ring. And
/// where they go: back to the pool.
class FrameRing final : public FrameSink {
  public:
    [[nodiscard]] static tl::expected<std::unique_ptr<FrameRing>, std::string> fill(rte_mempool* pool,
                                                                                    const Kinds& kinds) {
        rte_ring* ring = rte_ring_create("frames", ring_slots, static_cast<int>(rte_socket_id()),
                                         RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (ring == nullptr) {
            return tl::unexpected("no ring of " + std::to_string(ring_slots) +
                                  " frames: " + rte_strerror(rte_errno));
        }
        std::unique_ptr<FrameRing> made(new FrameRing(ring, pool, kinds));
        while (rte_ring_count(ring) < ring_frames) {
            if (!made->receive()) {
                return tl::unexpected(std::string{"the pool has too few frames"});
            }
        }
        return made;
    }
    FrameRing(const FrameRing&) = delete;
    FrameRing& operator=(const FrameRing&) = delete;
    ~FrameRing() override {
        for (void* frame = nullptr; rte_ring_dequeue(ring_, &frame) == 0;) {
            rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
        }
        rte_ring_free(ring_);
    }

    /// A burst arrives at the ring's end and one leaves at its front. False if the pool is empty: frames were
    /// not given back.
    [[nodiscard]] bool take(std::array<rte_mbuf*, burst_frames>& burst) noexcept {
        return receive() && rte_ring_dequeue_bulk(ring_, reinterpret_cast<void**>(burst.data()), burst_frames,
                                                  nullptr) != 0;
    }
    std::uint32_t send(Side, std::span<rte_mbuf*> frames) noexcept override {
        rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
        return 0;
    }

  private:
    FrameRing(rte_ring* ring, rte_mempool* pool, const Kinds& kinds)
        : ring_(ring), pool_(pool), kinds_(kinds), order_(ring_frames) {
        for (std::size_t i = 0; i < order_.size(); ++i) {
            order_[i] = static_cast<std::uint16_t>(i % kind_count);
        }
        std::shuffle(order_.begin(), order_.end(), std::mt19937(11));
    }

    [[nodiscard]] bool receive() noexcept {
        std::array<rte_mbuf*, burst_frames> burst{};
        if (rte_pktmbuf_alloc_bulk(pool_, burst.data(), burst_frames) != 0) {
            return false;
        }
        for (rte_mbuf* frame : burst) {
            const std::uint16_t kind = order_[at_];
            at_ = at_ + 1 == order_.size() ? 0 : at_ + 1;
            const Kind& one = kinds_[kind];
            std::memcpy(rte_pktmbuf_mtod(frame, void*), one.frame.data(), one.bytes());
            frame->port = kind;
            frame->data_len = one.bytes();
            frame->pkt_len = one.bytes();
            frame->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
        }
        return rte_ring_enqueue_bulk(ring_, reinterpret_cast<void**>(burst.data()), burst_frames, nullptr) !=
               0;
    }

    rte_ring* ring_;
    rte_mempool* pool_;
    const Kinds& kinds_;
    std::vector<std::uint16_t> order_;  ///< of the kinds
    std::size_t at_ = 0;
};

/// This thread's processor time: what others take of the core meanwhile is not ours.
[[nodiscard]] double spent_ns() noexcept {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// Nanoseconds a packet of one round; `carry` takes (frames, sides, times_ns). Error: the ring ran dry.
template <typename Carry>
[[nodiscard]] tl::expected<double, std::string> time_round(FrameRing& ring, const Kinds& kinds,
                                                           Traffic& traffic, std::uint64_t& now_ns,
                                                           Carry&& carry) {
    std::array<rte_mbuf*, burst_frames> frames{};
    std::array<Side, burst_frames> sides{};
    std::array<std::uint64_t, burst_frames> times_ns{};
    const double start_ns = spent_ns();
    for (std::size_t done = 0; done < round_packets; done += burst_frames) {
        if (!ring.take(frames)) {
            return tl::unexpected(std::string{"frames did not come back to the pool"});
        }
        for (std::size_t i = 0; i < burst_frames; ++i) {
            rte_mbuf* frame = frames[i];
            const std::size_t kind = frame->port;
            traffic.write_next(rte_pktmbuf_mtod(frame, std::byte*), kind);
            sides[i] = kinds[kind].arrived;
            times_ns[i] = now_ns += 50;
        }
        carry(frames, sides, times_ns);
    }
    return (spent_ns() - start_ns) / static_cast<double>(round_packets);
}

[[nodiscard]] double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

struct Figures {
    std::uint32_t flows = 0;
    double floor_ns = 0;
    double path_ns = 0;
    double bytes_per_flow = 0;
    [[nodiscard]] double ratio() const { return path_ns / floor_ns; }
    [[nodiscard]] double mpps() const { return 1e3 / path_ns; }
    [[nodiscard]] double requests_per_second() const { return 1e9 / path_ns / kind_count; }
};

/// Error: what was not forwarded as it should have been, "" if nothing.
[[nodiscard]] std::string lost(const Counters& counters, const Traffic& traffic, std::uint32_t flows) {
    const std::uint64_t frames = traffic.frames() + 3 * std::uint64_t{flows}, requests = traffic.requests();
    const auto sum = [](const auto& values) {
        return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
    };
    const std::uint64_t dropped = sum(counters.frames_dropped);
    if (dropped != 0 || sum(counters.frames_forwarded) != frames || sum(counters.frames_made) != 0) {
        return std::to_string(dropped) + " frames dropped, " + std::to_string(sum(counters.frames_made)) +
               " made, " + std::to_string(sum(counters.frames_forwarded)) + " of " + std::to_string(frames) +
               " forwarded";
    }
    if (counters.requests_allowed != requests || sum(counters.requests_denied) != 0) {
        return std::to_string(counters.requests_allowed) + " of " + std::to_string(requests) +
               " requests allowed, " + std::to_string(sum(counters.requests_denied)) + " denied";
    }
    return {};
}

[[nodiscard]] tl::expected<Figures, std::string> measure(rte_mempool* pool, const Kinds& kinds,
                                                         std::uint32_t flows) {
    PolicyParts parts;
    parts.limits.flows = flows + flows / 8 + 1024;
    parts.limits.retained_bytes = flows * 512 + (1U << 20U);  // a third of all connections has a request out
    const auto policy = std::make_shared<const CompiledPolicy>(std::move(parts));
    NoEvents events;
    Inspector inspector(policy, events, {});
    Exchange exchange(inspector, pool, policy->limits().held_segments);
    auto ring = FrameRing::fill(pool, kinds);
    if (!ring) {
        return tl::unexpected(ring.error());
    }

    std::uint64_t now_ns = 1'700'000'000'000'000'000U;
    Traffic floor_traffic(kinds, flows), path_traffic(kinds, flows);
    floor_traffic.advance([](const Bytes&, Side) {});
    Output out(policy->limits().held_segments);
    path_traffic.open([&](Bytes bytes, Side side) {
        std::array<Frame, 1> one{Frame{.bytes = bytes,
                                       .time_ns = now_ns += 50,
                                       .handle = &bytes,
                                       .arrived = side,
                                       .checksum_good = true}};
        out.clear();
        inspector.inspect(one, out);
    });

    // The frames so far were no mbufs: none may be left with the inspector.
    if (const std::string error = lost(exchange.counters(), path_traffic, flows); !error.empty()) {
        return tl::unexpected("while connections were opened: " + error);
    }

    std::vector<double> floor_ns, path_ns;
    for (std::size_t round = 0; round <= rounds; ++round) {
        const auto floor =
            time_round(**ring, kinds, floor_traffic, now_ns,
                       [&](auto& burst, auto& sides, auto&) { (*ring)->send(sides[0], burst); });
        const auto path =
            time_round(**ring, kinds, path_traffic, now_ns, [&](auto& burst, auto& sides, auto& times_ns) {
                exchange.inspect(burst, sides, times_ns, **ring);
            });
        if (!floor || !path) {
            return tl::unexpected((floor ? path : floor).error() + " (" +
                                  lost(exchange.counters(), path_traffic, flows) + ")");
        }
        if (round > 0) {  // the first one warms up
            floor_ns.push_back(*floor);
            path_ns.push_back(*path);
        }
    }
    if (const std::string error = lost(exchange.counters(), path_traffic, flows); !error.empty()) {
        return tl::unexpected(error);
    }
    return Figures{
        flows, median(floor_ns), median(path_ns),
        static_cast<double>(inspector.memory_bytes()) / static_cast<double>(policy->limits().flows)};
}

[[nodiscard]] int fail(const std::string& what) {
    std::fprintf(stderr, "springlatch-bench-ring: %s\n", what.c_str());
    return 1;
}

[[nodiscard]] int run(const std::string& json_file) {
    const auto eal = Eal::start({.ports = {},
                                 .workers = 0,
                                 .memory_bytes = std::uint64_t{pool_frames} * (2048 + 512U),
                                 .huge_pages = HugePages::automatic,
                                 .more_arguments = {}});
    if (!eal) {
        return fail(eal.error());
    }
    const auto pool = make_pool({.frames = pool_frames, .frame_bytes_max = 2048});
    if (!pool) {
        return fail(pool.error());
    }
    const Kinds kinds{Kind(Side::outside, request), Kind(Side::inside, response()), Kind(Side::outside, "")};
    auto results = nlohmann::json::array();
    std::printf("%9s %15s %14s %7s %7s %12s %11s\n", "flows", "floor ns/packet", "path ns/packet", "ratio",
                "Mpps", "requests/s", "bytes/flow");
    for (const std::uint32_t flows : {10'000U, 1'000'000U}) {
        const auto figures = measure(*pool, kinds, flows);
        if (!figures) {
            return fail(std::to_string(flows) + " flows: " + figures.error());
        }
        std::printf("%9u %15.1f %14.1f %7.2f %7.2f %12.0f %11.1f\n", flows, figures->floor_ns,
                    figures->path_ns, figures->ratio(), figures->mpps(), figures->requests_per_second(),
                    figures->bytes_per_flow);
        std::fflush(stdout);
        results.push_back({{"flows", flows},
                           {"floor_ns_per_packet", figures->floor_ns},
                           {"path_ns_per_packet", figures->path_ns},
                           {"ratio", figures->ratio()},
                           {"mpps", figures->mpps()},
                           {"requests_per_second", figures->requests_per_second()},
                           {"bytes_per_flow", figures->bytes_per_flow}});
    }
    if (!json_file.empty()) {
        std::ofstream file(json_file);
        file << nlohmann::json{{"ring", results}}.dump(2) << '\n';
        if (!file.flush()) {
            return fail(json_file + ": cannot be written");
        }
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string json_file;
    if (argc == 3 && std::string_view{argv[1]} == "--json") {
        json_file = argv[2];
    } else if (argc != 1) {
        std::fprintf(stderr, "usage: springlatch-bench-ring [--json FILE]\n");
        return 2;
    }
    return run(json_file);
}
