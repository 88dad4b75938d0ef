// The settings file: what is not in it has its default, what is wrong in it is shown where it stands.
#include "control/settings/settings.h"

#include <gmock/gmock.h>

#include <fstream>

namespace springlatch::control {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string mistakes_in(const std::string& text) {
    const auto settings = parse_settings(text, "s.json");
    return settings ? "" : lines_of(settings.error());
}

TEST(Settings, AnEmptyObjectMeansTheDefaults) {
    const auto settings = parse_settings("{}", "s.json");
    ASSERT_TRUE(settings) << lines_of(settings.error());
    EXPECT_THAT(settings->posture.probe.from, IsEmpty())
        << "nobody is asked unless the address to ask from is named";
    EXPECT_EQ(settings->alerts.repeat_seconds, 6U * 3600);
    EXPECT_THAT(settings->alerts.channels, IsEmpty());
}

TEST(Settings, EveryChannelIsRead) {
    const auto settings = parse_settings(R"({"version": 1,
        "posture": {"probe": {"from": ["192.0.2.7", "2001:db8::7"], "every": "1h", "timeout": "2s", "per_minute": 6}},
        "alerts": {"repeat": "1d", "queue": 5, "limits": {"window": "5m", "mass_read_bytes": 1000, "mass_read_pages": 7, "guesses": 3, "scanner_servers": 2},
          "channels": {
            "duty": {"severity": "high", "mail": {"server": "smtp://mail.example.net:587", "from": "latch@example.net", "to": ["duty@example.net"]}},
            "log": {"syslog": {"to": "tcp://[2001:db8::1]:6514", "facility": "local3"}},
            "near": {"syslog": {"to": "unix:///dev/log"}},
            "soc": {"webhook": {"url": "https://soc.example.net/hook"}}}}})",
                                         "s.json");
    ASSERT_TRUE(settings) << lines_of(settings.error());
    EXPECT_THAT(settings->posture.probe.from,
                ElementsAre(IpAddress::v4(0xc0000207), IpAddress{0x20010db8'00000000U, 7}));
    EXPECT_EQ(settings->posture.probe.every_seconds, 3600U);
    EXPECT_EQ(settings->alerts.limits.mass_read_bytes, 1000U);
    ASSERT_THAT(settings->alerts.channels, SizeIs(4));
    EXPECT_EQ(settings->alerts.channels[0].least, Severity::high);
    EXPECT_EQ(std::get<MailSettings>(settings->alerts.channels[0].to).to.front(), "duty@example.net");
    const auto& log = std::get<SyslogSettings>(settings->alerts.channels[1].to);
    EXPECT_EQ(log.host, "2001:db8::1");
    EXPECT_EQ(log.port, 6514);
    EXPECT_EQ(log.facility, 19);
    EXPECT_EQ(std::get<SyslogSettings>(settings->alerts.channels[2].to).host, "/dev/log");
    EXPECT_EQ(std::get<WebhookSettings>(settings->alerts.channels[3].to).url, "https://soc.example.net/hook");
}

TEST(Settings, AMistakeIsShownWhereItStands) {
    EXPECT_EQ(mistakes_in("{\n  \"postur\": {}\n}"),
              "s.json:2:3: error: /postur: unknown key \"postur\"; allowed: $schema, alerts, api, posture, "
              "store, version; did you mean \"posture\"?\n");
    EXPECT_EQ(mistakes_in("{\"posture\": {\"probe\": {\"from\": \"198.51.100.0/24\"}}}"),
              "s.json:1:32: error: /posture/probe/from: found \"198.51.100.0/24\"; this must be an address "
              "of this machine, 192.0.2.7 or 2001:db8::7\n");
    EXPECT_THAT(mistakes_in(R"({"alerts": {"repeat": "never", "repeat": "1h"}})"), HasSubstr("duplicate"));
    EXPECT_THAT(mistakes_in(R"({"alerts": {"repeat": "0s"}})"),
                HasSubstr("/alerts/repeat: found \"0s\"; allowed: a number and a unit"));
    EXPECT_THAT(mistakes_in(R"({"alerts": {"queue": 0}})"), HasSubstr("found 0; allowed: 1 to 100000"));
    EXPECT_THAT(mistakes_in(""), HasSubstr("is empty; the settings file is a JSON object"));
}

TEST(Settings, SecretsCannotLeaveTheMachineUnprotected) {
    const auto channel = [](const std::string& text) {
        return mistakes_in(R"({"alerts": {"channels": {"c": )" + text + "}}}");
    };
    EXPECT_THAT(channel(R"({"webhook": {"url": "http://soc.example.net/hook"}})"),
                HasSubstr("found http:// to another machine"));
    EXPECT_EQ(channel(R"({"webhook": {"url": "http://127.0.0.1:8080/hook"}})"), "");
    EXPECT_THAT(
        channel(R"({"webhook": {"url": "https://user:geheim@soc.example.net/"}})"),
        AllOf(HasSubstr("/alerts/channels/c/webhook/url: found no URL"), testing::Not(HasSubstr("geheim"))));
    EXPECT_THAT(
        channel(
            R"({"mail": {"server": "smtp://mail.example.net", "from": "a@b.c", "to": ["d@e.f"], "tls": "never"}})"),
        HasSubstr("never is allowed only with smtp:// to this machine"));
    EXPECT_THAT(
        channel(
            R"({"mail": {"server": "smtp://localhost", "from": "a@b.c\r\nBcc: x@y.z", "to": ["d@e.f>\r\nDATA"], "tls": "never"}})"),
        AllOf(HasSubstr("/mail/from"), HasSubstr("/mail/to/0")))
        << "a line break would be another command to the mail server";
    EXPECT_THAT(channel(R"({"webhook": {"url": "https://a.b/", "token_file": "/nonexistent/token"}})"),
                HasSubstr("cannot be read"));
    EXPECT_THAT(channel(R"({"webhook": {"url": "https://a.b/"}, "syslog": {"to": "udp://a"}})"),
                HasSubstr("exactly one of"));
    EXPECT_THAT(channel(R"({"syslog": {"to": "udp://a:70000"}})"), HasSubstr("allowed: udp://HOST[:PORT]"));
}

TEST(Settings, TheSchemaTakesEveryKeyThatIsRead) {
    std::ifstream file(SPRINGLATCH_SOURCE_DIR "/config/settings.schema.json");
    const std::string schema((std::istreambuf_iterator<char>(file)), {});
    for (const char* const key : {"probe", "repeat", "limits", "channels", "token_file", "facility"}) {
        EXPECT_THAT(schema, HasSubstr('"' + std::string(key) + '"'));
    }
}

}  // namespace
}  // namespace springlatch::control
