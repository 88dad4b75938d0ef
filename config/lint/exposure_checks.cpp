// The rule change of December 2019: a service that everybody reaches without verified credentials.
#include <algorithm>
#include <array>
#include <map>

#include "config/lint/checks.h"
#include "config/prefixes.h"

namespace springlatch::lint {
namespace {

/// What lets somebody in who has not shown verified credentials.
enum class Way : std::uint8_t { any, present, observed };

[[nodiscard]] bool observes(const CompiledPolicy::Parts& parts, const Service& service) {
    return service.mode.value_or(parts.mode) == Mode::observe;
}

/// Nothing if it lets nobody in, or only who is verified.
[[nodiscard]] std::optional<Way> way_of(const Context& context, const Rule& rule, const Service& service) {
    if (rule.action != Action::allow) {
        const bool own = rule.mode == Mode::observe && !observes(context.parts, service) &&
                         rule.credentials != CredentialNeed::verified;
        return own ? std::optional{Way::observed} : std::nullopt;
    }
    switch (rule.credentials) {
        case CredentialNeed::any:
            return Way::any;
        case CredentialNeed::present:
            return Way::present;
        case CredentialNeed::verified:
            break;
    }
    return std::nullopt;
}

/// Services that one rule, with others of its kind, opens to everyone.
struct Opening {
    Share share;
    std::vector<std::string> services;
    bool databases_by_source = false;  ///< one of them is a `tcp` service
};

class Exposure {
  public:
    explicit Exposure(Context& context) : context_(context) {}

    void run() {
        for (std::size_t i = 0; i < context_.parts.services.size(); ++i) {
            look_at(static_cast<std::uint16_t>(i));
        }
        for (const auto& [key, opening] : openings_) {
            report(key.first, key.second, opening);
        }
    }

  private:
    /// Adds up the zones of all rules of a kind; the rule that gives most is the one to be told.
    void look_at(std::uint16_t index) {
        const Service& service = context_.parts.services[index];
        std::array<std::vector<bool>, 3> zones;
        std::array<Share, 3> widest;
        std::array<std::uint16_t, 3> widest_rule{no_rule, no_rule, no_rule};
        for (std::size_t i = 0; i < context_.parts.rules.size(); ++i) {
            const auto rule_index = static_cast<std::uint16_t>(i);
            const Rule& rule = context_.parts.rules[i];
            const auto way = way_of(context_, rule, service);
            if (!way || !context_.coverage.alive(rule_index) ||
                !std::binary_search(rule.services.begin(), rule.services.end(), index)) {
                continue;
            }
            const auto kind = static_cast<std::size_t>(*way);
            zones.at(kind).resize(context_.parts.zone_names.size());
            Share own;
            for (const std::uint16_t zone : rule.zones) {
                zones.at(kind)[zone] = true;
                own += context_.shares[zone];
            }
            if (widest_rule.at(kind) == no_rule ||
                own.v4 + own.v6 > widest.at(kind).v4 + widest.at(kind).v6) {
                widest.at(kind) = own;
                widest_rule.at(kind) = rule_index;
            }
        }
        for (std::size_t kind = 0; kind < zones.size(); ++kind) {
            Share all;
            for (std::size_t zone = 0; zone < zones.at(kind).size(); ++zone) {
                all += zones.at(kind)[zone] ? context_.shares[zone] : Share{};
            }
            if (all.is_everywhere()) {
                Opening& opening = openings_[{widest_rule.at(kind), static_cast<Way>(kind)}];
                opening.share = all;
                opening.services.push_back(service.name);
                opening.databases_by_source |= service.protocol == ServiceProtocol::tcp;
            }
        }
    }

    void report(std::uint16_t index, Way way, const Opening& opening) {
        const Rule& rule = context_.parts.rules[index];
        const std::string who = in_quotes(rule.id);
        const std::string what = named(opening.services) + " " + opening.share.str();
        const std::string pointer = rule_pointer(index, "from");
        switch (way) {
            case Way::any: {
                const bool meant = !rule.labels.owner.empty() && !rule.labels.reason.empty();
                const std::string remedy =
                    opening.databases_by_source
                        ? "name the zones that need it"
                        : "name the zones that need it, or ask for verified credentials";
                context_.say(
                    meant ? Level::warning : Level::error, "open-to-everyone", pointer,
                    "rule " + who + " lets anybody reach " + what + " without credentials",
                    meant ? remedy : remedy + "; if it is meant, give the rule an owner and a reason");
                return;
            }
            case Way::present:
                context_.say(Level::warning, "open-to-everyone", pointer,
                             "rule " + who + " lets anybody reach " + what +
                                 " with any made-up credentials; only the server behind decides whether they "
                                 "are right",
                             "ask for verified credentials, or name the zones that need it");
                return;
            case Way::observed:
                context_.say(Level::error, "open-to-everyone", pointer,
                             "rule " + who + " denies in observe mode only, so anybody reaches " + what,
                             "enforce it, or put it below the rules that deny");
                return;
        }
    }

    Context& context_;
    std::map<std::pair<std::uint16_t, Way>, Opening> openings_;
};

void check_observing(Context& context) {
    if (context.parts.mode == Mode::observe) {
        context.say(Level::warning, "observes-only", "/mode",
                    "the policy observes: what it denies is reported and forwarded all the same",
                    "set \"enforce\" when the reports show nothing that must go on");
    }
    for (const Service& service : context.parts.services) {
        if (service.mode == Mode::observe && context.parts.mode == Mode::enforce) {
            context.say(Level::warning, "observes-only",
                        pointer_to(pointer_to("/services", service.name), "mode"),
                        "service " + in_quotes(service.name) +
                            " observes: what is denied there is reported and forwarded all the same",
                        "take the mode out when the reports show nothing that must go on");
        }
    }
    for (std::size_t i = 0; i < context.parts.rules.size(); ++i) {
        const Rule& rule = context.parts.rules[i];
        if (rule.mode == Mode::observe && context.coverage.alive(static_cast<std::uint16_t>(i))) {
            context.say(Level::warning, "observe-leaves-open",
                        rule_pointer(static_cast<std::uint16_t>(i), "mode"),
                        "while rule " + in_quotes(rule.id) +
                            " observes, what it matches is forwarded, and no later rule is asked",
                        "set \"enforce\" when its trial is over");
        }
    }
}

/// TLS is forwarded unread from every zone that some rule lets in, with whatever credentials.
void check_tls(Context& context) {
    for (std::size_t i = 0; i < context.parts.services.size(); ++i) {
        const Service& service = context.parts.services[i];
        if (!service.tls_allowed) {
            continue;
        }
        Share share;
        for (std::size_t zone = 0; zone < context.shares.size(); ++zone) {
            if (context.policy.reachable_by_rule(static_cast<std::uint16_t>(zone),
                                                 static_cast<std::uint16_t>(i), context.options.now_ns)) {
                share += context.shares[zone];
            }
        }
        if (share.is_everywhere()) {
            context.say(Level::warning, "tls-unread",
                        pointer_to(pointer_to("/services", service.name), "tls"),
                        "TLS reaches service " + in_quotes(service.name) + " " + share.str() +
                            ", unread: neither credentials nor operations are judged there",
                        "block TLS, or let only zones in that you trust");
        }
    }
}

void check_health(Context& context) {
    for (std::size_t i = 0; i < context.parts.health_checks.size(); ++i) {
        const HealthCheck& check = context.parts.health_checks[i];
        Share share;
        for (const std::uint16_t zone : check.zones) {
            share += context.shares[zone];
        }
        if (share.is_everywhere()) {
            context.say(Level::warning, "health-check-from-everyone",
                        pointer_to(pointer_to("/health_checks", std::to_string(i)), "from"),
                        "health check " + in_quotes(check.id) + " is answered " + share.str(),
                        "name the zone of the load balancer or the monitoring");
        }
    }
}

void check_posture(Context& context) {
    for (std::size_t i = 0; i < context.parts.rules.size(); ++i) {
        const Rule& rule = context.parts.rules[i];
        if (rule.credentials != CredentialNeed::present || rule.action != Action::allow ||
            !context.coverage.alive(static_cast<std::uint16_t>(i))) {
            continue;
        }
        for (const OpenServer& server : context.options.open_servers) {
            const std::uint16_t service = context.policy.service_at(server.address, server.port);
            if (service == no_service ||
                !std::binary_search(rule.services.begin(), rule.services.end(), service)) {
                continue;
            }
            context.say(Level::error, "present-on-open-server",
                        rule_pointer(static_cast<std::uint16_t>(i), "credentials"),
                        "rule " + in_quotes(rule.id) + " leaves it to the server to check credentials, but " +
                            address_text(server.address) + " port " + std::to_string(server.port) +
                            " of service " + in_quotes(context.parts.services[service].name) +
                            " answers without any" +
                            (server.since.empty() ? "" : ", since " + printable(server.since)),
                        "ask for verified credentials, and switch the server's security on");
            break;
        }
    }
}

}  // namespace

void check_exposure(Context& context) {
    Exposure(context).run();
    check_observing(context);
    check_tls(context);
    check_health(context);
    check_posture(context);
}

}  // namespace springlatch::lint
