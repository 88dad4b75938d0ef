#pragma once
// Unix sockets: their addresses, listening on one, descriptors that travel with a message.
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

namespace springlatch {

/// A file descriptor that is closed at the end; -1: none.
class Descriptor {
  public:
    explicit Descriptor(int taken) : fd(taken) {}
    ~Descriptor() {
        if (fd >= 0) {
            close(fd);
        }
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    const int fd;
};

/// Bytes that the path of a socket has at most.
inline constexpr std::size_t unix_path_bytes_max = sizeof(sockaddr_un::sun_path) - 1;

/// Nothing if the path is empty or longer than that.
[[nodiscard]] std::optional<sockaddr_un> unix_address(const std::string& path) noexcept;

struct UnixListener {
    int type = 0;  ///< SOCK_SEQPACKET, SOCK_STREAM
    int backlog = 0;
    std::string option;  ///< of the command line, that gives another path
    std::string taken;   ///< what to say if somebody listens there
};

/// A socket that listens, non-blocking, mode 0600. A stale one in its place is replaced; a live one, and what
/// is no socket, are left alone. `address`: of `path`. Error: one line.
[[nodiscard]] tl::expected<int, std::string> listen_unix(const std::string& path, const sockaddr_un& address,
                                                         const UnixListener& how);

inline constexpr std::size_t descriptors_a_message_max = 32;
/// One packet with 1 to that many descriptors. False: nothing was sent, see errno.
[[nodiscard]] bool send_with_descriptors(int socket, std::span<const std::byte> message,
                                         std::span<const int> descriptors, int flags) noexcept;

}  // namespace springlatch
