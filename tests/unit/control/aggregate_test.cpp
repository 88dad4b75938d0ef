// Requests that are counted instead of told one by one, and the words that rules and services give to events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "control/api/ecs.h"
#include "control/ingest/aggregates.h"
#include "control/ingest/ingest.h"
#include "control/store/store.h"
#include "dataplane/ipc/client.h"
#include "dataplane/ipc/ring.h"

namespace springlatch::control {
namespace {

using ::testing::SizeIs;

constexpr std::uint64_t minute_ns = 60'000'000'000;
constexpr std::uint64_t start_ns = 1'575'504'000'000'000'000;  // 2019-12-05, a whole minute

constexpr const char* policy_text = R"({"version": 1, "record": "aggregate", "tags": ["gdpr"],
"zones": {"office": ["203.0.113.0/24"]},
"services": {"cases": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200], "severity": "low", "tags": ["cases"]}},
"rules": [{"id": "reads", "from": ["office"], "to": ["cases"], "credentials": "any", "operations": ["read"], "action": "allow"},
          {"id": "admin", "from": ["office"], "to": ["cases"], "credentials": "any", "record": "full", "severity": "high", "tags": ["admin", "gdpr"], "action": "allow"}]})";

EventRecord allowed(std::uint32_t number, std::uint64_t time_ns) {
    EventRecord record;
    record.kind = EventKind::request;
    record.method = 1;
    record.operation = static_cast<std::uint8_t>(elasticsearch::Operation::read);
    record.time_ns = time_ns;
    record.flow = 77;
    record.request_number = number;
    record.request_bytes = 100;
    record.source = IpAddress::v4(0xcb007105);
    record.destination = IpAddress::v4(0xc633640a);
    record.source_port = static_cast<std::uint16_t>(40000 + number);
    record.service = record.zone = record.rule = 0;
    return record;
}

EventRecord answer_to(std::uint32_t number, std::uint64_t bytes) {
    EventRecord record;
    record.kind = EventKind::response;
    record.flow = 77;
    record.request_number = number;
    record.status = 200;
    record.response_bytes = bytes;
    return record;
}

class Aggregated : public testing::Test {
  public:
    Aggregated() {
        std::string pattern = std::filesystem::temp_directory_path() / "springlatch-test-XXXXXX";
        folder = mkdtemp(pattern.data());
        store = std::move(*Store::open(folder + "/store"));
        ingest =
            std::move(*Ingest::listen(folder + "/control.sock", Names(policy.policy, policy.sha256), *store));
        hello.policy_sha256 = policy.sha256;
        hello.start_ns = 1;
        client =
            std::make_unique<ChannelClient>(folder + "/control.sock", hello, std::vector<int>{memory.fd()});
        std::vector<CheckAnswer> answers;
        (void)client->poll(1'000'000'000U, answers);
        settle();
    }
    ~Aggregated() override {
        client.reset();
        ingest.reset();
        store.reset();
        std::filesystem::remove_all(folder);
    }
    void tell(EventRecord record) { ASSERT_TRUE(producer.emit(record, "/cases/_search", "q=x", "curl")); }
    void settle() {
        for (int i = 0; i < 20; ++i) (void)ingest->step(1);
        EXPECT_TRUE(store->flush());
    }
    std::vector<Event> events() {
        settle();
        std::vector<Event> list;
        EXPECT_TRUE(StoreReader::open(folder + "/store")
                        ->each({}, EventOrder::by_sequence, 0, [&](const Event& event) {
                            list.push_back(event);
                            return true;
                        }));
        return list;
    }

    std::string folder;
    LoadedPolicy policy = *parse_policy(policy_text, "p", {});
    std::unique_ptr<Store> store;
    std::unique_ptr<Ingest> ingest;
    RingMemory memory = std::move(*RingMemory::create("test"));
    RingProducer producer{memory.base()};
    HelloMessage hello;
    std::unique_ptr<ChannelClient> client;
};

TEST_F(Aggregated, AllowedRequestsOfAMinuteAreOneEventWithTheirSums) {
    for (std::uint32_t i = 1; i <= 5; ++i) tell(allowed(i, start_ns + i));
    for (std::uint32_t i = 1; i <= 5; ++i) tell(answer_to(i, 1000 * i));
    const auto list = events();
    ASSERT_THAT(list, SizeIs(1));
    const Event& event = list[0];
    EXPECT_EQ(event.requests, 5U);
    EXPECT_EQ(event.request_bytes, 500U);
    EXPECT_EQ(event.response_bytes, 15'000U);
    EXPECT_EQ(event.time_ns, start_ns);
    EXPECT_EQ(event.rule, "reads");
    EXPECT_EQ(event.source, "203.0.113.5");
    EXPECT_EQ(event.operation, "read");
    EXPECT_EQ(event.path, "") << "it stands for many";
    EXPECT_EQ(event.status, 0);
    const auto json = nlohmann::json::parse(ecs_json(event));
    EXPECT_EQ(json["springlatch"]["requests"], 5);
    EXPECT_EQ(json["http"]["response"]["bytes"], 15'000);
}

TEST_F(Aggregated, WhatDiffersIsCountedApart) {
    tell(allowed(1, start_ns));
    tell(allowed(2, start_ns + minute_ns));
    EventRecord other = allowed(3, start_ns);
    other.source = IpAddress::v4(0xcb007106);
    tell(other);
    EventRecord write = allowed(4, start_ns);
    write.operation = static_cast<std::uint8_t>(elasticsearch::Operation::write);
    tell(write);
    const auto list = events();
    ASSERT_THAT(list, SizeIs(4));
    for (const Event& event : list) EXPECT_EQ(event.requests, 1U);
}

TEST_F(Aggregated, DeniedRequestsAndRulesThatWantItAreToldOneByOne) {
    EventRecord denied = allowed(1, start_ns);
    denied.action = EventAction::denied;
    denied.reason = Reason::operation_not_allowed;
    denied.rule = 0xffff;
    tell(denied);
    tell(denied);
    EventRecord full = allowed(2, start_ns);
    full.rule = 1;
    tell(full);
    const auto list = events();
    ASSERT_THAT(list, SizeIs(3));
    for (const Event& event : list) {
        EXPECT_EQ(event.requests, 0U);
        EXPECT_EQ(event.path, "/cases/_search");
    }
}

TEST_F(Aggregated, AnEventThatWasLostWithItsBatchIsBegunAnew) {
    tell(allowed(1, start_ns));
    (void)events();
    EXPECT_FALSE(store->count_in(12345, 1, 1)) << "no such event: the caller must begin one";
    EXPECT_FALSE(store->count_in(0, 1, 1));
}

TEST_F(Aggregated, EventsCarryTagsAndSeverityOfRuleServiceAndPolicy) {
    EventRecord full = allowed(1, start_ns);
    full.rule = 1;
    tell(full);
    tell(allowed(2, start_ns));
    const auto list = events();
    ASSERT_THAT(list, SizeIs(2));
    const auto by_rule = nlohmann::json::parse(ecs_json(list[0]));
    EXPECT_EQ(by_rule["tags"], nlohmann::json({"admin", "cases", "gdpr"}));
    EXPECT_EQ(by_rule["event"]["severity"], 4);
    const auto by_service = nlohmann::json::parse(ecs_json(list[1]));
    EXPECT_EQ(by_service["tags"], nlohmann::json({"cases", "gdpr"}));
    EXPECT_EQ(by_service["event"]["severity"], 2);
}

TEST(Aggregates, TooManyAtOnceBeginNewEventsAndLoseNone) {
    Aggregates aggregates;
    EventRecord record = allowed(1, start_ns);
    for (std::uint32_t i = 0; i <= Aggregates::open_max; ++i) {
        record.source = IpAddress::v4(i);
        std::int64_t& id = aggregates.event_for(record);
        ASSERT_EQ(id, 0) << i;
        id = i + 1;
    }
    record.source = IpAddress::v4(0);
    EXPECT_EQ(aggregates.event_for(record), 0) << "forgotten, so that a new event is begun";
}

}  // namespace
}  // namespace springlatch::control
