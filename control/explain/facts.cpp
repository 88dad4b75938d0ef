#include "control/explain/facts.h"

#include <algorithm>
#include <array>
#include <span>

#include "config/json_positions.h"
#include "config/time_text.h"

namespace springlatch::control {
namespace {

using elasticsearch::Operation;

/// `"a", "b"`.
[[nodiscard]] std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

template <class List, class Name>
[[nodiscard]] std::string names_at(const std::vector<std::uint16_t>& indices, const List& list, Name name) {
    std::vector<std::string> words;
    words.reserve(indices.size());
    for (const std::uint16_t index : indices) {
        words.emplace_back(name(list[index]));
    }
    return joined(words);
}

[[nodiscard]] std::string methods_in(std::uint16_t bits) {
    std::vector<std::string> words;
    for (unsigned i = 0; i < 16; ++i) {
        if (((bits >> i) & 1U) != 0) {
            words.emplace_back(http::name_of(static_cast<http::Method>(i)));
        }
    }
    return joined(words);
}

[[nodiscard]] std::string operations_in(std::uint16_t bits) {
    std::vector<std::string> words;
    for (const Operation operation :
         {Operation::info, Operation::read, Operation::write, Operation::manage, Operation::security}) {
        if (((bits >> static_cast<unsigned>(operation)) & 1U) != 0) {
            words.emplace_back(elasticsearch::name_of(operation));
        }
    }
    return joined(words);
}

[[nodiscard]] std::string flags_in(std::uint16_t bits) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < elasticsearch::flag_names.size(); ++i) {
        if (((bits >> i) & 1U) != 0) {
            words.emplace_back(elasticsearch::flag_names.at(i));
        }
    }
    return joined(words);
}

[[nodiscard]] const std::string& same(const std::string& name) {
    return name;
}

}  // namespace

Facts::Facts(const CompiledPolicy& policy, std::string_view bytes, std::uint64_t time_ns)
    : policy_(policy), scratch_(policy.parts().patterns, policy.limits().head.line_bytes) {
    http::HeadState head;
    const auto result = http::advance_head(head, std::as_bytes(std::span(bytes)), policy.limits().head);
    facts_.time_ns = time_ns;
    complete_ = result.status == http::HeadStatus::complete;
    if (!complete_) {
        return;
    }
    const std::string_view target = bytes.substr(head.target.offset, head.target.bytes);
    const std::size_t mark = std::min(target.find('?'), target.size());
    path_ = target.substr(0, mark);
    query_ = target.substr(std::min(mark + 1, target.size()));
    const auto meaning = policy.parts().catalogue.meaning_of(http::name_of(head.method), path_);
    texts_.emplace(scratch_, path_, query_, bytes.substr(0, result.bytes));
    facts_.method = head.method;
    facts_.operation = meaning.operation;
    facts_.flags = meaning.flags;
    facts_.endpoint = meaning.endpoint;
    facts_.credentials = head.credentials;
    facts_.texts = &*texts_;
}

void Facts::verified(std::uint16_t identity) noexcept {
    facts_.verification = identity == no_identity ? Verification::refused : Verification::accepted;
    facts_.identity = identity;
}

std::string Facts::request_text() const {
    if (!complete_) {
        return "";
    }
    const auto& catalogue = policy_.parts().catalogue;
    std::string text = std::string(http::name_of(facts_.method)) + " " + printable(path_) + ", operation " +
                       std::string(elasticsearch::name_of(facts_.operation));
    const auto apis = catalogue.apis_of(facts_.endpoint);
    if (!apis.empty()) {
        text += ", api " + names_at({apis.begin(), apis.end()}, catalogue.api_names(), same);
    }
    return facts_.flags == 0 ? text : text + ", flags " + flags_in(facts_.flags);
}

std::string Facts::credentials_text() const {
    const std::string kind(http::name_of(facts_.credentials));
    switch (facts_.verification) {
        case Verification::unknown:
            return facts_.credentials == http::Credentials::none ? "none" : kind + ", not checked";
        case Verification::accepted:
            return kind + ", those of " + in_quotes(policy_.parts().identity_names[facts_.identity]);
        case Verification::refused:
            break;
    }
    return kind + ", nobody's";
}

std::vector<Step> Facts::steps(const Place& place, std::string_view decider) {
    const CompiledPolicy::Parts& parts = policy_.parts();
    const bool by_source = parts.services[place.service].protocol == ServiceProtocol::tcp;
    if (!complete_ && !by_source) {
        return {};
    }
    if (decider.starts_with("patch:")) {
        return {{std::string(decider), ""}};
    }
    std::vector<Step> steps;
    for (const HealthCheck& check : parts.health_checks) {
        const bool decides = check.id == decider;
        steps.push_back({check.id, decides ? "" : why_not(check, place)});
        if (decides) {
            return steps;
        }
    }
    const std::vector<Rule>& rules = parts.rules;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const bool decides = rules[i].id == decider;
        const Unmet unmet =
            policy_.first_unmet(static_cast<std::uint16_t>(i), place.zone, place.service, facts_);
        steps.push_back({rules[i].id, decides ? "" : why_not(rules[i], place, unmet)});
        if (decides) {
            break;
        }
    }
    return steps;
}

std::string Facts::why_not(const HealthCheck& check, const Place& place) const {
    const CompiledPolicy::Parts& parts = policy_.parts();
    const auto listed = [](const std::vector<std::uint16_t>& sorted, std::uint16_t index) {
        return std::binary_search(sorted.begin(), sorted.end(), index);
    };
    if (!listed(check.services, place.service)) {
        return "it is for other services";
    }
    if (!listed(check.zones, place.zone)) {
        return "it is for the zones " + names_at(check.zones, parts.zone_names, same);
    }
    if (check.method != facts_.method || check.path != path_ || check.query != query_) {
        return "it is for exactly " + std::string(http::name_of(check.method)) + " " + printable(check.path) +
               (check.query.empty() ? "" : "?" + printable(check.query));
    }
    return "its conditions hold, but something else was decided before it";
}

std::string Facts::why_not(const Rule& rule, const Place& place, Unmet unmet) const {
    const CompiledPolicy::Parts& parts = policy_.parts();
    const auto service_name = [](const Service& service) { return service.name; };
    switch (unmet) {
        case Unmet::zone:
            return "it is for the zones " + names_at(rule.zones, parts.zone_names, same) +
                   (place.zone == no_zone ? "; the source is in none"
                                          : "; the source is in " + parts.zone_names[place.zone]);
        case Unmet::service:
            return "it is for the services " + names_at(rule.services, parts.services, service_name);
        case Unmet::expired:
            return "it expired at " + rfc3339(rule.expires_ns);
        case Unmet::credentials:
            return "it needs well-formed credentials; the request has " +
                   (facts_.credentials == http::Credentials::none
                        ? std::string("none")
                        : std::string(http::name_of(facts_.credentials)) + " ones");
        case Unmet::method:
            return "it is for the methods " + methods_in(rule.methods);
        case Unmet::operation:
            return "it is for the operations " + operations_in(rule.operations) + "; the request's is " +
                   std::string(elasticsearch::name_of(facts_.operation));
        case Unmet::flag:
            return "it is for calls that are " + flags_in(rule.flags);
        case Unmet::api:
            return "it is for the apis " + names_at(rule.apis, parts.catalogue.api_names(), same);
        case Unmet::path:
            return "no path of it matches: " + printable(names_at(rule.paths, parts.path_expressions, same));
        case Unmet::unverified:
            return "it needs verified credentials; those of the request are nobody's";
        case Unmet::identity:
            return "it is for the identities " + names_at(rule.identities, parts.identity_names, same) +
                   "; the request is of " + parts.identity_names[facts_.identity];
        case Unmet::none:
            break;
    }
    return "its conditions hold, but something else was decided before the rules";
}

}  // namespace springlatch::control
