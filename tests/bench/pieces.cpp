// The pieces every packet pays for: decoding, checksums, keys, look-ups, half-open inserts, made resets.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "dataplane/credentials/cache.h"
#include "dataplane/flow/half_open.h"
#include "dataplane/flow/key.h"
#include "dataplane/flow/table.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/decode.h"
#include "tests/support/frames.h"

namespace {

using namespace springlatch;

constexpr HashSecret secret{{1, 2, 3, 4}};

test::Bytes frame_with(std::size_t payload_bytes) {
    const test::Bytes payload(payload_bytes, std::byte{0x61});
    return test::TcpFrame().vlan(7).seq(1).ack(2).options({1, 1}).timestamp(3, 4).payload(payload).build();
}

/// Arguments: payload bytes; whether the TCP checksum is verified.
void decode_frame(benchmark::State& state) {
    const test::Bytes frame = frame_with(static_cast<std::size_t>(state.range(0)));
    const VerifyTcpChecksum verify = state.range(1) != 0 ? VerifyTcpChecksum::yes : VerifyTcpChecksum::no;
    DecodedFrame decoded;
    for (auto _ : state) {
        benchmark::DoNotOptimize(decode(frame, verify, decoded));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(decode_frame)->ArgNames({"payload", "verify"})->ArgsProduct({{0, 1400}, {0, 1}});

void checksum(benchmark::State& state) {
    const test::Bytes bytes(static_cast<std::size_t>(state.range(0)), std::byte{0x61});
    for (auto _ : state) benchmark::DoNotOptimize(checksum_sum(bytes));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(20)->Arg(1460)->Arg(9000);

void key(benchmark::State& state) {
    const IpAddress server = IpAddress::v4(0xc633640a);
    std::uint32_t client = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(flow_key(secret, IpAddress::v4(++client), 40000, server, 9200));
}
BENCHMARK(key);

constexpr std::size_t burst = 32;

/// Bursts of random present keys, all stages of a look-up, and one write to the record: what a packet of a
/// known flow costs.
void look_up(benchmark::State& state) {
    const auto flows = static_cast<std::uint32_t>(state.range(0));
    FlowTable table(flows);
    std::mt19937_64 random(1);
    std::vector<FlowKey> keys;
    while (keys.size() < flows * std::size_t{9} / 10) {
        const FlowKey candidate{random(), random()};
        if (table.insert(candidate) != no_index) keys.push_back(candidate);
    }
    // The order is drawn before, and its keys lie side by side, so that only the table misses the caches.
    std::vector<FlowKey> order(std::size_t{1} << 18U);
    for (FlowKey& one : order) one = keys[random() % keys.size()];
    std::array<std::uint32_t, burst> hints{};
    std::size_t at = 0;
    for (auto _ : state) {
        const std::span<const FlowKey> wanted = std::span(order).subspan(at, burst);
        for (const FlowKey& one : wanted) table.prefetch_bucket(one);
        for (std::size_t i = 0; i < burst; ++i) hints[i] = table.prefetch_flow(wanted[i]);
        for (std::size_t i = 0; i < burst; ++i) {
            if (hints[i] == no_index) hints[i] = table.prefetch_displaced(wanted[i]);
        }
        for (std::size_t i = 0; i < burst; ++i) ++table.hot(table.find(wanted[i], hints[i])).last_seen;
        at = (at + burst) % order.size();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(burst));
}
BENCHMARK(look_up)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

void half_open_insert(benchmark::State& state) {
    HalfOpenCache cache(static_cast<std::uint32_t>(state.range(0)));
    std::mt19937_64 random(1);
    std::vector<FlowKey> keys(std::size_t{1} << 18U);
    for (FlowKey& one : keys) one = {random(), random()};
    std::size_t at = 0;
    for (auto _ : state) {
        const std::span<const FlowKey> wanted = std::span(keys).subspan(at, burst);
        for (const FlowKey& one : wanted) cache.prefetch(one);
        for (const FlowKey& one : wanted) cache.claim(one, 1).client_isn = 1;
        at = (at + burst) % keys.size();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(burst));
}
BENCHMARK(half_open_insert)->Arg(1 << 16)->Arg(1 << 20);

/// What a request with a known credential value costs: one keyed hash, one look-up. Argument: values known,
/// all in use.
void known_credential(benchmark::State& state) {
    struct Everybody final : CredentialVerifier {
        [[nodiscard]] bool ready() const noexcept override { return true; }
        [[nodiscard]] Asked ask(const CheckRequest&, CheckAnswer& answer) noexcept override {
            answer.result = CheckResult::accepted;
            answer.identity = 0;
            return Asked::answered;
        }
    } everybody;
    constexpr std::uint64_t now_ns = 1'800'000'000'000'000'000U;
    CredentialLimits limits;
    limits.values = static_cast<std::uint32_t>(state.range(0)) * 4;
    limits.checks_per_minute = 100'000'000;
    CredentialCache cache(limits, 1, {1, 2}, &everybody);
    std::vector<test::Bytes> values;
    for (int i = 0; i < state.range(0); ++i) {
        values.push_back(
            test::to_bytes("Basic c2hpcHBlcjpub3QtYS1yZWFsLXNlY3JldA" + std::to_string(100'000 + i)));
        (void)cache.find(values.back(), IpAddress::v4(1), now_ns);
    }
    std::size_t at = 0;
    std::uint64_t accepted = 0;
    for (auto _ : state) {
        at = at + 1 < values.size() ? at + 1 : 0;
        accepted += cache.find(values[at], IpAddress::v4(1), now_ns).standing == Standing::accepted ? 1U : 0U;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(accepted));
}
BENCHMARK(known_credential)->Arg(1)->Arg(1'000);

void reset_frame(benchmark::State& state) {
    const test::Bytes model = test::TcpFrame().build();
    SegmentSpec spec;
    spec.link_header = std::span(model).first(14);
    spec.swap_link_addresses = true;
    spec.source = IpAddress::v4(0xc633640a);
    spec.destination = IpAddress::v4(0xc0000201);
    spec.source_port = 9200;
    spec.destination_port = 40000;
    spec.flags = tcp_flag::rst;
    std::array<std::byte, segment_header_bytes_max> out;
    for (auto _ : state) {
        ++spec.sequence;
        benchmark::DoNotOptimize(build_segment(spec, out));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(reset_frame);

}  // namespace

BENCHMARK_MAIN();
