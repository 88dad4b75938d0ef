#pragma once
// The data plane's end of the channel: connects to the control process, again and again, and never makes
// anybody wait.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/ipc/channel.h"

namespace springlatch {

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

  private:
    enum class Read : std::uint8_t { nothing, answer, stop, bad };
    [[nodiscard]] Read read_one(CheckAnswer& answer);
    void connect_now();
    void disconnect() noexcept;

    std::string path_;
    HelloMessage hello_;
    std::vector<int> ring_fds_;
    int fd_ = -1;
    std::uint64_t tried_ns_ = 0;
};

}  // namespace springlatch
