// A health check lets exactly its own request in, and its zone to nothing else.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

/// 203.0.113.0/24 ("probe") may ask for its health check and no rule is for it.
struct Scene {
    explicit Scene(std::uint32_t per_minute = 60) {
        parts.rules.erase(parts.rules.begin() + 1);
        parts.health_checks = {{.id = "balancer",
                                .zones = {2},
                                .services = {0},
                                .method = http::Method::get,
                                .path = "/_cluster/health",
                                .query = "",
                                .per_minute = per_minute}};
    }
    Wire& wire() {
        if (!made) made = std::make_unique<Wire>(std::move(parts));
        return *made;
    }
    std::string ask(const std::string& text, const std::string& source = "203.0.113.5") {
        Connection one(wire(), source, ++port);
        one.open();
        const std::size_t before = wire().log.verdicts().size();
        one.client(text);
        if (wire().log.verdicts().size() == before) return "";
        if (wire().log.verdicts().back() == "allowed") one.server(ok_response);
        return wire().log.verdicts().back();
    }
    PolicyParts parts;
    std::unique_ptr<Wire> made;
    std::uint16_t port = 20'000;
};

std::string line(const std::string& text, const std::string& headers = "") {
    return text + " HTTP/1.1\r\nHost: db\r\n" + headers + "\r\n";
}
const std::string auth = "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n";

TEST(HealthChecks, LetTheirOwnRequestInWithoutCredentialsAndNameItInTheEvent) {
    Scene s;
    EXPECT_EQ(s.ask(line("GET /_cluster/health")), "allowed");
    EXPECT_EQ(s.wire().log.of(EventKind::request).back().record.rule, 2) << "counted behind the two rules";
}

TEST(HealthChecks, LetNothingElseInThatLooksAlike) {
    Scene s;
    for (const std::string& text :
         {line("HEAD /_cluster/health"), line("POST /_cluster/health"), line("GET /_cluster/health/"),
          line("GET /_cluster/health/customers"), line("GET /_cluster/health?level=shards"),
          line("GET /_cluster/Health"), line("GET /_cluster/%68ealth"), line("GET /_search"),
          line("GET http://db/_cluster/health"), line("GET /_search", auth)}) {
        EXPECT_EQ(s.ask(text), "denied:source_not_allowed") << text;
    }
}

TEST(HealthChecks, LetNoBodyInAndNothingBehindThem) {
    Scene s;
    EXPECT_EQ(s.ask(line("GET /_cluster/health", "Content-Length: 1\r\n") + "x"), "denied:body_not_allowed");
    EXPECT_EQ(s.ask(line("GET /_cluster/health", auth + "Content-Length: 1\r\n") + "x"),
              "denied:body_not_allowed");
    Connection one(s.wire(), "203.0.113.5");
    one.open();
    one.client(line("GET /_cluster/health") + line("GET /_search"));
    EXPECT_EQ(stream_of(s.wire().to_server(), one.base), line("GET /_cluster/health"));
}

TEST(HealthChecks, RefuseMalformedCredentials) {
    Scene s;
    EXPECT_EQ(s.ask(line("GET /_cluster/health", auth + auth)), "denied:malformed_credentials");
}

TEST(HealthChecks, AreDeniedAboveTheirRate) {
    Scene s(2);
    EXPECT_EQ(s.ask(line("GET /_cluster/health")), "allowed");
    EXPECT_EQ(s.ask(line("GET /_cluster/health")), "allowed");
    EXPECT_EQ(s.ask(line("GET /_cluster/health")), "denied:rate_limited");
    EXPECT_EQ(s.ask(line("GET /_cluster/health"), "203.0.113.6"), "allowed");
    s.wire().advance_seconds(30);
    EXPECT_EQ(s.ask(line("GET /_cluster/health")), "allowed");
}

TEST(HealthChecks, OpenNoOtherZoneAndNoOtherService) {
    Scene s;
    s.parts.services[0].ports = {9200};
    Service other = s.parts.services[0];
    other.ports = {9201};
    s.parts.services.push_back(other);
    EXPECT_EQ(s.ask(line("GET /_cluster/health"), "192.0.2.1"), "denied:no_credentials");
    Connection elsewhere(s.wire(), "203.0.113.5", 1, "198.51.100.10", 9201);
    const std::size_t before = s.wire().log.verdicts().size();
    elsewhere.open();
    EXPECT_EQ(s.wire().log.verdicts().at(before), "denied:source_not_allowed") << "at its SYN";
}

TEST(HealthChecks, OpenNoWayForUnreadTls) {
    Scene s;
    s.parts.services[0].tls_allowed = true;
    EXPECT_EQ(s.ask("\x16\x03\x01"), "denied:tls_not_allowed");
    EXPECT_EQ(s.ask("\x16\x03\x01", "192.0.2.1"), "allowed") << "a rule lets that zone in";
}

TEST(HealthChecks, MayHaveAQueryIfItIsWrittenAndThenNoOther) {
    Scene s;
    s.parts.health_checks[0].query = "local=true";
    EXPECT_EQ(s.ask(line("GET /_cluster/health?local=true")), "allowed");
    EXPECT_EQ(s.ask(line("GET /_cluster/health")), "denied:source_not_allowed");
    EXPECT_EQ(s.ask(line("GET /_cluster/health?local=true&level=shards")), "denied:source_not_allowed");
}

}  // namespace
}  // namespace springlatch::test
