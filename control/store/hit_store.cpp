#include "control/store/hit_store.h"

#include <sys/stat.h>

namespace springlatch::control {
namespace {

constexpr const char* hits_name = "hits.sqlite";

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

[[nodiscard]] std::string file_in(const std::string& dir) {
    return dir + "/" + hits_name;
}

}  // namespace

std::string HitStore::problem() const {
    return file_ + ": rules' hits cannot be stored: " + sqlite3_errmsg(database_.get());
}

tl::expected<void, std::string> HitStore::run(const char* sql) {
    if (!execute(database_.get(), sql)) {
        std::string why = problem();
        static_cast<void>(execute(database_.get(), "ROLLBACK"));
        return tl::unexpected(std::move(why));
    }
    return {};
}

tl::expected<std::unique_ptr<HitStore>, std::string> HitStore::open(const std::string& dir) {
    auto database = open_database(dir, hits_name, "the record of rules' hits");
    if (!database) {
        return tl::unexpected(database.error());
    }
    sqlite3_busy_timeout(database->get(), 1000);
    std::unique_ptr<HitStore> store(new HitStore(file_in(dir), std::move(*database)));
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
                (of_run << run.policy << run.life << run.generation << now_ns).run();
    for (std::size_t i = 0; i < rules.size() && good; ++i) {
        good = (rule << run.policy << rules[i] << i << now_ns).run();
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
        put << run.policy << one.rule << run.life << run.generation << one.count.hits << one.count.limited
            << one.count.first_ns << one.count.last_ns;
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
    const auto database = open_database_to_read(file);
    if (!database) {
        return tl::unexpected(file + ": rules' hits cannot be read: " + database.error());
    }
    std::vector<RuleHitsTotal> rules;
    Statement ask(database->get(), R"sql(
SELECT rule, (SELECT min(since) FROM rules AS same WHERE same.rule = rules.rule),
  coalesce(h, 0), coalesce(l, 0), coalesce(f, 0), coalesce(t, 0) FROM rules LEFT JOIN
  (SELECT rule AS id, sum(hits) AS h, sum(limited) AS l, min(first) AS f, max(last) AS t FROM hits GROUP BY rule)
  ON id = rule WHERE policy = (SELECT policy FROM policies ORDER BY seen DESC LIMIT 1) ORDER BY place)sql");
    int result = SQLITE_DONE;
    while ((result = ask.step()) == SQLITE_ROW) {
        RuleHitsTotal& one = rules.emplace_back();
        ask >> one.rule >> one.since_ns >> one.count.hits >> one.count.limited >> one.count.first_ns >>
            one.count.last_ns;
    }
    if (result != SQLITE_DONE) {
        return tl::unexpected(file + ": rules' hits cannot be read: " + sqlite3_errmsg(database->get()));
    }
    return rules;
}

}  // namespace springlatch::control
