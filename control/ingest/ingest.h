#pragma once
// Takes in what the data plane tells: the socket, the rings, the way into the store.
//
// Overview
//   Ingest listens on a unix socket, takes one data plane at a time (a second one is turned away, it tries
//   again every second), maps its rings, and at each step() moves what lies in them into the store.
// Trust
//   The data plane is not believed: messages of a wrong version, size or type end the connection, records
//   with impossible values are counted and dropped, a ring with an impossible index ends the connection.
// Threads
//   One thread calls step(); snapshot() may be asked from any.
#include <array>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "control/alerts/watcher.h"
#include "control/credentials/check_pool.h"
#include "control/ingest/aggregates.h"
#include "control/ingest/hit_taker.h"
#include "control/ingest/joiner.h"
#include "control/ingest/policies.h"
#include "control/store/store.h"
#include "dataplane/ipc/channel.h"
#include "dataplane/ipc/ring.h"

namespace springlatch::control {

/// What was told last about one worker.
struct WorkerSnapshot {
    bool told = false;  ///< a status came
    StatusMessage status;
};

struct Snapshot {
    bool connected = false;
    HelloMessage hello;                    ///< of the data plane now or last connected
    bool known = false;                    ///< there was one
    bool names_fit = false;                ///< it runs the policy that names are taken from
    Names names;                           ///< of the control process's own policy
    std::uint64_t status_received_ns = 0;  ///< since the Unix epoch; 0: none yet
    std::vector<WorkerSnapshot> workers;
    bool can_check = false;  ///< it runs the policy whose identities are known here
    // Since this process started, over all data planes:
    CheckTotals checks;
    std::uint64_t events_taken = 0;
    std::uint64_t events_lost = 0;  ///< gaps in the sequences
    std::uint64_t records_bad = 0;
    std::uint64_t answers_unmatched = 0;    ///< answers whose request is not known any more
    std::uint64_t connections_refused = 0;  ///< of data planes: one too many, or not understood
};

/// What became of a policy that was handed to the data plane.
struct Handover {
    enum class How : std::uint8_t {
        adopted,
        refused,  ///< the one before stays in force
        away,     ///< no data plane is there
        lost,     ///< it went away or fell silent meanwhile: its next hello says what it runs
    };
    How how = How::away;
    std::string text;  ///< why, if it was not adopted
};

/// How many requests wait for the end of their answer at most; the oldest is forgotten first.
inline constexpr std::size_t unanswered_max = 1U << 18U;

class Ingest {
  public:
    /// Makes the socket (mode 0600); a stale one is replaced, a live one is left alone. Error: one line.
    /// `checks`: who answers the data plane's questions about credentials; null: nobody can. `hits`: where
    /// the rules' hits are kept; null: nowhere.
    [[nodiscard]] static tl::expected<std::unique_ptr<Ingest>, std::string> listen(
        const std::string& path, Names names, Store& store, CheckPool* checks = nullptr,
        HitStore* hits = nullptr);
    ~Ingest();
    Ingest(const Ingest&) = delete;
    Ingest& operator=(const Ingest&) = delete;

    /// Waits up to `timeout_ms` for a message, then reads what came. Returns how many events were taken.
    std::size_t step(int timeout_ms);
    [[nodiscard]] Snapshot snapshot() const;
    /// Who is told of every request and answer, from step()'s thread; before the first step().
    void observe(EventObserver& observer) noexcept { observer_ = &observer; }

    /// Hands a policy to the data plane: `bytes` of the file. It is the own one from its adoption on. From
    /// any thread but step()'s; one at a time.
    [[nodiscard]] std::future<Handover> hand_over(KnownPolicy policy, std::string bytes);
    /// The control process's own policy from the next step() on, whatever the data plane runs.
    void own(KnownPolicy policy);

  private:
    struct Worker {
        RingMemory memory;
        RingConsumer consumer;
        Joiner joiner;
        std::uint64_t last_ns = 0;  ///< nothing is missing of this worker before this time
    };
    struct RequestKey {
        std::uint64_t flow = 0;
        std::uint32_t number = 0;
        std::uint32_t worker = 0;
        bool operator==(const RequestKey&) const = default;
    };
    struct RequestKeyHash {
        std::size_t operator()(const RequestKey& key) const noexcept;
    };

    Ingest(std::string path, int listen_fd, Names names, Store& store, CheckPool* checks, HitStore* hits);
    void accept_one();
    void read_messages();
    [[nodiscard]] bool take_hello(const HelloMessage& hello, std::vector<int>& fds);
    /// The rules' hits are counted under the data plane's generation from here on.
    void begin_hits();
    [[nodiscard]] bool take_adopted(const AdoptedMessage& outcome);
    void send_order();
    void end_order(Handover::How how, const std::string& text);
    [[nodiscard]] bool take_status(const StatusMessage& status);
    void take_check(std::span<const std::byte> message);
    void send_answers();
    void take_hits();
    void disconnect(const char* why);
    std::size_t drain();
    void cover();
    void take(const WholeEvent& whole, std::uint32_t worker);
    [[nodiscard]] std::int64_t aggregate(const EventRecord& record, Event& event);
    void take_answer(const EventRecord& record, std::uint32_t worker);
    void remember(const RequestKey& key, std::int64_t id);
    void publish();

    std::string path_;
    int listen_fd_ = -1;
    int fd_ = -1;                    ///< of the data plane
    std::uint64_t accepted_ns_ = 0;  ///< monotonic
    bool greeted_ = false;
    PolicyBook policies_;
    Store& store_;
    CheckPool* checks_;
    EventObserver* observer_ = nullptr;
    std::deque<CheckAnswer> answers_;  ///< that the data plane has not taken yet
    HelloMessage hello_;
    bool known_ = false;
    std::vector<Worker> workers_;
    HitTaker hits_;
    std::uint64_t hits_taken_ns_ = 0;  ///< monotonic
    std::vector<RingSlot> batch_;
    std::unordered_map<RequestKey, std::int64_t, RequestKeyHash> unanswered_;
    std::deque<RequestKey> unanswered_order_;
    Aggregates aggregates_;
    std::vector<WorkerSnapshot> statuses_;
    std::uint64_t status_received_ns_ = 0;
    std::uint64_t covered_ns_ = 0;  ///< of this life, as the store was told
    std::uint64_t events_taken_ = 0;
    std::uint64_t lost_before_ = 0;  ///< by workers that are gone
    std::uint64_t bad_before_ = 0;
    std::uint64_t answers_unmatched_ = 0;
    std::uint64_t connections_refused_ = 0;
    bool stale_ = true;  ///< published_ is
    std::uint64_t published_ns_ = 0;
    struct Order {
        KnownPolicy policy;
        std::string bytes;
        std::promise<Handover> told;
        std::uint32_t generation = 0;  ///< 0: not sent yet
        std::uint64_t since_ns = 0;    ///< monotonic
    };
    std::optional<Order> order_;  ///< that the data plane works on
    mutable std::mutex mutex_;    ///< guards what follows
    Snapshot published_;
    std::optional<Order> offered_;
    std::optional<KnownPolicy> own_next_;
};

}  // namespace springlatch::control
