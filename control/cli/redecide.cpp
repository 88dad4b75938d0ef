#include "control/cli/redecide.h"

#include <algorithm>
#include <array>

#include "config/prefixes.h"

namespace springlatch::control {
namespace {

using Fate = Redecision::Fate;

/// What the policy decided, and not the way in which the request was written: another policy may say
/// otherwise.
constexpr std::array<std::string_view, 6> decided = {"source_not_allowed",    "no_credentials",
                                                     "malformed_credentials", "bad_credentials",
                                                     "operation_not_allowed", "body_not_allowed"};

[[nodiscard]] http::Method method_of(const std::string& name) {
    for (const http::Method method :
         {http::Method::get, http::Method::head, http::Method::post, http::Method::put, http::Method::delete_,
          http::Method::options, http::Method::patch}) {
        if (http::name_of(method) == name) {
            return method;
        }
    }
    return http::Method::unknown;
}

[[nodiscard]] http::Credentials credentials_of(const std::string& name) {
    for (const http::Credentials credentials :
         {http::Credentials::malformed, http::Credentials::basic, http::Credentials::bearer,
          http::Credentials::api_key, http::Credentials::other}) {
        if (http::name_of(credentials) == name) {
            return credentials;
        }
    }
    return http::Credentials::none;
}

[[nodiscard]] Redecision told(const Decision& decision, std::string service) {
    if (decision.action == Action::allow) {
        return {Fate::passes, "allowed", std::move(service)};
    }
    const bool observed = decision.mode == Mode::observe;
    return {observed ? Fate::passes : Fate::stopped,
            std::string(observed ? "only observed: " : "denied: ") + std::string(name_of(decision.reason)),
            std::move(service)};
}

/// Whose the credentials were, if that can be known; false if it matters and cannot.
[[nodiscard]] bool verify(const CompiledPolicy& policy, const Event& event, RequestFacts& facts) {
    if (!event.user.empty()) {
        const auto& names = policy.parts().identity_names;
        const auto place = std::find(names.begin(), names.end(), event.user);
        facts.verification = place == names.end() ? Verification::refused : Verification::accepted;
        facts.identity =
            place == names.end() ? no_identity : static_cast<std::uint16_t>(place - names.begin());
        return true;
    }
    facts.verification = Verification::refused;
    return event.reason == "bad_credentials";
}

}  // namespace

Redecision redecide(const CompiledPolicy& policy, PatternScratch& scratch, const Event& event,
                    std::uint64_t at_ns) {
    const auto source = parse_prefix(event.source);
    const auto destination = parse_prefix(event.destination);
    if (!source || !destination || event.destination_port == 0) {
        return {};
    }
    const std::uint16_t service = policy.service_at(destination->first, event.destination_port);
    if (service == no_service) {
        const bool forward = policy.parts().transit_forward;
        return {forward ? Fate::passes : Fate::stopped, forward ? "not protected" : "denied: transit", ""};
    }
    const Service& known = policy.parts().services[service];
    const std::uint16_t zone = policy.zone_of(source->first);
    const Decision connection = policy.decide_connection(zone, service, at_ns);
    if (known.protocol == ServiceProtocol::tcp) {
        return told(connection, known.name);
    }
    if (!policy.reachable(zone, service, at_ns) && connection.mode == Mode::enforce) {
        return told(connection, known.name);
    }
    const http::Method method = method_of(event.method);
    const bool by_policy = event.reason.empty() || event.reason == "none" ||
                           std::find(decided.begin(), decided.end(), event.reason) != decided.end();
    if (!event.request || method == http::Method::unknown || !by_policy) {
        return {Fate::unknown, "let in, to be judged by its requests", known.name};
    }
    const auto meaning = policy.meaning_of(method, event.path);
    PatternQuestion texts(scratch, event.path, event.query, "");
    RequestFacts facts{.method = method,
                       .operation = meaning.operation,
                       .credentials = credentials_of(event.credentials),
                       .time_ns = at_ns,
                       .flags = meaning.flags,
                       .endpoint = meaning.endpoint,
                       .texts = &texts};
    Decision decision = policy.decide(zone, service, facts);
    if (decision.needs_verification) {
        if (!verify(policy, event, facts)) {
            return {Fate::unknown, "depends on whose the credentials were", known.name};
        }
        decision = policy.decide(zone, service, facts);
    }
    if (decision.action == Action::allow && decision.without_credentials &&
        event.reason == "body_not_allowed") {
        decision.action = policy.default_action();
        decision.reason = Reason::body_not_allowed;
    }
    return told(decision, known.name);
}

}  // namespace springlatch::control
