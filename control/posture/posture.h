#pragma once
// What is held of each server behind the appliance: whether it answers people who bring no credentials.
//
// Rules
//   An answer 2xx to a request without credentials that reads or changes something says that the server is
//   open: one such answer is the exposure itself. An answer 2xx that only tells what the server is (`info`)
//   says less: two of different kinds are needed. OPTIONS says nothing. A 401 says that it is closed; one
//   that was open has to say so three times with no answer 2xx between. What the prober found counts by
//   itself: it looks for two signs, and twice.
// P6: indices and clusters are known by a keyed hash, names are not kept.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "control/store/sqlite.h"

namespace springlatch::control {

enum class Posture : std::uint8_t { unknown, closed, open };
[[nodiscard]] const char* name_of(Posture posture) noexcept;

struct PostureChange {
    std::uint64_t time_ns = 0;  ///< since the Unix epoch
    Posture to = Posture::unknown;
    std::string evidence;
};

struct ServerPosture {
    std::string address;
    std::uint16_t port = 0;
    std::string service;
    Posture state = Posture::unknown;
    std::uint64_t since_ns = 0;          ///< of this state, since the Unix epoch
    std::uint64_t seen_ns = 0;           ///< of the last evidence for it
    std::string evidence;                ///< of this state, in words
    std::uint64_t exposed_ns = 0;        ///< how long it was open in all, as of the question
    std::vector<PostureChange> history;  ///< the oldest first
    std::vector<std::string> mirrors;    ///< servers that show the same data, as ADDRESS:PORT
};

/// What one answer of a server says.
struct AnswerSeen {
    enum class What : std::uint8_t { served, told, refused };  ///< read or change, `info`, 401
    std::string address;
    std::uint16_t port = 0;
    std::string service;
    What what = What::told;
    std::uint16_t status = 0;
    std::uint64_t kind = 0;  ///< tells answers of `info` apart
    std::uint64_t time_ns = 0;
};

struct ProbeFinding {
    std::string address;
    std::uint16_t port = 0;
    std::string service;
    Posture state = Posture::unknown;
    std::string evidence;
    std::uint64_t data = 0;  ///< keyed hash of cluster and indices; 0: not known
    std::uint64_t time_ns = 0;
};

/// A server went over to another state.
struct PostureTurn {
    ServerPosture server;
    Posture before = Posture::unknown;
    bool again = false;  ///< it is open, and was before
};

inline constexpr std::size_t servers_max = 65'536;

class PostureBook {
  public:
    /// Kept in DIR/watch.sqlite. Error: one line.
    [[nodiscard]] static tl::expected<std::unique_ptr<PostureBook>, std::string> open(const std::string& dir);

    // From any thread.
    [[nodiscard]] std::optional<PostureTurn> saw(const AnswerSeen& answer);
    [[nodiscard]] std::optional<PostureTurn> probed(const ProbeFinding& finding);
    /// Open ones first, then by address and port.
    [[nodiscard]] std::vector<ServerPosture> servers(std::uint64_t now_ns) const;
    /// Random, kept with the book: for ProbeFinding::data.
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

  private:
    struct Entry {
        ServerPosture server;
        std::uint64_t data = 0;
        std::uint64_t told_kind = 0;  ///< of the first answer of `info`
        std::uint32_t refusals = 0;   ///< since the last answer 2xx
        std::uint64_t stored_ns = 0;  ///< seen_ns as it is in the file
    };
    using Key = std::pair<std::string, std::uint16_t>;
    explicit PostureBook(Database database) : database_(std::move(database)) {}
    [[nodiscard]] bool load();
    [[nodiscard]] Entry* entry(const std::string& address, std::uint16_t port, const std::string& service);
    [[nodiscard]] std::optional<PostureTurn> turn(Entry& entry, Posture to, const std::string& evidence,
                                                  std::uint64_t time_ns);
    void save(Entry& entry);

    mutable std::mutex mutex_;
    Database database_;
    std::map<Key, Entry> entries_;
    std::string key_;
};

/// As the book of DIR has it; nothing in it if there is no book. Error: one line.
[[nodiscard]] tl::expected<std::vector<ServerPosture>, std::string> read_posture(const std::string& dir,
                                                                                 std::uint64_t now_ns);

}  // namespace springlatch::control
