#pragma once
// The settings file of springlatchd: how the control process works, as the policy says what is enforced.
//
// Overview
//   JSON in the manner of a policy; config/settings.schema.json says what may be in it, and every key has a
//   default, the member's initial value here. A section is read by a function of its own (reading.h).
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "config/json_file.h"
#include "dataplane/packet/address.h"
#include "dataplane/policy/rule.h"

namespace springlatch::control {

struct StoreSettings {};

struct ProbeSettings {
    std::vector<IpAddress> from;  ///< empty: nobody is asked; at most one of each family
    std::uint32_t every_seconds = 15 * 60;
    std::uint32_t timeout_seconds = 5;
    std::uint32_t per_minute = 60;
};

struct PostureSettings {
    ProbeSettings probe;
};

/// Secrets are in files of their own and read when they are needed, so that they can be changed.
struct WebhookSettings {
    std::string url;
    std::string token_file;  ///< "": none
    std::string ca_file;     ///< "": the system's
};
struct SyslogSettings {
    enum class Transport : std::uint8_t { udp, tcp, unix_socket };
    Transport transport = Transport::udp;
    std::string host;  ///< or the socket's path
    std::uint16_t port = 514;
    std::uint8_t facility = 10;  ///< RFC 5424 §6.2.1: authpriv
};
struct MailSettings {
    std::string server;  ///< smtp:// or smtps://
    std::string from;
    std::vector<std::string> to;
    std::string user;
    std::string password_file;
    std::string ca_file;
    bool tls = true;
};
struct ChannelSettings {
    std::string name;
    Severity least = Severity::low;
    std::variant<WebhookSettings, SyslogSettings, MailSettings> to;
};

struct AlertLimits {
    std::uint32_t window_seconds = 10 * 60;
    std::uint64_t mass_read_bytes = 256U << 20U;
    std::uint64_t mass_read_pages = 200;
    std::uint64_t guesses = 20;
    std::uint64_t scanner_servers = 5;
};

struct AlertSettings {
    std::uint32_t repeat_seconds = 6 * 3600;
    std::uint32_t queue = 1000;
    AlertLimits limits;
    std::vector<ChannelSettings> channels;  ///< by name
};

struct ApiSettings {};

struct Settings {
    StoreSettings store;
    PostureSettings posture;
    AlertSettings alerts;
    ApiSettings api;
};

/// On error every mistake found, in the order of the text.
[[nodiscard]] tl::expected<Settings, std::vector<PolicyError>> load_settings(const std::string& path);
/// The same for a text at hand; `name` stands for the file in errors.
[[nodiscard]] tl::expected<Settings, std::vector<PolicyError>> parse_settings(std::string_view text,
                                                                              const std::string& name);

}  // namespace springlatch::control
