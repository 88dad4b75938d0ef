#include "control/alerts/alert.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "config/time_text.h"

namespace springlatch::control {
namespace {

constexpr std::uint64_t quiet_ns = 3'600'000'000'000;
constexpr std::size_t text_bytes_max = 256;

struct Kind {
    const char* name;
    Severity severity;
};
constexpr std::array<Kind, static_cast<std::size_t>(AlertKind::count_)> kinds = {
    {{"exposure", Severity::critical},
     {"exposure_reopened", Severity::critical},
     {"scanner", Severity::medium},
     {"brute_force", Severity::high},
     {"mass_read", Severity::high},
     {"destructive_denied", Severity::high},
     {"policy_widened", Severity::medium},
     {"events_lost", Severity::high},
     {"dataplane_silent", Severity::critical}}};

constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS alerts(id INTEGER PRIMARY KEY, kind INT, key TEXT, text TEXT, source TEXT, "
    "server TEXT, service TEXT, first INT, last INT, count INT, told INT, ended INT, owner TEXT, reason "
    "TEXT, "
    "until INT)";

[[nodiscard]] bool is_exposure(const Alert& alert) {
    return alert.kind == AlertKind::exposure || alert.kind == AlertKind::reopened;
}

/// It ends by itself when nothing more is heard of it.
[[nodiscard]] bool fades(const Alert& alert) {
    return !is_exposure(alert) && alert.kind != AlertKind::dataplane_silent;
}

[[nodiscard]] std::vector<Alert> read_rows(sqlite3* database, const std::string& condition) {
    std::vector<Alert> alerts;
    Statement rows(
        database,
        "SELECT id, kind, key, text, source, server, service, first, last, count, told, ended, owner, "
        "reason, until FROM alerts " +
            condition);
    while (rows.row()) {
        Alert alert;
        std::uint32_t kind = 0;
        rows >> alert.id >> kind >> alert.key >> alert.text >> alert.source >> alert.server >>
            alert.service >> alert.first_ns >> alert.last_ns >> alert.count >> alert.told_ns >>
            alert.ended_ns >> alert.owner >> alert.reason >> alert.until_ns;
        if (kind < kinds.size()) {
            alert.kind = static_cast<AlertKind>(kind);
            alerts.push_back(std::move(alert));
        }
    }
    return alerts;
}

}  // namespace

const char* name_of(AlertKind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind)].name;
}
Severity severity_of(AlertKind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind)].severity;
}
const char* word_of(Severity severity) noexcept {
    switch (severity) {
        case Severity::critical:
            return "critical";
        case Severity::high:
            return "high";
        case Severity::medium:
            return "medium";
        case Severity::low:
            return "low";
        default:
            return "info";
    }
}

tl::expected<std::unique_ptr<AlertBook>, std::string> AlertBook::open(const std::string& dir,
                                                                      std::uint32_t repeat_seconds) {
    auto database = open_database(dir, "watch.sqlite", "the alert book");
    if (!database) {
        return tl::unexpected(database.error());
    }
    std::unique_ptr<AlertBook> book(new AlertBook(std::move(*database), repeat_seconds));
    if (!book->load()) {
        return tl::unexpected(
            dir + "/watch.sqlite: the alert book cannot be read: " + sqlite3_errmsg(book->database_.get()));
    }
    return book;
}

bool AlertBook::load() {
    sqlite3_busy_timeout(database_.get(), 1000);
    if (!execute(database_.get(), schema)) {
        return false;
    }
    open_ = read_rows(database_.get(), "WHERE ended=0 ORDER BY id");
    last_id_ = number_of(database_.get(), "SELECT max(id) FROM alerts", 0);
    return true;
}

void AlertBook::save(const Alert& alert) {
    Statement put(database_.get(), "INSERT OR REPLACE INTO alerts VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    put << alert.id << static_cast<int>(alert.kind) << alert.key << alert.text << alert.source << alert.server
        << alert.service << alert.first_ns << alert.last_ns << alert.count << alert.told_ns << alert.ended_ns
        << alert.owner << alert.reason << alert.until_ns;
    (void)put.run();  // a full disk: it is told all the same
}

std::optional<Alert> AlertBook::raise(Alert alert, std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    const auto same = std::find_if(open_.begin(), open_.end(), [&](const Alert& other) {
        return other.kind == alert.kind && other.key == alert.key;
    });
    if (same != open_.end()) {
        same->count += alert.count;
        same->last_ns = std::max(same->last_ns, alert.last_ns);
        return std::nullopt;  // the file learns of it in due(): a flood must not write once each
    }
    if (open_.size() >= open_alerts_max) {
        const auto oldest = std::find_if(open_.begin(), open_.end(), fades);
        if (oldest == open_.end()) {
            return std::nullopt;
        }
        oldest->ended_ns = now_ns;
        save(*oldest);
        open_.erase(oldest);
    }
    alert.id = ++last_id_;
    alert.told_ns = now_ns;
    save(alert);
    open_.push_back(alert);
    return alert;
}

void AlertBook::end(AlertKind kind, const std::string& key, std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [&](Alert& alert) {
        if (alert.kind != kind || alert.key != key) {
            return false;
        }
        alert.ended_ns = now_ns;
        save(alert);
        return true;
    });
}

std::vector<Alert> AlertBook::due(std::uint64_t now_ns) {
    const std::lock_guard lock(mutex_);
    std::vector<Alert> due;
    std::erase_if(open_, [&](Alert& alert) {
        if (fades(alert) && now_ns > alert.last_ns + quiet_ns) {
            alert.ended_ns = now_ns;
            save(alert);
            return true;
        }
        const bool taken = !alert.owner.empty() && now_ns < alert.until_ns;
        const bool overdue = alert.owner.empty()
                                 ? now_ns >= alert.told_ns + repeat_ns_
                                 : now_ns >= std::max(alert.until_ns, alert.told_ns + repeat_ns_);
        if (is_exposure(alert) && !taken && overdue) {
            alert.told_ns = now_ns;
            save(alert);
            due.push_back(alert);
        }
        return false;
    });
    return due;
}

tl::expected<Alert, std::string> AlertBook::acknowledge(const Acknowledgement& given, std::uint64_t now_ns) {
    for (const auto& [what, text] : {std::pair{"owner", &given.owner}, std::pair{"reason", &given.reason}}) {
        if (text->empty() || text->size() > text_bytes_max) {
            return tl::unexpected(std::string(what) + ": must say something, in at most " +
                                  std::to_string(text_bytes_max) + " bytes");
        }
    }
    if (given.until_ns <= now_ns) {
        return tl::unexpected(std::string("until: has passed already"));
    }
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(open_.begin(), open_.end(), [&](const Alert& alert) { return alert.id == given.id; });
    if (found == open_.end()) {
        return tl::unexpected("there is no open alert " + std::to_string(given.id));
    }
    found->owner = given.owner;
    found->reason = given.reason;
    found->until_ns = given.until_ns;
    save(*found);
    return *found;
}

std::vector<Alert> AlertBook::open() const {
    const std::lock_guard lock(mutex_);
    return {open_.rbegin(), open_.rend()};
}

tl::expected<std::vector<Alert>, std::string> read_alerts(const std::string& dir, bool all,
                                                          std::size_t limit) {
    const std::string file = dir + "/watch.sqlite";
    if (!std::filesystem::exists(file)) {
        return std::vector<Alert>{};
    }
    auto database = open_database_to_read(file);
    if (!database) {
        return tl::unexpected(file + ": cannot be opened: " + database.error());
    }
    return read_rows(database->get(), std::string(all ? "" : "WHERE ended=0 ") + "ORDER BY id DESC LIMIT " +
                                          std::to_string(limit));
}

std::string json_of(const Alert& alert) {
    nlohmann::ordered_json json;
    json["id"] = alert.id;
    json["kind"] = name_of(alert.kind);
    json["severity"] = word_of(severity_of(alert.kind));
    json["text"] = alert.text;
    const auto put = [&json](const char* name, const std::string& text) {
        if (!text.empty()) {
            json[name] = text;
        }
    };
    const auto put_time = [&json](const char* name, std::uint64_t time_ns) {
        if (time_ns != 0) {
            json[name] = rfc3339(time_ns);
        }
    };
    put("source", alert.source);
    put("server", alert.server);
    put("service", alert.service);
    put_time("first", alert.first_ns);
    put_time("last", alert.last_ns);
    json["count"] = alert.count;
    put_time("told", alert.told_ns);
    put_time("ended", alert.ended_ns);
    put("owner", alert.owner);
    put("reason", alert.reason);
    put_time("until", alert.until_ns);
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace springlatch::control
