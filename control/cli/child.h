#pragma once
// A program run beside this one, its standard error passed on line by line.
#include <sys/types.h>

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace springlatch::control {

class Child {
  public:
    /// `arguments` begin with the program's path. Its standard output is thrown away. It is told to end
    /// (SIGTERM) when this process dies. Error: one line.
    [[nodiscard]] static tl::expected<Child, std::string> start(const std::vector<std::string>& arguments);
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    /// Kills it if it still runs.
    ~Child();

    /// Passes on what it wrote. The exit code (128 + signal if it was killed), or nothing if it still runs.
    [[nodiscard]] std::optional<int> poll();
    void terminate() const noexcept;

  private:
    Child(pid_t pid, int error_fd) noexcept : pid_(pid), error_fd_(error_fd) {}
    void pass_on(bool all);

    pid_t pid_ = -1;
    int error_fd_ = -1;
    std::string unfinished_;  ///< the line that has not ended
};

/// PATH of this program's folder + "/" + name.
[[nodiscard]] std::string sibling_program(const std::string& name);

}  // namespace springlatch::control
