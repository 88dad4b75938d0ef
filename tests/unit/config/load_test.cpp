#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace springlatch {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string first_error(const tl::expected<LoadedPolicy, std::vector<PolicyError>>& loaded) {
    return loaded ? "loaded" : loaded.error().front().str();
}

std::vector<fs::path> examples() {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(SPRINGLATCH_SOURCE_DIR "/config/policies")) {
        if (!entry.path().string().ends_with(".tests.json")) {
            paths.push_back(entry.path());
        }
    }
    return paths;
}

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "springlatch-config-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~TemporaryFolder() { fs::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
    [[nodiscard]] std::string path() const { return path_.string(); }

  private:
    fs::path path_;
};

TEST(LoadPolicy, EveryExampleLoads) {
    ASSERT_GE(examples().size(), 5U);
    for (const fs::path& path : examples()) {
        EXPECT_EQ(first_error(load_policy(path.string(), {})), "loaded") << path;
    }
}

TEST(LoadPolicy, RangesOfPortsAreAllTheirPorts) {
    const auto loaded = parse_policy(
        R"({"version": 1, "services": {"s": {"protocol": "tcp", "addresses": ["10.0.0.1"], "ports": [5601, "9300-9303", 9200]}}})",
        "p", {});
    ASSERT_TRUE(loaded) << first_error(loaded);
    EXPECT_THAT(loaded->policy->parts().services[0].ports,
                testing::ElementsAre(5601, 9200, 9300, 9301, 9302, 9303));
}

TEST(LoadPolicy, TheFirstPolicyOfTheReadmeLoads) {
    const std::string readme = read(SPRINGLATCH_SOURCE_DIR "/config/README.md");
    const auto start = readme.find("```json\n") + 8;
    EXPECT_EQ(first_error(parse_policy(readme.substr(start, readme.find("```", start) - start), "p", {})),
              "loaded");
}

TEST(LoadPolicy, OpenLabLetsCredentialsInAndStopsTheStranger) {
    const auto loaded = load_policy(SPRINGLATCH_SOURCE_DIR "/config/policies/open-lab.json", {});
    ASSERT_TRUE(loaded) << first_error(loaded);
    const CompiledPolicy& policy = *loaded->policy;
    const std::uint16_t zone = policy.zone_of(IpAddress::v4(0xc6336414));
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{9200, 9201, 9210}) {
        const std::uint16_t service = policy.service_at(IpAddress::v4(0xc633640a), port);
        ASSERT_NE(service, no_service);
        const RequestFacts stranger{http::Method::get, elasticsearch::Operation::read,
                                    http::Credentials::none};
        EXPECT_EQ(policy.decide(zone, service, stranger).reason, Reason::no_credentials);
        const RequestFacts owner{http::Method::get, elasticsearch::Operation::read, http::Credentials::basic};
        EXPECT_EQ(policy.decide(zone, service, owner).action, Action::allow);
        const RequestFacts admin{http::Method::put, elasticsearch::Operation::security,
                                 http::Credentials::basic};
        EXPECT_EQ(policy.decide(zone, service, admin).reason, Reason::operation_not_allowed);
    }
}

TEST(LoadPolicy, DatabasesAreJudgedByTheMostSpecificZone) {
    const auto loaded = load_policy(SPRINGLATCH_SOURCE_DIR "/config/policies/databases-by-source.json", {});
    ASSERT_TRUE(loaded) << first_error(loaded);
    const CompiledPolicy& policy = *loaded->policy;
    const std::uint16_t mysql = policy.service_at(IpAddress::v4(0xc633640d), 3306);
    const std::uint16_t redis = policy.service_at(IpAddress::v4(0xc633640b), 6379);
    const std::uint16_t application = policy.zone_of(IpAddress::v4(0xc6336441));
    const std::uint16_t backup = policy.zone_of(IpAddress::v4(0xc6336446));
    const std::uint16_t internet = policy.zone_of(IpAddress::v4(0x08080808));
    EXPECT_EQ(policy.decide_connection(application, redis, 0).action, Action::allow);
    EXPECT_EQ(policy.decide_connection(backup, mysql, 0).action, Action::allow);
    EXPECT_EQ(policy.decide_connection(backup, redis, 0).action, Action::reset);
    EXPECT_EQ(policy.decide_connection(internet, redis, 0).action, Action::drop);
}

TEST(LoadPolicy, EveryKeyReachesThePolicy) {
    const auto loaded = parse_policy(R"({"version": 1, "mode": "observe",
      "zones": {"a": ["10.0.0.0/8"]},
      "services": {"s": {"protocol": "elasticsearch", "addresses": ["10.1.0.0/16", "10.1.2.0/24"], "ports": [9201, 9200], "tls": "allow"}},
      "rules": [{"id": "r", "from": ["a"], "to": ["s"], "credentials": "any", "methods": ["GET", "HEAD"], "operations": ["read"],
                 "action": "drop", "mode": "enforce"}],
      "default": {"action": "reset"}, "transit": {"default": "drop", "tunnels": "allow"}, "fragments": "reassemble",
      "limits": {"head_bytes": 8192, "line_bytes": 2048, "headers": 64, "body_bytes": 1000, "idle_seconds": 60, "flows": 128,
                 "held_segments": 32, "held_segments_per_flow": 16, "retained_bytes": 65536, "open_heads": 8, "requests_in_flight": 4,
                 "fragments": 128}})",
                                     "p", {.generation = 7, .mode = std::nullopt});
    ASSERT_TRUE(loaded) << first_error(loaded);
    const CompiledPolicy::Parts& parts = loaded->policy->parts();
    EXPECT_EQ(parts.generation, 7U);
    EXPECT_EQ(parts.mode, Mode::observe);
    EXPECT_EQ(parts.default_action, Action::reset);
    EXPECT_FALSE(parts.transit_forward);
    EXPECT_TRUE(parts.tunnels_allowed);
    EXPECT_TRUE(parts.reassemble_fragments);
    EXPECT_THAT(parts.zone_names, testing::ElementsAre("a"));
    ASSERT_EQ(parts.services.size(), 1U);
    EXPECT_TRUE(parts.services[0].tls_allowed);
    EXPECT_THAT(parts.services[0].ports, testing::ElementsAre(9200, 9201));
    ASSERT_EQ(parts.rules.size(), 1U);
    EXPECT_EQ(parts.rules[0].id, "r");
    EXPECT_EQ(parts.rules[0].credentials, CredentialNeed::any);
    EXPECT_EQ(parts.rules[0].methods, (1U << static_cast<unsigned>(http::Method::get)) |
                                          (1U << static_cast<unsigned>(http::Method::head)));
    EXPECT_EQ(parts.rules[0].operations, 1U << static_cast<unsigned>(elasticsearch::Operation::read));
    EXPECT_EQ(parts.rules[0].action, Action::drop);
    EXPECT_EQ(parts.rules[0].mode, Mode::enforce);
    const Limits& limits = parts.limits;
    EXPECT_EQ(limits.head.head_bytes, 8192U);
    EXPECT_EQ(limits.head.line_bytes, 2048U);
    EXPECT_EQ(limits.head.headers, 64U);
    EXPECT_EQ(limits.head.body_bytes, 1000U);
    EXPECT_EQ(limits.idle_seconds, 60U);
    EXPECT_EQ(limits.flows, 128U);
    EXPECT_EQ(limits.held_segments, 32U);
    EXPECT_EQ(limits.held_segments_per_flow, 16U);
    EXPECT_EQ(limits.retained_bytes, 65536U);
    EXPECT_EQ(limits.open_heads, 8U);
    EXPECT_EQ(limits.requests_in_flight, 4U);
    EXPECT_EQ(limits.fragments, 128U);
    EXPECT_EQ(loaded->policy->frames_kept_max(), 32U + 128U);
}

TEST(LoadPolicy, APolicyOfServicesAloneIsShut) {
    const auto loaded = parse_policy(
        R"({"version": 1, "services": {"s": {"protocol": "elasticsearch", "addresses": ["10.0.0.1"], "ports": [9200]}}})",
        "p", {});
    ASSERT_TRUE(loaded) << first_error(loaded);
    const CompiledPolicy& policy = *loaded->policy;
    EXPECT_EQ(policy.mode(), Mode::enforce);
    EXPECT_EQ(policy.default_action(), Action::reject);
    EXPECT_TRUE(policy.parts().transit_forward);
    EXPECT_FALSE(policy.parts().tunnels_allowed);
    EXPECT_FALSE(policy.parts().reassemble_fragments);
    EXPECT_EQ(policy.frames_kept_max(), policy.limits().held_segments);
    EXPECT_FALSE(policy.parts().services[0].tls_allowed);
    EXPECT_FALSE(policy.reachable(policy.zone_of(IpAddress::v4(1)), 0, 0));
}

TEST(LoadPolicy, ObserveReplacesEveryMode) {
    const auto loaded = parse_policy(
        R"({"version": 1, "mode": "enforce", "zones": {"a": ["10.0.0.0/8"]},
            "services": {"s": {"protocol": "tcp", "addresses": ["10.0.0.1"], "ports": [1]}},
            "rules": [{"id": "r", "from": ["a"], "to": ["s"], "action": "drop", "mode": "enforce"}]})",
        "p", {.generation = 1, .mode = Mode::observe});
    ASSERT_TRUE(loaded) << first_error(loaded);
    EXPECT_EQ(loaded->policy->decide_connection(0, 0, 0).mode, Mode::observe);
    EXPECT_EQ(loaded->policy->decide_connection(no_zone, 0, 0).mode, Mode::observe);
}

TEST(LoadPolicy, TheFingerprintIsTheFilesSha256) {
    const TemporaryFolder folder;
    const std::string text =
        R"({"version": 1, "services": {"s": {"protocol": "tcp", "addresses": ["10.0.0.1"], "ports": [1]}}})";
    std::ofstream(folder / "p.json") << text;
    const auto a = load_policy(folder / "p.json", {});
    const auto b = parse_policy(text, "p", {});
    const auto c = parse_policy(text + "\n", "p", {});
    ASSERT_TRUE(a && b && c);
    EXPECT_EQ(a->sha256, b->sha256);
    EXPECT_NE(a->sha256, c->sha256);
}

TEST(LoadPolicy, FilesThatAreNoPolicyGetOneClearLine) {
    const TemporaryFolder folder;
    std::ofstream(folder / "empty.json").flush();
    EXPECT_EQ(first_error(load_policy(folder / "none.json", {})),
              folder / "none.json" + ": error: cannot be opened: No such file or directory");
    EXPECT_EQ(first_error(load_policy(folder.path(), {})),
              folder.path() + ": error: is a directory; a policy is a JSON file");
    EXPECT_EQ(first_error(load_policy(folder / "empty.json", {})),
              folder / "empty.json" + ": error: is empty; a policy is a JSON object");
    EXPECT_EQ(first_error(load_policy("/dev/zero", {})),
              "/dev/zero: error: larger than 16777216 bytes, which is the most a policy may have");
}

TEST(LoadPolicy, AHundredThousandPrefixesCompile) {
    std::string prefixes;
    for (unsigned i = 0; i < 100'000; ++i) {
        prefixes += (i == 0 ? "\"" : ",\"") + std::to_string(1 + i / 4096) + "." +
                    std::to_string(i / 16 % 256) + "." + std::to_string(i % 16 * 16) + ".0/24\"";
    }
    const auto loaded = parse_policy(
        R"({"version": 1, "zones": {"many": [)" + prefixes +
            R"(]}, "services": {"s": {"protocol": "tcp", "addresses": ["10.0.0.1"], "ports": [1]}}})",
        "p", {});
    ASSERT_TRUE(loaded) << first_error(loaded);
    EXPECT_EQ(loaded->policy->parts().zones.ranges().size(), 100'000U);
    EXPECT_EQ(loaded->policy->zone_of(IpAddress::v4(0x01001001)), 0);
    EXPECT_EQ(loaded->policy->zone_of(IpAddress::v4(0x01001101)), no_zone);
}

/// What was not asked for must not become allowed: whatever a mutation compiles to keeps the invariants of a
/// policy.
void expect_sound(const CompiledPolicy& policy) {
    const CompiledPolicy::Parts& parts = policy.parts();
    EXPECT_NE(parts.default_action, Action::allow);
    EXPECT_FALSE(parts.services.empty());
    for (const Rule& rule : parts.rules) {
        EXPECT_FALSE(rule.zones.empty()) << "no rule is for every source by accident";
        EXPECT_FALSE(rule.services.empty());
        for (const std::uint16_t service : rule.services) {
            ASSERT_LT(service, parts.services.size());
        }
    }
    for (std::uint16_t service = 0; service < parts.services.size(); ++service) {
        EXPECT_NE(policy.decide_connection(no_zone, service, 0).action, Action::allow);
        EXPECT_NE(policy.decide(no_zone, service, {}).action, Action::allow);
    }
}

TEST(LoadPolicy, MutatedPoliciesNeitherCrashNorOpenAnything) {
    std::mt19937 random(20191205);
    const std::vector<fs::path> paths = examples();
    constexpr std::string_view alphabet = "{}[]\",:0123456789/.-abefghilnorstv \n\\";
    std::size_t refused = 0;
    for (int round = 0; round < 1500; ++round) {
        std::string text = read(paths[random() % paths.size()]);
        for (auto changes = 1 + random() % 3; changes > 0; --changes) {
            const std::size_t at = random() % text.size();
            const std::size_t length = random() % 12;
            switch (random() % 4) {
                case 0:
                    text[at] = alphabet[random() % alphabet.size()];
                    break;
                case 1:
                    text.erase(at, length + 1);
                    break;
                case 2:
                    text.insert(at, text.substr(random() % text.size(), length));
                    break;
                default:
                    text.insert(at, 1, static_cast<char>(random() % 256));
                    break;
            }
        }
        const auto loaded = parse_policy(text, "p", {});
        if (loaded) {
            expect_sound(*loaded->policy);
        } else {
            ++refused;
            EXPECT_FALSE(loaded.error().empty());
        }
    }
    EXPECT_GT(refused, 500U);
}

}  // namespace
}  // namespace springlatch
