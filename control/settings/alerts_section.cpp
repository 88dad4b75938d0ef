#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "config/json_positions.h"
#include "config/reading.h"
#include "control/settings/reading.h"

namespace springlatch::control {
namespace {

constexpr std::array<Word, 5> severities = {{{"info", static_cast<unsigned>(Severity::info)},
                                             {"low", static_cast<unsigned>(Severity::low)},
                                             {"medium", static_cast<unsigned>(Severity::medium)},
                                             {"high", static_cast<unsigned>(Severity::high)},
                                             {"critical", static_cast<unsigned>(Severity::critical)}}};
/// RFC 5424 §6.2.1.
constexpr std::array<Word, 12> facilities = {{{"user", 1},
                                              {"daemon", 3},
                                              {"auth", 4},
                                              {"authpriv", 10},
                                              {"local0", 16},
                                              {"local1", 17},
                                              {"local2", 18},
                                              {"local3", 19},
                                              {"local4", 20},
                                              {"local5", 21},
                                              {"local6", 22},
                                              {"local7", 23}}};

/// At the start, so that a wrong path is told when somebody looks, not when the first alert is due.
void read_file_name(const SettingsPart& part, const char* key, std::string& file) {
    part.read_text(key, file);
    if (!file.empty() && access(file.c_str(), R_OK) != 0) {
        part.say(key, "the file " + in_quotes(file) + " cannot be read");
    }
}

[[nodiscard]] bool is_host(std::string_view text) {
    return !text.empty() && text.size() <= 255 &&
           text.find_first_of(" \t@/?#\\\"'<>") == std::string_view::npos && text.front() != '-';
}

struct HostPort {
    std::string host;
    std::uint16_t port = 0;  ///< 0: none given
};
/// HOST, HOST:PORT, [IPV6] or [IPV6]:PORT.
[[nodiscard]] std::optional<HostPort> host_port_of(std::string_view text) {
    HostPort result;
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        result.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
    } else {
        const std::size_t end = text.find(':');
        result.host = text.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : text.substr(end);
    }
    if (!is_host(result.host)) {
        return std::nullopt;
    }
    if (rest.empty()) {
        return result;
    }
    const std::string_view digits = rest.substr(1);
    if (rest.front() != ':' || digits.empty() || digits.size() > 5 ||
        digits.find_first_not_of("0123456789") != std::string_view::npos) {
        return std::nullopt;
    }
    const int port = std::stoi(std::string(digits));
    if (port < 1 || port > 65535) {
        return std::nullopt;
    }
    result.port = static_cast<std::uint16_t>(port);
    return result;
}

[[nodiscard]] bool is_loopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

[[nodiscard]] WebhookSettings webhook_of(const SettingsPart& part) {
    WebhookSettings webhook;
    part.read_text("url", webhook.url);
    const bool plain = webhook.url.starts_with("http://");
    const std::string_view rest = std::string_view(webhook.url)
                                      .substr(plain                                 ? 7
                                              : webhook.url.starts_with("https://") ? 8
                                                                                    : webhook.url.size());
    const auto host = host_port_of(rest.substr(0, rest.find_first_of("/?#")));
    read_file_name(part, "token_file", webhook.token_file);
    read_file_name(part, "ca_file", webhook.ca_file);
    if (!webhook.url.empty() && !host) {
        part.say("url",
                 "found no URL of the form https://HOST[:PORT]/PATH; what is secret belongs into token_file");
    } else if (host && plain && !is_loopback(host->host)) {
        part.say("url", "found http:// to another machine; allowed: https://, or http:// to this machine");
    }
    return webhook;
}

[[nodiscard]] SyslogSettings syslog_of(const SettingsPart& part) {
    using Transport = SyslogSettings::Transport;
    SyslogSettings syslog;
    std::string to;
    part.read_text("to", to);
    if (const auto facility = word_of(part.at("facility"), facilities.data(), facilities.size())) {
        syslog.facility = static_cast<std::uint8_t>(*facility);
    }
    if (to.starts_with("unix:///")) {
        syslog.transport = Transport::unix_socket;
        syslog.host = to.substr(7);
        if (syslog.host.size() > 107) {
            part.say("to", "found a path of " + std::to_string(syslog.host.size()) +
                               " bytes; at most 107 are allowed");
        }
        return syslog;
    }
    const bool tcp = to.starts_with("tcp://");
    const auto host =
        tcp || to.starts_with("udp://") ? host_port_of(std::string_view(to).substr(6)) : std::nullopt;
    if (!host) {
        part.say("to",
                 "found " + in_quotes(to) + "; allowed: udp://HOST[:PORT], tcp://HOST[:PORT], unix:///PATH");
        return syslog;
    }
    syslog.transport = tcp ? Transport::tcp : Transport::udp;
    syslog.host = host->host;
    syslog.port = host->port != 0 ? host->port : std::uint16_t{514};
    return syslog;
}

[[nodiscard]] bool is_mail_address(const std::string& text) {
    const std::size_t at = text.find('@');
    return at != std::string::npos && at > 0 && at + 1 < text.size() && text.size() <= 254 &&
           text.find('@', at + 1) == std::string::npos &&
           text.find_first_of(" \t\r\n<>,;\"\\()") == std::string::npos;
}

[[nodiscard]] MailSettings mail_of(const SettingsPart& part) {
    MailSettings mail;
    part.read_text("server", mail.server);
    part.read_text("from", mail.from);
    part.read_text("user", mail.user);
    read_file_name(part, "password_file", mail.password_file);
    read_file_name(part, "ca_file", mail.ca_file);
    mail.tls = !is_word(part.at("tls"), "never");
    const bool smtps = mail.server.starts_with("smtps://");
    const auto host = smtps || mail.server.starts_with("smtp://")
                          ? host_port_of(std::string_view(mail.server).substr(smtps ? 8 : 7))
                          : std::nullopt;
    if (!mail.server.empty() && !host) {
        part.say("server",
                 "found " + in_quotes(mail.server) + "; allowed: smtps://HOST[:PORT], smtp://HOST[:PORT]");
    } else if (host && !mail.tls && (smtps || !is_loopback(host->host))) {
        part.say("tls", "never is allowed only with smtp:// to this machine");
    }
    if (mail.user.empty() != mail.password_file.empty()) {
        part.say(nullptr, "user and password_file belong together; found one of them");
    }
    if (!mail.from.empty() && !is_mail_address(mail.from)) {
        part.say("from", "found " + in_quotes(mail.from) + "; this must be an address, NAME@DOMAIN");
    }
    const nlohmann::json& to = part.at("to");
    for (std::size_t i = 0; to.is_array() && i < to.size(); ++i) {
        if (!to[i].is_string()) {
            continue;
        }
        mail.to.push_back(to[i].get<std::string>());
        if (!is_mail_address(mail.to.back())) {
            part.part("to").say(std::to_string(i).c_str(), "found " + in_quotes(mail.to.back()) +
                                                               "; this must be an address, NAME@DOMAIN");
        }
    }
    return mail;
}

[[nodiscard]] bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 &&
           name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               std::string_view::npos;
}

void read_channel(const SettingsPart& channels, const std::string& name,
                  std::vector<ChannelSettings>& target) {
    const SettingsPart part = channels.part(name.c_str());
    if (!is_name(name)) {
        channels.say(name.c_str(),
                     "the name " + in_quotes(name) +
                         " is not allowed; a name has 1 to 64 letters, digits, dots, underscores or hyphens",
                     true);
    }
    ChannelSettings channel{.name = name, .to = {}};
    if (const auto least = word_of<Severity>(part.at("severity"), severities)) {
        channel.least = *least;
    }
    if (int{part.has("webhook")} + int{part.has("syslog")} + int{part.has("mail")} != 1) {
        part.say(nullptr, "a channel has exactly one of webhook, syslog, mail");
        return;
    }
    if (part.has("webhook")) {
        channel.to = webhook_of(part.part("webhook"));
    } else if (part.has("syslog")) {
        channel.to = syslog_of(part.part("syslog"));
    } else {
        channel.to = mail_of(part.part("mail"));
    }
    target.push_back(std::move(channel));
}

}  // namespace

void read_alerts(const SettingsPart& part, AlertSettings& alerts) {
    part.read_duration("repeat", alerts.repeat_seconds, 1, 30 * 86400);
    part.read_number("queue", alerts.queue);
    const SettingsPart limits = part.part("limits");
    limits.read_duration("window", alerts.limits.window_seconds, 1, 86400);
    limits.read_number("mass_read_bytes", alerts.limits.mass_read_bytes);
    limits.read_number("mass_read_pages", alerts.limits.mass_read_pages);
    limits.read_number("guesses", alerts.limits.guesses);
    limits.read_number("scanner_servers", alerts.limits.scanner_servers);
    const nlohmann::json& channels = part.at("channels");
    if (!channels.is_object()) {
        return;
    }
    for (const auto& entry : channels.items()) {
        read_channel(part.part("channels"), entry.key(), alerts.channels);
    }
}

}  // namespace springlatch::control
