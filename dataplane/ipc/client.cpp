#include "dataplane/ipc/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/ipc/sealed.h"
#include "dataplane/ipc/unix_socket.h"

namespace springlatch {
namespace {

/// A bound, so that a flood of messages cannot keep the caller from its other work.
constexpr int messages_a_poll_max = 256;
static_assert(workers_max <= descriptors_a_message_max);

/// That came with the message, or -1; there is room for one.
[[nodiscard]] int descriptor_of(const msghdr& message) noexcept {
    const cmsghdr* part = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (part != nullptr && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
        part->cmsg_len == CMSG_LEN(sizeof fd)) {
        std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    }
    return fd;
}

}  // namespace

ChannelClient::ChannelClient(std::string path, HelloMessage hello, std::vector<int> ring_fds)
    : path_(std::move(path)), hello_(hello), ring_fds_(std::move(ring_fds)) {
    hello_.header = {.version = channel_version,
                     .type = MessageType::hello,
                     .bytes = sizeof(HelloMessage),
                     .workers = static_cast<std::uint32_t>(ring_fds_.size())};
}

ChannelClient::~ChannelClient() {
    disconnect();
}

void ChannelClient::disconnect() noexcept {
    if (fd_ >= 0) {
        close(fd_);
        fd_ = -1;
    }
}

void ChannelClient::connect_now() {
    const auto address = unix_address(path_);
    if (!address) {
        return;
    }
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        !send_with_descriptors(fd, std::as_bytes(std::span{&hello_, 1}), ring_fds_, MSG_NOSIGNAL)) {
        close(fd);
        return;
    }
    fd_ = fd;
}

ChannelClient::Read ChannelClient::read_one(CheckAnswer& answer) {
    alignas(8) std::array<std::byte, std::max(sizeof(AnswerMessage), sizeof(PolicyMessage))> body{};
    iovec piece{.iov_base = body.data(), .iov_len = body.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr whole{};
    whole.msg_iov = &piece;
    whole.msg_iovlen = 1;
    whole.msg_control = control.data();
    whole.msg_controllen = control.size();
    const ssize_t got = recvmsg(fd_, &whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return Read::nothing;
    }
    const Descriptor descriptor(got < 0 ? -1 : descriptor_of(whole));
    MessageHeader header;
    if (got < static_cast<ssize_t>(sizeof header) || (whole.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        return Read::bad;
    }
    std::memcpy(&header, body.data(), sizeof header);
    const auto is = [&](MessageType type, std::size_t bytes) {
        return header.version == channel_version && header.type == type &&
               static_cast<std::size_t>(got) == bytes;
    };
    if (is(MessageType::stop, sizeof header)) {
        return Read::stop;
    }
    if (is(MessageType::answer, sizeof(AnswerMessage))) {
        AnswerMessage message;
        std::memcpy(&message, body.data(), sizeof message);
        answer = message.answer;
        return answer.result > CheckResult::unavailable ? Read::bad : Read::answer;
    }
    if (is(MessageType::policy, sizeof(PolicyMessage)) && descriptor.fd >= 0) {
        PolicyMessage message;
        std::memcpy(&message, body.data(), sizeof message);
        auto bytes = read_sealed(descriptor.fd, policy_bytes_max);
        if (!bytes) {
            return Read::bad;
        }
        policy_ = PolicyOrder{message.generation, std::move(*bytes)};
        return Read::policy;
    }
    return Read::bad;
}

bool ChannelClient::poll(std::uint64_t now_ns, std::vector<CheckAnswer>& answers) {
    if (fd_ < 0) {
        if (now_ns - tried_ns_ >= 1'000'000'000U) {
            tried_ns_ = now_ns;
            connect_now();
        }
        return false;
    }
    for (int messages = 0; messages < messages_a_poll_max; ++messages) {
        CheckAnswer answer;
        switch (read_one(answer)) {
            case Read::nothing:
                return false;
            case Read::answer:
                answers.push_back(answer);
                break;
            case Read::policy:
                break;
            case Read::stop:
                return true;
            case Read::bad:
                disconnect();
                return false;
        }
    }
    return false;
}

bool ChannelClient::send(const CheckRequest& check) {
    if (fd_ < 0) {
        return false;
    }
    CheckMessage message;
    message.header = {.version = channel_version,
                      .type = MessageType::check,
                      .bytes = static_cast<std::uint32_t>(sizeof message + check.value.size()),
                      .workers = static_cast<std::uint32_t>(ring_fds_.size())};
    message.fingerprint = check.fingerprint;
    message.time_ns = check.time_ns;
    message.generation = check.generation;
    // sendmsg() does not write to what it sends.
    std::array<iovec, 2> parts = {
        iovec{.iov_base = &message, .iov_len = sizeof message},
        iovec{.iov_base = const_cast<std::byte*>(check.value.data()), .iov_len = check.value.size()}};
    msghdr whole{};
    whole.msg_iov = parts.data();
    whole.msg_iovlen = parts.size();
    if (sendmsg(fd_, &whole, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
        return true;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        disconnect();
    }
    return false;
}

void ChannelClient::send(const StatusMessage& status) {
    if (fd_ < 0) {
        return;
    }
    const ssize_t sent = ::send(fd_, &status, sizeof status, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        disconnect();
    }
}

bool ChannelClient::send(const AdoptedMessage& outcome) {
    return fd_ >= 0 && ::send(fd_, &outcome, sizeof outcome, MSG_DONTWAIT | MSG_NOSIGNAL) ==
                           static_cast<ssize_t>(sizeof outcome);
}

void ChannelClient::set_policy(const AdoptedMessage& adopted) noexcept {
    hello_.policy_generation = adopted.generation;
    hello_.policy_sha256 = adopted.policy_sha256;
    hello_.observing = adopted.observing;
}

}  // namespace springlatch
