// The whole path of the core: a burst of frames in, verdicts out, with the mix that the product is measured
// by: one third requests with credentials, one third 1.4 KB responses, one third acknowledgements, over many
// connections in random order.
//
// PathWithALargePolicy: the same traffic under 100,000 source prefixes and 10,000 rules.
// Floor/flows: the same loop without the inspector, so that what remains is the cost of preparing a frame.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/pipeline/inspector.h"
#include "tests/support/frames.h"
#include "tests/support/policy_parts.h"

namespace {

using namespace springlatch;
using namespace springlatch::test;

constexpr std::size_t burst_frames = 32;
constexpr std::size_t address_at = 14 + 12, port_at = 14 + 20, sequence_at = 14 + 20 + 4,
                      acknowledgement_at = 14 + 20 + 8;

class NoEvents final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

void put_be32(Bytes& frame, std::size_t at, std::uint32_t value) {
    value = __builtin_bswap32(value);
    std::memcpy(frame.data() + at, &value, 4);
}
void put_be16(Bytes& frame, std::size_t at, std::uint16_t value) {
    value = __builtin_bswap16(value);
    std::memcpy(frame.data() + at, &value, 2);
}

const std::string request =
    "GET /support-cases/_search?size=20 HTTP/1.1\r\nHost: 198.51.100.10:9200\r\nAuthorization: Basic "
    "aW5nZXN0OnNlY3JldA==\r\n"
    "User-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

[[nodiscard]] std::string response() {
    std::string text = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1300\r\n\r\n";
    text.append(1300, 'r');
    return text;
}

struct Flow {
    std::uint32_t client_next = 1001, server_next = 5001;
    std::uint8_t step = 0;
};

class Traffic {
  public:
    explicit Traffic(std::uint32_t flows) : flows_(flows) {
        for (std::size_t i = 0; i < burst_frames; ++i) {
            requests_.push_back(
                TcpFrame().from("192.0.2.0", 1).to("198.51.100.10", 9200).ack(1).payload(request).build());
            responses_.push_back(
                TcpFrame().from("198.51.100.10", 9200).to("192.0.2.0", 1).ack(1).payload(response()).build());
            acks_.push_back(TcpFrame().from("192.0.2.0", 1).to("198.51.100.10", 9200).ack(1).build());
        }
    }

    [[nodiscard]] static std::uint32_t client_of(std::uint32_t flow) { return 0xc0000200U | (flow & 0xffU); }
    [[nodiscard]] static std::uint16_t port_of(std::uint32_t flow) {
        return static_cast<std::uint16_t>(1024 + (flow >> 8U) % 64000U);
    }

    /// The next frame of this connection, in buffer `slot`.
    [[nodiscard]] Frame next(std::uint32_t index, std::size_t slot) {
        Flow& flow = flows_[index];
        Bytes* frame = nullptr;
        Side side = Side::outside;
        switch (flow.step) {
            case 0:
                frame = &requests_[slot];
                put(*frame, index, flow.client_next, flow.server_next, true);
                flow.client_next += static_cast<std::uint32_t>(request.size());
                break;
            case 1:
                frame = &responses_[slot];
                side = Side::inside;
                put(*frame, index, flow.server_next, flow.client_next, false);
                flow.server_next += static_cast<std::uint32_t>(frame->size() - 54);
                break;
            default:
                frame = &acks_[slot];
                put(*frame, index, flow.client_next, flow.server_next, true);
                break;
        }
        flow.step = static_cast<std::uint8_t>((flow.step + 1) % 3);
        return {
            .bytes = *frame, .time_ns = now_ += 50, .handle = frame, .arrived = side, .checksum_good = true};
    }
    void open(Inspector& inspector, Output& out) {
        for (std::uint32_t i = 0; i < flows_.size(); ++i) {
            Bytes syn = TcpFrame()
                            .from(IpAddress::v4(client_of(i)), port_of(i))
                            .to("198.51.100.10", 9200)
                            .seq(1000)
                            .syn()
                            .build();
            Bytes syn_ack = TcpFrame()
                                .from("198.51.100.10", 9200)
                                .to(IpAddress::v4(client_of(i)), port_of(i))
                                .seq(5000)
                                .ack(1001)
                                .syn()
                                .build();
            Bytes ack = TcpFrame()
                            .from(IpAddress::v4(client_of(i)), port_of(i))
                            .to("198.51.100.10", 9200)
                            .seq(1001)
                            .ack(5001)
                            .build();
            std::array<Frame, 3> burst{Frame{.bytes = syn,
                                             .time_ns = now_,
                                             .handle = &syn,
                                             .arrived = Side::outside,
                                             .checksum_good = true},
                                       Frame{.bytes = syn_ack,
                                             .time_ns = now_,
                                             .handle = &syn_ack,
                                             .arrived = Side::inside,
                                             .checksum_good = true},
                                       Frame{.bytes = ack,
                                             .time_ns = now_,
                                             .handle = &ack,
                                             .arrived = Side::outside,
                                             .checksum_good = true}};
            out.clear();
            inspector.inspect(burst, out);
        }
    }

  private:
    static void put(Bytes& frame, std::uint32_t index, std::uint32_t sequence, std::uint32_t acknowledgement,
                    bool from_client) {
        put_be32(frame, address_at + (from_client ? 0 : 4), client_of(index));
        put_be16(frame, port_at + (from_client ? 0 : 2), port_of(index));
        put_be32(frame, sequence_at, sequence);
        put_be32(frame, acknowledgement_at, acknowledgement);
        // The IPv4 header checksum is always verified by the core.
        frame[24] = frame[25] = std::byte{0};
        const std::uint16_t sum = slow_checksum(std::span{frame}.subspan(14, 20));
        put_be16(frame, 24, sum);
    }

    std::vector<Flow> flows_;
    std::vector<Bytes> requests_, responses_, acks_;
    std::uint64_t now_ = 1'700'000'000'000'000'000U;
};

/// 100,000 source prefixes in 1,000 zones and 10,000 rules, ten for each zone: a request of this traffic
/// meets nine that do not match.
PolicyParts large_policy() {
    constexpr std::uint16_t zones = 1000;
    PolicyParts parts;
    std::vector<AddressRange> ranges;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::uint32_t first = (16U << 24U) + (i << 10U);  // 16.0.0.0 on, with gaps
        ranges.push_back(
            {IpAddress::v4(first), IpAddress::v4(first + 255), static_cast<std::uint16_t>(i % zones)});
    }
    ranges.push_back({IpAddress::v4(0xc0000200), IpAddress::v4(0xc00002ff), 1});
    parts.zones = RangeMap(std::move(ranges));
    parts.zone_names.assign(zones, "zone");
    const Rule wanted = parts.rules[0];
    parts.rules.clear();
    for (std::uint16_t zone = 0; zone < zones; ++zone) {
        Rule rule = wanted;
        rule.zones = {zone};
        rule.methods = 1U << static_cast<unsigned>(http::Method::delete_);
        parts.rules.insert(parts.rules.end(), 9, rule);
        rule.methods = 0;
        parts.rules.push_back(rule);
    }
    return parts;
}

void run(benchmark::State& state, bool inspects, PolicyParts parts) {
    const auto flows = static_cast<std::uint32_t>(state.range(0));
    parts.limits.flows = flows + flows / 8 + 1024;
    parts.limits.retained_bytes =
        std::uint32_t{flows} * 512 + (1U << 20U);  // a third of all connections has a request out
    NoEvents events;
    const auto policy = std::make_shared<const CompiledPolicy>(std::move(parts));
    Inspector inspector(policy, events, {});
    Output out(policy->limits().held_segments);
    Traffic traffic(flows);
    traffic.open(inspector, out);
    std::mt19937 random(7);
    std::vector<std::uint32_t> order(1U << 20U);
    for (std::uint32_t& index : order) index = static_cast<std::uint32_t>(random() % flows);
    std::size_t at = 0;
    std::array<Frame, burst_frames> burst;
    std::uint64_t packets = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < burst_frames; ++i) {
            burst[i] = traffic.next(order[at], i);
            at = (at + 1) & (order.size() - 1);
        }
        if (inspects) {
            out.clear();
            inspector.inspect(burst, out);
            benchmark::DoNotOptimize(out.departures.data());
        }
        packets += burst_frames;
    }
    state.counters["ns_per_packet"] = benchmark::Counter(
        static_cast<double>(packets) / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    if (inspects) {
        const Counters& counters = inspector.counters();
        std::uint64_t dropped = 0;
        for (const std::uint64_t one : counters.frames_dropped) dropped += one;
        state.counters["dropped"] = static_cast<double>(dropped);
        state.counters["requests"] = static_cast<double>(counters.requests_allowed);
        state.counters["bytes_per_flow"] =
            static_cast<double>(inspector.memory_bytes()) / static_cast<double>(policy->limits().flows);
    }
}

void Floor(benchmark::State& state) {
    run(state, false, {});
}
void Path(benchmark::State& state) {
    run(state, true, {});
}
void PathWithALargePolicy(benchmark::State& state) {
    run(state, true, large_policy());
}

/// What a change of policy adds to a burst: medians of ordinary bursts, of those in which the policy is taken
/// over, and of those that mark connections afterwards.
void Swap(benchmark::State& state) {
    const auto flows = static_cast<std::uint32_t>(state.range(0));
    const auto policy_of = [flows](std::uint32_t generation) {
        PolicyParts parts;
        parts.generation = generation;
        parts.limits.flows = flows + flows / 8 + 1024;
        parts.limits.retained_bytes = std::uint32_t{flows} * 512 + (1U << 20U);
        return std::make_shared<const CompiledPolicy>(std::move(parts));
    };
    NoEvents events;
    std::uint32_t generation = 1;
    Inspector inspector(policy_of(generation), events, {});
    Output out(policy_of(generation)->frames_kept_max());
    Traffic traffic(flows);
    traffic.open(inspector, out);
    std::mt19937 random(7);
    std::array<Frame, burst_frames> burst;
    std::array<std::vector<double>, 3> times;
    const auto carry = [&](std::vector<double>& into, Adoption* adoption) {
        for (std::size_t i = 0; i < burst_frames; ++i) {
            burst[i] = traffic.next(static_cast<std::uint32_t>(random() % flows), i);
        }
        out.clear();
        const auto before = std::chrono::steady_clock::now();
        if (adoption != nullptr) inspector.adopt(*adoption);
        inspector.inspect(burst, out);
        const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - before;
        into.push_back(spent.count());
    };
    for (auto _ : state) {
        for (int i = 0; i < 1000; ++i) carry(times[0], nullptr);
        const auto adoption = inspector.prepare(policy_of(++generation));
        carry(times[1], adoption.get());
        while (!inspector.can_adopt()) carry(times[2], nullptr);
    }
    const auto median = [](std::vector<double>& values) {
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        return *middle;
    };
    state.counters["burst_ns"] = median(times[0]);
    state.counters["swap_burst_ns"] = median(times[1]);
    state.counters["marking_burst_ns"] = median(times[2]);
    std::uint64_t dropped = 0;
    for (const std::uint64_t one : inspector.counters().frames_dropped) dropped += one;
    state.counters["dropped"] = static_cast<double>(dropped);
}

BENCHMARK(Swap)->Arg(10'000)->Arg(1'000'000)->Iterations(20);
BENCHMARK(Floor)->Arg(10'000)->Arg(1'000'000);
BENCHMARK(Path)->Arg(10'000)->Arg(1'000'000);
BENCHMARK(PathWithALargePolicy)->Arg(10'000);

}  // namespace

BENCHMARK_MAIN();
