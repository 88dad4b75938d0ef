#include "control/store/hit_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace springlatch::control {
namespace {

constexpr const char* schema = R"sql(
CREATE TABLE IF NOT EXISTS policies (policy TEXT PRIMARY KEY, seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (policy TEXT, life INTEGER, generation INTEGER, seen INTEGER NOT NULL,
  PRIMARY KEY (policy, life, generation)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rules (policy TEXT, rule TEXT, place INTEGER NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY (policy, rule)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rules_by_id ON rules (rule, since);
CREATE TABLE IF NOT EXISTS hits (policy TEXT, rule TEXT, life INTEGER, generation INTEGER, hits INTEGER NOT NULL,
  limited INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (policy, rule, life, generation)) WITHOUT ROWID;
)sql";

/// Runs older than the newest eight become life 0 of their policy, policies older than the newest 32 become
/// the policy ''. Their own rows go, so none is counted twice.
constexpr const char* fold = R"sql(
DELETE FROM policies WHERE policy NOT IN (SELECT policy FROM policies ORDER BY seen DESC LIMIT 32);
CREATE TEMP TABLE folded AS SELECT CASE WHEN policy IN (SELECT policy FROM policies) THEN policy ELSE '' END AS p,
  rule, sum(hits) AS h, sum(limited) AS l, min(first) AS f, max(last) AS t FROM hits
  WHERE (policy, life, generation) NOT IN (SELECT policy, life, generation FROM runs ORDER BY seen DESC LIMIT 8)
     OR policy NOT IN (SELECT policy FROM policies) GROUP BY p, rule;
DELETE FROM hits
  WHERE (policy, life, generation) NOT IN (SELECT policy, life, generation FROM runs ORDER BY seen DESC LIMIT 8)
     OR policy NOT IN (SELECT policy FROM policies);
INSERT INTO hits SELECT p, rule, 0, 0, h, l, f, t FROM folded;
DROP TABLE folded;
DELETE FROM runs WHERE (policy, life, generation) NOT IN
  (SELECT policy, life, generation FROM runs ORDER BY seen DESC LIMIT 8);
CREATE TEMP TABLE folded AS SELECT rule, min(since) AS s FROM rules
  WHERE policy NOT IN (SELECT policy FROM policies) GROUP BY rule;
DELETE FROM rules WHERE policy NOT IN (SELECT policy FROM policies);
INSERT INTO rules SELECT '', rule, 0, s FROM folded;
DROP TABLE folded;
)sql";

class Statement {
  public:
    Statement(sqlite3* database, const char* sql) {
        good_ = sqlite3_prepare_v2(database, sql, -1, &handle_, nullptr) == SQLITE_OK;
    }
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    Statement& operator<<(std::uint64_t value) {
        sqlite3_bind_int64(handle_, ++index_, static_cast<std::int64_t>(value));
        return *this;
    }
    /// `text` must live until the statement has run.
    Statement& operator<<(const std::string& text) {
        sqlite3_bind_text(handle_, ++index_, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
        return *this;
    }
    /// Runs it and makes it ready for the next values. False: it failed.
    [[nodiscard]] bool run() {
        const bool done = good_ && sqlite3_step(handle_) == SQLITE_DONE;
        sqlite3_reset(handle_);
        index_ = 0;
        return done;
    }
    /// SQLITE_ROW, SQLITE_DONE or an error.
    [[nodiscard]] int step() { return good_ ? sqlite3_step(handle_) : SQLITE_ERROR; }
    [[nodiscard]] std::uint64_t number(int column) const {
        return static_cast<std::uint64_t>(sqlite3_column_int64(handle_, column));
    }
    [[nodiscard]] std::string text(int column) const {
        const auto* bytes = sqlite3_column_text(handle_, column);
        return bytes == nullptr ? "" : reinterpret_cast<const char*>(bytes);
    }

  private:
    sqlite3_stmt* handle_ = nullptr;
    int index_ = 0;
    bool good_ = false;
};

[[nodiscard]] std::string file_in(const std::string& dir) {
    return dir + "/hits.sqlite";
}

}  // namespace

void HitStore::Close::operator()(sqlite3* database) const noexcept {
    sqlite3_close_v2(database);
}

std::string HitStore::problem() const {
    return file_ + ": rules' hits cannot be stored: " + sqlite3_errmsg(database_.get());
}

tl::expected<void, std::string> HitStore::run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        std::string why = problem();
        sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
        return tl::unexpected(std::move(why));
    }
    return {};
}

tl::expected<std::unique_ptr<HitStore>, std::string> HitStore::open(const std::string& dir) {
    const std::string file = file_in(dir);
    if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
        return tl::unexpected(dir + ": cannot be made: " + std::strerror(errno));
    }
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tl::unexpected(file + ": cannot be written: " + std::strerror(errno));
    }
    ::close(fd);
    sqlite3* raw = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<HitStore> store(new HitStore(file, std::unique_ptr<sqlite3, Close>(raw)));
    if (opened != SQLITE_OK) {
        return tl::unexpected(store->problem());
    }
    sqlite3_busy_timeout(raw, 1000);
    for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", schema}) {
        if (auto done = store->run(sql); !done) {
            return tl::unexpected(done.error());
        }
    }
    return store;
}

tl::expected<void, std::string> HitStore::begin(const HitRun& run, const std::vector<std::string>& rules,
                                                std::uint64_t now_ns) {
    sqlite3* const database = database_.get();
    if (auto begun = this->run("BEGIN IMMEDIATE"); !begun) {
        return begun;
    }
    Statement policy(database, "INSERT OR REPLACE INTO policies (policy, seen) VALUES (?,?)");
    Statement of_run(database,
                     "INSERT OR REPLACE INTO runs (policy, life, generation, seen) VALUES (?,?,?,?)");
    Statement rule(database,
                   "INSERT INTO rules (policy, rule, place, since) VALUES (?,?,?,?) "
                   "ON CONFLICT (policy, rule) DO UPDATE SET place = excluded.place");
    bool good = (policy << run.policy << now_ns).run() &&
                (of_run << run.policy << run.life << std::uint64_t{run.generation} << now_ns).run();
    for (std::size_t i = 0; i < rules.size() && good; ++i) {
        good = (rule << run.policy << rules[i] << std::uint64_t{i} << now_ns).run();
    }
    if (!good) {
        std::string why = problem();
        (void)this->run("ROLLBACK");
        return tl::unexpected(std::move(why));
    }
    if (auto folded = this->run(fold); !folded) {
        return folded;
    }
    return this->run("COMMIT");
}

tl::expected<void, std::string> HitStore::save(const HitRun& run, const std::vector<RuleHitsOfRun>& counts) {
    if (auto begun = this->run("BEGIN IMMEDIATE"); !begun) {
        return begun;
    }
    Statement put(database_.get(),
                  "INSERT OR REPLACE INTO hits (policy, rule, life, generation, hits, limited, first, last) "
                  "VALUES (?,?,?,?,?,?,?,?)");
    for (const RuleHitsOfRun& one : counts) {
        put << run.policy << one.rule << run.life << std::uint64_t{run.generation} << one.count.hits
            << one.count.limited << one.count.first_ns << one.count.last_ns;
        if (!put.run()) {
            std::string why = problem();
            (void)this->run("ROLLBACK");
            return tl::unexpected(std::move(why));
        }
    }
    return this->run("COMMIT");
}

tl::expected<std::vector<RuleHitsTotal>, std::string> read_hits(const std::string& dir) {
    const std::string file = file_in(dir);
    struct stat status {};
    if (stat(file.c_str(), &status) != 0) {
        return tl::unexpected(file + ": there is no record of rules' hits here");
    }
    sqlite3* raw = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    const auto close = [](sqlite3* database) { sqlite3_close_v2(database); };
    const std::unique_ptr<sqlite3, decltype(close)> database(raw, close);
    std::vector<RuleHitsTotal> rules;
    int result = opened;
    if (opened == SQLITE_OK) {
        sqlite3_busy_timeout(raw, 1000);
        Statement ask(raw, R"sql(
SELECT rule, (SELECT min(since) FROM rules AS same WHERE same.rule = rules.rule),
  coalesce(h, 0), coalesce(l, 0), coalesce(f, 0), coalesce(t, 0) FROM rules LEFT JOIN
  (SELECT rule AS id, sum(hits) AS h, sum(limited) AS l, min(first) AS f, max(last) AS t FROM hits GROUP BY rule)
  ON id = rule WHERE policy = (SELECT policy FROM policies ORDER BY seen DESC LIMIT 1) ORDER BY place)sql");
        while ((result = ask.step()) == SQLITE_ROW) {
            rules.push_back({.rule = ask.text(0),
                             .since_ns = ask.number(1),
                             .count = {.hits = ask.number(2),
                                       .limited = ask.number(3),
                                       .first_ns = ask.number(4),
                                       .last_ns = ask.number(5)}});
        }
    }
    if (result != SQLITE_DONE) {
        return tl::unexpected(file + ": rules' hits cannot be read: " + sqlite3_errmsg(raw));
    }
    return rules;
}

}  // namespace springlatch::control
