#include "control/ingest/names.h"

#include <set>

namespace springlatch::control {
namespace {

template <class List, class Name>
[[nodiscard]] std::string name_at(const List* list, std::uint16_t index, Name name) {
    if (index == 0xffff) {
        return "";
    }
    return list != nullptr && index < list->size() ? std::string(name((*list)[index]))
                                                   : std::to_string(index);
}

}  // namespace

IndexLimits Names::limits() const noexcept {
    if (!has_policy()) {
        return {};
    }
    const CompiledPolicy::Parts& parts = policy_->parts();
    return {.services = static_cast<std::uint32_t>(parts.services.size()),
            .zones = static_cast<std::uint32_t>(parts.zone_names.size()),
            .rules = static_cast<std::uint32_t>(policy_->rule_ids()),
            .identities = static_cast<std::uint32_t>(parts.identity_names.size())};
}

std::string Names::service(std::uint16_t index) const {
    return name_at(has_policy() ? &policy_->parts().services : nullptr, index,
                   [](const Service& service) { return service.name; });
}

std::string Names::zone(std::uint16_t index) const {
    return name_at(has_policy() ? &policy_->parts().zone_names : nullptr, index,
                   [](const std::string& name) { return name; });
}

std::string Names::rule(std::uint16_t index) const {
    if (index == no_rule) {
        return "";
    }
    return has_policy() && index < policy_->rule_ids() ? policy_->rule_id(index) : std::to_string(index);
}

std::string Names::tags(std::uint16_t rule, std::uint16_t service) const {
    if (!has_policy()) {
        return "";
    }
    const CompiledPolicy::Parts& parts = policy_->parts();
    std::set<std::string> all(parts.labels.tags.begin(), parts.labels.tags.end());
    if (service < parts.services.size()) {
        const auto& tags = parts.services[service].labels.tags;
        all.insert(tags.begin(), tags.end());
    }
    if (rule < parts.rules.size()) {
        const auto& tags = parts.rules[rule].labels.tags;
        all.insert(tags.begin(), tags.end());
    }
    std::string joined;
    for (const std::string& tag : all) {
        joined += (joined.empty() ? "" : ",") + tag;
    }
    return joined;
}

Severity Names::severity(std::uint16_t rule, std::uint16_t service) const noexcept {
    if (!has_policy()) {
        return Severity::none;
    }
    const CompiledPolicy::Parts& parts = policy_->parts();
    if (rule < parts.rules.size() && parts.rules[rule].labels.severity != Severity::none) {
        return parts.rules[rule].labels.severity;
    }
    return service < parts.services.size() ? parts.services[service].labels.severity : Severity::none;
}

std::string Names::identity(std::uint16_t index) const {
    return name_at(has_policy() ? &policy_->parts().identity_names : nullptr, index,
                   [](const std::string& name) { return name; });
}

}  // namespace springlatch::control
