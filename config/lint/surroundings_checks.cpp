// What stands beside the rules: forgotten ports, services and zones that nobody names, owners.
#include <algorithm>
#include <set>

#include "config/lint/checks.h"
#include "config/prefixes.h"

namespace springlatch::lint {
namespace {

constexpr std::uint16_t kibana_port = 5601;
constexpr std::uint16_t transport_first = 9300;  // transport.port: 9300-9400 in both databases' manuals
constexpr std::uint16_t transport_last = 9399;

/// Addresses of the service at which what stands there may change: where a range of any service begins.
[[nodiscard]] std::vector<IpAddress> samples_of(const Context& context, const Service& service) {
    std::vector<IpAddress> samples;
    for (const AddressRange& range : service.addresses) {
        samples.push_back(range.first);
    }
    for (const Service& other : context.parts.services) {
        for (const AddressRange& range : other.addresses) {
            const auto place = std::upper_bound(
                service.addresses.begin(), service.addresses.end(), range.last,
                [](const IpAddress& wanted, const AddressRange& own) { return wanted < own.first; });
            if (place == service.addresses.begin()) {
                continue;
            }
            const AddressRange& own = *std::prev(place);
            if (range.last < own.last && !(range.last < own.first)) {
                const bool carries = range.last.low + 1 == 0;
                samples.push_back({range.last.high + (carries ? 1U : 0U), range.last.low + 1});
            }
        }
    }
    return samples;
}

/// "5601, 9301-9399".
[[nodiscard]] std::string port_list(const std::set<std::uint16_t>& ports) {
    std::string text;
    for (auto at = ports.begin(); at != ports.end();) {
        const std::uint16_t first = *at;
        std::uint16_t last = first;
        for (++at; at != ports.end() && *at == last + 1; ++at) {
            last = *at;
        }
        text += (text.empty() ? "" : ", ") + std::to_string(first) +
                (last == first ? "" : "-" + std::to_string(last));
    }
    return text;
}

void check_ports(Context& context) {
    if (!context.parts.transit_forward) {
        return;  // what is in no service does not pass
    }
    for (const Service& service : context.parts.services) {
        if (service.protocol != ServiceProtocol::elasticsearch) {
            continue;
        }
        std::set<std::uint16_t> open;
        IpAddress where;
        for (const IpAddress& address : samples_of(context, service)) {
            const auto look = [&](std::uint16_t port) {
                if (context.policy.service_at(address, port) == no_service) {
                    where = open.empty() ? address : where;
                    open.insert(port);
                }
            };
            look(kibana_port);
            for (std::uint16_t port = transport_first; port <= transport_last; ++port) {
                look(port);
            }
        }
        if (!open.empty()) {
            context.say(Level::warning, "uncovered-port", pointer_to("/services", service.name),
                        "to " + address_text(where) + " of service " + in_quotes(service.name) + " ports " +
                            port_list(open) +
                            " are in no service, so anybody's frames to them are forwarded: " +
                            "9300-9399 give the same data to whoever joins as a node, 5601 is Kibana",
                        "put them into a `tcp` service; one that no rule names is shut", true);
        }
    }
}

void check_services(Context& context) {
    std::set<std::uint16_t> entered;
    for (std::size_t i = 0; i < context.parts.rules.size(); ++i) {
        const Rule& rule = context.parts.rules[i];
        const bool lets_in = rule.action == Action::allow || rule.mode == Mode::observe;
        if (lets_in && context.coverage.alive(static_cast<std::uint16_t>(i))) {
            entered.insert(rule.services.begin(), rule.services.end());
        }
    }
    for (const HealthCheck& check : context.parts.health_checks) {
        entered.insert(check.services.begin(), check.services.end());
    }
    std::vector<std::string> nobodys;
    for (std::size_t i = 0; i < context.parts.services.size(); ++i) {
        const Service& service = context.parts.services[i];
        const std::string pointer = pointer_to("/services", service.name);
        const bool observes = service.mode.value_or(context.parts.mode) == Mode::observe;
        if (!observes && entered.count(static_cast<std::uint16_t>(i)) == 0) {
            context.say(
                Level::note, "service-shut", pointer,
                "no rule lets anything through to service " + in_quotes(service.name) + ": it is shut", "",
                true);
        } else if (service.labels.owner.empty() && context.parts.labels.owner.empty()) {
            nobodys.push_back(service.name);
        }
    }
    if (!nobodys.empty()) {
        context.say(Level::warning, "no-owner", pointer_to("/services", nobodys.front()),
                    "nobody is named who answers for " + named(nobodys),
                    "give the services, or the policy, an \"owner\"", true);
    }
}

void check_names(Context& context) {
    std::set<std::uint16_t> zones;
    std::set<std::uint16_t> identities;
    bool every_identity = false;
    for (const Rule& rule : context.parts.rules) {
        zones.insert(rule.zones.begin(), rule.zones.end());
        identities.insert(rule.identities.begin(), rule.identities.end());
        every_identity |= rule.credentials == CredentialNeed::verified && rule.identities.empty();
    }
    for (const HealthCheck& check : context.parts.health_checks) {
        zones.insert(check.zones.begin(), check.zones.end());
    }
    for (std::size_t i = 0; i < context.parts.zone_names.size(); ++i) {
        const std::string& name = context.parts.zone_names[i];
        const auto zone = static_cast<std::uint16_t>(i);
        if (!context.coverage.zone_has_addresses(zone)) {
            context.say(Level::warning, "empty-zone", pointer_to("/zones", name),
                        "no address is in zone " + in_quotes(name) +
                            ": longer prefixes of other zones have taken all of it",
                        "remove it, or take prefixes out of the others", true);
        } else if (zones.count(zone) == 0 && !context.shares[zone].is_everywhere()) {
            context.say(
                Level::note, "unused", pointer_to("/zones", name),
                "no rule names zone " + in_quotes(name) + ": it only gives its addresses a name in events",
                "", true);
        }
    }
    for (std::size_t i = 0; i < context.parts.identity_names.size() && !every_identity; ++i) {
        if (identities.count(static_cast<std::uint16_t>(i)) == 0) {
            context.say(Level::note, "unused", pointer_to("/identities", context.parts.identity_names[i]),
                        "no rule names identity " + in_quotes(context.parts.identity_names[i]) +
                            ": its credentials let nobody in",
                        "", true);
        }
    }
}

}  // namespace

void check_surroundings(Context& context) {
    check_ports(context);
    check_services(context);
    check_names(context);
}

}  // namespace springlatch::lint
