// What reading a request head costs: five heads as real clients send them, whole and in one-byte segments;
// and a response.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/protocol/http/request_head.h"
#include "dataplane/protocol/http/response.h"

namespace springlatch::http {
namespace {

struct Head {
    std::string_view client;
    std::string bytes;
};

std::string browser_head() {
    std::string cookies = "Cookie: ";
    while (cookies.size() < 1500)
        cookies += "session_" + std::to_string(cookies.size()) + "=5b1f0c9ae7d34a6c8f2e; ";
    return "GET /app/kibana HTTP/1.1\r\nHost: kibana.example.com:9200\r\nConnection: "
           "keep-alive\r\nCache-Control: max-age=0\r\n"
           "Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
           "(KHTML, like Gecko) "
           "Chrome/120.0.0.0 Safari/537.36\r\nAccept: "
           "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
           "*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-GB,en;q=0.9\r\nAuthorization: "
           "Basic YTpi\r\n" +
           cookies + "end=1\r\n\r\n";
}

const std::array<Head, 5>& heads() {
    static const std::array<Head, 5> all = {
        Head{"minimal", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        Head{"curl",
             "GET /support-cases/_search?pretty HTTP/1.1\r\nHost: 198.51.100.10:9200\r\nAuthorization: Basic "
             "aW5nZXN0OnNlY3JldA==\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"},
        Head{"elasticdump",
             "POST /support-cases/_search?scroll=10m HTTP/1.1\r\nUser-Agent: elasticdump\r\nContent-Type: "
             "application/json\r\nhost: 198.51.100.10:9200\r\ncontent-length: 46\r\nConnection: "
             "keep-alive\r\n\r\n"},
        Head{"python",
             "POST /support-cases/_search HTTP/1.1\r\nHost: 198.51.100.10:9200\r\nAccept-Encoding: "
             "identity\r\n"
             "Content-Length: 35\r\nuser-agent: opensearch-py/2.4.2 (Python 3.11.2)\r\nconnection: "
             "keep-alive\r\n"
             "content-type: application/json\r\nauthorization: Basic aW5nZXN0OnNlY3JldA==\r\n\r\n"},
        Head{"browser", browser_head()},
    };
    return all;
}

std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

void read_head(benchmark::State& run) {
    const Head& head = heads()[static_cast<std::size_t>(run.range(0))];
    const HeadLimits limits;
    for ([[maybe_unused]] const auto _ : run) {
        HeadState state;
        const HeadResult result = advance_head(state, as_bytes(head.bytes), limits);
        benchmark::DoNotOptimize(state);
        if (result.status != HeadStatus::complete) return run.SkipWithError("refused");
    }
    run.SetLabel(std::string(head.client) + " " + std::to_string(head.bytes.size()) + " B");
    run.SetBytesProcessed(run.iterations() * static_cast<std::int64_t>(head.bytes.size()));
}
BENCHMARK(read_head)->DenseRange(0, 4);

/// Items are segments: the time per item must not grow with the head.
void read_head_in_one_byte_segments(benchmark::State& run) {
    const Head& head = heads()[static_cast<std::size_t>(run.range(0))];
    const std::span<const std::byte> bytes = as_bytes(head.bytes);
    const HeadLimits limits;
    for ([[maybe_unused]] const auto _ : run) {
        HeadState state;
        for (std::size_t given = 1; given <= bytes.size(); ++given) {
            benchmark::DoNotOptimize(advance_head(state, bytes.first(given), limits));
        }
    }
    run.SetLabel(std::string(head.client));
    run.SetItemsProcessed(run.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(read_head_in_one_byte_segments)->DenseRange(0, 4);

void read_response_head(benchmark::State& run) {
    const std::string head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\nX-elastic-product: "
        "Elasticsearch\r\ncontent-length: 0\r\n\r\n";
    for ([[maybe_unused]] const auto _ : run) {
        ResponseState state;
        benchmark::DoNotOptimize(advance_response(state, as_bytes(head), false));
    }
    run.SetBytesProcessed(run.iterations() * static_cast<std::int64_t>(head.size()));
}
BENCHMARK(read_response_head);

}  // namespace
}  // namespace springlatch::http

BENCHMARK_MAIN();
