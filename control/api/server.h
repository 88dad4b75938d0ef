#pragma once
// The HTTP server of springlatchd: /metrics, /api/v1/status, /api/v1/rules, /api/v1/events. Loopback only,
// GET and HEAD only.
//
// Limits: 64 connections, 10 s without progress, 16 KiB of memory and no request body a connection; a query
// of the store that takes longer than two seconds is given up.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

struct MHD_Daemon;
struct MHD_Connection;

namespace springlatch::control {

/// Where answers come from; called by the server's thread.
struct ApiSources {
    std::function<std::string()> metrics;
    std::function<std::string()> status;
    std::string store;  ///< folder of the event store
};

class ApiServer {
  public:
    /// `address`: 127.0.0.1:PORT, [::1]:PORT or localhost:PORT (port 0: any). Error: one line.
    [[nodiscard]] static tl::expected<std::unique_ptr<ApiServer>, std::string> start(
        const std::string& address, ApiSources sources);
    ~ApiServer();
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  private:
    struct Handler;
    explicit ApiServer(ApiSources sources) : sources_(std::move(sources)) {}
    ApiSources sources_;
    std::atomic<MHD_Daemon*> daemon_ = nullptr;  ///< the server's thread may answer before start() has it
    std::uint16_t port_ = 0;
};

}  // namespace springlatch::control
