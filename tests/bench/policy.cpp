// From a policy's text to the policy that the data plane runs.
#include <benchmark/benchmark.h>

#include <string>

#include "config/load.h"

namespace {

using namespace springlatch;

/// 100,000 prefixes in 1,000 zones, 10,000 rules, ten for each zone; `paths` of them have an expression of
/// their own.
std::string policy_text(int paths) {
    constexpr int zones = 1000;
    std::string text = R"({"version": 1, "zones": {)";
    for (int zone = 0; zone < zones; ++zone) {
        text += (zone == 0 ? "" : ",\n") + ("\"z" + std::to_string(zone)) + "\": [";
        for (int i = 0; i < 100; ++i) {
            const int prefix = zone * 100 + i;
            text += (i == 0 ? "\"" : ", \"") + std::to_string(16 + prefix / 16384) + "." +
                    std::to_string(prefix / 64 % 256) + "." + std::to_string(prefix % 64 * 4) + ".0/24\"";
        }
        text += "]";
    }
    text +=
        R"(}, "services": {"s": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]}}, "rules": [)";
    for (int rule = 0; rule < zones * 10; ++rule) {
        text += (rule == 0 ? "" : ",\n") + ("{\"id\": \"r" + std::to_string(rule)) + "\", \"from\": [\"z" +
                std::to_string(rule % zones) +
                R"("], "to": ["s"], "credentials": "present", "operations": ["info", "read"], )" +
                (rule < paths ? "\"paths\": [\"/team-" + std::to_string(rule) + "-[a-z0-9.-]+/_search\"], "
                              : "") +
                R"("action": "allow"})";
    }
    return text + "]}";
}

void compile_policy(benchmark::State& state) {
    const std::string text = policy_text(static_cast<int>(state.range(0)));
    for (auto _ : state) {
        const auto loaded = parse_policy(text, "policy.json", {});
        if (!loaded) return state.SkipWithError(loaded.error().front().str().c_str());
        benchmark::DoNotOptimize(loaded->policy.get());
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(compile_policy)->ArgName("paths")->Arg(0)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
