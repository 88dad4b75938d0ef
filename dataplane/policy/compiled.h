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
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/policy/patterns.h"
#include "dataplane/policy/range_map.h"
#include "dataplane/policy/reason.h"
#include "dataplane/policy/rule.h"
#include "dataplane/protocol/elasticsearch/operation.h"
#include "dataplane/protocol/http/request_head.h"

namespace springlatch {

/// What is known of a request's credential value.
enum class Verification : std::uint8_t { unknown, accepted, refused };

/// What decide() needs to know of a request.
struct RequestFacts {
    http::Method method = http::Method::unknown;
    elasticsearch::Operation operation = elasticsearch::Operation::unknown;
    http::Credentials credentials = http::Credentials::none;
    Verification verification = Verification::unknown;
    std::uint16_t identity = no_identity;  ///< whose the value is, if accepted
    std::uint64_t time_ns = 0;             ///< now, since the Unix epoch
    std::uint16_t flags = 0;               ///< elasticsearch::Meaning's, as the next
    std::uint16_t endpoint = elasticsearch::no_endpoint;
    /// Its texts. Null: where a rule has `paths`, it matches if it denies and does not if it allows; no patch
    /// matches.
    PatternQuestion* texts = nullptr;
};

struct Decision {
    Action action = Action::reset;
    Reason reason = Reason::none;  ///< none if and only if action is allow
    std::uint16_t rule = no_rule;  ///< what decided, see rule_id(); no_rule: `default`
    Mode mode = Mode::enforce;     ///< in observe mode a denial is reported and everything is forwarded
    bool without_credentials =
        false;  ///< allowed by an `any` rule to a request that carries no well-formed credentials
    bool needs_verification = false;  ///< nothing is decided: ask again with the value's verification
    /// The first `verified` rule whose every other condition holds, where the value is not known
    /// (needs_verification) or was refused.
    std::uint16_t unverified_rule = no_rule;
};

/// A condition of a rule, in the order in which decide() looks at them.
enum class Unmet : std::uint8_t {
    none,
    zone,
    service,
    expired,
    credentials,  ///< none that are well-formed
    method,
    operation,
    flag,
    api,
    path,
    unverified,  ///< the credentials are nobody's, or were not checked
    identity,
};

/// A rule's conditions on what a request does: methods, operations, flags, apis. `apis`: indices of the
/// catalogue's names that the endpoint has, sorted.
[[nodiscard]] bool matches_call(const Rule& rule, http::Method method, elasticsearch::Operation operation,
                                std::uint16_t flags, std::span<const std::uint16_t> apis) noexcept;

class CompiledPolicy {
  public:
    /// What config/ fills in. Every index is in range and every vector sorted as said above.
    struct Parts {
        std::uint32_t generation = 0;
        Mode mode = Mode::enforce;
        Action default_action = Action::reject;  ///< never allow
        Record record = Record::full;
        Labels labels;
        bool transit_forward = true;
        bool tunnels_allowed =
            false;  ///< IP-in-IP, 6in4, GRE, VXLAN, Geneve, Teredo, ESP/AH towards a service's address
        bool reassemble_fragments =
            false;  ///< TCP from, and anything towards, a service's address; else fragments are refused
        std::vector<std::string> zone_names;
        RangeMap zones;  ///< address → zone index
        std::vector<std::string> identity_names;
        /// SHA-256 of each identity's definition; shorter than identity_names where that is not known.
        std::vector<std::array<std::uint8_t, 32>> identity_digests;
        std::vector<Group> groups;
        std::vector<Service> services;
        std::vector<Rule> rules;  ///< in the policy's order
        std::vector<HealthCheck> health_checks;
        std::vector<Patch> patches;
        std::vector<std::string> path_expressions;  ///< what Rule::paths counts; the first of patterns.paths
        Patterns patterns;
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
    /// A health check lets a zone in as a rule does, though only for itself: reachable_by_rule() leaves it
    /// out.
    [[nodiscard]] bool reachable(std::uint16_t zone, std::uint16_t service,
                                 std::uint64_t now_ns) const noexcept;
    [[nodiscard]] bool reachable_by_rule(std::uint16_t zone, std::uint16_t service,
                                         std::uint64_t now_ns) const noexcept;

    /// For a `tcp` service: the first rule for this zone and service decides, else `default`.
    /// For an `elasticsearch` service, for what never became a request: always a denial (P2), with action and
    /// mode of the first rule that covers everything from this zone if that rule denies, else of `default`.
    /// Its reason is source_not_allowed; a caller that knows a better one (malformed_http, …) reports that.
    [[nodiscard]] Decision decide_connection(std::uint16_t zone, std::uint16_t service,
                                             std::uint64_t now_ns) const noexcept;

    /// The first rule whose conditions all hold decides; without one, `default`. A credentials condition
    /// `present` holds for Basic, Bearer and ApiKey, `any` for all, `verified` if the value is accepted and
    /// is one of the rule's identities'; where that is not known and matters, the answer is
    /// needs_verification. A rule past its time is none. In front of the rules stand the patches: what one of
    /// them knows is denied with `patched`, whatever its credentials; then the health checks, for requests
    /// whose credentials are not malformed. Malformed credentials are never
    /// accepted, not even by `any`: whatever the rules say, the request is denied with malformed_credentials
    /// (with the action of the rule that decided, if that denies). Reason of a denial by a rule:
    /// operation_not_allowed if it has a condition on what is asked (methods, operations, apis, flags,
    /// paths), else source_not_allowed. Reason of a denial by default: source_not_allowed if no rule is for
    /// this zone and service; no_credentials if a rule for them allows with credentials that the request
    /// lacks; bad_credentials if a rule did not hold because the value was refused; else
    /// operation_not_allowed.
    [[nodiscard]] Decision decide(std::uint16_t zone, std::uint16_t service,
                                  const RequestFacts& facts) const noexcept;

    /// Why decide() would pass this rule by, were it to look at it: for people, not for the packet path.
    [[nodiscard]] Unmet first_unmet(std::uint16_t rule, std::uint16_t zone, std::uint16_t service,
                                    const RequestFacts& facts) const noexcept;

    /// By the catalogue; `path` as for Catalogue::meaning_of().
    [[nodiscard]] elasticsearch::Meaning meaning_of(http::Method method,
                                                    std::string_view path) const noexcept;

    /// The service's own mode, else the policy's: of every denial that is no rule's.
    [[nodiscard]] Mode mode_of(std::uint16_t service) const noexcept;
    /// Of what cannot be told to be one service's: an address is observed if all services there are; what has
    /// no protected address at all, if all services of the policy are.
    [[nodiscard]] Mode mode_at(const IpAddress& address) const noexcept;
    /// True if a service has a mode of its own, so that mode_of() need not be mode().
    [[nodiscard]] bool has_service_modes() const noexcept { return has_service_modes_; }
    /// False: nothing that belongs to a service may be dropped or changed.
    [[nodiscard]] bool enforces_anything() const noexcept { return unknown_mode_ == Mode::enforce; }
    /// What of a request allowed by this rule is told.
    [[nodiscard]] Record record_of(std::uint16_t rule, std::uint16_t service) const noexcept;
    /// Decision::rule counts the rules, then the health checks, then the patches: their ids, "" behind them.
    [[nodiscard]] std::string rule_id(std::uint16_t index) const;
    [[nodiscard]] std::size_t rule_ids() const noexcept {
        return parts_.rules.size() + parts_.health_checks.size() + parts_.patches.size();
    }
    /// True if some rule expires: what was allowed may not be any more, without a new policy.
    [[nodiscard]] bool expires() const noexcept { return expires_; }

  private:
    [[nodiscard]] std::uint16_t listener_at(const IpAddress& address, std::uint16_t port) const noexcept;
    [[nodiscard]] std::span<const std::uint16_t> candidates(std::uint16_t zone,
                                                            std::uint16_t service) const noexcept;

    [[nodiscard]] Mode mode_of(const Rule& rule, std::uint16_t service) const noexcept;
    [[nodiscard]] Unmet unmet_by_request(std::uint16_t index, const RequestFacts& facts) const noexcept;
    [[nodiscard]] Unmet unmet_further(const Rule& rule, const RequestFacts& facts) const noexcept;
    [[nodiscard]] const Patch* patch_for(const RequestFacts& facts) const noexcept;
    [[nodiscard]] const HealthCheck* health_check_for(std::uint16_t zone, std::uint16_t service,
                                                      const RequestFacts& facts) const noexcept;

    /// What is asked of a rule first, close together: a request may have to pass thousands.
    struct Conditions {
        std::uint64_t expires_ns = never_ns;
        std::uint16_t methods = 0;
        std::uint16_t operations = 0;
        std::uint16_t flags = 0;
        CredentialNeed need = CredentialNeed::present;
        Action action = Action::allow;
        bool has_more = false;  ///< apis or paths
    };

    Parts parts_;
    std::vector<Conditions> conditions_;  ///< [rule]
    bool expires_ = false;
    bool has_service_modes_ = false;
    Mode unknown_mode_ = Mode::observe;                      ///< of what has no protected address
    std::vector<Mode> service_modes_;                        ///< [service]
    std::vector<std::vector<std::uint16_t>> health_checks_;  ///< [service]: their indices
    std::vector<Mode> address_modes_;                        ///< [set of services at an address]
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
