// The control plane fed by a data plane that the test plays: what it stores, what it shows, and what it does
// not believe.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "config/time_text.h"
#include "control/api/community_id.h"
#include "control/api/ecs.h"
#include "control/api/metrics.h"
#include "control/api/server.h"
#include "control/api/status.h"
#include "control/credentials/check_pool.h"
#include "control/ingest/ingest.h"
#include "control/ingest/text.h"
#include "control/store/store.h"
#include "dataplane/ipc/client.h"
#include "dataplane/ipc/ring.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// A folder that goes with the test.
class Folder {
  public:
    Folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "springlatch-test-XXXXXX";
        path_ = mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

[[nodiscard]] EventRecord request_record(std::uint32_t number) {
    EventRecord record;
    record.kind = EventKind::request;
    record.action = EventAction::denied;
    record.reason = Reason::no_credentials;
    record.method = static_cast<std::uint8_t>(http::Method::get);
    record.version_minor = 1;
    record.time_ns = 1'575'500'000'000'000'000U + number;
    record.flow = 77;
    record.request_number = number;
    record.source = IpAddress::v4(0xcb007105);
    record.destination = IpAddress::v4(0xc633640a);
    record.source_port = 40000;
    record.destination_port = 9200;
    record.service = record.zone = record.rule = 0xffff;
    return record;
}

/// Store, ingest and a data plane of one worker.
struct Bench {
    Folder folder;
    std::unique_ptr<Store> store;
    std::unique_ptr<Ingest> ingest;
    std::vector<CheckAnswer> answers;
    RingMemory memory = std::move(*RingMemory::create("test"));
    RingProducer producer{memory.base()};
    HelloMessage hello;

    Bench() {
        store = std::move(*Store::open(folder / "store"));
        ingest = std::move(*Ingest::listen(folder / "control.sock", Names(), *store));
        hello.start_ns = 1;
        hello.pid = 4711;
    }
    [[nodiscard]] std::unique_ptr<ChannelClient> connect() {
        auto client =
            std::make_unique<ChannelClient>(folder / "control.sock", hello, std::vector<int>{memory.fd()});
        (void)client->poll(1'000'000'000U, answers);
        EXPECT_TRUE(client->connected());
        settle();
        return client;
    }
    void settle() {
        for (int i = 0; i < 20; ++i) (void)ingest->step(1);
        EXPECT_TRUE(store->flush());
    }
    [[nodiscard]] std::vector<Event> events() {
        std::vector<Event> list;
        auto reader = StoreReader::open(folder / "store");
        EXPECT_TRUE(reader.has_value());
        EXPECT_TRUE(reader->each({}, EventOrder::by_sequence, 0, [&](const Event& event) {
            list.push_back(event);
            return true;
        }));
        return list;
    }
};

TEST(Ingest, ARequestAndItsAnswerBecomeOneEvent) {
    Bench bench;
    const auto client = bench.connect();
    EventRecord request = request_record(1);
    request.action = EventAction::allowed;
    request.reason = Reason::none;
    ASSERT_TRUE(
        bench.producer.emit(request, "/support-cases/_search", "size=20&token=s3cret", "curl/7.88.1"));
    EventRecord answer = request;
    answer.kind = EventKind::response;
    answer.status = 200;
    answer.response_bytes = 12'345;
    answer.complete = 1;
    ASSERT_TRUE(bench.producer.emit(answer, {}, {}, {}));
    bench.settle();
    const auto events = bench.events();
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(events[0].status, 200);
    EXPECT_EQ(events[0].response_bytes, 12'345U);
    EXPECT_EQ(events[0].path, "/support-cases/_search");
    EXPECT_EQ(events[0].query, "size=20&token=REDACTED") << "no credential is stored (P6)";
    EXPECT_EQ(events[0].source, "203.0.113.5");
}

TEST(Ingest, RecordsThatCannotBeAreCountedAndNotStored) {
    Bench bench;
    const auto client = bench.connect();
    const std::vector<std::function<void(EventRecord&)>> lies = {
        [](EventRecord& r) { r.kind = static_cast<EventKind>(99); },
        [](EventRecord& r) { r.action = static_cast<EventAction>(3); },
        [](EventRecord& r) { r.reason = static_cast<Reason>(250); },
        [](EventRecord& r) { r.method = 200; },
        [](EventRecord& r) { r.operation = 77; },
        [](EventRecord& r) { r.credentials = 66; },
        [](EventRecord& r) { r.status = 7; },
        [](EventRecord& r) { r.path_bytes = 60'000; },
        [](EventRecord& r) { r.text_records = 250; },
        [](EventRecord& r) { r.time_ns = ~std::uint64_t{0}; },
        [](EventRecord& r) { r.response_bytes = ~std::uint64_t{0}; },
    };
    std::uint64_t sequence = 0;
    for (const auto& lie : lies) {
        EventRecord record = request_record(1);
        record.sequence = ++sequence;
        lie(record);
        RingSlot slot{};
        std::memcpy(slot.bytes, &record, sizeof record);
        ASSERT_TRUE(bench.producer.push(std::array{slot}));
    }
    bench.settle();
    EXPECT_THAT(bench.events(), IsEmpty());
    EXPECT_EQ(bench.ingest->snapshot().records_bad, lies.size());
}

TEST(Ingest, EventsThatWereLostShowAsAGap) {
    Bench bench;
    const auto client = bench.connect();
    EventRecord record = request_record(1);
    ASSERT_TRUE(bench.producer.emit(record, "/", {}, {}));
    for (std::uint64_t sequence : {5U, 6U}) {
        record = request_record(2);
        record.sequence = sequence;
        RingSlot slot{};
        std::memcpy(slot.bytes, &record, sizeof record);
        ASSERT_TRUE(bench.producer.push(std::array{slot}));
    }
    bench.settle();
    EXPECT_EQ(bench.ingest->snapshot().events_lost, 3U);
    EXPECT_THAT(bench.events(), SizeIs(3));
}

/// The status of the only worker: at `time_ns` it had told `events` events.
[[nodiscard]] StatusMessage status_at(std::uint64_t time_ns, std::uint64_t events) {
    StatusMessage status;
    status.header = {.type = MessageType::status, .bytes = sizeof status, .workers = 1};
    status.time_ns = time_ns;
    status.counters.events = events;
    return status;
}

TEST(Ingest, TimeIsCoveredUpToTheLastStatusAndALossIsToldWithItsTime) {
    Bench bench;
    const auto client = bench.connect();
    EventRecord record = request_record(1);
    ASSERT_TRUE(bench.producer.emit(record, "/", {}, {}));
    const std::uint64_t at = record.time_ns;
    client->send(status_at(at + 10, 1));
    bench.settle();
    EXPECT_EQ(bench.store->covered_until(1), at + 10);

    client->send(status_at(at + 20, 4));
    bench.settle();
    EXPECT_EQ(bench.store->covered_until(1), at + 10)
        << "three events have not come: they may have found the ring full";

    record = request_record(2);
    record.time_ns = at + 25;
    record.sequence = 5;
    RingSlot slot{};
    std::memcpy(slot.bytes, &record, sizeof record);
    ASSERT_TRUE(bench.producer.push(std::array{slot}));
    client->send(status_at(at + 30, 5));
    bench.settle();
    auto reader = StoreReader::open(bench.folder / "store");
    ASSERT_TRUE(reader);
    const auto coverage = reader->coverage(0, INT64_MAX);
    ASSERT_TRUE(coverage);
    ASSERT_THAT(coverage->spans, SizeIs(1));
    EXPECT_EQ(coverage->spans[0].from_ns, 1U);
    EXPECT_EQ(coverage->spans[0].to_ns, at + 30);
    ASSERT_THAT(coverage->losses, SizeIs(1));
    EXPECT_EQ(coverage->losses[0].events, 3U);
    EXPECT_EQ(coverage->losses[0].after_ns, at);
    EXPECT_EQ(coverage->losses[0].until_ns, at + 25);
    EXPECT_EQ(coverage->losses[0].cause, "ring");
}

TEST(Ingest, ANewControlProcessGoesOnWithTheSameRing) {
    Bench bench;
    {
        const auto client = bench.connect();
        EventRecord record = request_record(1);
        ASSERT_TRUE(bench.producer.emit(record, "/first", {}, {}));
        bench.settle();
    }
    bench.ingest.reset();
    EventRecord record = request_record(2);
    ASSERT_TRUE(bench.producer.emit(record, "/while-away", {}, {}));
    bench.ingest = std::move(*Ingest::listen(bench.folder / "control.sock", Names(), *bench.store));
    const auto client = bench.connect();
    bench.settle();
    const auto events = bench.events();
    ASSERT_THAT(events, SizeIs(2));
    EXPECT_EQ(events[1].path, "/while-away");
    EXPECT_EQ(bench.ingest->snapshot().events_lost, 0U);
}

TEST(Ingest, ASocketThatIsAliveOrNoSocketIsLeftAlone) {
    Bench bench;
    const auto second = Ingest::listen(bench.folder / "control.sock", Names(), *bench.store);
    ASSERT_FALSE(second.has_value());
    EXPECT_THAT(second.error(), HasSubstr("another control process listens here"));
    struct stat status {};
    ASSERT_EQ(lstat((bench.folder / "control.sock").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    std::ofstream(bench.folder / "file") << "x";
    EXPECT_FALSE(Ingest::listen(bench.folder / "file", Names(), *bench.store).has_value());
    EXPECT_TRUE(std::filesystem::is_regular_file(bench.folder / "file"));
}

TEST(Ingest, APeerThatTalksNonsenseIsCutOffAndTheNextOneServed) {
    Bench bench;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = bench.folder / "control.sock";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(write(fd, "hello?", 6), 6);
    bench.settle();
    char byte = 0;
    EXPECT_EQ(recv(fd, &byte, 1, MSG_DONTWAIT), 0) << "closed by the other side";
    close(fd);
    const auto client = bench.connect();
    EXPECT_TRUE(bench.ingest->snapshot().connected);
}

constexpr std::string_view guarded_policy = R"({"version": 1, "zones": {"all": ["0.0.0.0/0"]},
"services": {"s": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]}},
"identities": {"board": {"bearer": {"sha256": "DIGEST"}}},
"rules": [{"id": "r", "from": ["all"], "to": ["s"], "credentials": "verified", "action": "allow"}]})";

/// A data plane that asks; what comes back.
class Questions : public testing::Test {
  protected:
    Folder folder;
    LoadedPolicy policy = [] {
        std::string text(guarded_policy);
        text.replace(text.find("DIGEST"), 6, hex_of(sha256_of("a-token-of-good-length")));
        return *parse_policy(text, "p", {});
    }();
    std::unique_ptr<Store> store = std::move(*Store::open(folder / "store"));
    CheckPool pool{policy.identities, CheckTime::request};
    RingMemory memory = std::move(*RingMemory::create("test"));

    std::vector<CheckAnswer> ask(const std::string& value, CheckPool* checks, Sha256 data_plane_policy) {
        HelloMessage hello;
        hello.policy_sha256 = data_plane_policy;
        auto ingest = std::move(
            *Ingest::listen(folder / "control.sock", Names(policy.policy, policy.sha256), *store, checks));
        ChannelClient client(folder / "control.sock", hello, {memory.fd()});
        std::vector<CheckAnswer> answers;
        (void)client.poll(1'000'000'000U, answers);
        EXPECT_TRUE(client.send(CheckRequest{{7, 8}, std::as_bytes(std::span{value}), 0}));
        for (int i = 0; i < 20 && answers.empty(); ++i) {
            (void)ingest->step(1);
            (void)client.poll(1'000'000'000U, answers);
        }
        told = ingest->snapshot();
        return answers;
    }
    Snapshot told;
};

TEST_F(Questions, ARightValueIsAnsweredWithItsIdentityAndAWrongOneIsNot) {
    const auto right = ask("Bearer a-token-of-good-length", &pool, policy.sha256);
    ASSERT_THAT(right, SizeIs(1));
    EXPECT_EQ(right[0].fingerprint, (Fingerprint{7, 8}));
    EXPECT_EQ(right[0].result, CheckResult::accepted);
    EXPECT_EQ(right[0].identity, 0);
    const auto wrong = ask("Bearer another-token", &pool, policy.sha256);
    ASSERT_THAT(wrong, SizeIs(1));
    EXPECT_EQ(wrong[0].result, CheckResult::refused);
    EXPECT_TRUE(told.can_check);
    EXPECT_EQ(pool.totals().accepted, 1U);
}

TEST_F(Questions, OfADataPlaneWithAnotherPolicyNothingIsCheckedAndTheStatusSaysSo) {
    const auto answers = ask("Bearer a-token-of-good-length", &pool, Sha256{1});
    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_EQ(answers[0].result, CheckResult::unavailable);
    EXPECT_FALSE(told.can_check);
    EXPECT_EQ(ask("Bearer a-token-of-good-length", nullptr, policy.sha256).at(0).result,
              CheckResult::unavailable);
}

TEST(Status, SaysThatADataPlaneObservesWhateverThePolicyFileSays) {
    Bench bench;
    EXPECT_THAT(metrics_text(bench.ingest->snapshot(), bench.store->state(), 1),
                Not(HasSubstr("springlatch_data_plane_observing")));
    bench.hello.observing = 1;
    const auto data_plane = bench.connect();
    const Snapshot told = bench.ingest->snapshot();
    EXPECT_THAT(status_json(told, bench.store->state(), Names(), 1), HasSubstr(R"("mode": "observe")"));
    EXPECT_THAT(metrics_text(told, bench.store->state(), 1),
                HasSubstr("\nspringlatch_data_plane_observing 1\n"));
}

TEST(Store, AStoreOfEachVersionBeforeKeepsItsEvents) {
    for (const char* older :
         {"DROP TABLE covered; DROP TABLE losses; ALTER TABLE events DROP COLUMN user; PRAGMA user_version=1",
          "DROP TABLE covered; DROP TABLE losses; PRAGMA user_version=2", "PRAGMA user_version=3"}) {
        SCOPED_TRACE(older);
        Folder folder;
        Event event;
        event.action = "denied";
        ASSERT_NE((*Store::open(folder / "store"))->add(event), 0);
        sqlite3* database = nullptr;
        ASSERT_EQ(sqlite3_open(store_file(folder / "store").c_str(), &database), SQLITE_OK);
        const std::string sql = std::string(
                                    "ALTER TABLE events DROP COLUMN requests; ALTER TABLE events "
                                    "DROP COLUMN tags; ALTER TABLE events DROP COLUMN severity; ") +
                                older;
        ASSERT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(database);
        event.user = "owner";
        const auto store = Store::open(folder / "store");
        ASSERT_TRUE(store) << store.error();
        ASSERT_NE((*store)->add(event), 0);
        ASSERT_TRUE((*store)->flush());
        std::vector<std::string> users;
        ASSERT_TRUE(StoreReader::open(folder / "store")
                        ->each({}, EventOrder::oldest_first, 0, [&](const Event& found) {
                            users.push_back(found.user);
                            return true;
                        }));
        EXPECT_THAT(users, ElementsAre("", "owner"));
    }
}

TEST(Store, AFileThatIsNotOursIsNotTouched) {
    Folder folder;
    std::filesystem::create_directory(folder / "store");
    const std::string file = store_file(folder / "store");
    std::ofstream(file) << "somebody's notes";
    const auto store = Store::open(folder / "store");
    ASSERT_FALSE(store.has_value());
    EXPECT_THAT(store.error(), HasSubstr(file));
    std::string content;
    std::getline(std::ifstream(file), content);
    EXPECT_EQ(content, "somebody's notes");
}

TEST(Text, CredentialsInQueriesAreBlankedInEverySpelling) {
    EXPECT_EQ(redact_query("a=1&password=x&b=2"), "a=1&password=REDACTED&b=2");
    EXPECT_EQ(redact_query("API_KEY=x%26y&q=z"), "API_KEY=REDACTED&q=z");
    EXPECT_EQ(redact_query("p%61sswd=x"), "p%61sswd=REDACTED");
    EXPECT_EQ(redact_query("q=token"), "q=token");
    EXPECT_EQ(redact_query("X-Api-Key=x&client_secret=y;z&id.token=w"),
              "X-Api-Key=REDACTED&client_secret=REDACTED&id.token=REDACTED");
    EXPECT_EQ(redact_query("monkey=1&keyword=2"), "monkey=1&keyword=2");
    EXPECT_EQ(redact_path("http://u:p@host/x"), "http://REDACTED@host/x");
    EXPECT_EQ(redact_path("//u:p@host/x"), "//REDACTED@host/x");
    EXPECT_EQ(redact_path("http:///u:p@host/x"), "http:///REDACTED@host/x");
    EXPECT_EQ(redact_path("/a@b"), "/a@b");
    EXPECT_EQ(redact_path("//"), "//");
}

TEST(Text, WhatAPeerWroteCannotBreakALineOrATerminal) {
    EXPECT_EQ(printable("a\nb\x1b[2J\xff\xc3\xa4"), "a\\x0ab\\x1b[2J\\xff\xc3\xa4");
    EXPECT_EQ(printable("\xe2\x80\xae"
                        "x"),
              "\\xe2\\x80\\xaex")
        << "right-to-left override";
    EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
}

TEST(Ecs, FieldsHaveTheNamesThatOthersRelyOn) {
    Event event;
    event.time_ns = 1'575'500'000'123'456'789U;
    event.sequence = 9;
    event.action = "denied";
    event.reason = "no_credentials";
    event.source = "203.0.113.5";
    event.source_port = 40000;
    event.destination = "198.51.100.10";
    event.destination_port = 9200;
    event.method = "GET";
    event.version = "1.1";
    event.path = "/_cat/indices";
    event.service = "support-cases";
    event.operation = "info";
    event.credentials = "none";
    event.request_bytes = 80;
    const auto json = nlohmann::json::parse(ecs_json(event));
    EXPECT_EQ(json["@timestamp"], "2019-12-04T22:53:20.123456789Z");
    EXPECT_EQ(json["event"]["action"], "denied");
    EXPECT_EQ(json["event"]["sequence"], 9);
    EXPECT_EQ(json["source"]["ip"], "203.0.113.5");
    EXPECT_EQ(json["http"]["request"]["method"], "GET");
    EXPECT_EQ(json["url"]["path"], "/_cat/indices");
    EXPECT_EQ(json["springlatch"]["credentials"], "none");
    EXPECT_FALSE(json.contains("user_agent")) << "what is not known is left out";
    EXPECT_FALSE(json["http"].contains("response"));
}

TEST(Ecs, CommunityIdMatchesThePublishedExamples) {
    // https://github.com/corelight/community-id-spec, baseline of version 1, seed 0.
    EXPECT_EQ(community_id(IpAddress::v4(0x80e8'6e1c), 41143, IpAddress::v4(0x4254'0b14), 80),
              community_id(IpAddress::v4(0x4254'0b14), 80, IpAddress::v4(0x80e8'6e1c), 41143));
    EXPECT_EQ(community_id(IpAddress::v4(0x80e8'6e78), 34855, IpAddress::v4(0x4223'facc), 80),
              "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

TEST(Ecs, TimesAreReadAsPeopleWriteThem) {
    EXPECT_EQ(parse_time("2019-12-05"), 1'575'504'000'000'000'000U);
    EXPECT_EQ(parse_time("2019-12-05T01:00:00+01:00"), 1'575'504'000'000'000'000U);
    EXPECT_EQ(parse_time("2019-12-05T00:00:00.5Z"), 1'575'504'000'500'000'000U);
    for (const char* bad : {"", "yesterday", "2019-13-01", "2019-02-29", "2019-12-05T25:00:00Z",
                            "2019-12-05T00:00:00Zx", "1969-12-31"}) {
        EXPECT_FALSE(parse_time(bad).has_value()) << bad;
    }
}

/// Says `text` to the server and returns all it answers.
[[nodiscard]] std::string ask(std::uint16_t port, const std::string& text) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    std::string answer;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = recv(fd, part.data(), part.size(), 0)) > 0;)
        answer.append(part.data(), static_cast<std::size_t>(got));
    close(fd);
    return answer;
}
[[nodiscard]] std::string get(std::uint16_t port, const std::string& path,
                              const std::string& host = "127.0.0.1", const std::string& method = "GET") {
    return ask(port, method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
}

struct Api : ::testing::Test {
    Bench bench;
    std::unique_ptr<ApiServer> server;
    void SetUp() override {
        const auto client = bench.connect();
        EventRecord record = request_record(1);
        ASSERT_TRUE(bench.producer.emit(record, "/_cat/indices", {}, "zgrab/0.x"));
        bench.settle();
        auto started = ApiServer::start(
            "127.0.0.1:0",
            {.metrics = [this] { return metrics_text(bench.ingest->snapshot(), bench.store->state(), 1); },
             .status =
                 [this] { return status_json(bench.ingest->snapshot(), bench.store->state(), Names(), 1); },
             .store = bench.folder / "store"});
        ASSERT_TRUE(started.has_value()) << started.error();
        server = std::move(*started);
    }
};

TEST_F(Api, EventsComeAsJsonNewestFirst) {
    const std::string answer =
        get(server->port(), "/api/v1/events?limit=10&reason=no_credentials&source=203.0.113.5");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
    const auto json = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
    ASSERT_EQ(json.size(), 1U);
    EXPECT_EQ(json[0]["user_agent"]["original"], "zgrab/0.x");
    EXPECT_THAT(get(server->port(), "/api/v1/events?reason=midstream"), HasSubstr("[]"));
}
TEST_F(Api, StatusAndMetricsAnswer) {
    const std::string status = get(server->port(), "/api/v1/status");
    EXPECT_TRUE(nlohmann::json::accept(status.substr(status.find("\r\n\r\n") + 4))) << status;
    EXPECT_THAT(get(server->port(), "/metrics"), HasSubstr("# TYPE springlatch_"));
}
TEST_F(Api, WrongQuestionsGetTheRightRefusal) {
    const std::uint16_t port = server->port();
    EXPECT_THAT(get(port, "/etc/passwd"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(get(port, "/api/v1/status", "127.0.0.1", "DELETE"), StartsWith("HTTP/1.1 405"));
    for (const char* query : {"limit=0", "limit=1001", "limit=x", "since=tomorrow", "action=maybe",
                              "reason=because", "source=nobody", "colour=red", "limit=1&limit=2"}) {
        EXPECT_THAT(get(port, std::string("/api/v1/events?") + query), StartsWith("HTTP/1.1 400")) << query;
    }
    EXPECT_THAT(ask(port,
                    "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nConnection: "
                    "close\r\n\r\nhello"),
                StartsWith("HTTP/1.1 413"));
}
TEST_F(Api, ANameThatOnlyLooksLocalIsMisdirected) {
    for (const char* host :
         {"evil.example", "127.evil.example", "127.0.0.1.evil.example:9600", "localhost.evil.example"}) {
        EXPECT_THAT(get(server->port(), "/api/v1/events", host), StartsWith("HTTP/1.1 421")) << host;
    }
    for (const char* host : {"127.0.0.1:9600", "localhost", "[::1]:9600"}) {
        EXPECT_THAT(get(server->port(), "/api/v1/events", host), StartsWith("HTTP/1.1 200")) << host;
    }
}
TEST_F(Api, AHeadThatNeverEndsIsGivenUp) {
    const std::string answer =
        ask(server->port(),
            "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
    EXPECT_THAT(answer, Not(StartsWith("HTTP/1.1 200")));
}
TEST(ApiListen, OnlyLoopbackAndOnlyAFreePort) {
    for (const char* address :
         {"0.0.0.0:9600", "198.51.100.1:9600", "[::]:9600", "9600", "localhost", "127.0.0.1:99999"}) {
        const auto started = ApiServer::start(address, {});
        ASSERT_FALSE(started.has_value()) << address;
        EXPECT_THAT(started.error(), HasSubstr("--listen")) << address;
    }
    const auto first = ApiServer::start("127.0.0.1:0", {});
    ASSERT_TRUE(first.has_value());
    const auto second = ApiServer::start("127.0.0.1:" + std::to_string((*first)->port()), {});
    ASSERT_FALSE(second.has_value());
    EXPECT_THAT(second.error(), HasSubstr("the port is in use"));
}

}  // namespace
}  // namespace springlatch::control
