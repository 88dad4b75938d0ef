#pragma once
// Who was given what: the question that a store of events is kept for.
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/store/store.h"

namespace springlatch::control {

/// What one source, with the credentials of one identity, got of a service.
struct Reader {
    std::string source;
    std::string user;                      ///< "": no verified identity
    std::vector<std::string> credentials;  ///< kinds that its requests had, sorted
    std::vector<std::string> operations;   ///< sorted
    std::uint64_t requests = 0;            ///< that reached the service
    std::uint64_t connections =
        0;                     ///< that reached a service judged by source alone, or could not be followed
    std::uint64_t denied = 0;  ///< requests and connections that did not
    std::uint64_t bytes_given = 0;  ///< of answers' bodies, as they were forwarded
    std::uint64_t unfinished = 0;   ///< requests and connections of which bytes_given says nothing (yet)
    std::uint64_t first_ns = 0;     ///< of all of these, since the Unix epoch
    std::uint64_t last_ns = 0;
    [[nodiscard]] bool was_served() const noexcept { return requests + connections > 0; }
};

struct WhoFilter {
    std::string service;
    std::uint64_t from_ns = 0;  ///< included
    std::uint64_t to_ns = INT64_MAX;
};

/// Those who were given most first, then those who were only denied. Error: one line.
[[nodiscard]] tl::expected<std::vector<Reader>, std::string> readers_of(StoreReader& store,
                                                                        const WhoFilter& filter);

/// Services that any event in the store is about, sorted. Error: one line.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> services_in(StoreReader& store);

}  // namespace springlatch::control
