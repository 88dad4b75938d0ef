// The endpoint catalogue as data: what an operator relies on when a rule names operations.
#include "config/catalogue.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
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
    EXPECT_EQ(line, "method,path,operation,api,flags,note");
    std::string before;
    std::size_t rows = 0;
    while (std::getline(file, line)) {
        ++rows;
        ASSERT_EQ(std::count(line.begin(), line.end(), ','), 5)
            << "a comma inside a field would shift the columns: " << line;
        ASSERT_EQ(line.find('"'), std::string::npos) << line;
        const std::size_t comma = line.find(',');
        const std::string key =
            line.substr(comma + 1, line.find(',', comma + 1) - comma - 1) + ' ' + line.substr(0, comma);
        ASSERT_LT(before, key) << "sorted by path, then method, each once";
        before = key;
    }
    EXPECT_EQ(builtin_endpoints().size(), rows);
    for (const Endpoint& endpoint : builtin_endpoints()) {
        const bool arguable = endpoint.method == "POST" && endpoint.path.starts_with("/{index}/_doc/_");
        EXPECT_TRUE(arguable || endpoint.operation != Operation::unknown) << endpoint.path;
    }
}

[[nodiscard]] bool has(std::string_view method, std::string_view path, std::uint16_t flag) {
    return (catalogue().meaning_of(method, path).flags & flag) != 0;
}

TEST(Catalogue, EveryFlagAndNameOfTheFileIsKnown) {
    std::ifstream file(SPRINGLATCH_SOURCE_DIR "/config/catalogue/endpoints.csv");
    std::set<std::string> flags;
    std::set<std::string> apis;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string field;
        for (int i = 0; i < 5; ++i) {
            std::getline(fields, field, ',');
            std::istringstream words(field);
            for (std::string word; i >= 3 && std::getline(words, word, '|');) {
                (i == 3 ? apis : flags).insert(word);
            }
        }
    }
    EXPECT_EQ(flags,
              std::set<std::string>(elasticsearch::flag_names.begin(), elasticsearch::flag_names.end()));
    for (const std::string& api : apis) EXPECT_TRUE(catalogue().api_index(api)) << api;
    EXPECT_EQ(catalogue().api_names().size(), apis.size());
    EXPECT_GT(apis.size(), 900U);
}

TEST(Catalogue, FlagsTellWhatACallCanDoWhateverItsSpelling) {
    namespace flag = elasticsearch::endpoint_flag;
    EXPECT_TRUE(has("DELETE", "/customers", flag::destructive));
    EXPECT_TRUE(has("POST", "/customers/_delete_by_query", flag::destructive));
    EXPECT_TRUE(has("DELETE", "/_snapshot/backup/monday", flag::destructive));
    EXPECT_FALSE(has("DELETE", "/_search/scroll/abc", flag::destructive)) << "a cursor of one's own";
    EXPECT_TRUE(has("POST", "/_bulk", flag::can_destroy));
    EXPECT_TRUE(has("PUT", "/customers/_doc/1", flag::can_destroy));
    EXPECT_TRUE(has("GET", "/customers/_search", flag::script_possible));
    EXPECT_TRUE(has("GET", "/customers/customer/_search", flag::script_possible)) << "with a type";
    EXPECT_FALSE(has("GET", "/_cluster/health", flag::script_possible));
    for (const char* path : {"/_reindex", "/_snapshot/x", "/_watcher/watch/x"}) {
        EXPECT_TRUE(has("POST", path, flag::outbound_possible)) << path;
    }
    EXPECT_TRUE(has("PUT", "/_cluster/settings", flag::outbound_possible));
    EXPECT_TRUE(has("GET", "/customers/_doc/1", flag::returns_documents));
    EXPECT_TRUE(has("HEAD", "/_flush", flag::acts_on_get)) << "HEAD is handled as GET";
    EXPECT_EQ(catalogue().meaning_of("GET", "/customers/_unheard_of").flags, 0);
}

// With a body that names it, these read and deleted documents of any index (measured).
TEST(Catalogue, AnApiThatNamesIndicesInItsBodyIsNotHiddenBehindAnotherName) {
    const std::vector<std::array<std::string, 3>> rows = {
        {"GET", "/_alias/_mget", "unknown"},
        {"GET", "/_mapping/_msearch", "unknown"},
        {"GET", "/_info/_mget", "unknown"},
        {"GET", "/_inference/x/_msearch/template", "unknown"},
        {"GET", "/customers/_alias/_mget", "unknown"},
        {"POST", "/customers/_explain/_bulk", "unknown"},
        {"POST", "/_render/template/_bulk", "unknown"},
        {"PUT", "/_template/_bulk", "unknown"},
        {"POST", "/_unheard_of/_bulk", "unknown"},
        {"GET", "/_data_stream/_stats", "info"},
    };
    for (const auto& [method, path, wanted] : rows) EXPECT_EQ(operation(method, path), wanted) << path;
    for (const char* path : {"/customers/_explain/_bulk", "/_unheard_of/_bulk"}) {
        EXPECT_TRUE(has("POST", path, elasticsearch::endpoint_flag::can_destroy)) << path;
    }
    EXPECT_EQ(catalogue().meaning_of("GET", "/customers/_explain/_mget").endpoint,
              elasticsearch::no_endpoint);
    for (const Endpoint& endpoint : builtin_endpoints()) {
        const std::string& path = endpoint.path;
        const bool name_first = path.starts_with("/{") || path == "/" || path == "*";
        EXPECT_TRUE(name_first || path.starts_with("/_") || path == "/favicon.ico")
            << path << ": operation.cpp relies on it";
    }
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
        {"GET", "//", "unknown"},
        {"GET", "/", "info"},
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
        {"GET", "/_connector", "manage"},
        {"DELETE", "/_search/scroll/_all", "manage"},
        {"DELETE", "/_doc", "unknown"},
        {"GET", "/_doc/_search", "unknown"},
        {"POST", "/_inference/x", "manage"},
    };
    for (const auto& [method, path, wanted] : rows)
        EXPECT_EQ(operation(method, path), wanted) << method << ' ' << path;
}

TEST(Catalogue, ACountByQueryIsReadBecauseItTellsWhetherAValueExists) {
    for (const std::string_view path :
         {"/_cat/count", "/_cat/count/customers", "/_count", "/customers/_count"}) {
        EXPECT_EQ(operation("GET", path), "read") << path;
        EXPECT_EQ(operation("POST", path), "read") << path;
    }
}

// Servers with types search there; those without store what was sent as a document of that name.
TEST(Catalogue, NeitherAReaderNorAWriterGetsWhatServersDoDifferently) {
    for (const char* name : {"_search", "_count", "_msearch", "_mget", "_percolate", "_mpercolate",
                             "_mtermvectors", "_termvectors", "_search_shards"}) {
        EXPECT_EQ(operation("POST", std::string{"/customers/_doc/"} + name), "unknown") << name;
        EXPECT_EQ(operation("GET", std::string{"/customers/_doc/"} + name), "read") << name;
        EXPECT_EQ(operation("POST", std::string{"/customers/customer/"} + name), "read") << name;
    }
    EXPECT_EQ(operation("GET", "/customers/_doc/_mapping"), "info");
}

// 5.x to 7.x route these to the mapping even behind `_doc`; as a document's id they would pass for a write.
TEST(Catalogue, AMappingChangeDoesNotPassAsADocumentNamedMapping) {
    for (const std::string_view path :
         {"/c/_mapping", "/c/_mappings", "/c/_mapping/t", "/c/_mappings/t", "/c/t/_mapping", "/c/t/_mappings",
          "/c/_doc/_mapping", "/c/_doc/_mappings", "/_mapping/t", "/_mappings/t"}) {
        EXPECT_EQ(operation("PUT", path), "manage") << path;
        EXPECT_EQ(operation("POST", path), "manage") << path;
    }
    EXPECT_EQ(operation("PUT", "/c/_doc/1"), "write");
}

/// Requests that scanners, exploits and honeypot logs show: `who,kind,method,path,…`.
TEST(Catalogue, RequestsSeenInTheWildAreClassedByWhatTheyDo) {
    const char* shared = std::getenv("SPRINGLATCH_SHARED");
    const std::string folder = shared != nullptr ? shared : SPRINGLATCH_SOURCE_DIR "/../shared";
    std::ifstream file(folder + "/data/attacker-requests.csv");
    if (!file) GTEST_SKIP() << folder << "/data/attacker-requests.csv is not there";
    std::string line;
    std::getline(file, line);
    int checked = 0;
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string who;
        std::string kind;
        std::string method;
        std::string path;
        std::getline(fields, who, ',');
        std::getline(fields, kind, ',');
        std::getline(fields, method, ',');
        std::getline(fields, path, ',');
        if (kind == "couchdb") continue;
        ++checked;
        const std::string found = operation(method, path.substr(0, path.find('?')));
        const bool reads =
            path.find("_search") != std::string::npos || path.find("_mget") != std::string::npos;
        if (reads) {
            EXPECT_NE(found, "info") << line;
        }
        // The reader of a request head refuses %2f before a catalogue is asked (a traversal of a snapshot
        // plugin).
        if ((kind == "exploit" || kind == "attack with body") && path.find("%2f") == std::string::npos &&
            method != "GET") {
            EXPECT_NE(found, "info") << line;
        }
    }
    EXPECT_GT(checked, 40);
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
    if (path.find('?') == std::string::npos) {
        RC_ASSERT(catalogue().operation_of("GET", "/" + path + "x//") == Operation::unknown);
    }
}

}  // namespace
}  // namespace springlatch
