#include "dataplane/ipc/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace springlatch {
namespace {

/// Makes way for a new socket. Error: one line.
[[nodiscard]] std::optional<std::string> remove_stale(const std::string& path, const sockaddr_un& address,
                                                      const UnixListener& how) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
        return std::nullopt;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return path + ": is there already and is no socket; give another " + how.option;
    }
    const Descriptor probe(socket(AF_UNIX, how.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (connect(probe.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
        errno != ECONNREFUSED) {
        return path + ": " + how.taken;
    }
    if (unlink(path.c_str()) != 0) {
        return path + ": the stale socket cannot be removed: " + std::strerror(errno);
    }
    return std::nullopt;
}

}  // namespace

std::optional<sockaddr_un> unix_address(const std::string& path) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() > unix_path_bytes_max) {
        return std::nullopt;
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

tl::expected<int, std::string> listen_unix(const std::string& path, const sockaddr_un& address,
                                           const UnixListener& how) {
    if (auto problem = remove_stale(path, address, how)) {
        return tl::unexpected(std::move(*problem));
    }
    const int fd = socket(AF_UNIX, how.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // Not chmod afterwards: in between anybody could connect.
    const mode_t before = umask(0177);
    const bool bound = fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const int bind_error = errno;
    umask(before);
    if (!bound || listen(fd, how.backlog) != 0) {
        const int error = bound ? errno : bind_error;
        if (fd >= 0) {
            close(fd);
        }
        return tl::unexpected(path + ": the socket cannot be made: " + std::strerror(error));
    }
    return fd;
}

bool send_with_descriptors(int socket, std::span<const std::byte> message, std::span<const int> descriptors,
                           int flags) noexcept {
    // sendmsg() does not write to what it sends.
    iovec body{.iov_base = const_cast<std::byte*>(message.data()), .iov_len = message.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_a_message_max * sizeof(int))> control{};
    if (descriptors.empty() || descriptors.size() > descriptors_a_message_max) {
        errno = EINVAL;
        return false;
    }
    msghdr whole{};
    whole.msg_iov = &body;
    whole.msg_iovlen = 1;
    whole.msg_control = control.data();
    whole.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&whole);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    return sendmsg(socket, &whole, flags) == static_cast<ssize_t>(message.size());
}

}  // namespace springlatch
