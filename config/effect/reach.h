#pragma once
// Who can reach what: one policy's effect at one time.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/effect/effect.h"

namespace springlatch::effect {

/// What a client must bring at least.
enum class Strength : std::uint8_t {
    nothing,   ///< no credentials
    unproved,  ///< well-formed credentials that nobody has checked
    verified,  ///< those of an identity
    source,    ///< to come from there: what it sends is not read
};

/// Something that passes, from one zone to one service.
struct Way {
    std::string zone;  ///< "(no zone)": all addresses that are in none
    std::string service;
    Strength strength = Strength::nothing;
    SharedNames credentials;  ///< as in Change
    SharedNames calls;
    std::string requests;
    std::vector<std::string> conditions;
    std::string how;                    ///< "allowed by office-reads"
    bool observed = false;              ///< a denial that is only observed
    std::uint64_t until_ns = never_ns;  ///< the rule ends then
};

struct Place {
    std::string name;
    SharedNames addresses;  ///< of a zone: the fewest prefixes; of a service: "198.51.100.10/32 port 9200"
};

struct Reach {
    std::vector<Place> zones;  ///< in the order of their names; "(no zone)" last, if any address is in none
    std::vector<Place> services;  ///< in the order of their names
    std::vector<Way> ways;        ///< by service, then zone, the weakest first
    std::vector<std::string> inexact;
};

struct ReachFilter {
    std::optional<std::uint16_t> service;
    std::optional<std::uint16_t> zone;  ///< may be no_zone
};

[[nodiscard]] Reach reach(const CompiledPolicy& policy, std::uint64_t at_ns, const ReachFilter& filter);

[[nodiscard]] std::string table_of(const Reach& reach);
[[nodiscard]] std::string json_of(const Reach& reach);
/// A drawing that needs no script and nothing from elsewhere, readable in light and dark, the same bytes for
/// the same effect.
[[nodiscard]] std::string svg_of(const Reach& reach);

}  // namespace springlatch::effect
