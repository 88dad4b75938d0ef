#include "control/store/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace springlatch::control {
namespace {

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

/// Binds the parameters of a statement one after the other.
class Binder {
  public:
    explicit Binder(sqlite3_stmt* statement) : statement_(statement) { sqlite3_reset(statement_); }
    Binder& operator<<(std::int64_t value) {
        sqlite3_bind_int64(statement_, ++index_, value);
        return *this;
    }
    Binder& operator<<(std::uint64_t value) { return *this << static_cast<std::int64_t>(value); }
    Binder& operator<<(std::uint32_t value) { return *this << static_cast<std::int64_t>(value); }
    Binder& operator<<(std::uint16_t value) { return *this << static_cast<std::int64_t>(value); }
    Binder& operator<<(bool value) { return *this << static_cast<std::int64_t>(value ? 1 : 0); }
    /// `text` must live until the statement has run.
    Binder& operator<<(const std::string& text) {
        sqlite3_bind_text(statement_, ++index_, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
        return *this;
    }

  private:
    sqlite3_stmt* statement_;
    int index_ = 0;
};

/// Reads the columns of a row one after the other.
class Row {
  public:
    explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
    Row& operator>>(std::int64_t& value) {
        value = sqlite3_column_int64(statement_, index_++);
        return *this;
    }
    Row& operator>>(std::string& text) {
        const auto* bytes = sqlite3_column_text(statement_, index_);
        text.assign(bytes == nullptr ? "" : reinterpret_cast<const char*>(bytes),
                    static_cast<std::size_t>(sqlite3_column_bytes(statement_, index_)));
        ++index_;
        return *this;
    }
    template <class Number>
    Row& operator>>(Number& value) {
        value = static_cast<Number>(sqlite3_column_int64(statement_, index_++));
        return *this;
    }

  private:
    sqlite3_stmt* statement_;
    int index_ = 0;
};

[[nodiscard]] std::int64_t number_of(sqlite3* database, const char* sql, std::int64_t otherwise) {
    sqlite3_stmt* statement = nullptr;
    std::int64_t value = otherwise;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        value = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return value;
}

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
    return dir + "/events.sqlite";
}

std::optional<std::string> store_problem(const std::string& dir) {
    const std::string file = store_file(dir);
    if (!exists(file)) {
        return std::nullopt;
    }
    sqlite3* database = nullptr;
    std::string text;
    if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK) {
        text = std::string("cannot be opened: ") + sqlite3_errmsg(database);
    } else {
        text = stranger(database, false);
    }
    sqlite3_close(database);
    if (text.empty()) {
        return std::nullopt;
    }
    return file + ": " + text;
}

Store::Statement::~Statement() {
    sqlite3_finalize(handle);
}

void Store::Close::operator()(sqlite3* database) const noexcept {
    sqlite3_close_v2(database);
}

void StoreReader::Close::operator()(sqlite3* database) const noexcept {
    sqlite3_close_v2(database);
}

Store::Store(std::string file, std::unique_ptr<sqlite3, Close> database)
    : file_(std::move(file)), database_(std::move(database)) {}

Store::~Store() {
    flush();
}

tl::expected<std::unique_ptr<Store>, std::string> Store::open(const std::string& dir) {
    const std::string file = store_file(dir);
    if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
        return tl::unexpected(dir + ": cannot be made as folder of the event store: " + std::strerror(errno));
    }
    // Made here, since SQLite would give it the permissions of the umask.
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tl::unexpected(file + ": the event store cannot be written: " + std::strerror(errno));
    }
    ::close(fd);
    sqlite3* raw = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<sqlite3, Close> database(raw);
    if (opened != SQLITE_OK) {
        return tl::unexpected(file + ": the event store cannot be opened: " + sqlite3_errmsg(raw));
    }
    sqlite3_busy_timeout(raw, 1000);
    if (const std::string text = stranger(raw, true); !text.empty()) {
        return tl::unexpected(file + ": " + text);
    }
    std::unique_ptr<Store> store(new Store(file, std::move(database)));
    if (!store->prepare()) {
        return tl::unexpected(file + ": the event store cannot be written: " + sqlite3_errmsg(raw));
    }
    return store;
}

bool Store::prepare() {
    sqlite3* database = database_.get();
    if (!execute("PRAGMA journal_mode=WAL") || !execute("PRAGMA synchronous=NORMAL")) {
        return false;
    }
    if (number_of(database, "PRAGMA application_id", 0) == 0) {
        const std::string make = std::string("BEGIN IMMEDIATE;") + schema + coverage_schema +
                                 "PRAGMA application_id=" + std::to_string(store_application_id) +
                                 ";PRAGMA user_version=" + std::to_string(store_schema_version) + ";COMMIT";
        if (!execute(make.c_str())) {
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
        if (!execute(update.c_str())) {
            return false;
        }
    }
    next_id_ = number_of(database, "SELECT coalesce(max(id), 0) + 1 FROM events", 1);
    const std::string insert = std::string("INSERT INTO events (") + columns +
                               ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    const auto compile = [&](const char* sql, Statement& statement) {
        return sqlite3_prepare_v2(database, sql, -1, &statement.handle, nullptr) == SQLITE_OK;
    };
    return compile(insert.c_str(), insert_) &&
           compile(
               "UPDATE events SET answered = CASE requests WHEN 0 THEN 1 ELSE answered + 1 END, "
               "status = CASE requests WHEN 0 THEN ? ELSE 0 END, "
               "response_bytes = CASE requests WHEN 0 THEN 0 ELSE response_bytes END + ?, "
               "request_bytes = CASE request WHEN 1 THEN request_bytes ELSE ? END WHERE id = ?",
               update_) &&
           compile(
               "UPDATE events SET requests = requests + 1, request_bytes = request_bytes + ? WHERE id = ?",
               count_) &&
           compile(
               "INSERT INTO reached (life, worker, sequence) VALUES (?,?,?) "
               "ON CONFLICT (life, worker) DO UPDATE SET sequence = excluded.sequence",
               reach_) &&
           compile(
               "INSERT INTO covered (life, from_ns, to_ns) VALUES (?,?,?) ON CONFLICT (life) DO UPDATE SET "
               "from_ns = min(from_ns, excluded.from_ns), to_ns = max(to_ns, excluded.to_ns)",
               cover_) &&
           compile("INSERT INTO losses (after_ns, until_ns, events, cause) VALUES (?,?,?,?)", lose_);
}

bool Store::execute(const char* sql) {
    return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool Store::run(sqlite3_stmt* statement) {
    const int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result == SQLITE_DONE;
}

bool Store::begin() {
    if (open_) {
        return true;
    }
    const bool failing = state().failing;
    if (failing && now_ns_ - failed_ns_ < store_retry_ns) {
        return false;
    }
    if (!execute("BEGIN IMMEDIATE")) {
        return false;
    }
    open_ = true;
    begun_ns_ = now_ns_;
    // In the transaction that proves that the store works again.
    return missing_.events == 0 || insert_loss(missing_, "store");
}

bool Store::insert_loss(const Loss& loss, const std::string& cause) {
    Binder(lose_.handle) << loss.after_ns << loss.until_ns << loss.events << cause;
    return run(lose_.handle);
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
        static_cast<void>(execute("ROLLBACK"));
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
    Binder(insert_.handle) << id << event.life << event.worker << event.sequence << event.time_ns
                           << event.request << event.action << event.reason << event.rule << event.source
                           << event.source_port << event.destination << event.destination_port
                           << event.service << event.zone << event.operation << event.credentials
                           << event.method << event.version << event.path << event.query << event.user_agent
                           << event.request_bytes << event.verdict_ns << event.answered << event.status
                           << event.response_bytes << event.user << event.requests << event.tags
                           << std::uint32_t{event.severity};
    if (!run(insert_.handle)) {
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
    Binder(update_.handle) << answer.status << answer.response_bytes << answer.request_bytes << id;
    if (!run(update_.handle)) {
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
    Binder(count_.handle) << request_bytes << id;
    if (!run(count_.handle)) {
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
    Binder(reach_.handle) << life << worker << sequence;
    if (!run(reach_.handle)) {
        fail();
    }
}

void Store::covered(std::uint64_t life, std::uint64_t from_ns, std::uint64_t to_ns) {
    if (from_ns > to_ns || !begin()) {
        return;
    }
    Binder(cover_.handle) << life << from_ns << to_ns;
    if (!run(cover_.handle)) {
        fail();
    }
}

std::uint64_t Store::covered_until(std::uint64_t life) {
    const std::string sql =
        "SELECT to_ns FROM covered WHERE life = " + std::to_string(static_cast<std::int64_t>(life));
    return static_cast<std::uint64_t>(number_of(database_.get(), sql.c_str(), 0));
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
    return static_cast<std::uint64_t>(number_of(database_.get(), sql.c_str(), 0));
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
    if (!execute("COMMIT")) {
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
    return flush() && execute("PRAGMA journal_mode=DELETE");
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
    sqlite3* raw = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<sqlite3, Close> database(raw);
    if (opened != SQLITE_OK) {
        return tl::unexpected(file + ": the event store cannot be opened: " + sqlite3_errmsg(raw));
    }
    sqlite3_busy_timeout(raw, 1000);
    if (const std::string text = stranger(raw, false); !text.empty()) {
        return tl::unexpected(file + ": " + text);
    }
    return StoreReader(file, std::move(database));
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

    const auto bind = [&](sqlite3_stmt* statement) {
        sqlite3_bind_int64(statement, 1, static_cast<std::int64_t>(filter.from_ns));
        sqlite3_bind_int64(statement, 2, static_cast<std::int64_t>(filter.to_ns));
        const auto text = [&](int index, const std::string& value) {
            if (!value.empty()) {
                sqlite3_bind_text(statement, index, value.data(), static_cast<int>(value.size()),
                                  SQLITE_STATIC);
            }
        };
        text(3, filter.action);
        text(4, filter.reason);
        text(5, filter.source);
    };
    Event event;
    return select(sql, budget_ms, bind, [&](sqlite3_stmt* statement) {
        Row(statement) >> event.id >> event.life >> event.worker >> event.sequence >> event.time_ns >>
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
                                                    const std::function<void(sqlite3_stmt*)>& bind,
                                                    const std::function<bool(sqlite3_stmt*)>& take) {
    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(budget_ms);
    const auto late = [](void* until) {
        return Clock::now() > *static_cast<Clock::time_point*>(until) ? 1 : 0;
    };
    sqlite3_progress_handler(database_.get(), budget_ms == 0 ? 0 : 10'000, late, &deadline);
    sqlite3_stmt* statement = nullptr;
    int result = sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr);
    if (result == SQLITE_OK) {
        bind(statement);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
            if (!take(statement)) {
                result = SQLITE_DONE;
                break;
            }
        }
    }
    const std::string error = sqlite3_errmsg(database_.get());
    sqlite3_finalize(statement);
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
    const auto bind = [&](sqlite3_stmt* statement) {
        sqlite3_bind_int64(statement, 1, static_cast<std::int64_t>(from_ns));
        sqlite3_bind_int64(statement, 2, static_cast<std::int64_t>(to_ns));
    };
    auto read =
        select("SELECT from_ns, to_ns FROM covered WHERE from_ns < ?2 AND to_ns > ?1 ORDER BY from_ns", 0,
               bind, [&](sqlite3_stmt* statement) {
                   Coverage::Span span;
                   Row(statement) >> span.from_ns >> span.to_ns;
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
            0, bind, [&](sqlite3_stmt* statement) {
                Loss& loss = coverage.losses.emplace_back();
                Row(statement) >> loss.after_ns >> loss.until_ns >> loss.events >> loss.cause;
                return true;
            });
    }
    if (!read) {
        return tl::unexpected(read.error());
    }
    return coverage;
}

}  // namespace springlatch::control
