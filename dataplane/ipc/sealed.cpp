#include "dataplane/ipc/sealed.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace springlatch {
namespace {

constexpr int all_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

tl::expected<int, int> seal_bytes(const char* name, std::string_view bytes) {
    const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return tl::unexpected(errno);
    }
    while (!bytes.empty()) {
        const ssize_t wrote = write(fd, bytes.data(), bytes.size());
        if (wrote <= 0) {
            const int error = wrote < 0 ? errno : EIO;
            if (error == EINTR) {
                continue;
            }
            close(fd);
            return tl::unexpected(error);
        }
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    if (fcntl(fd, F_ADD_SEALS, all_seals) != 0) {
        const int error = errno;
        close(fd);
        return tl::unexpected(error);
    }
    return fd;
}

tl::expected<std::string, int> read_sealed(int fd, std::size_t bytes_max) {
    struct stat status {};
    const int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & all_seals) != all_seals || fstat(fd, &status) != 0 || status.st_size < 0) {
        return tl::unexpected(EPROTO);
    }
    if (static_cast<std::uint64_t>(status.st_size) > bytes_max) {
        return tl::unexpected(EFBIG);
    }
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t got = pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
        if (got <= 0) {
            if (got < 0 && errno == EINTR) {
                continue;
            }
            return tl::unexpected(got < 0 ? errno : EIO);
        }
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

}  // namespace springlatch
