#include "control/cli/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace springlatch::control {
namespace {

constexpr std::size_t line_bytes_max = 16'384;

[[noreturn]] void become(const std::vector<char*>& arguments, int error_fd, int failure_fd) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(error_fd, STDERR_FILENO);
    execv(arguments[0], arguments.data());
    const int error = errno;
    const ssize_t told = write(failure_fd, &error, sizeof error);
    _exit(told == sizeof error ? 127 : 126);
}

}  // namespace

tl::expected<Child, std::string> Child::start(const std::vector<std::string>& arguments) {
    std::vector<std::string> copies = arguments;
    std::vector<char*> pointers;
    pointers.reserve(copies.size() + 1);
    for (std::string& argument : copies) {
        pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    std::array<int, 2> errors{};
    std::array<int, 2> failure{};  // closed by a successful exec
    if (pipe2(errors.data(), O_CLOEXEC) != 0) {
        return tl::unexpected(arguments[0] + ": cannot be started: " + std::strerror(errno));
    }
    if (pipe2(failure.data(), O_CLOEXEC) != 0) {
        const int error = errno;
        close(errors[0]);
        close(errors[1]);
        return tl::unexpected(arguments[0] + ": cannot be started: " + std::strerror(error));
    }
    const pid_t pid = fork();
    if (pid == 0) {
        become(pointers, errors[1], failure[1]);
    }
    const int fork_error = errno;
    close(errors[1]);
    close(failure[1]);
    int error = pid < 0 ? fork_error : 0;
    const bool failed = pid < 0 || read(failure[0], &error, sizeof error) == sizeof error;
    close(failure[0]);
    if (failed) {
        close(errors[0]);
        if (pid > 0) {
            waitpid(pid, nullptr, 0);
        }
        return tl::unexpected(arguments[0] + ": cannot be started: " + std::strerror(error));
    }
    fcntl(errors[0], F_SETFL, O_NONBLOCK);
    return Child(pid, errors[0]);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      error_fd_(std::exchange(other.error_fd_, -1)),
      unfinished_(std::move(other.unfinished_)) {}

Child::~Child() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    if (error_fd_ >= 0) {
        close(error_fd_);
    }
}

void Child::terminate() const noexcept {
    if (pid_ > 0) {
        kill(pid_, SIGTERM);
    }
}

void Child::pass_on(bool all) {
    std::array<char, 4096> part{};
    ssize_t got = 0;
    while ((got = read(error_fd_, part.data(), part.size())) > 0) {
        unfinished_.append(part.data(), static_cast<std::size_t>(got));
        const std::size_t end = unfinished_.rfind('\n');
        const std::size_t whole = end != std::string::npos              ? end + 1
                                  : unfinished_.size() > line_bytes_max ? unfinished_.size()
                                                                        : 0;
        std::fwrite(unfinished_.data(), 1, whole, stderr);
        unfinished_.erase(0, whole);
    }
    if (all && !unfinished_.empty()) {
        std::fprintf(stderr, "%s\n", unfinished_.c_str());
        unfinished_.clear();
    }
}

std::optional<int> Child::poll() {
    int status = 0;
    const bool ended = pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_;
    pass_on(ended);
    if (!ended) {
        return std::nullopt;
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string sibling_program(const std::string& name) {
    std::array<char, PATH_MAX> path{};
    const ssize_t bytes = readlink("/proc/self/exe", path.data(), path.size() - 1);
    const std::string self(path.data(), bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return self.substr(0, self.rfind('/') + 1) + name;
}

}  // namespace springlatch::control
