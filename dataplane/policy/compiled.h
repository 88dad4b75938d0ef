#pragma once
// The policy as the data plane uses it: immutable, looked up once a connection and once a request.
//
// Overview
//   config/ compiles policy JSON into a CompiledPolicy. At a SYN the inspector asks service_at(),
//   zone_of() and reachable(); each complete request asks decide(). Nothing here
//   allocates after construction.
// Life cycle
//   A CompiledPolicy is built beside the running one and swapped between bursts; `generation` tells flows to
//   look again.
// Threads
//   Read-only, so workers share one.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/credentials/cache.h"
#include "dataplane/packet/address.h"
#include "dataplane/policy/reason.h"
#include "dataplane/protocol/elasticsearch/operation.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch {

enum class Action : std::uint8_t { allow, reject, reset, drop };
enum class Mode : std::uint8_t { enforce, observe };
enum class ServiceProtocol : std::uint8_t { elasticsearch, tcp };
enum class CredentialNeed : std::uint8_t { any, present, verified };

inline constexpr std::uint16_t no_zone = 0xffff;
inline constexpr std::uint16_t no_service = 0xffff;
inline constexpr std::uint16_t no_rule = 0xffff;

struct AddressRange {  ///< both ends included
    IpAddress first;
    IpAddress last;
    std::uint16_t value = 0;
};

/// Disjoint ranges in ascending order; the longest prefix has already won where prefixes nested.
class RangeMap {
  public:
    RangeMap() = default;
    /// `ranges` must be sorted and disjoint.
    explicit RangeMap(std::vector<AddressRange> ranges);
    [[nodiscard]] std::optional<std::uint16_t> find(const IpAddress& address) const noexcept {
        const AddressRange* const range = range_of(address);
        return range == nullptr ? std::nullopt : std::optional{range->value};
    }
    /// The range that holds `address`, or null.
    [[nodiscard]] const AddressRange* range_of(const IpAddress& address) const noexcept {
        // Most policies protect a few addresses, and this is asked for every frame: a short list is faster
        // read from its start.
        constexpr std::size_t short_list = 8;
        if (ranges_.size() > short_list) {
            return search(address);
        }
        for (const AddressRange& range : ranges_) {
            if (!(range.last < address)) {
                return address < range.first ? nullptr : &range;
            }
        }
        return nullptr;
    }
    [[nodiscard]] std::span<const AddressRange> ranges() const noexcept { return ranges_; }

  private:
    [[nodiscard]] const AddressRange* search(const IpAddress& address) const noexcept;

    std::vector<AddressRange> ranges_;
};

struct Service {
    std::string name;
    ServiceProtocol protocol = ServiceProtocol::elasticsearch;
    bool tls_allowed =
        false;  ///< tls: "allow"; the stream is then forwarded unread once its first bytes are TLS
    std::vector<AddressRange> addresses;
    std::vector<std::uint16_t> ports;  ///< sorted
};

struct Rule {
    std::string id;
    std::vector<std::uint16_t> zones;     ///< sorted; empty: every zone
    std::vector<std::uint16_t> services;  ///< sorted; empty: every service
    CredentialNeed credentials = CredentialNeed::present;
    std::vector<std::uint16_t> identities;  ///< sorted; empty: every identity. For CredentialNeed::verified
    std::uint16_t methods = 0;              ///< bit per http::Method; 0: every method
    std::uint16_t operations = 0;           ///< bit per elasticsearch::Operation; 0: no condition
    Action action = Action::allow;
    std::optional<Mode> mode;  ///< its own, else the policy's
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

/// What is known of a request's credential value.
enum class Verification : std::uint8_t { unknown, accepted, refused };

/// What decide() needs to know of a request.
struct RequestFacts {
    http::Method method = http::Method::unknown;
    elasticsearch::Operation operation = elasticsearch::Operation::unknown;
    http::Credentials credentials = http::Credentials::none;
    Verification verification = Verification::unknown;
    std::uint16_t identity = no_identity;  ///< whose the value is, if accepted
};

struct Decision {
    Action action = Action::reset;
    Reason reason = Reason::none;  ///< none if and only if action is allow
    std::uint16_t rule = no_rule;  ///< index of the rule that decided; no_rule: `default`
    Mode mode = Mode::enforce;     ///< in observe mode a denial is reported and everything is forwarded
    bool without_credentials =
        false;  ///< allowed by an `any` rule to a request that carries no well-formed credentials
    bool needs_verification = false;  ///< nothing is decided: ask again with the value's verification
};

class CompiledPolicy {
  public:
    /// What config/ fills in. Every index is in range and every vector sorted as said above.
    struct Parts {
        std::uint32_t generation = 0;
        Mode mode = Mode::enforce;
        Action default_action = Action::reject;  ///< never allow
        bool transit_forward = true;
        bool tunnels_allowed =
            false;  ///< IP-in-IP, 6in4, GRE, VXLAN, Geneve, Teredo, ESP/AH towards a service's address
        bool reassemble_fragments =
            false;  ///< TCP from, and anything towards, a service's address; else fragments are refused
        std::vector<std::string> zone_names;
        RangeMap zones;  ///< address → zone index
        std::vector<std::string> identity_names;
        std::vector<Service> services;
        std::vector<Rule> rules;  ///< in the policy's order
        Limits limits;
        elasticsearch::Catalogue catalogue;
    };
    explicit CompiledPolicy(Parts parts);

    [[nodiscard]] std::uint32_t generation() const noexcept { return parts_.generation; }
    [[nodiscard]] Mode mode() const noexcept { return parts_.mode; }
    [[nodiscard]] Action default_action() const noexcept { return parts_.default_action; }
    [[nodiscard]] const Limits& limits() const noexcept { return parts_.limits; }
    [[nodiscard]] const Parts& parts() const noexcept { return parts_; }
    /// Frames that an inspector keeps at most from one burst to the next.
    [[nodiscard]] std::uint32_t frames_kept_max() const noexcept {
        return parts_.limits.held_segments + (parts_.reassemble_fragments ? parts_.limits.fragments : 0);
    }

    /// The service at address:port, or no_service.
    [[nodiscard]] std::uint16_t service_at(const IpAddress& address, std::uint16_t port) const noexcept {
        const bool any = (service_ports_[port / 64U] >> (port % 64U) & 1U) != 0;
        return any ? listener_at(address, port) : no_service;
    }
    /// True if any service has this address: fragments and tunnels towards it are refused whatever the port.
    [[nodiscard]] bool is_protected(const IpAddress& address) const noexcept;
    [[nodiscard]] std::uint16_t zone_of(const IpAddress& address) const noexcept;  ///< or no_zone

    /// True if some rule could let something through from this zone to this service: it allows, or it denies
    /// in observe mode, and no rule before it denies everything from there. If not, a SYN is refused with
    /// source_not_allowed. For a `tcp` service this is the whole judgement: decide_connection() agrees.
    [[nodiscard]] bool reachable(std::uint16_t zone, std::uint16_t service) const noexcept;

    /// For a `tcp` service: the first rule for this zone and service decides, else `default`.
    /// For an `elasticsearch` service, for what never became a request: always a denial (P2), with action and
    /// mode of the first rule that covers everything from this zone if that rule denies, else of `default`.
    /// Its reason is source_not_allowed; a caller that knows a better one (malformed_http, …) reports that.
    [[nodiscard]] Decision decide_connection(std::uint16_t zone, std::uint16_t service) const noexcept;

    /// The first rule whose conditions all hold decides; without one, `default`. A credentials condition
    /// `present` holds for Basic, Bearer and ApiKey, `any` for all, `verified` if the value is accepted and
    /// is one of the rule's identities'; where that is not known and matters, the answer is
    /// needs_verification. Malformed credentials are never accepted, not even by `any`: whatever the rules
    /// say, the request is denied with malformed_credentials (with the action of the rule that decided, if
    /// that denies). Reason of a denial by a rule: operation_not_allowed if it has a condition on methods or
    /// operations, else source_not_allowed. Reason of a denial by default: source_not_allowed if no rule is
    /// for this zone and service; no_credentials if a rule for them allows with credentials that the request
    /// lacks; bad_credentials if a rule did not hold because the value was refused; else
    /// operation_not_allowed.
    [[nodiscard]] Decision decide(std::uint16_t zone, std::uint16_t service,
                                  const RequestFacts& facts) const noexcept;

    /// By the catalogue; `path` as for Catalogue::operation_of().
    [[nodiscard]] elasticsearch::Operation operation_of(http::Method method,
                                                        std::string_view path) const noexcept;

  private:
    [[nodiscard]] std::uint16_t listener_at(const IpAddress& address, std::uint16_t port) const noexcept;
    [[nodiscard]] std::span<const std::uint16_t> candidates(std::uint16_t zone,
                                                            std::uint16_t service) const noexcept;

    Parts parts_;
    std::vector<std::uint64_t>
        service_ports_;  ///< a bit a port: most frames' other end is told apart by this alone
    struct Listener {
        std::uint16_t port = 0;
        std::uint16_t service = 0;
    };
    RangeMap protected_;               ///< address → index of a set of services; their ports are disjoint
    std::vector<Listener> listeners_;  ///< every set's by port, one set after the other
    std::vector<std::uint32_t> listener_starts_;  ///< [set]; one more at the end
    std::vector<std::uint16_t>
        candidate_rules_;  ///< every pair's rule indices in order, one pair after the other
    std::vector<std::uint32_t> candidate_starts_;  ///< [zone * services + service]; the last row of zones is
                                                   ///< no_zone; one more at the end
};

}  // namespace springlatch
