#include "dataplane/policy/compiled.h"

#include <algorithm>
#include <map>
#include <utility>

namespace springlatch {
namespace {

bool includes(const std::vector<std::uint16_t>& sorted, std::uint16_t index) noexcept {
    return std::binary_search(sorted.begin(), sorted.end(), index);
}

/// A list that is empty names everything.
bool names(const std::vector<std::uint16_t>& sorted, std::uint16_t index) noexcept {
    return sorted.empty() || includes(sorted, index);
}

bool well_formed(http::Credentials credentials) noexcept {
    return credentials == http::Credentials::basic || credentials == http::Credentials::bearer ||
           credentials == http::Credentials::api_key;
}

/// Whether a rule's conditions but `from` and `to` are met by everything.
bool covers_everything(const Rule& rule) noexcept {
    return rule.credentials == CredentialNeed::any && rule.methods == 0 && rule.operations == 0 &&
           rule.flags == 0 && rule.apis.empty() && rule.paths.empty();
}

Reason reason_of_denial_by(const Rule& rule) noexcept {
    const bool by_request = rule.methods != 0 || rule.operations != 0 || rule.flags != 0 ||
                            !rule.apis.empty() || !rule.paths.empty();
    return by_request ? Reason::operation_not_allowed : Reason::source_not_allowed;
}

bool share_one(std::span<const std::uint16_t> a, std::span<const std::uint16_t> b) noexcept {
    return std::any_of(a.begin(), a.end(),
                       [&](std::uint16_t index) { return std::binary_search(b.begin(), b.end(), index); });
}

bool matches_apis(const Rule& rule, elasticsearch::Operation operation,
                  std::span<const std::uint16_t> apis) noexcept {
    if (rule.apis.empty()) {
        return true;
    }
    // What does different things on different servers is allowed by no name of one of them.
    const bool doubtful = rule.action == Action::allow && operation == elasticsearch::Operation::unknown;
    return share_one(apis, rule.apis) && !doubtful;
}

/// Where a service's addresses begin or end.
struct Edge {
    IpAddress at;
    std::uint16_t service = 0;
    bool begins = false;
};

std::vector<Edge> edges_of(const std::vector<Service>& services) {
    std::vector<Edge> edges;
    for (std::size_t i = 0; i < services.size(); ++i) {
        const auto service = static_cast<std::uint16_t>(i);
        for (const AddressRange& range : services[i].addresses) {
            edges.push_back({range.first, service, true});
            if (range.last != IpAddress::highest()) {
                edges.push_back({next(range.last), service, false});
            }
        }
    }
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
    return edges;
}

struct ServiceSets {
    std::vector<AddressRange> ranges;
    std::vector<std::vector<std::uint16_t>> sets;
};

/// Sweeps over all addresses: between two edges the set of services stays the same.
ServiceSets service_sets_of(const std::vector<Service>& services) {
    const std::vector<Edge> edges = edges_of(services);
    ServiceSets result;
    std::map<std::vector<std::uint16_t>, std::uint16_t> known;
    std::map<std::uint16_t, unsigned> active;  // service → how many of its ranges cover this point
    for (std::size_t i = 0; i < edges.size();) {
        const IpAddress at = edges[i].at;
        for (; i < edges.size() && edges[i].at == at; ++i) {
            unsigned& count = active[edges[i].service];
            count = edges[i].begins ? count + 1 : count - 1;
        }
        std::erase_if(active, [](const auto& entry) { return entry.second == 0; });
        if (active.empty()) {
            continue;
        }
        std::vector<std::uint16_t> set;
        set.reserve(active.size());
        for (const auto& entry : active) {
            set.push_back(entry.first);
        }
        const auto [position, is_new] = known.emplace(set, static_cast<std::uint16_t>(result.sets.size()));
        if (is_new) {
            result.sets.push_back(std::move(set));
        }
        result.ranges.push_back(
            {at, i < edges.size() ? previous(edges[i].at) : IpAddress::highest(), position->second});
    }
    return result;
}

}  // namespace

bool matches_call(const Rule& rule, http::Method method, elasticsearch::Operation operation,
                  std::uint16_t flags, std::span<const std::uint16_t> apis) noexcept {
    return bit_allows(rule.methods, static_cast<unsigned>(method)) &&
           bit_allows(rule.operations, static_cast<unsigned>(operation)) &&
           (rule.flags == 0 || (rule.flags & flags) != 0) && matches_apis(rule, operation, apis);
}

CompiledPolicy::CompiledPolicy(Parts parts) : parts_(std::move(parts)), service_ports_(65536 / 64) {
    for (const Service& service : parts_.services) {
        for (const std::uint16_t port : service.ports) {
            service_ports_[port / 64U] |= std::uint64_t{1} << (port % 64U);
        }
    }
    ServiceSets sets = service_sets_of(parts_.services);
    protected_ = RangeMap(std::move(sets.ranges));
    for (const std::vector<std::uint16_t>& set : sets.sets) {
        const auto start = static_cast<std::ptrdiff_t>(listeners_.size());
        listener_starts_.push_back(static_cast<std::uint32_t>(start));
        for (const std::uint16_t service : set) {
            for (const std::uint16_t port : parts_.services[service].ports) {
                listeners_.push_back({port, service});
            }
        }
        std::sort(listeners_.begin() + start, listeners_.end(),
                  [](const Listener& a, const Listener& b) { return a.port < b.port; });
    }
    listener_starts_.push_back(static_cast<std::uint32_t>(listeners_.size()));

    for (const Service& service : parts_.services) {
        has_service_modes_ = has_service_modes_ || service.mode.has_value();
        service_modes_.push_back(service.mode.value_or(parts_.mode));
    }
    health_checks_.resize(parts_.services.size());
    for (std::size_t i = 0; i < parts_.health_checks.size(); ++i) {
        for (const std::uint16_t service : parts_.health_checks[i].services) {
            health_checks_[service].push_back(static_cast<std::uint16_t>(i));
        }
    }
    const auto enforces = [&](std::uint16_t service) { return service_modes_[service] == Mode::enforce; };
    for (const std::vector<std::uint16_t>& set : sets.sets) {
        const bool any = std::any_of(set.begin(), set.end(), enforces);
        address_modes_.push_back(any ? Mode::enforce : Mode::observe);
    }
    if (parts_.services.empty()) {
        unknown_mode_ = parts_.mode;
    } else if (std::find(service_modes_.begin(), service_modes_.end(), Mode::enforce) !=
               service_modes_.end()) {
        unknown_mode_ = Mode::enforce;
    }

    // Each rule goes to the cells that it names, so that the cost is that of the cells and not of all rules
    // in each of them; a rule that names no zone, or no service, goes to all.
    std::vector<std::vector<std::uint16_t>> of_zone(parts_.zone_names.size() + 1);  // the last is no_zone
    const auto put = [](std::vector<std::vector<std::uint16_t>>& lists,
                        const std::vector<std::uint16_t>& named, std::uint16_t rule) {
        for (std::size_t i = 0; i < (named.empty() ? lists.size() : named.size()); ++i) {
            lists[named.empty() ? i : named[i]].push_back(rule);
        }
    };
    for (std::size_t i = 0; i < parts_.rules.size(); ++i) {
        put(of_zone, parts_.rules[i].zones, static_cast<std::uint16_t>(i));
    }
    std::vector<std::vector<std::uint16_t>> of_service(parts_.services.size());
    for (const std::vector<std::uint16_t>& rules : of_zone) {
        for (const std::uint16_t rule : rules) {
            put(of_service, parts_.rules[rule].services, rule);
        }
        for (std::vector<std::uint16_t>& list : of_service) {
            candidate_starts_.push_back(static_cast<std::uint32_t>(candidate_rules_.size()));
            candidate_rules_.insert(candidate_rules_.end(), list.begin(), list.end());
            list.clear();
        }
    }
    candidate_starts_.push_back(static_cast<std::uint32_t>(candidate_rules_.size()));

    for (const Rule& rule : parts_.rules) {
        conditions_.push_back({.expires_ns = rule.expires_ns,
                               .methods = rule.methods,
                               .operations = rule.operations,
                               .flags = rule.flags,
                               .need = rule.credentials,
                               .action = rule.action,
                               .has_more = !rule.apis.empty() || !rule.paths.empty()});
        expires_ = expires_ || rule.expires_ns != never_ns;
    }
}

Mode CompiledPolicy::mode_of(std::uint16_t service) const noexcept {
    return service < service_modes_.size() ? service_modes_[service] : parts_.mode;
}

Mode CompiledPolicy::mode_at(const IpAddress& address) const noexcept {
    const AddressRange* const range = protected_.range_of(address);
    return range == nullptr ? unknown_mode_ : address_modes_[range->value];
}

Mode CompiledPolicy::mode_of(const Rule& rule, std::uint16_t service) const noexcept {
    return rule.mode ? *rule.mode : mode_of(service);
}

Record CompiledPolicy::record_of(std::uint16_t rule, std::uint16_t service) const noexcept {
    if (rule < parts_.rules.size() && parts_.rules[rule].record) {
        return *parts_.rules[rule].record;
    }
    return service < parts_.services.size() ? parts_.services[service].record.value_or(parts_.record)
                                            : parts_.record;
}

std::string CompiledPolicy::rule_id(std::uint16_t index) const {
    std::size_t at = index;
    if (at < parts_.rules.size()) {
        return parts_.rules[at].id;
    }
    at -= parts_.rules.size();
    if (at < parts_.health_checks.size()) {
        return parts_.health_checks[at].id;
    }
    at -= parts_.health_checks.size();
    return at < parts_.patches.size() ? "patch:" + parts_.patches[at].name : "";
}

std::uint16_t CompiledPolicy::listener_at(const IpAddress& address, std::uint16_t port) const noexcept {
    const AddressRange* const range = protected_.range_of(address);
    if (range == nullptr) {
        return no_service;
    }
    const Listener* const end = listeners_.data() + listener_starts_[range->value + 1U];
    const Listener* const place = std::lower_bound(
        listeners_.data() + listener_starts_[range->value], end, port,
        [](const Listener& listener, std::uint16_t wanted) { return listener.port < wanted; });
    return place != end && place->port == port ? place->service : no_service;
}

bool CompiledPolicy::is_protected(const IpAddress& address) const noexcept {
    return protected_.find(address).has_value();
}

std::uint16_t CompiledPolicy::zone_of(const IpAddress& address) const noexcept {
    return parts_.zones.find(address).value_or(no_zone);
}

std::span<const std::uint16_t> CompiledPolicy::candidates(std::uint16_t zone,
                                                          std::uint16_t service) const noexcept {
    const std::size_t zones = parts_.zone_names.size();
    const std::size_t services = parts_.services.size();
    if (service >= services || (zone >= zones && zone != no_zone)) {
        return {};
    }
    const std::size_t cell = (zone == no_zone ? zones : zone) * services + service;
    return std::span{candidate_rules_}.subspan(candidate_starts_[cell],
                                               candidate_starts_[cell + 1] - candidate_starts_[cell]);
}

bool CompiledPolicy::reachable(std::uint16_t zone, std::uint16_t service,
                               std::uint64_t now_ns) const noexcept {
    const auto lets_in = [&](std::uint16_t check) {
        return includes(parts_.health_checks[check].zones, zone);
    };
    return reachable_by_rule(zone, service, now_ns) ||
           (service < health_checks_.size() &&
            std::any_of(health_checks_[service].begin(), health_checks_[service].end(), lets_in));
}

bool CompiledPolicy::reachable_by_rule(std::uint16_t zone, std::uint16_t service,
                                       std::uint64_t now_ns) const noexcept {
    for (const std::uint16_t index : candidates(zone, service)) {
        const Rule& rule = parts_.rules[index];
        if (conditions_[index].expires_ns <= now_ns) {
            continue;
        }
        if (rule.action == Action::allow || mode_of(rule, service) == Mode::observe) {
            return true;
        }
        if (parts_.services[service].protocol == ServiceProtocol::tcp || covers_everything(rule)) {
            return false;  // no later rule is ever asked
        }
    }
    return false;
}

Decision CompiledPolicy::decide_connection(std::uint16_t zone, std::uint16_t service,
                                           std::uint64_t now_ns) const noexcept {
    for (const std::uint16_t index : candidates(zone, service)) {
        const Rule& rule = parts_.rules[index];
        if (conditions_[index].expires_ns <= now_ns) {
            continue;
        }
        const Mode mode = mode_of(rule, service);
        if (parts_.services[service].protocol == ServiceProtocol::tcp) {
            const bool allowed = rule.action == Action::allow;
            return {rule.action, allowed ? Reason::none : Reason::source_not_allowed, index, mode, false};
        }
        if (covers_everything(rule)) {
            if (rule.action == Action::allow) {
                break;
            }
            return {rule.action, Reason::source_not_allowed, index, mode, false};
        }
    }
    return {parts_.default_action, Reason::source_not_allowed, no_rule, mode_of(service), false};
}

/// All conditions but whose the credentials are.
Unmet CompiledPolicy::unmet_by_request(std::uint16_t index, const RequestFacts& facts) const noexcept {
    const Conditions& wanted = conditions_[index];
    if (wanted.need != CredentialNeed::any && !well_formed(facts.credentials)) {
        return Unmet::credentials;
    }
    if (!bit_allows(wanted.methods, static_cast<unsigned>(facts.method))) {
        return Unmet::method;
    }
    if (!bit_allows(wanted.operations, static_cast<unsigned>(facts.operation))) {
        return Unmet::operation;
    }
    if (wanted.flags != 0 && (wanted.flags & facts.flags) == 0) {
        return Unmet::flag;
    }
    return wanted.has_more ? unmet_further(parts_.rules[index], facts) : Unmet::none;
}

/// In doubt a rule that denies matches, and one that allows does not.
Unmet CompiledPolicy::unmet_further(const Rule& rule, const RequestFacts& facts) const noexcept {
    const bool allows = rule.action == Action::allow;
    if (!matches_apis(rule, facts.operation, parts_.catalogue.apis_of(facts.endpoint))) {
        return Unmet::api;
    }
    if (rule.paths.empty()) {
        return Unmet::none;
    }
    if (facts.texts == nullptr) {
        return allows ? Unmet::path : Unmet::none;
    }
    const bool matches = std::any_of(rule.paths.begin(), rule.paths.end(),
                                     [&](std::uint16_t path) { return facts.texts->path_is(path); }) &&
                         (!allows || facts.texts->path_is_plain());
    return matches ? Unmet::none : Unmet::path;
}

Unmet CompiledPolicy::first_unmet(std::uint16_t index, std::uint16_t zone, std::uint16_t service,
                                  const RequestFacts& facts) const noexcept {
    const Rule& rule = parts_.rules[index];
    if (!names(rule.zones, zone)) {
        return Unmet::zone;
    }
    if (!names(rule.services, service)) {
        return Unmet::service;
    }
    if (rule.expires_ns <= facts.time_ns) {
        return Unmet::expired;
    }
    const bool has_requests =
        service < parts_.services.size() && parts_.services[service].protocol != ServiceProtocol::tcp;
    const Unmet unmet = has_requests ? unmet_by_request(index, facts) : Unmet::none;
    if (unmet != Unmet::none || rule.credentials != CredentialNeed::verified) {
        return unmet;
    }
    if (facts.verification != Verification::accepted) {
        return Unmet::unverified;
    }
    return names(rule.identities, facts.identity) ? Unmet::none : Unmet::identity;
}

const Patch* CompiledPolicy::patch_for(const RequestFacts& facts) const noexcept {
    PatternQuestion& texts = *facts.texts;
    for (const Patch& patch : parts_.patches) {
        if (bit_allows(patch.methods, static_cast<unsigned>(facts.method)) &&
            (patch.path == no_pattern || texts.path_is(patch.path)) &&
            (patch.query == no_pattern || texts.query_has(patch.query)) &&
            (patch.head == no_pattern || texts.head_has(patch.head))) {
            return &patch;
        }
    }
    return nullptr;
}

const HealthCheck* CompiledPolicy::health_check_for(std::uint16_t zone, std::uint16_t service,
                                                    const RequestFacts& facts) const noexcept {
    for (const std::uint16_t index : health_checks_[service]) {
        const HealthCheck& check = parts_.health_checks[index];
        if (check.method == facts.method && check.path == facts.texts->path() &&
            check.query == facts.texts->query() && includes(check.zones, zone)) {
            return &check;
        }
    }
    return nullptr;
}

Decision CompiledPolicy::decide(std::uint16_t zone, std::uint16_t service,
                                const RequestFacts& facts) const noexcept {
    if (!parts_.patches.empty() && facts.texts != nullptr) {
        if (const Patch* const patch = patch_for(facts)) {
            const std::size_t index = parts_.rules.size() + parts_.health_checks.size() +
                                      static_cast<std::size_t>(patch - parts_.patches.data());
            return {parts_.default_action, Reason::patched, static_cast<std::uint16_t>(index),
                    mode_of(service), false};
        }
    }
    const bool malformed = facts.credentials == http::Credentials::malformed;
    const bool has_credentials = well_formed(facts.credentials);
    if (!malformed && facts.texts != nullptr && service < health_checks_.size()) {
        if (const HealthCheck* const check = health_check_for(zone, service, facts)) {
            const auto place = static_cast<std::size_t>(check - parts_.health_checks.data());
            // As without credentials: nothing but the probe itself, so no body and nothing behind it.
            return {Action::allow, Reason::none, static_cast<std::uint16_t>(parts_.rules.size() + place),
                    mode_of(service), true};
        }
    }
    bool anybody_asked = false;
    bool credentials_would_help = false;
    std::uint16_t unverified = no_rule;
    for (const std::uint16_t index : candidates(zone, service)) {
        const Conditions& wanted = conditions_[index];
        if (wanted.expires_ns <= facts.time_ns) {
            continue;
        }
        anybody_asked = true;
        credentials_would_help |= wanted.action == Action::allow && wanted.need != CredentialNeed::any;
        if (unmet_by_request(index, facts) != Unmet::none) {
            continue;
        }
        const Rule& rule = parts_.rules[index];
        if (rule.credentials == CredentialNeed::verified) {
            if (facts.verification == Verification::unknown) {
                return {.needs_verification = true, .unverified_rule = index};
            }
            if (facts.verification == Verification::refused && unverified == no_rule) {
                unverified = index;
            }
            if (facts.verification == Verification::refused || !names(rule.identities, facts.identity)) {
                continue;
            }
        }
        const Mode mode = mode_of(rule, service);
        if (rule.action != Action::allow) {
            return {rule.action, malformed ? Reason::malformed_credentials : reason_of_denial_by(rule), index,
                    mode, false};
        }
        if (malformed) {
            break;
        }
        return {Action::allow, Reason::none, index, mode, !has_credentials};
    }

    Reason reason = Reason::operation_not_allowed;
    if (malformed) {
        reason = Reason::malformed_credentials;
    } else if (!anybody_asked) {
        reason = Reason::source_not_allowed;
    } else if (!has_credentials && credentials_would_help) {
        reason = Reason::no_credentials;
    } else if (unverified != no_rule) {
        reason = Reason::bad_credentials;
    }
    return {.action = parts_.default_action,
            .reason = reason,
            .mode = mode_of(service),
            .unverified_rule = unverified};
}

elasticsearch::Meaning CompiledPolicy::meaning_of(http::Method method, std::string_view path) const noexcept {
    return parts_.catalogue.meaning_of(http::name_of(method), path);
}

}  // namespace springlatch
