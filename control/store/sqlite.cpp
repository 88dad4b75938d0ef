#include "control/store/sqlite.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace springlatch::control {

tl::expected<Database, std::string> open_database(const std::string& dir, const std::string& name,
                                                  const std::string& what) {
    const std::string file = dir + "/" + name;
    if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
        return tl::unexpected(dir + ": cannot be made as folder of " + what + ": " + std::strerror(errno));
    }
    // Made here, since SQLite would give it the permissions of the umask.
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tl::unexpected(file + ": " + what + " cannot be written: " + std::strerror(errno));
    }
    close(fd);
    sqlite3* raw = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(raw);
    if (opened != SQLITE_OK) {
        return tl::unexpected(file + ": " + what + " cannot be opened: " + sqlite3_errmsg(raw));
    }
    return database;
}

tl::expected<Database, std::string> open_database_to_read(const std::string& file) {
    sqlite3* raw = nullptr;
    const int opened =
        sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(raw);
    if (opened != SQLITE_OK) {
        return tl::unexpected(std::string(sqlite3_errmsg(raw)));
    }
    sqlite3_busy_timeout(raw, 1000);
    return database;
}

bool execute(sqlite3* database, const char* sql) {
    return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

std::int64_t number_of(sqlite3* database, const std::string& sql, std::int64_t otherwise) {
    Statement statement(database, sql);
    if (statement.row()) {
        statement >> otherwise;
    }
    return otherwise;
}

}  // namespace springlatch::control
