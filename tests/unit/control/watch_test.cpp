// Posture and alerts: who is accused, who is not, and that somebody hears of it once.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "control/alerts/behaviour.h"
#include "control/alerts/channels.h"
#include "control/posture/posture.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;
using What = AnswerSeen::What;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t start = 1'790'000'000 * second;

struct Folder {
    Folder() { path = mkdtemp(path.data()); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path = "/tmp/springlatch-watch-XXXXXX";
};

AnswerSeen answer(What what, std::uint64_t at, std::uint64_t kind = 1) {
    return {.address = "198.51.100.10",
            .port = 9200,
            .service = "cases",
            .what = what,
            .status = static_cast<std::uint16_t>(what == What::refused ? 401 : 200),
            .kind = kind,
            .time_ns = at};
}

TEST(Posture, OneAnswerWithDocumentsAccuses) {
    const Folder dir;
    const auto book = PostureBook::open(dir.path);
    ASSERT_TRUE(book) << book.error();
    const auto turn = (*book)->saw(answer(What::served, start));
    ASSERT_TRUE(turn);
    EXPECT_EQ(turn->server.state, Posture::open);
    EXPECT_FALSE(turn->again);
    EXPECT_FALSE((*book)->saw(answer(What::served, start + second))) << "it is known already";
}

TEST(Posture, TellingWhatItIsNeedsASecondSign) {
    const Folder dir;
    const auto book = PostureBook::open(dir.path);
    EXPECT_FALSE((*book)->saw(answer(What::told, start, 3)));
    EXPECT_FALSE((*book)->saw(answer(What::told, start + second, 3))) << "a health check, again and again";
    EXPECT_EQ((*book)->servers(start)[0].state, Posture::unknown);
    EXPECT_TRUE((*book)->saw(answer(What::told, start + 2 * second, 5)));
}

TEST(Posture, AReopenedServerIsRememberedOverARestartWithItsDays) {
    const Folder dir;
    {
        const auto book = PostureBook::open(dir.path);
        EXPECT_TRUE((*book)->saw(answer(What::served, start)));
        EXPECT_FALSE((*book)->saw(answer(What::refused, start + 10 * second)));
        EXPECT_FALSE((*book)->saw(answer(What::refused, start + 11 * second)));
        const auto closed = (*book)->saw(answer(What::refused, start + 12 * second));
        ASSERT_TRUE(closed);
        EXPECT_EQ(closed->server.state, Posture::closed);
    }
    const auto book = PostureBook::open(dir.path);
    ASSERT_TRUE(book) << book.error();
    const auto again = (*book)->saw(answer(What::served, start + 20 * second));
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->again);
    const auto servers = read_posture(dir.path, start + 25 * second);
    ASSERT_TRUE(servers) << servers.error();
    ASSERT_THAT(*servers, SizeIs(1));
    EXPECT_EQ(servers->front().exposed_ns, 17 * second) << "12 s and 5 s, not the time between";
    EXPECT_THAT(servers->front().history, SizeIs(3));
}

TEST(Posture, AnAnswerBetweenRefusalsKeepsItOpen) {
    const Folder dir;
    const auto book = PostureBook::open(dir.path);
    (void)(*book)->saw(answer(What::served, start));
    for (std::uint64_t i = 1; i < 10; ++i) {
        EXPECT_FALSE((*book)->saw(answer(i % 3 == 0 ? What::served : What::refused, start + i * second)));
    }
}

TEST(Posture, ServersWithTheSameDataAreShownAsMirrors) {
    const Folder dir;
    const auto book = PostureBook::open(dir.path);
    for (const auto& [address, data] :
         {std::pair{"198.51.100.10", 7U}, std::pair{"198.51.100.11", 7U}, std::pair{"2001:db8::12", 9U}}) {
        (void)(*book)->probed({.address = address,
                               .port = 9200,
                               .service = "cases",
                               .state = Posture::open,
                               .evidence = "asked",
                               .data = data,
                               .time_ns = start});
    }
    const auto servers = (*book)->servers(start);
    EXPECT_THAT(servers[0].mirrors, ElementsAre("198.51.100.11:9200"));
    EXPECT_THAT(servers[1].mirrors, ElementsAre("198.51.100.10:9200"));
    EXPECT_THAT(servers[2].mirrors, IsEmpty());
}

Alert alert(AlertKind kind, const std::string& key, std::uint64_t at = start) {
    Alert made;
    made.kind = kind;
    made.key = key;
    made.text = "text";
    made.first_ns = made.last_ns = at;
    return made;
}

TEST(Alerts, TheSameAgainOnlyCounts) {
    const Folder dir;
    const auto book = AlertBook::open(dir.path, 60);
    ASSERT_TRUE(book) << book.error();
    EXPECT_TRUE((*book)->raise(alert(AlertKind::scanner, "a"), start));
    EXPECT_FALSE((*book)->raise(alert(AlertKind::scanner, "a"), start));
    EXPECT_TRUE((*book)->raise(alert(AlertKind::scanner, "b"), start));
    EXPECT_EQ((*book)->open().back().count, 2U);
}

TEST(Alerts, AnExposureIsToldAgainUntilSomebodyTakesIt) {
    const Folder dir;
    const auto book = AlertBook::open(dir.path, 60);
    const auto raised = (*book)->raise(alert(AlertKind::exposure, "s"), start);
    ASSERT_TRUE(raised);
    EXPECT_THAT((*book)->due(start + 59 * second), IsEmpty());
    EXPECT_THAT((*book)->due(start + 60 * second), SizeIs(1));
    EXPECT_THAT((*book)->due(start + 61 * second), IsEmpty());
    EXPECT_FALSE((*book)->acknowledge(
        {.id = raised->id, .owner = "", .reason = "r", .until_ns = start + 999 * second}, start));
    EXPECT_FALSE((*book)->acknowledge(
        {.id = 77, .owner = "o", .reason = "r", .until_ns = start + 999 * second}, start));
    ASSERT_TRUE((*book)->acknowledge(
        {.id = raised->id, .owner = "o", .reason = "r", .until_ns = start + 999 * second}, start));
    EXPECT_THAT((*book)->due(start + 998 * second), IsEmpty());
    EXPECT_THAT((*book)->due(start + 999 * second), SizeIs(1)) << "the time that was given is over";
    (*book)->end(AlertKind::exposure, "s", start);
    EXPECT_THAT((*book)->open(), IsEmpty());
    const auto all = read_alerts(dir.path, true, 10);
    ASSERT_TRUE(all) << all.error();
    EXPECT_EQ(all->front().owner, "o");
}

RequestSeen request_of(const std::string& path) {
    RequestSeen request;
    request.source = IpAddress::v4(0xc6336442);
    request.source_text = "198.51.100.66";
    request.server = "198.51.100.10:9200";
    request.service = "cases";
    request.path = path;
    request.time_ns = start;
    return request;
}

TEST(Behaviour, AScannerIsKnownByWhatItAsks) {
    Behaviour behaviour({});
    EXPECT_THAT(behaviour.request(request_of("/_cat/indices")), IsEmpty())
        << "one question is a curious admin";
    EXPECT_THAT(behaviour.request(request_of("/_nodes/stats")), SizeIs(1));
    RequestSeen owner = request_of("/_nodes");
    owner.source = IpAddress::v4(1);
    owner.identified = true;
    owner.credentials = static_cast<std::uint8_t>(http::Credentials::basic);
    EXPECT_THAT(behaviour.request(owner), IsEmpty());
    owner.path = "/_cat/indices";
    EXPECT_THAT(behaviour.request(owner), IsEmpty());
}

TEST(Behaviour, MassReadAddsUpOneSourceAtOneService) {
    Behaviour behaviour({.window_seconds = 600,
                         .mass_read_bytes = 1000,
                         .mass_read_pages = 3,
                         .guesses = 3,
                         .scanner_servers = 3});
    EXPECT_THAT(behaviour.answer(request_of("/x/_search"), 200, 999, start), IsEmpty());
    const auto alerts = behaviour.answer(request_of("/x/_search"), 200, 1, start);
    ASSERT_THAT(alerts, SizeIs(1));
    EXPECT_EQ(alerts[0].kind, AlertKind::mass_read);
    EXPECT_THAT(behaviour.answer(request_of("/x/_search"), 200, 10, start + 601 * second), IsEmpty())
        << "a new window";
}

TEST(Behaviour, GuessingAndDestroyingAreTold) {
    Behaviour behaviour({.window_seconds = 600,
                         .mass_read_bytes = 1000,
                         .mass_read_pages = 3,
                         .guesses = 3,
                         .scanner_servers = 9});
    RequestSeen guess = request_of("/x/_search");
    guess.action = EventAction::denied;
    guess.reason = Reason::bad_credentials;
    EXPECT_THAT(behaviour.request(guess), IsEmpty());
    EXPECT_THAT(behaviour.request(guess), IsEmpty());
    ASSERT_THAT(behaviour.request(guess), SizeIs(1));
    RequestSeen destroy = request_of("/*");
    destroy.method = static_cast<std::uint8_t>(http::Method::delete_);
    destroy.action = EventAction::denied;
    destroy.reason = Reason::no_credentials;
    const auto alerts = behaviour.request(destroy);
    ASSERT_THAT(alerts, SizeIs(1));
    EXPECT_EQ(alerts[0].kind, AlertKind::destructive_denied);
}

bool soon(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
        if (condition()) {
            return true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
}

TEST(Channel, ADeadPeerCostsNothingButTimeAndWhatFindsNoRoomIsCounted) {
    std::atomic<int> attempts = 0;
    std::atomic<bool> alive = false;
    Channel channel("c", Severity::low, 3,
                    [&](const Alert&, const std::atomic<bool>&) -> std::string {
                        ++attempts;
                        return alive ? "" : "dead";
                    },
                    {.first = std::chrono::milliseconds(1), .most = std::chrono::milliseconds(4)});
    for (int i = 0; i < 5; ++i) {
        channel.tell(alert(AlertKind::exposure, "s"));
    }
    EXPECT_EQ(channel.totals().dropped, 2U);
    EXPECT_TRUE(soon([&] { return attempts > 3; }));
    EXPECT_EQ(channel.totals().sent, 0U);
    alive = true;
    EXPECT_TRUE(soon([&] { return channel.totals().sent == 3; }));
    EXPECT_EQ(channel.totals().problem, "");
}

TEST(Channel, SyslogIsRfc5424WhateverTheTextHolds) {
    Alert told = alert(AlertKind::exposure, "s");
    told.id = 7;
    told.service = R"(a]b"c\)";
    told.told_ns = start;
    EXPECT_THAT(
        syslog_message(told, 10),
        MatchesRegex(
            R"(<82>1 2026-[-0-9]*T[0-9:]*\.[0-9]{6}Z [^ ]+ springlatchd [0-9]+ exposure \[alert@32473 id="7" severity="critical" service="a\\]b\\"c\\\\" count="1"\] text)"));
}

}  // namespace
}  // namespace springlatch::control
