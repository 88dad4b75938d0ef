#pragma once
// The event store: one SQLite file (WAL), one writer, any number of readers.
//
// Life cycle
//   Store::open() makes or opens DIR/events.sqlite and checks that it is one of ours, of this version.
//   Events go into an open transaction that is committed every 200 ms or 5,000 rows.
// Failure
//   A full disk or a failing file stops recording: one line on standard error, state().failing, and every
//   event that could not be kept is counted. Callers go on; every five seconds the store tries again.
// Threads
//   A Store belongs to one thread; state() may be asked from any. A StoreReader belongs to one thread.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/store/event.h"
#include "control/store/sqlite.h"

namespace springlatch::control {

inline constexpr int store_schema_version = 4;
inline constexpr int store_application_id = 0x53504c54;  ///< "SPLT"
inline constexpr std::uint32_t store_batch_rows = 5000;
inline constexpr std::uint64_t store_batch_ns = 200'000'000;
inline constexpr std::uint64_t store_retry_ns = 5'000'000'000;

/// DIR/events.sqlite.
[[nodiscard]] std::string store_file(const std::string& dir);

struct StoreState {
    bool failing = false;
    std::string error;             ///< of the last failure, kept after recovery; "" if there was none
    std::uint64_t stored = 0;      ///< events committed
    std::uint64_t not_stored = 0;  ///< events that a failing store did not take
    std::uint64_t failures = 0;    ///< times that recording stopped
};

/// Events that happened and are not in the store.
struct Loss {
    std::uint64_t after_ns = 0;  ///< none of them before this time, since the Unix epoch
    std::uint64_t until_ns = 0;  ///< and none after this one
    std::uint64_t events = 0;
    std::string cause;  ///< "ring" (the data plane found its ring full), "store" (which could not be written)
};

class Store {
  public:
    /// Error: one line that names the file. A missing `dir` is made (0700); a file that is not ours or of
    /// another version is not touched.
    [[nodiscard]] static tl::expected<std::unique_ptr<Store>, std::string> open(const std::string& dir);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// Returns the event's id, 0 if it was not taken.
    std::int64_t add(const Event& event);
    void answer(std::int64_t id, const Answer& answer);
    /// One more request, of `time_ns`, in an event that stands for many. False: there is no such event (any
    /// more), or it was not taken; the caller makes a new one.
    [[nodiscard]] bool count_in(std::int64_t id, std::uint64_t time_ns, std::uint64_t request_bytes);
    /// Remembers that everything up to `sequence` of this worker was taken; kept with the events.
    void reached(std::uint64_t life, std::uint32_t worker, std::uint64_t sequence);
    /// What reached() was told last in this life; 0 if nothing.
    [[nodiscard]] std::uint64_t last_sequence(std::uint64_t life, std::uint32_t worker);

    /// Everything that this life told with times from `from_ns` to `to_ns` is in the store, but for what
    /// lost() says. Only grows.
    void covered(std::uint64_t life, std::uint64_t from_ns, std::uint64_t to_ns);
    /// Where that ends; 0 if nothing is known.
    [[nodiscard]] std::uint64_t covered_until(std::uint64_t life);
    /// Events that are known to be missing.
    void lost(const Loss& loss);

    /// Commits if it is due. `now_ns`: a monotonic clock.
    void tick(std::uint64_t now_ns);
    /// Commits now. False: the store is failing.
    bool flush();
    /// Commits and leaves one file without companions, readable from a read-only place. False: it failed.
    bool seal();
    [[nodiscard]] StoreState state() const;

  private:
    Store(std::string file, Database database);
    [[nodiscard]] bool prepare();
    [[nodiscard]] bool begin();
    void fail();
    void happened(std::uint64_t time_ns);
    void miss(std::uint64_t first_ns, std::uint64_t last_ns, std::uint64_t events);
    [[nodiscard]] bool insert_loss(const Loss& loss, const std::string& cause);

    std::string file_;
    Database database_;
    Statement insert_;
    Statement update_;
    Statement count_;
    Statement reach_;
    Statement cover_;
    Statement lose_;
    std::int64_t next_id_ = 1;
    std::uint32_t rows_ = 0;      ///< changes in the open transaction
    std::uint32_t events_ = 0;    ///< of them events
    std::uint64_t first_ns_ = 0;  ///< times of those events
    std::uint64_t last_ns_ = 0;
    Loss missing_;              ///< what a failing store did not take since it last worked
    bool open_ = false;         ///< a transaction is
    std::uint64_t now_ns_ = 0;  ///< of the last tick
    std::uint64_t begun_ns_ = 0;
    std::uint64_t failed_ns_ = 0;
    mutable std::mutex mutex_;  ///< guards state_
    StoreState state_;
};

struct EventFilter {
    std::uint64_t from_ns = 0;  ///< included
    std::uint64_t to_ns = INT64_MAX;
    std::string action;  ///< "": any
    std::string reason;
    std::string source;
    std::uint32_t limit = 0;  ///< 0: none
};

enum class EventOrder {
    newest_first,  ///< as they came into the store
    oldest_first,
    by_sequence,  ///< within a life
    by_time,      ///< then worker, then sequence
};

/// What is known of how complete the store is between two times.
struct Coverage {
    struct Span {
        std::uint64_t from_ns = 0;
        std::uint64_t to_ns = 0;
    };
    std::vector<Span> spans;   ///< in which a data plane's events were taken; ascending, disjoint, cut to the
                               ///< times asked for
    std::vector<Loss> losses;  ///< that may lie between these times
    [[nodiscard]] std::uint64_t covered_ns() const noexcept;
};

class StoreReader {
  public:
    /// Error: one line that names the file.
    [[nodiscard]] static tl::expected<StoreReader, std::string> open(const std::string& dir);
    StoreReader(StoreReader&&) noexcept = default;
    StoreReader& operator=(StoreReader&&) noexcept = default;

    /// Calls `take` for each event until it says false. Error: one line. A query that takes longer than
    /// `budget_ms` (0: no limit) is an error.
    [[nodiscard]] tl::expected<void, std::string> each(const EventFilter& filter, EventOrder order,
                                                       std::uint32_t budget_ms,
                                                       const std::function<bool(const Event&)>& take);
    [[nodiscard]] tl::expected<Coverage, std::string> coverage(std::uint64_t from_ns, std::uint64_t to_ns);
    /// Any other question: `bind` sets the statement's parameters, `take` gets each row until it says false.
    /// Errors as each().
    [[nodiscard]] tl::expected<void, std::string> select(const std::string& sql, std::uint32_t budget_ms,
                                                         const std::function<void(Statement&)>& bind,
                                                         const std::function<bool(Statement&)>& take);

  private:
    StoreReader(std::string file, Database database)
        : file_(std::move(file)), database_(std::move(database)) {}
    std::string file_;
    Database database_;
};

/// Nothing if `dir` has no store or one of ours; else one line that says what it has instead.
[[nodiscard]] std::optional<std::string> store_problem(const std::string& dir);

}  // namespace springlatch::control
