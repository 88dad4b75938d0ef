#pragma once
// SQLite as the stores use it: a database file of our own, statements whose values are bound and read one
// after the other.
#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace springlatch::control {

struct CloseDatabase {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

/// Opens DIR/NAME for one thread, to be written; makes both if they are missing (0700, 0600). `what`: of whom
/// the error speaks, "the event store". Error: one line.
[[nodiscard]] tl::expected<Database, std::string> open_database(const std::string& dir,
                                                                const std::string& name,
                                                                const std::string& what);
/// Opens an existing file, to be read. Error: SQLite's words.
[[nodiscard]] tl::expected<Database, std::string> open_database_to_read(const std::string& file);

[[nodiscard]] bool execute(sqlite3* database, const char* sql);

class Statement {
  public:
    Statement() = default;
    Statement(sqlite3* database, const std::string& sql) { static_cast<void>(prepare(database, sql)); }
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    /// Once. False: see sqlite3_errmsg(); then every step fails.
    [[nodiscard]] bool prepare(sqlite3* database, const std::string& sql) {
        return sqlite3_prepare_v2(database, sql.c_str(), -1, &handle_, nullptr) == SQLITE_OK;
    }

    /// The next value.
    template <std::integral Number>
    Statement& operator<<(Number value) {
        sqlite3_bind_int64(handle_, ++bound_, static_cast<std::int64_t>(value));
        return *this;
    }
    /// `text` must live until the statement has run.
    Statement& operator<<(const std::string& text) {
        sqlite3_bind_text(handle_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
        return *this;
    }
    /// The same, as a blob.
    Statement& bind_bytes(const std::string& bytes) {
        sqlite3_bind_blob(handle_, ++bound_, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
        return *this;
    }

    /// SQLITE_ROW, SQLITE_DONE, or an error.
    [[nodiscard]] int step() {
        read_ = 0;
        return handle_ == nullptr ? SQLITE_ERROR : sqlite3_step(handle_);
    }
    [[nodiscard]] bool row() { return step() == SQLITE_ROW; }
    /// Runs it to its end and makes it ready for other values. False: it failed.
    [[nodiscard]] bool run() {
        const bool done = step() == SQLITE_DONE;
        sqlite3_reset(handle_);
        sqlite3_clear_bindings(handle_);
        bound_ = 0;
        return done;
    }

    /// The row's next column.
    template <std::integral Number>
    Statement& operator>>(Number& value) {
        value = static_cast<Number>(sqlite3_column_int64(handle_, read_++));
        return *this;
    }
    /// NULL is "".
    Statement& operator>>(std::string& bytes) {
        const void* const data = sqlite3_column_blob(handle_, read_);
        bytes.assign(data == nullptr ? "" : static_cast<const char*>(data),
                     static_cast<std::size_t>(sqlite3_column_bytes(handle_, read_)));
        ++read_;
        return *this;
    }

  private:
    sqlite3_stmt* handle_ = nullptr;
    int bound_ = 0;
    int read_ = 0;
};

/// The first column of the first row; `otherwise` if there is none.
[[nodiscard]] std::int64_t number_of(sqlite3* database, const std::string& sql, std::int64_t otherwise);

}  // namespace springlatch::control
