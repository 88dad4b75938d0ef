#pragma once
// What a policy says of services, rules and exceptions, in plain data: config/ fills it in, CompiledPolicy
// looks it up.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/credentials/cache.h"
#include "dataplane/policy/range_map.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch {

enum class Action : std::uint8_t { allow, reject, reset, drop };
enum class Mode : std::uint8_t { enforce, observe };
enum class ServiceProtocol : std::uint8_t { elasticsearch, tcp };
enum class CredentialNeed : std::uint8_t { any, present, verified };
/// What of the allowed requests is told one by one; denied ones always are.
enum class Record : std::uint8_t { full, aggregate };
enum class Severity : std::uint8_t { none, info, low, medium, high, critical };

inline constexpr std::uint16_t no_zone = 0xffff;
inline constexpr std::uint16_t no_service = 0xffff;
inline constexpr std::uint16_t no_rule = 0xffff;
inline constexpr std::uint64_t never_ns = std::numeric_limits<std::uint64_t>::max();

/// For people and events; nothing of it changes a verdict.
struct Labels {
    std::string owner;
    std::string reason;             ///< of a rule: why it is there
    std::vector<std::string> tags;  ///< sorted
    Severity severity = Severity::none;
};

struct Service {
    std::string name;
    ServiceProtocol protocol = ServiceProtocol::elasticsearch;
    bool tls_allowed =
        false;  ///< tls: "allow"; the stream is then forwarded unread once its first bytes are TLS
    std::vector<AddressRange> addresses = {};
    std::vector<std::uint16_t> ports = {};        ///< sorted
    std::optional<Mode> mode = std::nullopt;      ///< its own, else the policy's
    std::optional<Record> record = std::nullopt;  ///< likewise
    Labels labels = {};
};

enum class LimitPer : std::uint8_t { source, identity };
enum class LimitOf : std::uint8_t { requests, bytes_given, failed_credentials };

/// Of a condition's bits: none of them set is no condition.
[[nodiscard]] constexpr bool bit_allows(std::uint16_t bits, unsigned index) noexcept {
    return bits == 0 || ((bits >> index) & 1U) != 0;
}

/// At most `most` of something within a time, for each source or identity that a rule matches.
struct RuleLimit {
    LimitPer per = LimitPer::source;
    LimitOf of = LimitOf::requests;
    std::uint64_t most = 0;
    std::uint32_t within_seconds = 0;
    std::uint32_t quarantine_seconds = 0;  ///< 0: only what is above the limit is denied
};

struct Rule {
    std::string id;
    std::vector<std::uint16_t> zones;     ///< sorted; empty: every zone
    std::vector<std::uint16_t> services;  ///< sorted; empty: every service
    CredentialNeed credentials = CredentialNeed::present;
    std::vector<std::uint16_t> identities;  ///< sorted, groups resolved; empty: every identity. For
                                            ///< CredentialNeed::verified
    std::uint16_t methods = 0;              ///< bit per http::Method; 0: every method
    std::uint16_t operations = 0;           ///< bit per elasticsearch::Operation; 0: no condition
    std::uint16_t flags = 0;                ///< elasticsearch::Flag; any of them; 0: no condition
    std::vector<std::uint16_t> apis;        ///< sorted indices of the catalogue's names; empty: no condition
    std::vector<std::uint16_t> paths;     ///< sorted indices of the policy's expressions; empty: no condition
    std::uint64_t expires_ns = never_ns;  ///< since the Unix epoch: from then on it matches no more
    Action action = Action::allow;
    std::optional<Mode> mode;      ///< its own, else the service's, else the policy's
    std::optional<Record> record;  ///< likewise
    std::vector<RuleLimit> limits;
    Labels labels;
};

/// A request that is exactly this one needs no credentials.
struct HealthCheck {
    std::string id;
    std::vector<std::uint16_t> zones;     ///< sorted, not empty
    std::vector<std::uint16_t> services;  ///< sorted, not empty
    http::Method method = http::Method::get;
    std::string path;   ///< as sent, without query
    std::string query;  ///< as sent, without `?`; "": none
    std::uint32_t per_minute = 0;
};

/// Identities under one name; nested groups resolved.
struct Group {
    std::string name;
    std::vector<std::uint16_t> identities;  ///< sorted, not empty
};

inline constexpr std::uint16_t no_pattern = 0xffff;

/// A request known to exploit a server. What is given must hold, all of it; nothing of a body is looked at.
struct Patch {
    std::string name;                  ///< "CVE-2015-1427"
    std::uint16_t methods = 0;         ///< bit per http::Method; 0: every method
    std::uint16_t path = no_pattern;   ///< index in Patterns::paths
    std::uint16_t query = no_pattern;  ///< index in Patterns::queries
    std::uint16_t head = no_pattern;   ///< index in Patterns::heads
};

struct Limits {
    http::HeadLimits head;
    std::uint32_t idle_seconds =
        7200 + 300;               ///< an established connection without a frame for longer is forgotten
    std::uint32_t flows = 65536;  ///< per worker
    std::uint32_t held_segments = 4096;  ///< out of order, per worker
    std::uint32_t held_segments_per_flow = 512;
    std::uint32_t retained_bytes = 8U << 20U;  ///< copies of unacknowledged control bytes, per worker
    std::uint32_t open_heads = 512;            ///< heads that came in pieces, per worker
    std::uint32_t requests_in_flight = 64;     ///< per connection; at most 64
    std::uint32_t fragments = 4096;            ///< datagrams whose fragments are put together, per worker
    CredentialLimits credentials;
};

}  // namespace springlatch
