#include "control/store/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

namespace springlatch::control {
namespace {

constexpr const char* store_name = "events.sqlite";

constexpr const char* schema = R"sql(
CREATE TABLE events (
  id INTEGER PRIMARY KEY, life INTEGER NOT NULL, worker INTEGER NOT NULL, sequence INTEGER NOT NULL,
  time_ns INTEGER NOT NULL, request INTEGER NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL,
  rule TEXT NOT NULL, source TEXT NOT NULL, source_port INTEGER NOT NULL, destination TEXT NOT NULL,
  destination_port INTEGER NOT NULL, service TEXT NOT NULL, zone TEXT NOT NULL, operation TEXT NOT NULL,
  credentials TEXT NOT NULL, method TEXT NOT NULL, version TEXT NOT NULL, path TEXT NOT NULL,
  query TEXT NOT NULL, user_agent TEXT NOT NULL, request_bytes INTEGER NOT NULL,
  verdict_ns INTEGER NOT NULL, answered INTEGER NOT NULL, status INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL, user TEXT NOT NULL DEFAULT '', requests INTEGER NOT NULL DEFAULT 0,
  tags TEXT NOT NULL DEFAULT '', severity INTEGER NOT NULL DEFAULT 0);
CREATE TABLE reached (life INTEGER, worker INTEGER, sequence INTEGER NOT NULL, PRIMARY KEY (life, worker));
)sql";

constexpr const char* coverage_schema = R"sql(
CREATE TABLE covered (life INTEGER PRIMARY KEY, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL);
CREATE TABLE losses (after_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, events INTEGER NOT NULL, cause TEXT NOT NULL);
)sql";

constexpr const char* columns =
    "id, life, worker, sequence, time_ns, request, action, reason, rule, source, source_port, destination, "
    "destination_port, service, zone, operation, credentials, method, version, path, query, user_agent, "
    "request_bytes, verdict_ns, answered, status, response_bytes, user, requests, tags, "
    "severity";

/// What the versions before lacked; [0] leads from version 1 to 2.
constexpr std::array<const char*, store_schema_version - 1> upgrades = {
    "ALTER TABLE events ADD COLUMN user TEXT NOT NULL DEFAULT '';", coverage_schema,
    "ALTER TABLE events ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE events ADD COLUMN tags TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE events ADD COLUMN severity INTEGER NOT NULL DEFAULT 0;"};

/// Why this database is not one of ours; "" if it is, or if `writable` and it is empty or can be brought up
/// to date.
[[nodiscard]] std::string stranger(sqlite3* database, bool writable) {
    const std::int64_t application = number_of(database, "PRAGMA application_id", -1);
    const std::int64_t version = number_of(database, "PRAGMA user_version", -1);
    const std::int64_t tables = number_of(database, "SELECT count(*) FROM sqlite_schema", -1);
    if (application < 0 || tables < 0) {
        return std::string("cannot be read as an event store: ") + sqlite3_errmsg(database);
    }
    if (writable && application == 0 && version == 0 && tables == 0) {
        return "";
    }
    if (application != store_application_id) {
        return "is not an event store of springlatch; give another folder";
    }
    const bool upgradable = writable && version >= 1 && version < store_schema_version;
    if (version != store_schema_version && !upgradable) {
        return "is an event store of version " + std::to_string(version) + ", this program reads version " +
               std::to_string(store_schema_version) + "; give another folder";
    }
    return "";
}

[[nodiscard]] bool exists(const std::string& path) {
    struct stat status {};
    return lstat(path.c_str(), &status) == 0;
}

}  // namespace

std::string store_file(const std::string& dir) {
    return dir + "/" + store_name;
}

std::optional<std::string> store_problem(const std::string& dir) {
    const std::string file = store_file(dir);
    if (!exists(file)) {
        return std::nullopt;
    }
    const auto database = open_database_to_read(file);
    const std::string text =
        database ? stranger(database->get(), false) : "cannot be opened: " + database.error();
    if (text.empty()) {
        return std::nullopt;
    }
    return file + ": " + text;
}

Store::Store(std::string file, Database database) : file_(std::move(file)), database_(std::move(database)) {}

Store::~Store() {
    flush();
}

tl::expected<std::unique_ptr<Store>, std::string> Store::open(const std::string& dir) {
    const std::string file = store_file(dir);
    auto database = open_database(dir, store_name, "the event store");
    if (!database) {
        return tl::unexpected(database.error());
    }
    sqlite3* const raw = database->get();
    sqlite3_busy_timeout(raw, 1000);
    if (const std::string text = stranger(raw, true); !text.empty()) {
        return tl::unexpected(file + ": " + text);
    }
    std::unique_ptr<Store> store(new Store(file, std::move(*database)));
    if (!store->prepare()) {
        return tl::unexpected(file + ": the event store cannot be written: " + sqlite3_errmsg(raw));
    }
    return store;
}

bool Store::prepare() {
    sqlite3* database = database_.get();
    if (!execute(database_.get(), "PRAGMA journal_mode=WAL") ||
        !execute(database_.get(), "PRAGMA synchronous=NORMAL")) {
        return false;
    }
    if (number_of(database, "PRAGMA application_id", 0) == 0) {
        const std::string make = std::string("BEGIN IMMEDIATE;") + schema + coverage_schema +
                                 "PRAGMA application_id=" + std::to_string(store_application_id) +
                                 ";PRAGMA user_version=" + std::to_string(store_schema_version) + ";COMMIT";
        if (!execute(database, make.c_str())) {
            return false;
        }
    }
    const std::int64_t version = number_of(database, "PRAGMA user_version", 0);
    if (version < store_schema_version) {
        std::string update = "BEGIN IMMEDIATE;";
        for (auto step = static_cast<std::size_t>(version - 1); step < upgrades.size(); ++step) {
            update += upgrades[step];
        }
        update += "PRAGMA user_version=" + std::to_string(store_schema_version) + ";COMMIT";
        if (!execute(database, update.c_str())) {
            return false;
        }
    }
    next_id_ = number_of(database, "SELECT coalesce(max(id), 0) + 1 FROM events", 1);
    const std::string insert = std::string("INSERT INTO events (") + columns +
                               ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    return insert_.prepare(database, insert) &&
           update_.prepare(
               database,
               "UPDATE events SET answered = CASE requests WHEN 0 THEN 1 ELSE answered + 1 END, "
               "status = CASE requests WHEN 0 THEN ? ELSE 0 END, "
               "response_bytes = CASE requests WHEN 0 THEN 0 ELSE response_bytes END + ?, "
               "request_bytes = CASE request WHEN 1 THEN request_bytes ELSE ? END WHERE id = ?") &&
           count_.prepare(
               database,
               "UPDATE events SET requests = requests + 1, request_bytes = request_bytes + ? WHERE id = ?") &&
           reach_.prepare(database,
                          "INSERT INTO reached (life, worker, sequence) VALUES (?,?,?) "
                          "ON CONFLICT (life, worker) DO UPDATE SET sequence = excluded.sequence") &&
           cover_.prepare(
               database,
               "INSERT INTO covered (life, from_ns, to_ns) VALUES (?,?,?) ON CONFLICT (life) DO UPDATE SET "
               "from_ns = min(from_ns, excluded.from_ns), to_ns = max(to_ns, excluded.to_ns)") &&
           lose_.prepare(database, "INSERT INTO losses (after_ns, until_ns, events, cause) VALUES (?,?,?,?)");
}

bool Store::begin() {
    if (open_) {
        return true;
    }
    const bool failing = state().failing;
    if (failing && now_ns_ - failed_ns_ < store_retry_ns) {
        return false;
    }
    if (!execute(database_.get(), "BEGIN IMMEDIATE")) {
        return false;
    }
    open_ = true;
    begun_ns_ = now_ns_;
    // In the transaction that proves that the store works again.
    return missing_.events == 0 || insert_loss(missing_, "store");
}

bool Store::insert_loss(const Loss& loss, const std::string& cause) {
    lose_ << loss.after_ns << loss.until_ns << loss.events << cause;
    return lose_.run();
}

/// An event with this time is in the open transaction.
void Store::happened(std::uint64_t time_ns) {
    first_ns_ = events_ == 0 ? time_ns : std::min(first_ns_, time_ns);
    last_ns_ = events_ == 0 ? time_ns : std::max(last_ns_, time_ns);
    ++events_;
}

void Store::miss(std::uint64_t first_ns, std::uint64_t last_ns, std::uint64_t events) {
    missing_.after_ns = missing_.events == 0 ? first_ns : std::min(missing_.after_ns, first_ns);
    missing_.until_ns = std::max(missing_.until_ns, last_ns);
    missing_.events += events;
    const std::lock_guard lock(mutex_);
    state_.not_stored += events;
}

/// Gives up the open transaction and what is in it.
void Store::fail() {
    const std::string error = sqlite3_errmsg(database_.get());
    if (open_) {
        // SQLite may have rolled back by itself, which makes this an error to be ignored.
        static_cast<void>(execute(database_.get(), "ROLLBACK"));
        open_ = false;
    }
    failed_ns_ = now_ns_;
    if (events_ > 0) {
        miss(first_ns_, last_ns_, events_);
    }
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = !state_.failing;
        state_.failing = true;
        state_.error = error;
        state_.failures += first ? 1U : 0U;
    }
    rows_ = 0;
    events_ = 0;
    if (first) {
        std::fprintf(
            stderr,
            "springlatch: %s: recording stopped: %s; events are counted, not kept, until it works again\n",
            file_.c_str(), error.c_str());
    }
}

std::int64_t Store::add(const Event& event) {
    const bool waits = !open_ && state().failing && now_ns_ - failed_ns_ < store_retry_ns;
    if (waits || !begin()) {
        if (!waits) {
            fail();
        }
        miss(event.time_ns, event.time_ns, 1);
        return 0;
    }
    const std::int64_t id = next_id_;
    insert_ << id << event.life << event.worker << event.sequence << event.time_ns << event.request
            << event.action << event.reason << event.rule << event.source << event.source_port
            << event.destination << event.destination_port << event.service << event.zone << event.operation
            << event.credentials << event.method << event.version << event.path << event.query
            << event.user_agent << event.request_bytes << event.verdict_ns << event.answered << event.status
            << event.response_bytes << event.user << event.requests << event.tags
            << std::uint32_t{event.severity};
    if (!insert_.run()) {
        fail();
        miss(event.time_ns, event.time_ns, 1);
        return 0;
    }
    ++next_id_;
    ++rows_;
    happened(event.time_ns);
    if (rows_ >= store_batch_rows) {
        flush();
    }
    return id;
}

void Store::answer(std::int64_t id, const Answer& answer) {
    if (id == 0 || !begin()) {
        return;
    }
    update_ << answer.status << answer.response_bytes << answer.request_bytes << id;
    if (!update_.run()) {
        fail();
        return;
    }
    if (++rows_ >= store_batch_rows) {
        flush();
    }
}

bool Store::count_in(std::int64_t id, std::uint64_t time_ns, std::uint64_t request_bytes) {
    if (id == 0 || !begin()) {
        return false;
    }
    count_ << request_bytes << id;
    if (!count_.run()) {
        fail();
        return false;
    }
    if (sqlite3_changes(database_.get()) == 0) {
        return false;
    }
    happened(time_ns);
    if (++rows_ >= store_batch_rows) {
        flush();
    }
    return true;
}

void Store::reached(std::uint64_t life, std::uint32_t worker, std::uint64_t sequence) {
    if (!begin()) {
        return;
    }
    reach_ << life << worker << sequence;
    if (!reach_.run()) {
        fail();
    }
}

void Store::covered(std::uint64_t life, std::uint64_t from_ns, std::uint64_t to_ns) {
    if (from_ns > to_ns || !begin()) {
        return;
    }
    cover_ << life << from_ns << to_ns;
    if (!cover_.run()) {
        fail();
    }
}

std::uint64_t Store::covered_until(std::uint64_t life) {
    const std::string sql =
        "SELECT to_ns FROM covered WHERE life = " + std::to_string(static_cast<std::int64_t>(life));
    return static_cast<std::uint64_t>(number_of(database_.get(), sql, 0));
}

void Store::lost(const Loss& loss) {
    // Where it cannot be written, what could not be stored before it stands for it: that covers these times.
    if (!begin()) {
        miss(loss.after_ns, loss.until_ns, loss.events);
        return;
    }
    if (!insert_loss(loss, loss.cause)) {
        fail();
        miss(loss.after_ns, loss.until_ns, loss.events);
    }
}

std::uint64_t Store::last_sequence(std::uint64_t life, std::uint32_t worker) {
    const std::string sql =
        "SELECT sequence FROM reached WHERE life = " + std::to_string(static_cast<std::int64_t>(life)) +
        " AND worker = " + std::to_string(worker);
    return static_cast<std::uint64_t>(number_of(database_.get(), sql, 0));
}

void Store::tick(std::uint64_t now_ns) {
    now_ns_ = now_ns;
    if (open_ && now_ns_ - begun_ns_ >= store_batch_ns) {
        flush();
    }
}

bool Store::flush() {
    if (!open_) {
        return !state().failing;
    }
    if (!execute(database_.get(), "COMMIT")) {
        fail();
        return false;
    }
    open_ = false;
    bool recovered = false;
    {
        const std::lock_guard lock(mutex_);
        recovered = state_.failing;
        state_.failing = false;
        state_.stored += events_;
    }
    rows_ = 0;
    events_ = 0;
    missing_ = {};
    if (recovered) {
        std::fprintf(stderr, "springlatch: %s: recording works again\n", file_.c_str());
    }
    return true;
}

bool Store::seal() {
    return flush() && execute(database_.get(), "PRAGMA journal_mode=DELETE");
}

StoreState Store::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

tl::expected<StoreReader, std::string> StoreReader::open(const std::string& dir) {
    const std::string file = store_file(dir);
    if (!exists(file)) {
        return tl::unexpected(file + ": there is no event store here");
    }
    auto database = open_database_to_read(file);
    if (!database) {
        return tl::unexpected(file + ": the event store cannot be opened: " + database.error());
    }
    if (const std::string text = stranger(database->get(), false); !text.empty()) {
        return tl::unexpected(file + ": " + text);
    }
    return StoreReader(file, std::move(*database));
}

tl::expected<void, std::string> StoreReader::each(const EventFilter& filter, EventOrder order,
                                                  std::uint32_t budget_ms,
                                                  const std::function<bool(const Event&)>& take) {
    std::string sql = std::string("SELECT ") + columns + " FROM events WHERE time_ns BETWEEN ?1 AND ?2";
    sql += filter.action.empty() ? "" : " AND action = ?3";
    sql += filter.reason.empty() ? "" : " AND reason = ?4";
    sql += filter.source.empty() ? "" : " AND source = ?5";
    switch (order) {
        case EventOrder::newest_first:
            sql += " ORDER BY id DESC";
            break;
        case EventOrder::oldest_first:
            sql += " ORDER BY id";
            break;
        case EventOrder::by_sequence:
            sql += " ORDER BY life, sequence";
            break;
        case EventOrder::by_time:
            sql += " ORDER BY life, time_ns, worker, sequence";
            break;
    }
    sql += filter.limit == 0 ? "" : " LIMIT " + std::to_string(filter.limit);

    // A value without a place in the statement is ignored.
    const auto bind = [&](Statement& statement) {
        statement << filter.from_ns << filter.to_ns << filter.action << filter.reason << filter.source;
    };
    Event event;
    return select(sql, budget_ms, bind, [&](Statement& statement) {
        statement >> event.id >> event.life >> event.worker >> event.sequence >> event.time_ns >>
            event.request >> event.action >> event.reason >> event.rule >> event.source >>
            event.source_port >> event.destination >> event.destination_port >> event.service >> event.zone >>
            event.operation >> event.credentials >> event.method >> event.version >> event.path >>
            event.query >> event.user_agent >> event.request_bytes >> event.verdict_ns >> event.answered >>
            event.status >> event.response_bytes >> event.user >> event.requests >> event.tags >>
            event.severity;
        return take(event);
    });
}

tl::expected<void, std::string> StoreReader::select(const std::string& sql, std::uint32_t budget_ms,
                                                    const std::function<void(Statement&)>& bind,
                                                    const std::function<bool(Statement&)>& take) {
    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(budget_ms);
    const auto late = [](void* until) {
        return Clock::now() > *static_cast<Clock::time_point*>(until) ? 1 : 0;
    };
    sqlite3_progress_handler(database_.get(), budget_ms == 0 ? 0 : 10'000, late, &deadline);
    int result = SQLITE_ERROR;
    std::string error;
    {
        Statement statement;
        if (statement.prepare(database_.get(), sql)) {
            bind(statement);
            while ((result = statement.step()) == SQLITE_ROW) {
                if (!take(statement)) {
                    result = SQLITE_DONE;
                    break;
                }
            }
        }
        error = sqlite3_errmsg(database_.get());
    }
    sqlite3_progress_handler(database_.get(), 0, nullptr, nullptr);
    if (result == SQLITE_INTERRUPT) {
        return tl::unexpected("the query took longer than " + std::to_string(budget_ms) +
                              " ms; ask for less, for example with a later `since`");
    }
    if (result != SQLITE_DONE) {
        return tl::unexpected(file_ + ": the event store cannot be read: " + error);
    }
    return {};
}

std::uint64_t Coverage::covered_ns() const noexcept {
    std::uint64_t sum = 0;
    for (const Span& span : spans) {
        sum += span.to_ns - span.from_ns;
    }
    return sum;
}

tl::expected<Coverage, std::string> StoreReader::coverage(std::uint64_t from_ns, std::uint64_t to_ns) {
    Coverage coverage;
    const auto bind = [&](Statement& statement) { statement << from_ns << to_ns; };
    auto read =
        select("SELECT from_ns, to_ns FROM covered WHERE from_ns < ?2 AND to_ns > ?1 ORDER BY from_ns", 0,
               bind, [&](Statement& statement) {
                   Coverage::Span span;
                   statement >> span.from_ns >> span.to_ns;
                   span = {.from_ns = std::max(span.from_ns, from_ns), .to_ns = std::min(span.to_ns, to_ns)};
                   if (!coverage.spans.empty() && span.from_ns <= coverage.spans.back().to_ns) {
                       coverage.spans.back().to_ns = std::max(coverage.spans.back().to_ns, span.to_ns);
                   } else {
                       coverage.spans.push_back(span);
                   }
                   return true;
               });
    if (read) {
        read = select(
            "SELECT after_ns, until_ns, events, cause FROM losses WHERE after_ns <= ?2 AND until_ns >= ?1 "
            "ORDER BY after_ns",
            0, bind, [&](Statement& statement) {
                Loss& loss = coverage.losses.emplace_back();
                statement >> loss.after_ns >> loss.until_ns >> loss.events >> loss.cause;
                return true;
            });
    }
    if (!read) {
        return tl::unexpected(read.error());
    }
    return coverage;
}

}  // namespace springlatch::control
