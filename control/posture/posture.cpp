#include "control/posture/posture.h"

#include <sys/random.h>

#include <algorithm>
#include <filesystem>

namespace springlatch::control {
namespace {

constexpr std::size_t history_max = 100;
constexpr std::uint32_t refusals_to_close = 3;
constexpr std::uint64_t store_seen_every_ns = 60'000'000'000;

constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS servers(address TEXT, port INT, service TEXT, state INT, since INT, seen "
    "INT, "
    "evidence TEXT, exposed INT, data INT, PRIMARY KEY(address, port));"
    "CREATE TABLE IF NOT EXISTS changes(id INTEGER PRIMARY KEY, address TEXT, port INT, time INT, state INT, "
    "evidence TEXT);"
    "CREATE TABLE IF NOT EXISTS keys(name TEXT PRIMARY KEY, value BLOB);";

[[nodiscard]] std::string place_of(const ServerPosture& server) {
    const bool v6 = server.address.find(':') != std::string::npos;
    return (v6 ? '[' + server.address + ']' : server.address) + ':' + std::to_string(server.port);
}

struct Kept {
    ServerPosture server;
    std::uint64_t data = 0;
};

[[nodiscard]] Posture posture_of(std::int64_t number) {
    return number == 2 ? Posture::open : number == 1 ? Posture::closed : Posture::unknown;
}

[[nodiscard]] std::vector<Kept> read_servers(sqlite3* database) {
    std::vector<Kept> result;
    Statement rows(database,
                   "SELECT address, port, service, state, since, seen, evidence, exposed, data FROM servers");
    while (rows.row()) {
        Kept kept;
        std::int64_t state = 0;
        rows >> kept.server.address >> kept.server.port >> kept.server.service >> state >>
            kept.server.since_ns >> kept.server.seen_ns >> kept.server.evidence >> kept.server.exposed_ns >>
            kept.data;
        kept.server.state = posture_of(state);
        Statement changes(database,
                          "SELECT time, state, evidence FROM changes WHERE address=? AND port=? ORDER BY id");
        changes << kept.server.address << kept.server.port;
        while (changes.row()) {
            PostureChange change;
            changes >> change.time_ns >> state >> change.evidence;
            change.to = posture_of(state);
            kept.server.history.push_back(std::move(change));
        }
        result.push_back(std::move(kept));
    }
    return result;
}

[[nodiscard]] std::vector<ServerPosture> shown(std::vector<Kept> kept, std::uint64_t now_ns) {
    std::map<std::uint64_t, std::vector<std::string>> alike;
    for (const Kept& one : kept) {
        if (one.data != 0) {
            alike[one.data].push_back(place_of(one.server));
        }
    }
    std::vector<ServerPosture> result;
    for (Kept& one : kept) {
        ServerPosture& server = one.server;
        if (server.state == Posture::open && now_ns > server.since_ns) {
            server.exposed_ns += now_ns - server.since_ns;
        }
        if (one.data != 0) {
            const std::string own = place_of(server);
            for (const std::string& other : alike[one.data]) {
                if (other != own) {
                    server.mirrors.push_back(other);
                }
            }
        }
        result.push_back(std::move(server));
    }
    std::stable_sort(result.begin(), result.end(), [](const ServerPosture& a, const ServerPosture& b) {
        return std::tuple(a.state != Posture::open, a.address, a.port) <
               std::tuple(b.state != Posture::open, b.address, b.port);
    });
    return result;
}

}  // namespace

const char* name_of(Posture posture) noexcept {
    return posture == Posture::open ? "open" : posture == Posture::closed ? "closed" : "unknown";
}

tl::expected<std::unique_ptr<PostureBook>, std::string> PostureBook::open(const std::string& dir) {
    auto database = open_database(dir, "watch.sqlite", "the posture book");
    if (!database) {
        return tl::unexpected(database.error());
    }
    std::unique_ptr<PostureBook> book(new PostureBook(std::move(*database)));
    if (!book->load()) {
        return tl::unexpected(
            dir + "/watch.sqlite: the posture book cannot be read: " + sqlite3_errmsg(book->database_.get()));
    }
    return book;
}

bool PostureBook::load() {
    sqlite3_busy_timeout(database_.get(), 1000);
    if (!execute(database_.get(), schema)) {
        return false;
    }
    for (Kept& kept : read_servers(database_.get())) {
        const Key key{kept.server.address, kept.server.port};
        Entry entry;
        entry.data = kept.data;
        entry.stored_ns = kept.server.seen_ns;
        entry.server = std::move(kept.server);
        entries_.emplace(key, std::move(entry));
    }
    Statement found(database_.get(), "SELECT value FROM keys WHERE name='data'");
    if (found.row()) {
        found >> key_;
        return key_.size() == 16;
    }
    key_.resize(16);
    if (getrandom(key_.data(), key_.size(), 0) != 16) {
        return false;
    }
    Statement put(database_.get(), "INSERT INTO keys VALUES('data', ?)");
    put.bind_bytes(key_);
    return put.run();
}

/// Null: there is no room for another one.
PostureBook::Entry* PostureBook::entry(const std::string& address, std::uint16_t port,
                                       const std::string& service) {
    const auto found = entries_.find({address, port});
    if (found != entries_.end()) {
        found->second.server.service = service;
        return &found->second;
    }
    if (entries_.size() >= servers_max) {
        return nullptr;
    }
    Entry& made = entries_[{address, port}];
    made.server.address = address;
    made.server.port = port;
    made.server.service = service;
    return &made;
}

std::optional<PostureTurn> PostureBook::turn(Entry& entry, Posture to, const std::string& evidence,
                                             std::uint64_t time_ns) {
    ServerPosture& server = entry.server;
    server.seen_ns = std::max(server.seen_ns, time_ns);
    if (server.state == to) {
        if (server.seen_ns - entry.stored_ns > store_seen_every_ns) {
            save(entry);
        }
        return std::nullopt;
    }
    PostureTurn turn;
    turn.before = server.state;
    turn.again = to == Posture::open &&
                 std::any_of(server.history.begin(), server.history.end(),
                             [](const PostureChange& change) { return change.to == Posture::open; });
    if (server.state == Posture::open && time_ns > server.since_ns) {
        server.exposed_ns += time_ns - server.since_ns;
    }
    server.state = to;
    server.since_ns = time_ns;
    server.evidence = evidence;
    server.history.push_back({time_ns, to, evidence});
    if (server.history.size() > history_max) {
        server.history.erase(server.history.begin());
    }
    entry.told_kind = 0;
    entry.refusals = 0;
    Statement put(database_.get(),
                  "INSERT INTO changes(address, port, time, state, evidence) VALUES(?,?,?,?,?)");
    put << server.address << server.port << time_ns << static_cast<int>(to) << evidence;
    (void)put.run();  // what cannot be written is still known here, and save() comes again
    Statement prune(
        database_.get(),
        "DELETE FROM changes WHERE address=? AND port=? AND id NOT IN (SELECT id FROM changes WHERE "
        "address=? AND port=? ORDER BY id DESC LIMIT 100)");
    prune << server.address << server.port << server.address << server.port;
    (void)prune.run();
    save(entry);
    turn.server = server;
    return turn;
}

void PostureBook::save(Entry& entry) {
    const ServerPosture& server = entry.server;
    Statement put(database_.get(), "INSERT OR REPLACE INTO servers VALUES(?,?,?,?,?,?,?,?,?)");
    put << server.address << server.port << server.service << static_cast<int>(server.state)
        << server.since_ns << server.seen_ns << server.evidence << server.exposed_ns << entry.data;
    if (put.run()) {
        entry.stored_ns = server.seen_ns;
    }
}

std::optional<PostureTurn> PostureBook::saw(const AnswerSeen& answer) {
    const std::lock_guard lock(mutex_);
    Entry* const known = entry(answer.address, answer.port, answer.service);
    if (known == nullptr) {
        return std::nullopt;
    }
    const std::string status = std::to_string(answer.status);
    if (answer.what == AnswerSeen::What::refused) {
        ++known->refusals;
        known->told_kind = 0;
        if (known->server.state == Posture::open && known->refusals < refusals_to_close) {
            return std::nullopt;
        }
        return turn(*known, Posture::closed, "it asks who has no credentials for them: " + status,
                    answer.time_ns);
    }
    known->refusals = 0;
    if (answer.what == AnswerSeen::What::served) {
        return turn(*known, Posture::open, "it did what a request without credentials asked for: " + status,
                    answer.time_ns);
    }
    if (known->told_kind == 0) {
        known->told_kind = answer.kind;
    }
    if (known->server.state == Posture::open || known->told_kind != answer.kind) {
        return turn(*known, Posture::open,
                    "it tells about itself without credentials, in two ways: " + status, answer.time_ns);
    }
    return std::nullopt;
}

std::optional<PostureTurn> PostureBook::probed(const ProbeFinding& finding) {
    const std::lock_guard lock(mutex_);
    Entry* const known = entry(finding.address, finding.port, finding.service);
    if (known == nullptr || finding.state == Posture::unknown) {
        return std::nullopt;
    }
    const bool other_data = finding.data != 0 && known->data != finding.data;
    if (other_data) {
        known->data = finding.data;
    }
    auto turned = turn(*known, finding.state, finding.evidence, finding.time_ns);
    if (!turned && other_data) {
        save(*known);
    }
    return turned;
}

std::vector<ServerPosture> PostureBook::servers(std::uint64_t now_ns) const {
    std::vector<Kept> kept;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, entry] : entries_) {
            kept.push_back({entry.server, entry.data});
        }
    }
    return shown(std::move(kept), now_ns);
}

tl::expected<std::vector<ServerPosture>, std::string> read_posture(const std::string& dir,
                                                                   std::uint64_t now_ns) {
    const std::string file = dir + "/watch.sqlite";
    if (!std::filesystem::exists(file)) {
        return std::vector<ServerPosture>{};
    }
    auto database = open_database_to_read(file);
    if (!database) {
        return tl::unexpected(file + ": cannot be opened: " + database.error());
    }
    return shown(read_servers(database->get()), now_ns);
}

}  // namespace springlatch::control
