#include "control/store/who.h"

#include <algorithm>

namespace springlatch::control {
namespace {

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
    const auto bind = [&](Statement& statement) {
        statement << filter.from_ns << filter.to_ns << filter.service;
    };
    std::vector<Reader> readers;
    const auto read = store.select(sql, 0, bind, [&](Statement& row) {
        Reader& reader = readers.emplace_back();
        std::string credentials;
        std::string operations;
        row >> reader.source >> reader.user >> credentials >> operations >> reader.requests >>
            reader.connections >> reader.denied >> reader.bytes_given >> reader.unfinished >>
            reader.first_ns >> reader.last_ns;
        reader.credentials = words_of(credentials);
        reader.operations = words_of(operations);
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
        "SELECT DISTINCT service FROM events WHERE service <> '' ORDER BY service", 0, [](Statement&) {},
        [&](Statement& row) {
            row >> services.emplace_back();
            return true;
        });
    if (!read) {
        return tl::unexpected(read.error());
    }
    return services;
}

}  // namespace springlatch::control
