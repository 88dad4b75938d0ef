#pragma once
// The socket for operators' commands: a unix stream socket of mode 0600, so that no browser page and no other
// user of the machine can change the policy.
//
// Protocol
//   Request: OperatorHeader, then JSON, then the bytes of a file. Answer: OperatorHeader, then JSON. One of
//   each a connection. The peer is who the kernel says (SO_PEERCRED): root or the user that springlatchd runs
//   as.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "control/policy/manager.h"

namespace springlatch::control {

inline constexpr std::uint32_t operator_version = 1;
inline constexpr std::size_t operator_json_bytes_max = std::size_t{64} << 20U;
inline constexpr std::size_t operator_file_bytes_max = std::size_t{32} << 20U;
inline constexpr const char* operator_socket_default = "/run/springlatch/operators.sock";

struct OperatorHeader {
    std::uint32_t version = operator_version;
    std::uint32_t json_bytes = 0;
    std::uint64_t file_bytes = 0;
};

[[nodiscard]] std::string json_of(const PolicyCommand& command);  ///< without `bytes`
/// Error: what is wrong with it.
[[nodiscard]] tl::expected<PolicyCommand, std::string> command_of(std::string_view json);
[[nodiscard]] std::string json_of(const PolicyAnswer& answer);
[[nodiscard]] tl::expected<PolicyAnswer, std::string> answer_of(std::string_view json);
/// One activation, as `policy history --json` prints it.
[[nodiscard]] std::string json_of(const Activation& activation);

class OperatorSocket {
  public:
    /// A stale socket is replaced, a live one is left alone. Error: one line.
    [[nodiscard]] static tl::expected<std::unique_ptr<OperatorSocket>, std::string> listen(
        const std::string& path, PolicyManager& manager);
    ~OperatorSocket();
    OperatorSocket(const OperatorSocket&) = delete;
    OperatorSocket& operator=(const OperatorSocket&) = delete;

    /// Who is asked about commands first; nothing if it is none of his.
    using Others = std::function<std::optional<PolicyAnswer>(std::string_view json)>;
    void also(Others others) { others_ = std::move(others); }
    /// Told of every policy that was activated with --widen.
    void on_widened(std::function<void(const std::string& user, const std::string& why)> told) {
        widened_ = std::move(told);
    }

    /// Waits up to `timeout_ms` for an operator and does what is asked.
    void step(int timeout_ms);

  private:
    OperatorSocket(std::string path, int fd, PolicyManager& manager)
        : path_(std::move(path)), fd_(fd), manager_(manager) {}
    void serve(int peer);

    std::string path_;
    int fd_;
    PolicyManager& manager_;
    Others others_;
    std::function<void(const std::string&, const std::string&)> widened_;
};

/// The operator's end. Error: one line.
[[nodiscard]] tl::expected<PolicyAnswer, std::string> ask_springlatchd(const std::string& path,
                                                                       const PolicyCommand& command);
/// Another command, as JSON.
[[nodiscard]] tl::expected<PolicyAnswer, std::string> put_to_springlatchd(const std::string& path,
                                                                          const std::string& json,
                                                                          const std::string& file = "");

}  // namespace springlatch::control
