#include "control/policy/state.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace springlatch::control {
namespace {

using Json = nlohmann::json;

constexpr const char* history_name = "history.sqlite";
constexpr int application_id = 0x53504c50;  // "SPLP"
constexpr std::array<const char*, 4> standing_names = {"pending", "active", "replaced", "failed"};

constexpr const char* make_tables =
    "BEGIN EXCLUSIVE;"
    "CREATE TABLE activations (number INTEGER PRIMARY KEY AUTOINCREMENT, standing INTEGER NOT NULL, "
    "sequence INTEGER NOT NULL, facts TEXT NOT NULL, file BLOB NOT NULL);"
    "CREATE UNIQUE INDEX one_active ON activations (standing) WHERE standing = 1;"
    "PRAGMA application_id=1397771344; PRAGMA user_version=1; COMMIT";
static_assert(application_id == 1397771344);

[[nodiscard]] std::string facts_of(const Activation& one) {
    return Json{{"time_ns", one.time_ns},
                {"how", one.how},
                {"user", one.user},
                {"uid", one.uid},
                {"sha256", one.sha256},
                {"reason", one.reason},
                {"widen", one.widen},
                {"effect", one.effect},
                {"of", one.of},
                {"before", one.before},
                {"confirm_by_ns", one.confirm_by_ns},
                {"confirmed_ns", one.confirmed_ns},
                {"confirmed_by", one.confirmed_by},
                {"error", one.error}}
        .dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[nodiscard]] Activation activation_of(Statement& row) {
    Activation one;
    std::int64_t standing = 0;
    std::string text;
    row >> one.number >> standing >> one.sequence >> text;
    one.standing = standing >= 0 && standing < 4 ? static_cast<Standing>(standing) : Standing::failed;
    try {
        const Json facts = Json::parse(text);
        facts.at("time_ns").get_to(one.time_ns);
        facts.at("how").get_to(one.how);
        facts.at("user").get_to(one.user);
        facts.at("uid").get_to(one.uid);
        facts.at("sha256").get_to(one.sha256);
        facts.at("reason").get_to(one.reason);
        facts.at("widen").get_to(one.widen);
        facts.at("effect").get_to(one.effect);
        facts.at("of").get_to(one.of);
        facts.at("before").get_to(one.before);
        facts.at("confirm_by_ns").get_to(one.confirm_by_ns);
        facts.at("confirmed_ns").get_to(one.confirmed_ns);
        facts.at("confirmed_by").get_to(one.confirmed_by);
        facts.at("error").get_to(one.error);
    } catch (const Json::exception&) {
        one.error = "its record in the history cannot be read";
    }
    return one;
}

/// Error: one line, "" if none.
[[nodiscard]] std::string write_durably(const std::string& path, const std::string& bytes) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return path + ": cannot be written: " + std::strerror(errno);
    }
    std::size_t done = 0;
    int failed = 0;
    while (done < bytes.size() && failed == 0) {
        const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (wrote > 0) {
            done += static_cast<std::size_t>(wrote);
        } else if (wrote == 0 || errno != EINTR) {
            failed = wrote == 0 ? EIO : errno;
        }
    }
    if (failed == 0 && fsync(fd) != 0) {
        failed = errno;
    }
    close(fd);
    return failed == 0 ? "" : path + ": cannot be written: " + std::strerror(failed);
}

/// "" if it cannot be read.
[[nodiscard]] std::string read_back(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

const char* name_of(Standing standing) noexcept {
    return standing_names[static_cast<std::size_t>(standing)];
}

PolicyState::PolicyState(std::string dir, Database database)
    : dir_(std::move(dir)), database_(std::move(database)) {}

PolicyState::~PolicyState() = default;

std::string PolicyState::error() const {
    const bool locked = sqlite3_errcode(database_.get()) == SQLITE_BUSY;
    return dir_ + "/" + history_name + ": " + sqlite3_errmsg(database_.get()) +
           (locked ? " (does another springlatchd use this --state?)" : "");
}

tl::expected<std::unique_ptr<PolicyState>, std::string> PolicyState::open(const std::string& dir) {
    auto database = open_database(dir, history_name, "the policy state");
    if (!database) {
        return tl::unexpected(database.error());
    }
    std::unique_ptr<PolicyState> state(new PolicyState(dir, std::move(*database)));
    if (std::string text = state->prepare(); !text.empty()) {
        return tl::unexpected(std::move(text));
    }
    return state;
}

std::string PolicyState::prepare() {
    sqlite3* database = database_.get();
    // One springlatchd a folder: the lock is kept until the end.
    if (!execute(database,
                 "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA")) {
        return error();
    }
    const auto number = [&](const char* sql) { return number_of(database, sql, -1); };
    const std::int64_t application = number("PRAGMA application_id");
    const std::int64_t version = number("PRAGMA user_version");
    if (application == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema") == 0) {
        if (!execute(database, make_tables)) {
            return error();
        }
    } else if (application != application_id || version != 1) {
        return application < 0
                   ? error()
                   : dir_ + "/" + history_name + ": is no policy history of this version of springlatch";
    }
    if (!execute(database, "BEGIN EXCLUSIVE; COMMIT")) {
        return error();
    }
    for (Activation& one : select("WHERE standing = 0")) {
        give_up(one.number, "springlatchd ended before it was in force");
    }
    const auto now = active();
    const auto file = now ? file_of(now->number) : std::nullopt;
    if (!file || read_back(active_file()) == *file) {
        return "";
    }
    std::string text = stage(*file);
    return text.empty() ? publish() : text;
}

std::vector<Activation> PolicyState::select(const std::string& where) const {
    Statement statement(database_.get(),
                        "SELECT number, standing, sequence, facts FROM activations " + where);
    std::vector<Activation> found;
    while (statement.row()) {
        found.push_back(activation_of(statement));
    }
    return found;
}

bool PolicyState::update(const Activation& activation) {
    const std::string facts = facts_of(activation);
    Statement statement(database_.get(), "UPDATE activations SET standing = ?, facts = ? WHERE number = ?");
    return (statement << static_cast<int>(activation.standing) << facts << activation.number).run();
}

std::string PolicyState::stage(const std::string& file) const {
    return write_durably(active_file() + ".new", file);
}

std::string PolicyState::publish() const {
    if (rename((active_file() + ".new").c_str(), active_file().c_str()) != 0) {
        return active_file() + ": cannot be replaced: " + std::strerror(errno);
    }
    const int folder = ::open(dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
    return "";
}

tl::expected<std::int64_t, std::string> PolicyState::begin(const Activation& activation,
                                                           const std::string& file) {
    if (std::string text = stage(file); !text.empty()) {
        return tl::unexpected(std::move(text));
    }
    const std::string facts = facts_of(activation);
    Statement statement(database_.get(),
                        "INSERT INTO activations (standing, sequence, facts, file) VALUES (0, ?, ?, ?)");
    if (!(statement << activation.sequence << facts).bind_bytes(file).run()) {
        return tl::unexpected(error());
    }
    return sqlite3_last_insert_rowid(database_.get());
}

tl::expected<void, std::string> PolicyState::settle(std::int64_t number) {
    auto next = find(number);
    auto before = active();
    if (!next) {
        return tl::unexpected(error());
    }
    next->standing = Standing::active;
    bool good = execute(database_.get(), "BEGIN IMMEDIATE");
    if (good && before) {
        before->standing = Standing::replaced;
        good = update(*before);
    }
    good = good && update(*next) && execute(database_.get(), "COMMIT");
    if (!good) {
        const std::string text = error();
        (void)execute(database_.get(), "ROLLBACK");
        return tl::unexpected(text);
    }
    if (std::string text = publish(); !text.empty()) {
        // The history has it; the next start writes the file anew.
        std::fprintf(stderr, "springlatch: %s\n", text.c_str());
    }
    return {};
}

void PolicyState::give_up(std::int64_t number, const std::string& error) {
    if (auto one = find(number)) {
        one->standing = Standing::failed;
        one->error = error;
        if (!update(*one)) {
            std::fprintf(stderr, "springlatch: %s\n", this->error().c_str());
        }
    }
    (void)unlink((active_file() + ".new").c_str());
}

tl::expected<void, std::string> PolicyState::confirm(std::int64_t number, const std::string& user,
                                                     std::uint64_t now_ns) {
    auto one = find(number);
    if (!one) {
        return tl::unexpected(error());
    }
    one->confirmed_ns = now_ns;
    one->confirmed_by = user;
    if (!update(*one)) {
        return tl::unexpected(error());
    }
    return {};
}

std::optional<Activation> PolicyState::active() const {
    auto found = select("WHERE standing = 1");
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::optional<Activation> PolicyState::find(std::int64_t number) const {
    auto found = select("WHERE number = " + std::to_string(number));
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::optional<std::string> PolicyState::file_of(std::int64_t number) const {
    Statement statement(database_.get(), "SELECT file FROM activations WHERE number = ?");
    statement << number;
    if (!statement.row()) {
        return std::nullopt;
    }
    std::string file;
    statement >> file;
    return file;
}

std::vector<Activation> PolicyState::history() const {
    return select("ORDER BY number");
}

std::uint64_t PolicyState::highest_sequence() const {
    return static_cast<std::uint64_t>(number_of(
        database_.get(), "SELECT coalesce(max(sequence), 0) FROM activations WHERE standing IN (1, 2)", 0));
}

}  // namespace springlatch::control
