// Requests from public test suites, judged against what real servers made of the same bytes.
// The corpus is not part of the repository; see its README for where each case and each observation comes
// from.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/http_checks.h"
#include "tests/unit/http/stream_model.h"

namespace springlatch::http {
namespace {

using nlohmann::json;

std::filesystem::path corpus_folder() {
    const char* const shared = std::getenv("SPRINGLATCH_SHARED");
    const std::filesystem::path folder =
        shared != nullptr ? shared : std::filesystem::path(SPRINGLATCH_SOURCE_DIR) / "../shared";
    return folder / "corpus/http";
}

std::vector<json> load(const std::string& file) {
    std::vector<json> cases;
    std::ifstream in(corpus_folder() / file);
    for (std::string line; std::getline(in, line);) cases.push_back(json::parse(line));
    return cases;
}

std::string from_base64(const std::string& text) {
    static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned value = 0;
    int bits = 0;
    for (const char digit : text) {
        if (digit == '=') break;
        value = value << 6U | static_cast<unsigned>(digits.find(digit));
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(value >> static_cast<unsigned>(bits) & 0xffU);
        }
    }
    return bytes;
}

/// Requests the database executed. The cases about Expect say it in other words: one, and the smuggled one.
std::size_t executed(const json& observed) {
    if (observed.contains("executed")) return observed["executed"].get<std::size_t>();
    return observed["smuggled_executed"].get<bool>() ? 2 : 1;
}

StreamModel run(const std::vector<std::string>& segments) {
    StreamModel model;
    for (const std::string& segment : segments) model.feed(segment);
    return model;
}

/// Whole, in one-byte segments, and cut in two at every position; all must end alike. Returns the whole one.
StreamModel run_all_cuts(const std::string& bytes, const std::string& id) {
    StreamModel whole = run({bytes});
    const auto expect_same = [&whole, &id](const StreamModel& model, const std::string& how) {
        EXPECT_EQ(model.refused(), whole.refused()) << id << how;
        EXPECT_EQ(model.accepted(), whole.accepted()) << id << how;
        // Where the LF behind a complete head is wrong, a cut behind the CR shows one more request: judged,
        // then cut off.
        if (!whole.refused()) {
            EXPECT_EQ(model.requests().size(), whole.requests().size()) << id << how;
        }
        const std::size_t common = std::min(model.requests().size(), whole.requests().size());
        for (std::size_t i = 0; i < common; ++i) {
            EXPECT_EQ(model.requests()[i].target, whole.requests()[i].target) << id << how;
            EXPECT_EQ(model.requests()[i].body_bytes, whole.requests()[i].body_bytes) << id << how;
        }
    };
    std::vector<std::string> single;
    for (const char byte : bytes) single.emplace_back(1, byte);
    expect_same(run(single), " in one-byte segments");
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        expect_same(run({bytes.substr(0, cut), bytes.substr(cut)}), " cut at " + std::to_string(cut));
    }
    return whole;
}

class Corpus : public testing::Test {
  protected:
    void SetUp() override {
        if (!std::filesystem::exists(corpus_folder())) {
            GTEST_SKIP() << "no corpus at " << corpus_folder()
                         << "; set SPRINGLATCH_SHARED to the folder that holds corpus/";
        }
    }
};

TEST_F(Corpus, EveryStreamIsRefusedOrReadAsBothDatabasesReadIt) {
    const std::vector<json> cases = load("requests.jsonl");
    ASSERT_GT(cases.size(), 600U);
    for (const json& item : cases) {
        const std::string id = item["id"].get<std::string>();
        const StreamModel model = run_all_cuts(from_base64(item["request_b64"]), id);
        if (model.refused()) continue;
        for (const std::string database : {"elasticsearch", "opensearch"}) {
            EXPECT_EQ(model.ended(), executed(item["observed"][database])) << id << " on " << database;
        }
    }
}

TEST_F(Corpus, EveryRequestThatAllServersReadAlikePasses) {
    std::size_t checked = 0;
    for (const json& item : load("requests.jsonl")) {
        if (item["class"] != "must_forward") continue;
        ++checked;
        const std::string id = item["id"].get<std::string>();
        const StreamModel model = run_all_cuts(from_base64(item["request_b64"]), id);
        EXPECT_FALSE(model.refused()) << id << ": " << name_of(model.fault()) << " at " << model.accepted();
        json read = json::array();
        for (const SeenRequest& seen : model.requests()) {
            if (seen.ended) read.push_back({seen.method, seen.target, seen.body_bytes});
        }
        // Node's list holds null where its answer could not be read back (HEAD, very long targets).
        const json node = item["observed"].value("node", json::object()).value("requests", json::array());
        for (std::size_t i = 0; i < node.size(); ++i) {
            if (node[i].is_array()) {
                EXPECT_EQ(read.at(i), node[i]) << id;
            }
        }
    }
    EXPECT_EQ(checked, 42U);
}

TEST_F(Corpus, IncompleteRequestsAreNeitherRefusedNorEnded) {
    for (const json& item : load("requests.jsonl")) {
        if (item["class"] != "hold") continue;
        const StreamModel model = run({from_base64(item["request_b64"])});
        EXPECT_FALSE(model.refused()) << item["id"] << ": " << name_of(model.fault());
        EXPECT_EQ(model.ended(), 0U) << item["id"];
    }
}

TEST_F(Corpus, NoRequestHidesBehindAnAuthorisedOne) {
    const std::vector<json> cases = load("authorised-outer-hidden-inner.jsonl");
    ASSERT_GT(cases.size(), 380U);
    for (const json& item : cases) {
        if (item["hidden_executed_by"].empty()) continue;
        const std::string id = item["id"].get<std::string>();
        const std::string bytes = from_base64(item["request_b64"]);
        const std::size_t hidden = bytes.find("GET /smuggled");
        ASSERT_NE(hidden, std::string::npos) << id;
        const StreamModel model = run_all_cuts(bytes, id);
        if (model.refused() && model.accepted() < hidden) continue;
        const auto& requests = model.requests();
        const auto seen = std::find_if(requests.begin(), requests.end(), [](const SeenRequest& request) {
            return request.target == "/smuggled";
        });
        ASSERT_NE(seen, requests.end()) << id << ": " << name_of(model.fault()) << " at " << model.accepted();
        EXPECT_EQ(seen->credentials, Credentials::none) << id;
    }
}

TEST_F(Corpus, ResponsesAreReadAlikeInAnySegmentation) {
    const std::vector<json> cases = load("responses.jsonl");
    ASSERT_GT(cases.size(), 40U);
    for (const json& item : cases) {
        const std::string bytes = from_base64(item["response_b64"]);
        for (std::uint64_t seed = 0; seed < 50; ++seed) {
            EXPECT_EQ(checks::check_responses(bytes, seed, seed % 2 == 0), "") << item["id"];
        }
    }
}

TEST_F(Corpus, OrdinaryResponsesAreFollowed) {
    int followed = 0;
    for (const json& item : load("responses.jsonl")) {
        const json& expected = item["source_expected"];
        if (!expected.is_object() || !expected.value("accepts", false)) continue;
        const std::string bytes = from_base64(item["response_b64"]);
        // Lost by intention: other protocols.
        if (bytes.starts_with("HTTP/0.9") || bytes.starts_with("HTTP/1.1 101")) continue;
        ++followed;
        std::string wrong;
        const std::string events = checks::read_responses(
            bytes, false, false, [&bytes] { return bytes.size(); }, wrong);
        EXPECT_EQ(events.find("lost"), std::string::npos)
            << item["id"] << " " << events << " " << bytes.substr(0, 300);
    }
    EXPECT_GT(followed, 10);
}

}  // namespace
}  // namespace springlatch::http
