#pragma once
// The data plane's end of the channel: connects to the control process, again and again, and never makes
// anybody wait.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/ipc/channel.h"

namespace springlatch {

/// A policy that the control process wants to be run.
struct PolicyOrder {
    std::uint32_t generation = 0;
    std::string bytes;  ///< of the file
};

class ChannelClient {
  public:
    /// `ring_fds`: one a worker, not owned. `path`: of the control process's socket.
    ChannelClient(std::string path, HelloMessage hello, std::vector<int> ring_fds);
    ~ChannelClient();
    ChannelClient(const ChannelClient&) = delete;
    ChannelClient& operator=(const ChannelClient&) = delete;

    /// Connects and says hello if there is no connection and a second has passed since the last try; reads
    /// what came. True if the control process asked to stop. `answers`: those that came are appended.
    [[nodiscard]] bool poll(std::uint64_t now_ns, std::vector<CheckAnswer>& answers);
    [[nodiscard]] bool connected() const noexcept { return fd_ >= 0; }

    /// Sends the status of one worker; without a connection, or where the peer does not read, it is left out:
    /// the next one says more.
    void send(const StatusMessage& status);
    /// False if the peer does not take it now; then try again.
    [[nodiscard]] bool send(const CheckRequest& check);
    /// False if there is no connection, or the peer does not take it now.
    [[nodiscard]] bool send(const AdoptedMessage& outcome);
    /// A policy that came since the last call.
    [[nodiscard]] std::optional<PolicyOrder> take_policy() { return std::exchange(policy_, std::nullopt); }
    /// What a hello says from here on.
    void set_policy(const AdoptedMessage& adopted) noexcept;

  private:
    enum class Read : std::uint8_t { nothing, answer, policy, stop, bad };
    [[nodiscard]] Read read_one(CheckAnswer& answer);
    [[nodiscard]] Read take_order(const PolicyMessage& message, int fd);
    void connect_now();
    void disconnect() noexcept;

    std::string path_;
    HelloMessage hello_;
    std::vector<int> ring_fds_;
    int fd_ = -1;
    std::uint64_t tried_ns_ = 0;
    std::optional<PolicyOrder> policy_;
};

}  // namespace springlatch
