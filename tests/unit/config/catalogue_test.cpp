// The endpoint catalogue as data: what an operator relies on when a rule names operations.
#include "config/catalogue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace springlatch {
namespace {

using elasticsearch::Catalogue;
using elasticsearch::Endpoint;
using elasticsearch::Operation;

[[nodiscard]] const Catalogue& catalogue() {
    static const Catalogue built(builtin_endpoints());
    return built;
}
[[nodiscard]] std::string operation(std::string_view method, std::string_view path) {
    return std::string{name_of(catalogue().operation_of(method, path))};
}

TEST(Catalogue, TheFileIsSortedUniqueAndPlain) {
    std::ifstream file(SPRINGLATCH_SOURCE_DIR "/config/catalogue/endpoints.csv");
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line, "method,path,operation,note");
    std::string before;
    std::size_t rows = 0;
    while (std::getline(file, line)) {
        ++rows;
        ASSERT_EQ(std::count(line.begin(), line.end(), ','), 3)
            << "a comma inside a field would shift the columns: " << line;
        ASSERT_EQ(line.find('"'), std::string::npos) << line;
        const std::size_t comma = line.find(',');
        const std::string key =
            line.substr(comma + 1, line.find(',', comma + 1) - comma - 1) + ' ' + line.substr(0, comma);
        ASSERT_LT(before, key) << "sorted by path, then method, each once";
        before = key;
    }
    EXPECT_EQ(builtin_endpoints().size(), rows);
    for (const Endpoint& endpoint : builtin_endpoints())
        EXPECT_NE(endpoint.operation, Operation::unknown) << endpoint.path;
}

TEST(Catalogue, RoutesLikeTheMeasuredServers) {
    // Method, path, operation: how Elasticsearch 7.10.2 and OpenSearch 2.19.1 read these paths.
    const std::vector<std::array<std::string, 3>> rows = {
        {"GET", "/_search", "read"},
        {"GET", "/_search/", "read"},
        {"POST", "/_search", "read"},
        {"GET", "/customers,zzz/_search", "read"},
        {"GET", "/*/_search", "read"},
        {"GET", "/_all/_search", "read"},
        {"GET", "/%2A/_search", "read"},
        {"GET", "/%3Ccustomers%3E/_search", "read"},
        {"GET", "/customers/_doc/_search", "read"},
        {"GET", "/customers/_doc/1", "read"},
        {"GET", "/customers/_source/1", "read"},
        {"HEAD", "/customers/_source/1", "read"},
        {"GET", "/_mget", "read"},
        {"GET", "/_msearch", "read"},
        {"GET", "/customers/_explain/1", "read"},
        {"GET", "/%5fsearch", "info"},  // an index of that name
        {"HEAD", "/customers", "info"},
        {"OPTIONS", "/", "info"},
        {"OPTIONS", "*", "info"},
        {"GET", "/favicon.ico", "info"},
        {"GET", "/_cat/indices", "info"},
        {"GET", "/customers/_foo", "unknown"},
        {"GET", "/_customers/_search", "unknown"},
        {"GET", "//_search", "unknown"},
        {"GET", "/customers//_search", "unknown"},
        {"GET", "/_search;a=b", "unknown"},
        {"GET", "/_SEARCH", "unknown"},
        {"PUT", "/_search", "unknown"},
        {"DELETE", "/_search", "unknown"},
        {"PATCH", "/customers", "unknown"},
        {"TRACE", "/", "unknown"},
        {"GET", "_cat/health", "unknown"},
        {"GET", "", "unknown"},
        {"GET", "http://db:9200/_search", "read"},
        {"GET", "http://db:9200", "info"},
        {"GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "unknown"},
    };
    for (const auto& [method, path, wanted] : rows)
        EXPECT_EQ(operation(method, path), wanted) << method << ' ' << path;
}

TEST(Catalogue, WhatAttackersAskForIsNoInfo) {
    const std::vector<std::array<std::string, 3>> rows = {
        {"POST", "/_scripts/painless/_execute", "manage"},
        {"GET", "/_scripts/painless/_execute", "manage"},
        {"DELETE", "/*", "manage"},
        {"DELETE", "/_all", "manage"},
        {"PUT", "/_cluster/settings", "manage"},
        {"PUT", "/_snapshot/backup", "manage"},
        {"POST", "/_snapshot/backup/snap/_restore", "manage"},
        {"POST", "/_reindex", "write"},
        {"POST", "/customers/_delete_by_query", "write"},
        {"POST", "/_bulk", "write"},
        {"GET", "/_security/user", "security"},
        {"POST", "/_security/api_key", "security"},
        {"GET", "/_plugins/_security/api/internalusers", "security"},
        {"GET", "/_opendistro/_security/api/internalusers", "security"},
        {"GET", "/_connector/_secret/1", "security"},
        {"GET", "/_watcher/watch/1", "manage"},
        {"POST", "/_ingest/pipeline/_simulate", "manage"},
        {"POST", "/_search/scroll", "read"},
        {"GET", "/_search/scroll/abc", "read"},
        {"POST", "/_sql", "read"},
        {"POST", "/_plugins/_sql", "read"},
        {"POST", "/customers/_pit", "read"},
        {"GET", "/customers/_termvectors/1", "read"},
        {"GET", "/_tasks", "read"},
        {"GET", "/_cluster/state", "read"},
    };
    for (const auto& [method, path, wanted] : rows)
        EXPECT_EQ(operation(method, path), wanted) << method << ' ' << path;
}

/// The product's own question of every request that scanners and honeypots have seen.
TEST(Catalogue, RequestsSeenInTheWildAreClassedByWhatTheyDo) {
    const char* shared = std::getenv("SPRINGLATCH_SHARED");
    const std::string folder = shared != nullptr ? shared : SPRINGLATCH_SOURCE_DIR "/../shared";
    std::ifstream file(folder + "/data/attacker-requests.csv");
    if (!file) GTEST_SKIP() << folder << "/data/attacker-requests.csv is not there";
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    int checked = 0;
    for (const char* verb : {"_search", "_mget", "_source", "_bulk", "_delete_by_query", "_update",
                             "_execute", "_snapshot/", "_reindex", "_scroll"}) {
        for (std::size_t at = text.find(verb); at != std::string::npos; at = text.find(verb, at + 1)) {
            const std::size_t from = text.find_last_of(" ,\"\n", at) + 1;
            std::string path = text.substr(from, text.find_first_of(" ,\"\n", at) - from);
            if (path.empty() || path.front() != '/') continue;
            path = path.substr(0, path.find('?'));
            ++checked;
            if (std::string{verb} == "_snapshot/") continue;  // listing snapshots is info, by decision
            for (const char* method : {"GET", "POST", "PUT", "DELETE"})
                EXPECT_NE(operation(method, path), "info") << method << ' ' << path;
        }
    }
    EXPECT_GT(checked, 3);
}

RC_GTEST_PROP(Catalogue, EveryEndpointIsFoundUnderAnyLegalName, ()) {
    static const auto endpoints = builtin_endpoints();
    const Endpoint& endpoint = endpoints[*rc::gen::inRange<std::size_t>(0, endpoints.size())];
    std::string path;
    for (std::size_t at = 1; at <= endpoint.path.size();) {
        const std::size_t end = std::min(endpoint.path.find('/', at), endpoint.path.size());
        const std::string segment = endpoint.path.substr(at, end - at);
        path += '/';
        if (!segment.empty() && segment.front() == '{') {
            const std::string name = *rc::gen::nonEmpty(
                rc::gen::container<std::string>(rc::gen::elementOf(std::string{"abcxyz0189-.*,%2A"})));
            path += "x" + name;
        } else {
            path += segment;
        }
        at = end + 1;
    }
    if (endpoint.path == "*") path = "*";
    RC_ASSERT(catalogue().operation_of(endpoint.method, path) >= endpoint.operation);
}

RC_GTEST_PROP(Catalogue, AnyBytesGetAnAnswer, (const std::string& method, const std::string& path)) {
    (void)catalogue().operation_of(method, path);
    (void)catalogue().operation_of("GET", "/" + path);
    RC_ASSERT(catalogue().operation_of("GET", path + "\x01//") == Operation::unknown);
}

}  // namespace
}  // namespace springlatch
