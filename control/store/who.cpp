#include "control/store/who.h"

#include <sqlite3.h>

#include <algorithm>

namespace springlatch::control {
namespace {

[[nodiscard]] std::string text_of(sqlite3_stmt* statement, int column) {
    const auto* bytes = sqlite3_column_text(statement, column);
    return bytes == nullptr ? std::string{}
                            : std::string(reinterpret_cast<const char*>(bytes),
                                          static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

[[nodiscard]] std::uint64_t number_of(sqlite3_stmt* statement, int column) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement, column));
}

/// What group_concat() made of words that hold no comma.
[[nodiscard]] std::vector<std::string> words_of(const std::string& list) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        if (end > at) {
            words.push_back(list.substr(at, end - at));
        }
        at = end + 1;
    }
    std::sort(words.begin(), words.end());
    return words;
}

}  // namespace

tl::expected<std::vector<Reader>, std::string> readers_of(StoreReader& store, const WhoFilter& filter) {
    const char* sql =
        "SELECT source, user, group_concat(DISTINCT credentials), group_concat(DISTINCT operation),"
        " sum(CASE WHEN served AND request THEN max(requests, 1) ELSE 0 END), sum(served AND NOT request),"
        " sum(NOT served),"
        " sum(CASE WHEN served THEN response_bytes ELSE 0 END) AS given,"
        " sum(CASE WHEN served THEN max(requests, 1) - answered ELSE 0 END),"
        " min(time_ns), max(time_ns)"
        " FROM (SELECT *, action <> 'denied' AS served FROM events"
        "       WHERE time_ns BETWEEN ?1 AND ?2 AND service = ?3)"
        " GROUP BY source, user ORDER BY sum(served) = 0, given DESC, source, user";
    const auto bind = [&](sqlite3_stmt* statement) {
        sqlite3_bind_int64(statement, 1, static_cast<std::int64_t>(filter.from_ns));
        sqlite3_bind_int64(statement, 2, static_cast<std::int64_t>(filter.to_ns));
        sqlite3_bind_text(statement, 3, filter.service.data(), static_cast<int>(filter.service.size()),
                          SQLITE_STATIC);
    };
    std::vector<Reader> readers;
    const auto read = store.select(sql, 0, bind, [&](sqlite3_stmt* row) {
        readers.push_back({.source = text_of(row, 0),
                           .user = text_of(row, 1),
                           .credentials = words_of(text_of(row, 2)),
                           .operations = words_of(text_of(row, 3)),
                           .requests = number_of(row, 4),
                           .connections = number_of(row, 5),
                           .denied = number_of(row, 6),
                           .bytes_given = number_of(row, 7),
                           .unfinished = number_of(row, 8),
                           .first_ns = number_of(row, 9),
                           .last_ns = number_of(row, 10)});
        return true;
    });
    if (!read) {
        return tl::unexpected(read.error());
    }
    return readers;
}

tl::expected<std::vector<std::string>, std::string> services_in(StoreReader& store) {
    std::vector<std::string> services;
    const auto read = store.select(
        "SELECT DISTINCT service FROM events WHERE service <> '' ORDER BY service", 0, [](sqlite3_stmt*) {},
        [&](sqlite3_stmt* row) {
            services.push_back(text_of(row, 0));
            return true;
        });
    if (!read) {
        return tl::unexpected(read.error());
    }
    return services;
}

}  // namespace springlatch::control
