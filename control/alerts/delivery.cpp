// The ways out: webhook and mail by libcurl, syslog by a socket.
#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "config/secrets.h"
#include "config/time_text.h"
#include "control/alerts/channels.h"
#include "control/clock.h"

namespace springlatch::control {
namespace {

constexpr long connect_seconds = 5;
constexpr long whole_seconds = 10;
constexpr std::size_t secret_bytes_max = 8192;

struct FreeCurl {
    void operator()(CURL* curl) const noexcept { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, FreeCurl>;
using List = std::unique_ptr<curl_slist, FreeCurl>;

[[nodiscard]] List with(List list, const std::string& text) {
    curl_slist* const longer = curl_slist_append(list.get(), text.c_str());
    if (longer != nullptr) {
        (void)list.release();
        list.reset(longer);
    }
    return list;
}

/// The first line of the file. False: it cannot be read, or is no such line.
[[nodiscard]] bool read_secret(const std::string& file, std::string& secret) {
    std::ifstream in(file, std::ios::binary);
    if (!std::getline(in, secret) || secret.size() > secret_bytes_max) {
        return false;
    }
    while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) {
        secret.pop_back();
    }
    return !secret.empty() && secret.find_first_of(std::string_view("\0\t\r\n", 4)) == std::string::npos;
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void* left) {
    auto& room = *static_cast<std::size_t*>(left);
    if (size * count > room) {
        return 0;  // ends it: nobody needs an endless answer
    }
    room -= size * count;
    return size * count;
}

int asked_to_stop(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

[[nodiscard]] Curl new_curl(const char* protocols, const std::string& ca_file, const std::atomic<bool>& stop,
                            std::size_t& room) {
    static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    Curl curl(ready ? curl_easy_init() : nullptr);
    if (!curl) {
        return curl;
    }
    CURL* const handle = curl.get();
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, connect_seconds);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, whole_seconds);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, asked_to_stop);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &stop);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &room);
    if (!ca_file.empty()) {
        curl_easy_setopt(handle, CURLOPT_CAINFO, ca_file.c_str());
    }
    return curl;
}

[[nodiscard]] std::string deliver_webhook(const WebhookSettings& webhook, const Alert& alert,
                                          const std::atomic<bool>& stop) {
    std::size_t room = 65536;
    const Curl curl = new_curl("http,https", webhook.ca_file, stop, room);
    std::string token;
    if (!webhook.token_file.empty() && !read_secret(webhook.token_file, token)) {
        return "the token_file holds no token of one line";
    }
    if (!curl) {
        return "libcurl does not start";
    }
    const std::string body = json_of(alert);
    List headers = with(with(nullptr, "Content-Type: application/json"), "Expect:");
    if (!token.empty()) {
        std::string header = "Authorization: Bearer " + token;
        headers = with(std::move(headers), header);
        wipe(header);
        wipe(token);
    }
    curl_easy_setopt(curl.get(), CURLOPT_URL, webhook.url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "springlatchd/" SPRINGLATCH_VERSION);
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    const CURLcode done = curl_easy_perform(curl.get());
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        return "";
    }
    return done != CURLE_OK ? curl_easy_strerror(done) : "it answered " + std::to_string(status);
}

struct MailText {
    std::string text;
    std::size_t at = 0;
};

std::size_t read_mail(char* target, std::size_t size, std::size_t count, void* context) {
    auto& mail = *static_cast<MailText*>(context);
    const std::size_t bytes = std::min(size * count, mail.text.size() - mail.at);
    std::memcpy(target, mail.text.data() + mail.at, bytes);
    mail.at += bytes;
    return bytes;
}

/// RFC 5322 wants lines of ASCII without control bytes.
[[nodiscard]] std::string plain_line(const std::string& text) {
    std::string line;
    for (const char c : text) {
        line += c >= ' ' && c < 0x7f ? c : '?';
    }
    return line.substr(0, 900);
}

[[nodiscard]] std::string mail_text(const MailSettings& mail, const Alert& alert) {
    std::string to;
    for (const std::string& address : mail.to) {
        to += (to.empty() ? "" : ",\r\n ") + address;
    }
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 64> date{};
    std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return "Date: " + std::string(date.data()) + "\r\nFrom: " + mail.from + "\r\nTo: " + to +
           "\r\nSubject: [springlatch] " + word_of(severity_of(alert.kind)) + ": " + name_of(alert.kind) +
           " " + plain_line(alert.server.empty() ? alert.source : alert.server) + "\r\nMessage-ID: <alert-" +
           std::to_string(alert.id) + "-" + std::to_string(alert.told_ns) +
           "@springlatch.invalid>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
           "charset=us-ascii\r\n\r\n" +
           plain_line(alert.text) + "\r\n\r\nFirst " + rfc3339(alert.first_ns) + ", last " +
           rfc3339(alert.last_ns) + ", count " + std::to_string(alert.count) +
           ".\r\nTake it: springlatch alerts ack " + std::to_string(alert.id) +
           " --owner NAME --reason TEXT --until TIME\r\n";
}

[[nodiscard]] std::string deliver_mail(const MailSettings& mail, const Alert& alert,
                                       const std::atomic<bool>& stop) {
    std::size_t room = 65536;
    const Curl curl = new_curl("smtp,smtps", mail.ca_file, stop, room);
    std::string password;
    if (!mail.password_file.empty() && !read_secret(mail.password_file, password)) {
        return "the password_file holds no password of one line";
    }
    if (!curl) {
        return "libcurl does not start";
    }
    MailText text{.text = mail_text(mail, alert)};
    List to;
    for (const std::string& address : mail.to) {
        to = with(std::move(to), '<' + address + '>');
    }
    const std::string from = '<' + mail.from + '>';
    curl_easy_setopt(curl.get(), CURLOPT_URL, mail.server.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_USE_SSL,
                     static_cast<long>(mail.tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    if (!mail.user.empty()) {
        curl_easy_setopt(curl.get(), CURLOPT_USERNAME, mail.user.c_str());
        curl_easy_setopt(curl.get(), CURLOPT_PASSWORD, password.c_str());
        wipe(password);
    }
    curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, from.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, to.get());
    curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, read_mail);
    curl_easy_setopt(curl.get(), CURLOPT_READDATA, &text);
    const CURLcode done = curl_easy_perform(curl.get());
    return done == CURLE_OK ? "" : curl_easy_strerror(done);
}

class Socket {
  public:
    explicit Socket(int fd) : fd_(fd) {
        const timeval patience{.tv_sec = connect_seconds, .tv_usec = 0};
        (void)setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    ~Socket() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] bool send_to(const sockaddr* to, socklen_t bytes, std::string_view text) const {
        return fd_ >= 0 && connect(fd_, to, bytes) == 0 &&
               send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
    }

  private:
    int fd_;
};

[[nodiscard]] std::string deliver_syslog(const SyslogSettings& syslog, const Alert& alert) {
    const std::string message = syslog_message(alert, syslog.facility);
    if (syslog.transport == SyslogSettings::Transport::unix_socket) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        syslog.host.copy(address.sun_path, sizeof address.sun_path - 1);
        for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
            const Socket out(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
            const std::string framed = type == SOCK_STREAM ? message + '\n' : message;
            if (out.send_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, framed)) {
                return "";
            }
        }
        return "the socket takes nothing: " + std::string(std::strerror(errno));
    }
    const bool tcp = syslog.transport == SyslogSettings::Transport::tcp;
    addrinfo wanted{};
    wanted.ai_socktype = tcp ? SOCK_STREAM : SOCK_DGRAM;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(syslog.host.c_str(), std::to_string(syslog.port).c_str(), &wanted, &found);
    if (error != 0) {
        return gai_strerror(error);
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    // RFC 6587 §3.4.1: counted octets, since a message may hold a line feed.
    const std::string framed = tcp ? std::to_string(message.size()) + ' ' + message : message;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        const Socket out(socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, 0));
        if (out.send_to(one->ai_addr, one->ai_addrlen, framed)) {
            return "";
        }
    }
    return std::strerror(errno);
}

/// RFC 5424 §6.3.3: `"`, `\` and `]` are escaped.
[[nodiscard]] std::string parameter(const char* name, const std::string& value) {
    if (value.empty()) {
        return "";
    }
    std::string text = ' ' + std::string(name) + "=\"";
    for (const char c : value) {
        if (c == '"' || c == '\\' || c == ']') {
            text += '\\';
        }
        text += c;
    }
    return text + '"';
}

}  // namespace

std::string syslog_message(const Alert& alert, std::uint8_t facility) {
    const Severity severity = severity_of(alert.kind);
    const int level = severity == Severity::critical ? 2
                      : severity == Severity::high   ? 3
                      : severity == Severity::medium ? 4
                      : severity == Severity::low    ? 5
                                                     : 6;
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') {
        host = {'-'};
    }
    std::string time = rfc3339(alert.told_ns != 0 ? alert.told_ns : unix_ns());
    time = time.substr(0, time.find('.') + 7) + 'Z';  // six digits at most (RFC 5424 §6)
    return '<' + std::to_string(facility * 8 + level) + ">1 " + time + ' ' + host.data() + " springlatchd " +
           std::to_string(getpid()) + ' ' + name_of(alert.kind) + " [alert@32473" +
           parameter("id", std::to_string(alert.id)) + parameter("severity", word_of(severity)) +
           parameter("source", alert.source) + parameter("server", alert.server) +
           parameter("service", alert.service) + parameter("count", std::to_string(alert.count)) + "] " +
           alert.text;
}

Deliver deliver_to(const ChannelSettings& settings) {
    return [to = settings.to](const Alert& alert, const std::atomic<bool>& stop) -> std::string {
        if (const auto* const webhook = std::get_if<WebhookSettings>(&to)) {
            return deliver_webhook(*webhook, alert, stop);
        }
        if (const auto* const mail = std::get_if<MailSettings>(&to)) {
            return deliver_mail(*mail, alert, stop);
        }
        return deliver_syslog(std::get<SyslogSettings>(to), alert);
    };
}

}  // namespace springlatch::control
