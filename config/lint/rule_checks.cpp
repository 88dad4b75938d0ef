// Rules that cannot decide, end, or deny less than they seem to.
#include <algorithm>
#include <chrono>
#include <string>

#include "config/lint/checks.h"

namespace springlatch::lint {
namespace {

constexpr std::uint64_t day_ns = 86'400'000'000'000;

[[nodiscard]] std::vector<std::string> ids_of(const Context& context,
                                              const std::vector<std::uint16_t>& rules) {
    std::vector<std::string> ids;
    ids.reserve(rules.size());
    for (const std::uint16_t rule : rules) {
        ids.push_back(context.parts.rules[rule].id);
    }
    return ids;
}

void check_time(Context& context, std::uint16_t index) {
    const Rule& rule = context.parts.rules[index];
    if (rule.expires_ns == never_ns) {
        return;
    }
    if (rule.expires_ns <= context.options.now_ns) {
        const std::uint64_t days = (context.options.now_ns - rule.expires_ns) / day_ns;
        context.say(
            Level::warning, "expired", rule_pointer(index, "expires"),
            "rule " + in_quotes(rule.id) + " has matched nothing for " + std::to_string(days) + " days",
            "remove it, or let " + in_quotes(rule.labels.owner) + " say until when it is needed");
        return;
    }
    const std::uint64_t days = (rule.expires_ns - context.options.now_ns) / day_ns;
    if (days < context.options.soon_days) {
        context.say(Level::warning, "expires-soon", rule_pointer(index, "expires"),
                    "rule " + in_quotes(rule.id) + " matches no more in " + std::to_string(days) + " days",
                    "ask its owner, " + in_quotes(rule.labels.owner) + ", whether it is still needed");
    }
}

/// The conditions that contradict each other.
[[nodiscard]] std::string conditions_of(const Rule& rule) {
    std::vector<std::string> names;
    const auto add = [&](bool given, const char* name) {
        if (given) {
            names.emplace_back(name);
        }
    };
    add(rule.methods != 0, "methods");
    add(rule.operations != 0, "operations");
    add(!rule.apis.empty(), "apis");
    add(rule.flags != 0, "flags");
    return named(names);
}

void check_whether_it_matches(Context& context, std::uint16_t index) {
    const Rule& rule = context.parts.rules[index];
    const Coverage& coverage = context.coverage;
    if (coverage.requests_of(index).empty()) {
        context.say(Level::warning, "never-matches", rule_pointer(index),
                    "no request meets rule " + in_quotes(rule.id) + ": by the endpoint catalogue its " +
                        conditions_of(rule) + " exclude each other",
                    "take one of them out, or correct it");
        return;
    }
    const bool has_source = std::any_of(rule.zones.begin(), rule.zones.end(), [&](std::uint16_t zone) {
        return coverage.zone_has_addresses(zone);
    });
    if (!has_source) {
        context.say(Level::warning, "never-matches", rule_pointer(index, "from"),
                    "no address is in the zones of rule " + in_quotes(rule.id),
                    "see what is said of the zones: longer prefixes of others have taken all of them");
        return;
    }
    if (!coverage.shadowed(index)) {
        return;
    }
    if (!context.may_compare(index)) {
        context.say(
            Level::warning, "shadowed-rule", rule_pointer(index),
            "rule " + in_quotes(rule.id) + " is never asked, since rules before it take all that it matches",
            "move it up, or remove it");
        return;
    }
    const std::vector<std::uint16_t> shadows = coverage.shadows_of(index, 10);
    const bool all_agree = std::all_of(shadows.begin(), shadows.end(), [&](std::uint16_t early) {
        return (context.parts.rules[early].action == Action::allow) == (rule.action == Action::allow);
    });
    const char* const what = all_agree                      ? "so it changes nothing"
                             : rule.action == Action::allow ? "so it lets nobody in"
                                                            : "so it stops nobody";
    context.say(Level::warning, "shadowed-rule", rule_pointer(index),
                "rule " + in_quotes(rule.id) + " is never asked, since " +
                    (shadows.size() == 1 ? "rule " : "rules ") + named(ids_of(context, shadows)) +
                    (shadows.size() == 1 ? " takes" : " together take") + " all that it matches, " + what,
                all_agree ? "remove it" : "move it up, or remove it");
}

/// A denial by operation lets unknown paths fall through to a later rule that allows everything.
void check_denial(Context& context, std::uint16_t index) {
    const Rule& rule = context.parts.rules[index];
    const Coverage& coverage = context.coverage;
    const bool by_catalogue = rule.operations != 0 || rule.flags != 0 || !rule.apis.empty();
    if (rule.action == Action::allow || !by_catalogue || !coverage.alive(index) ||
        !context.may_compare(context.parts.rules.size() - index)) {
        return;
    }
    for (std::size_t i = index + std::size_t{1}; i < context.parts.rules.size(); ++i) {
        const auto later = static_cast<std::uint16_t>(i);
        const Rule& other = context.parts.rules[later];
        if (other.action != Action::allow ||
            !coverage.requests_of(later).meets(coverage.requests().unknown()) || !coverage.alive(later) ||
            !coverage.meet(index, later)) {
            continue;
        }
        context.say(
            Level::warning, "deny-misses-unknown", rule_pointer(index),
            "rule " + in_quotes(rule.id) +
                " denies what the endpoint catalogue knows, but a path that is in no "
                "entry of it is in no list and goes on to rule " +
                in_quotes(other.id) + ", which allows it",
            "give rule " + in_quotes(other.id) + " a list of operations: put what is allowed into lists");
        return;
    }
}

}  // namespace

void check_rules(Context& context) {
    for (std::size_t i = 0; i < context.parts.rules.size(); ++i) {
        const auto index = static_cast<std::uint16_t>(i);
        check_time(context, index);
        check_whether_it_matches(context, index);
        check_denial(context, index);
    }
}

}  // namespace springlatch::lint
