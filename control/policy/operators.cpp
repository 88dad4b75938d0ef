#include "control/policy/operators.h"

#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "config/time_text.h"
#include "dataplane/ipc/unix_socket.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr time_t patience_seconds = 10;
constexpr std::array<const char*, 4> command_names = {"activate", "rollback", "confirm", "history"};

void be_patient(int fd, time_t receive_seconds) {
    const timeval receiving{.tv_sec = receive_seconds, .tv_usec = 0};
    const timeval sending{.tv_sec = patience_seconds, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receiving, sizeof receiving);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof sending);
}

[[nodiscard]] bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            if (sent < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

[[nodiscard]] bool receive_all(int fd, char* to, std::size_t bytes) {
    while (bytes > 0) {
        const ssize_t got = ::recv(fd, to, bytes, 0);
        if (got <= 0) {
            if (got < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        to += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

[[nodiscard]] bool send_message(int fd, std::string_view json, std::string_view file) {
    OperatorHeader header;
    header.json_bytes = static_cast<std::uint32_t>(json.size());
    header.file_bytes = file.size();
    return send_all(fd, {reinterpret_cast<const char*>(&header), sizeof header}) && send_all(fd, json) &&
           send_all(fd, file);
}

[[nodiscard]] bool receive_message(int fd, std::size_t json_max, std::string& json, std::string& file) {
    OperatorHeader header;
    if (!receive_all(fd, reinterpret_cast<char*>(&header), sizeof header) ||
        header.version != operator_version || header.json_bytes > json_max ||
        header.file_bytes > operator_file_bytes_max) {
        return false;
    }
    json.resize(header.json_bytes);
    file.resize(header.file_bytes);
    return receive_all(fd, json.data(), json.size()) && receive_all(fd, file.data(), file.size());
}

[[nodiscard]] Operator operator_of(std::uint32_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> room{};
    const bool known = getpwuid_r(uid, &entry, room.data(), room.size(), &found) == 0 && found != nullptr;
    return {.uid = uid, .name = known ? entry.pw_name : std::to_string(uid)};
}

[[nodiscard]] std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[nodiscard]] Json object_of(const Activation& one) {
    Json json;
    json["number"] = one.number;
    json["standing"] = name_of(one.standing);
    json["time"] = rfc3339(one.time_ns);
    json["how"] = one.how;
    json["user"] = one.user;
    json["uid"] = one.uid;
    json["sha256"] = one.sha256;
    const auto put = [&json](const char* name, const auto& value) {
        if (value != std::decay_t<decltype(value)>{}) {
            json[name] = value;
        }
    };
    put("sequence", one.sequence);
    put("reason", one.reason);
    put("widen", one.widen);
    put("effect", one.effect);
    put("of", one.of);
    put("before", one.before);
    if (one.confirm_by_ns != 0) {
        json["confirm_by"] = rfc3339(one.confirm_by_ns);
    }
    if (one.confirmed_ns != 0) {
        json["confirmed"] = rfc3339(one.confirmed_ns);
        json["confirmed_by"] = one.confirmed_by;
    }
    put("error", one.error);
    return json;
}

[[nodiscard]] Activation activation_of(const Json& json) {
    Activation one;
    one.number = json.at("number");
    const std::string standing = json.at("standing");
    for (const Standing candidate :
         {Standing::pending, Standing::active, Standing::replaced, Standing::failed}) {
        if (standing == name_of(candidate)) {
            one.standing = candidate;
        }
    }
    const auto time = [&json](const char* name) {
        return json.contains(name) ? parse_time(json.at(name).get<std::string>()).value_or(0) : 0;
    };
    one.time_ns = time("time");
    one.how = json.at("how");
    one.user = json.at("user");
    one.uid = json.at("uid");
    one.sha256 = json.at("sha256");
    one.sequence = json.value("sequence", std::uint64_t{0});
    one.reason = json.value("reason", "");
    one.widen = json.value("widen", "");
    one.effect = json.value("effect", std::vector<std::string>{});
    one.of = json.value("of", std::int64_t{0});
    one.before = json.value("before", std::int64_t{0});
    one.confirm_by_ns = time("confirm_by");
    one.confirmed_ns = time("confirmed");
    one.confirmed_by = json.value("confirmed_by", "");
    one.error = json.value("error", "");
    return one;
}

}  // namespace

std::string json_of(const Activation& activation) {
    return text_of(object_of(activation));
}

std::string json_of(const PolicyCommand& command) {
    return text_of({{"command", command_names[static_cast<std::size_t>(command.what)]},
                    {"name", command.name},
                    {"reason", command.reason},
                    {"widen", command.widen},
                    {"confirm_seconds", command.confirm_seconds},
                    {"dry_run", command.dry_run},
                    {"to", command.to}});
}

tl::expected<PolicyCommand, std::string> command_of(std::string_view json) {
    try {
        const Json told = Json::parse(json);
        PolicyCommand command;
        const std::string name = told.at("command");
        bool known = false;
        for (std::size_t i = 0; i < command_names.size(); ++i) {
            if (name == command_names[i]) {
                command.what = static_cast<PolicyCommand::What>(i);
                known = true;
            }
        }
        if (!known) {
            return tl::unexpected("there is no command " + name);
        }
        command.name = told.at("name");
        command.reason = told.at("reason");
        command.widen = told.at("widen");
        command.confirm_seconds = told.at("confirm_seconds");
        command.dry_run = told.at("dry_run");
        command.to = told.at("to");
        return command;
    } catch (const Json::exception&) {
        return tl::unexpected(std::string("the command is not understood (another version of springlatch?)"));
    }
}

std::string json_of(const PolicyAnswer& answer) {
    Json history = Json::array();
    for (const Activation& one : answer.history) {
        history.push_back(object_of(one));
    }
    return text_of({{"lines", answer.lines}, {"error", answer.error}, {"history", std::move(history)}});
}

tl::expected<PolicyAnswer, std::string> answer_of(std::string_view json) {
    try {
        const Json told = Json::parse(json);
        PolicyAnswer answer{.lines = told.at("lines"), .error = told.at("error"), .history = {}};
        for (const Json& one : told.at("history")) {
            answer.history.push_back(activation_of(one));
        }
        return answer;
    } catch (const Json::exception&) {
        return tl::unexpected(std::string("the answer is not understood (another version of springlatchd?)"));
    }
}

tl::expected<std::unique_ptr<OperatorSocket>, std::string> OperatorSocket::listen(const std::string& path,
                                                                                  PolicyManager& manager) {
    const auto address = unix_address(path);
    if (!address) {
        return tl::unexpected(path + ": is no path for a socket: 1 to 107 bytes");
    }
    const auto fd = listen_unix(path, *address,
                                {.type = SOCK_STREAM,
                                 .backlog = 8,
                                 .option = "--operators",
                                 .taken = "another springlatchd listens here; give another --operators"});
    if (!fd) {
        return tl::unexpected(fd.error());
    }
    return std::unique_ptr<OperatorSocket>(new OperatorSocket(path, *fd, manager));
}

OperatorSocket::~OperatorSocket() {
    close(fd_);
    unlink(path_.c_str());
}

void OperatorSocket::step(int timeout_ms) {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, timeout_ms) <= 0) {
        return;
    }
    const Descriptor peer(accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.fd >= 0) {
        serve(peer.fd);
    }
}

void OperatorSocket::serve(int peer) {
    be_patient(peer, patience_seconds);
    ucred credentials{};
    socklen_t bytes = sizeof credentials;
    PolicyAnswer answer;
    std::string json;
    std::string file;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0 ||
        (credentials.uid != 0 && credentials.uid != geteuid())) {
        answer.error = "only root and the user of springlatchd may do this";
    } else if (!receive_message(peer, 1U << 16U, json, file)) {
        return;
    } else if (auto other = others_ ? others_(json) : std::nullopt) {
        answer = std::move(*other);
    } else if (auto command = command_of(json); !command) {
        answer.error = command.error();
    } else {
        command->bytes = std::move(file);
        answer = manager_.handle(*command, operator_of(credentials.uid));
        if (widened_ && answer.error.empty() && !command->widen.empty() && !command->dry_run) {
            widened_(operator_of(credentials.uid).name, command->widen);
        }
    }
    (void)send_message(peer, json_of(answer), {});
}

tl::expected<PolicyAnswer, std::string> ask_springlatchd(const std::string& path,
                                                         const PolicyCommand& command) {
    return put_to_springlatchd(path, json_of(command), command.bytes);
}

tl::expected<PolicyAnswer, std::string> put_to_springlatchd(const std::string& path,
                                                            const std::string& question,
                                                            const std::string& file) {
    const auto address = unix_address(path);
    const Descriptor peer(address ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1);
    if (peer.fd < 0 || connect(peer.fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return tl::unexpected(path + ": " + (address ? std::strerror(errno) : "is no path for a socket") +
                              "; does springlatchd run there with --state?");
    }
    constexpr time_t longest_activation_seconds = 180;
    be_patient(peer.fd, longest_activation_seconds);
    std::string json;
    std::string nothing;
    if (!send_message(peer.fd, question, file) ||
        !receive_message(peer.fd, operator_json_bytes_max, json, nothing)) {
        return tl::unexpected(path +
                              ": springlatchd did not answer; see policy history for what became of it");
    }
    return answer_of(json);
}

}  // namespace springlatch::control
