#pragma once
// What somebody should look at: raised once, counted while it goes on, told again while nobody has taken it.
//
// Overview
//   An alert has a kind and a key (a server, a source). While one is open, the same again only counts up. An
//   exposure, a loss of events and a silent data plane end; the others end when nothing was heard of them for
//   an hour. Exposures are told again every `repeat` until somebody acknowledges them, and after `until`
//   again.
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/store/sqlite.h"
#include "dataplane/policy/rule.h"

namespace springlatch::control {

enum class AlertKind : std::uint8_t {
    exposure,
    reopened,
    scanner,
    brute_force,
    mass_read,
    destructive_denied,
    policy_widened,
    events_lost,
    dataplane_silent,
    count_
};
[[nodiscard]] const char* name_of(AlertKind kind) noexcept;
[[nodiscard]] const char* word_of(Severity severity) noexcept;
[[nodiscard]] Severity severity_of(AlertKind kind) noexcept;

struct Alert {
    std::int64_t id = 0;
    AlertKind kind = AlertKind::exposure;
    std::string key;     ///< what it is about: one alert of a kind and key is open at a time
    std::string text;    ///< one line
    std::string source;  ///< an address; "": none
    std::string server;  ///< ADDRESS:PORT
    std::string service;
    std::uint64_t first_ns = 0;  ///< since the Unix epoch, of what it tells
    std::uint64_t last_ns = 0;
    std::uint64_t count = 1;
    std::uint64_t told_ns = 0;   ///< when it went to the channels last
    std::uint64_t ended_ns = 0;  ///< 0: it is open
    std::string owner;           ///< who acknowledged it; "": nobody
    std::string reason;
    std::uint64_t until_ns = 0;  ///< the acknowledgement holds so long
};

struct Acknowledgement {
    std::int64_t id = 0;
    std::string owner;
    std::string reason;
    std::uint64_t until_ns = 0;
};

class AlertBook {
  public:
    /// Kept in DIR/watch.sqlite. Error: one line.
    [[nodiscard]] static tl::expected<std::unique_ptr<AlertBook>, std::string> open(
        const std::string& dir, std::uint32_t repeat_seconds);

    // From any thread. raise() and due() give what is to be told now.
    [[nodiscard]] std::optional<Alert> raise(Alert alert, std::uint64_t now_ns);
    void end(AlertKind kind, const std::string& key, std::uint64_t now_ns);
    [[nodiscard]] std::vector<Alert> due(std::uint64_t now_ns);
    /// Error: what is wrong with it.
    [[nodiscard]] tl::expected<Alert, std::string> acknowledge(const Acknowledgement& given,
                                                               std::uint64_t now_ns);
    /// The open ones, the newest first.
    [[nodiscard]] std::vector<Alert> open() const;

  private:
    AlertBook(Database database, std::uint32_t repeat_seconds)
        : database_(std::move(database)), repeat_ns_(std::uint64_t{repeat_seconds} * 1'000'000'000) {}
    [[nodiscard]] bool load();
    void save(const Alert& alert);

    mutable std::mutex mutex_;
    Database database_;
    std::uint64_t repeat_ns_;
    std::vector<Alert> open_;
    std::int64_t last_id_ = 0;
};

/// How many can be open; beyond that the oldest that nobody has to close ends.
inline constexpr std::size_t open_alerts_max = 10'000;

/// The newest first, at most `limit`; `all`: ended ones too. Nothing if there is no book. Error: one line.
[[nodiscard]] tl::expected<std::vector<Alert>, std::string> read_alerts(const std::string& dir, bool all,
                                                                        std::size_t limit);
/// One object, as it is sent to a webhook.
[[nodiscard]] std::string json_of(const Alert& alert);

}  // namespace springlatch::control
