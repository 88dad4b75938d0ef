#pragma once
// From requests and answers to alerts about whoever sends them.
//
// Everything is added up by source (IPv6: its /64) over one window of the settings, in a bounded table whose
// oldest entry makes room. A user agent and a network are what a client claims or where it sits: they name a
// scanner, but only together with a request that brought no accepted credentials.
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/alerts/alert.h"
#include "control/settings/settings.h"
#include "dataplane/event/record.h"

namespace springlatch::control {

/// A request as the watcher knows it.
struct RequestSeen {
    IpAddress source;
    std::string source_text;
    std::string server;  ///< ADDRESS:PORT
    std::string service;
    std::string path;
    std::string user_agent;
    EventAction action = EventAction::allowed;
    Reason reason = Reason::none;
    std::uint8_t method = 0;
    std::uint8_t credentials = 0;
    bool identified = false;  ///< its credentials were verified
    std::uint64_t time_ns = 0;
};

/// "" if nobody known writes this.
[[nodiscard]] std::string scanner_by_agent(std::string_view user_agent);
/// A question that whoever looks for open databases asks first.
[[nodiscard]] bool is_tell_tale(std::string_view path);
[[nodiscard]] bool is_destructive(std::uint8_t method, std::string_view path);

class Behaviour {
  public:
    explicit Behaviour(const AlertLimits& limits) : limits_(limits) {}
    [[nodiscard]] std::vector<Alert> request(const RequestSeen& request);
    [[nodiscard]] std::vector<Alert> answer(const RequestSeen& request, std::uint16_t status,
                                            std::uint64_t bytes, std::uint64_t time_ns);

  private:
    struct Reading {
        std::uint64_t bytes = 0;
        std::uint64_t pages = 0;
    };
    struct Source {
        std::uint64_t begun_ns = 0;
        std::uint64_t guesses = 0;
        std::set<std::string> servers;
        std::set<std::string> tell_tales;
        std::map<std::string, Reading> readings;  ///< by service
    };
    static constexpr std::size_t sources_max = 65'536;
    [[nodiscard]] Source& source(const IpAddress& address, std::uint64_t time_ns);

    AlertLimits limits_;
    std::map<IpAddress, Source> sources_;
    std::deque<IpAddress> order_;
};

}  // namespace springlatch::control
