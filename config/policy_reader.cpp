#include "config/policy_reader.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "config/identities.h"
#include "config/json_positions.h"
#include "config/prefixes.h"

namespace springlatch {
namespace {

using nlohmann::json;

constexpr std::size_t zones_max = 1000;
constexpr std::size_t services_max = 1000;
constexpr std::size_t rules_max = 10'000;
constexpr std::size_t service_prefixes_max = 30'000;  // so that every range of the sweep has a 16-bit index
constexpr std::size_t candidates_max = 4'000'000;     // rules × their zones × their services

struct Word {
    std::string_view name;
    unsigned value;
};

constexpr std::array<Word, 4> actions = {{{"allow", static_cast<unsigned>(Action::allow)},
                                          {"reject", static_cast<unsigned>(Action::reject)},
                                          {"reset", static_cast<unsigned>(Action::reset)},
                                          {"drop", static_cast<unsigned>(Action::drop)}}};

constexpr std::array<Word, 7> methods = {{{"GET", static_cast<unsigned>(http::Method::get)},
                                          {"HEAD", static_cast<unsigned>(http::Method::head)},
                                          {"POST", static_cast<unsigned>(http::Method::post)},
                                          {"PUT", static_cast<unsigned>(http::Method::put)},
                                          {"DELETE", static_cast<unsigned>(http::Method::delete_)},
                                          {"OPTIONS", static_cast<unsigned>(http::Method::options)},
                                          {"PATCH", static_cast<unsigned>(http::Method::patch)}}};

constexpr std::array<Word, 5> operations = {
    {{"info", static_cast<unsigned>(elasticsearch::Operation::info)},
     {"read", static_cast<unsigned>(elasticsearch::Operation::read)},
     {"write", static_cast<unsigned>(elasticsearch::Operation::write)},
     {"manage", static_cast<unsigned>(elasticsearch::Operation::manage)},
     {"security", static_cast<unsigned>(elasticsearch::Operation::security)}}};

/// A member, or null if the object has none or is no object.
const json& member(const json& object, const char* name) {
    static const json nothing;
    if (!object.is_object()) {
        return nothing;
    }
    const auto found = object.find(name);
    return found == object.end() ? nothing : *found;
}

bool is_word(const json& value, std::string_view word) {
    return value.is_string() && value.get_ref<const std::string&>() == word;
}

template <std::size_t size>
std::uint16_t bits_of(const json& list, const std::array<Word, size>& words) {
    unsigned bits = 0;
    for (const Word& word : words) {
        if (list.is_array() && std::any_of(list.begin(), list.end(),
                                           [&](const json& entry) { return is_word(entry, word.name); })) {
            bits |= 1U << word.value;
        }
    }
    return static_cast<std::uint16_t>(bits);
}

std::optional<Mode> mode_of(const json& value) {
    if (is_word(value, "observe")) {
        return Mode::observe;
    }
    return is_word(value, "enforce") ? std::optional{Mode::enforce} : std::nullopt;
}

Action action_of(const json& value, Action otherwise) {
    for (const Word& word : actions) {
        if (is_word(value, word.name)) {
            return static_cast<Action>(word.value);
        }
    }
    return otherwise;
}

std::optional<std::uint16_t> shared_port(const Service& a, const Service& b) {
    std::vector<std::uint16_t> shared;
    std::set_intersection(a.ports.begin(), a.ports.end(), b.ports.begin(), b.ports.end(),
                          std::back_inserter(shared));
    return shared.empty() ? std::nullopt : std::optional{shared.front()};
}

class Reader {
  public:
    Reader(const json& document, std::vector<Mistake>& mistakes) : document_(document), mistakes_(mistakes) {}

    CompiledPolicy::Parts read() {
        parts_.mode = mode_of(member(document_, "mode")).value_or(Mode::enforce);
        parts_.default_action = action_of(member(member(document_, "default"), "action"), Action::reject);
        transit(member(document_, "transit"));
        parts_.reassemble_fragments = is_word(member(document_, "fragments"), "reassemble");
        limits(member(document_, "limits"));
        zones(member(document_, "zones"));
        identities(member(document_, "identities"));
        services(member(document_, "services"));
        overlaps();
        rules(member(document_, "rules"));
        return std::move(parts_);
    }

  private:
    void say(std::string pointer, std::string text, bool at_key = false) {
        mistakes_.push_back({std::move(pointer), at_key, std::move(text)});
    }

    void transit(const json& value) {
        parts_.transit_forward = !is_word(value, "drop") && !is_word(member(value, "default"), "drop");
        parts_.tunnels_allowed = is_word(member(value, "tunnels"), "allow");
    }

    template <typename Number>
    static void number(const json& value, const char* name, Number& target) {
        if (const json& found = member(value, name); found.is_number_unsigned()) {
            target = found.get<Number>();
        }
    }

    void limits(const json& value) {
        Limits& limits = parts_.limits;
        number(value, "head_bytes", limits.head.head_bytes);
        number(value, "line_bytes", limits.head.line_bytes);
        number(value, "headers", limits.head.headers);
        number(value, "body_bytes", limits.head.body_bytes);
        number(value, "idle_seconds", limits.idle_seconds);
        number(value, "flows", limits.flows);
        number(value, "held_segments", limits.held_segments);
        number(value, "held_segments_per_flow", limits.held_segments_per_flow);
        number(value, "retained_bytes", limits.retained_bytes);
        number(value, "open_heads", limits.open_heads);
        number(value, "requests_in_flight", limits.requests_in_flight);
        number(value, "credential_values", limits.credentials.values);
        number(value, "credential_accepted_seconds", limits.credentials.accepted_seconds);
        number(value, "credential_refused_seconds", limits.credentials.refused_seconds);
        number(value, "credential_checks_per_minute", limits.credentials.checks_per_minute);
        number(value, "fragments", limits.fragments);
        at_most("line_bytes", limits.head.line_bytes, "head_bytes", limits.head.head_bytes);
        at_most("held_segments_per_flow", limits.held_segments_per_flow, "held_segments",
                limits.held_segments);
    }

    void at_most(const char* part, std::uint32_t part_value, const char* whole, std::uint32_t whole_value) {
        if (part_value > whole_value) {
            const bool given = member(member(document_, "limits"), part).is_number();
            say(pointer_to("/limits", given ? part : whole),
                std::string(part) + " (" + std::to_string(part_value) + ") must not exceed " + whole + " (" +
                    std::to_string(whole_value) + ")");
        }
    }

    void check_name(std::string_view name, const std::string& pointer, bool at_key) {
        constexpr std::string_view allowed =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
        if (name.empty() || name.size() > 64 || name.find_first_not_of(allowed) != std::string_view::npos) {
            say(pointer,
                "the name " + in_quotes(name) +
                    " is not allowed; a name has 1 to 64 letters, digits, dots, underscores or hyphens",
                at_key);
        }
    }

    struct Listed {
        Prefix prefix;
        std::string pointer;
    };

    std::vector<Listed> prefixes(const json& list, const std::string& pointer, std::uint16_t value) {
        std::vector<Listed> result;
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (!list[i].is_string()) {
                continue;
            }
            const auto& text = list[i].get_ref<const std::string&>();
            std::string entry = pointer_to(pointer, std::to_string(i));
            if (auto prefix = parse_prefix(text)) {
                prefix->value = value;
                result.push_back({*prefix, std::move(entry)});
            } else {
                say(std::move(entry), in_quotes(text) + ": " + prefix.error());
            }
        }
        return result;
    }

    void zones(const json& value) {
        if (!value.is_object() || value.size() > zones_max) {
            return;
        }
        std::vector<Listed> all;
        for (const auto& [name, list] : value.items()) {
            const auto index = static_cast<std::uint16_t>(parts_.zone_names.size());
            check_name(name, pointer_to("/zones", name), true);
            zone_index_.emplace(name, index);
            parts_.zone_names.push_back(name);
            std::vector<Listed> found = prefixes(list, pointer_to("/zones", name), index);
            std::move(found.begin(), found.end(), std::back_inserter(all));
        }
        std::stable_sort(all.begin(), all.end(), [](const Listed& a, const Listed& b) {
            return a.prefix.first != b.prefix.first ? a.prefix.first < b.prefix.first
                                                    : a.prefix.bits < b.prefix.bits;
        });
        std::vector<Prefix> plain;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i > 0 && all[i - 1].prefix.first == all[i].prefix.first &&
                all[i - 1].prefix.bits == all[i].prefix.bits) {
                say(all[i].pointer,
                    "this prefix stands in zone " + in_quotes(parts_.zone_names[all[i - 1].prefix.value]) +
                        " already, at " + printable(all[i - 1].pointer) + "; a prefix may be listed once");
            } else {
                plain.push_back(all[i].prefix);
            }
        }
        parts_.zones = RangeMap(longest_prefix_ranges(std::move(plain)));
    }

    /// Their names; what they are is read_identities()'s.
    void identities(const json& value) {
        if (!value.is_object() || value.size() > identities_max) {
            return;
        }
        for (const auto& entry : value.items()) {
            check_name(entry.key(), pointer_to("/identities", entry.key()), true);
            identity_index_.emplace(entry.key(), static_cast<std::uint16_t>(parts_.identity_names.size()));
            parts_.identity_names.push_back(entry.key());
        }
    }

    void services(const json& value) {
        if (!value.is_object()) {
            return;
        }
        if (value.empty()) {
            say("/services", "a policy without services protects nothing");
        }
        if (value.size() > services_max) {
            return;
        }
        std::size_t prefix_count = 0;
        for (const auto& [name, entry] : value.items()) {
            check_name(name, pointer_to("/services", name), true);
            service_index_.emplace(name, static_cast<std::uint16_t>(parts_.services.size()));
            parts_.services.push_back(service(name, entry, prefix_count));
        }
        if (prefix_count > service_prefixes_max) {
            say("/services", "found " + std::to_string(prefix_count) + " prefixes in all services; at most " +
                                 std::to_string(service_prefixes_max) + " are allowed");
            for (Service& service : parts_.services) {
                service.addresses.clear();
            }
        }
    }

    Service service(const std::string& name, const json& value, std::size_t& prefix_count) {
        const std::string pointer = pointer_to("/services", name);
        Service result;
        result.name = name;
        result.protocol =
            is_word(member(value, "protocol"), "tcp") ? ServiceProtocol::tcp : ServiceProtocol::elasticsearch;
        const json& tls = member(value, "tls");
        result.tls_allowed = is_word(tls, "allow");
        if (result.protocol == ServiceProtocol::tcp && !tls.is_null()) {
            say(pointer_to(pointer, "tls"),
                "tls is for elasticsearch services; a tcp service is judged by source alone, whatever its "
                "bytes are",
                true);
        }
        std::vector<Prefix> plain;
        for (const Listed& listed : prefixes(member(value, "addresses"), pointer_to(pointer, "addresses"),
                                             static_cast<std::uint16_t>(parts_.services.size()))) {
            plain.push_back(listed.prefix);
        }
        prefix_count += plain.size();
        result.addresses = longest_prefix_ranges(std::move(plain));
        ports(member(value, "ports"), pointer_to(pointer, "ports"), result.ports);
        return result;
    }

    void ports(const json& list, const std::string& pointer, std::vector<std::uint16_t>& result) {
        std::vector<bool> seen(65536);
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (!list[i].is_number_unsigned() || list[i] < 1 || list[i] > 65535) {
                continue;
            }
            const auto port = list[i].get<std::uint16_t>();
            if (seen[port]) {
                say(pointer_to(pointer, std::to_string(i)),
                    "port " + std::to_string(port) + " is listed twice");
            }
            seen[port] = true;
        }
        for (std::size_t port = 1; port < seen.size(); ++port) {
            if (seen[port]) {
                result.push_back(static_cast<std::uint16_t>(port));
            }
        }
    }

    /// Sweeps over the services' ranges in order of their starts; `open` are those that cover the current
    /// start.
    void overlaps() {
        std::vector<AddressRange> ranges;
        for (const Service& service : parts_.services) {
            ranges.insert(ranges.end(), service.addresses.begin(), service.addresses.end());
        }
        std::sort(ranges.begin(), ranges.end(),
                  [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
        std::vector<AddressRange> open;
        std::set<std::pair<std::uint16_t, std::uint16_t>> compared;
        for (const AddressRange& range : ranges) {
            std::erase_if(open, [&](const AddressRange& other) { return other.last < range.first; });
            for (const AddressRange& other : open) {
                const auto pair = std::minmax(other.value, range.value);
                if (compared.insert(pair).second) {
                    compare(pair.first, pair.second, range.first);
                }
            }
            open.push_back(range);
        }
    }

    void compare(std::uint16_t a, std::uint16_t b, const IpAddress& address) {
        const Service& one = parts_.services[a];
        const Service& other = parts_.services[b];
        if (const auto port = shared_port(one, other)) {
            say(pointer_to("/services", other.name),
                "port " + std::to_string(*port) + " at " + address_text(address) + " is in service " +
                    in_quotes(one.name) + " too; an address and port may be in one service only",
                true);
        }
    }

    void rules(const json& list) {
        if (!list.is_array() || list.size() > rules_max) {
            return;
        }
        std::size_t candidates = 0;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::string pointer = pointer_to("/rules", std::to_string(i));
            parts_.rules.push_back(rule(list[i], pointer));
            candidates += parts_.rules.back().zones.size() * parts_.rules.back().services.size();
        }
        if (candidates > candidates_max) {
            say("/rules", "the rules name " + std::to_string(candidates) +
                              " pairs of a zone and a service; at most " + std::to_string(candidates_max) +
                              " are allowed");
        }
    }

    Rule rule(const json& value, const std::string& pointer) {
        Rule result;
        rule_id(member(value, "id"), pointer, result);
        result.zones = references(member(value, "from"), pointer_to(pointer, "from"), zone_index_, "zone");
        result.services =
            references(member(value, "to"), pointer_to(pointer, "to"), service_index_, "service");
        result.credentials = need_of(member(value, "credentials"));
        rule_identities(value, pointer, result);
        result.methods = bits_of(member(value, "methods"), methods);
        result.operations = bits_of(member(value, "operations"), operations);
        result.action = action_of(member(value, "action"), Action::reject);
        result.mode = mode_of(member(value, "mode"));
        if (result.action == Action::allow && result.mode == Mode::observe) {
            say(pointer_to(pointer, "mode"),
                "\"observe\" is for rules that deny; a rule that allows has no denial to observe");
        }
        conditions(value, pointer, result);
        return result;
    }

    static CredentialNeed need_of(const json& value) {
        if (is_word(value, "any")) {
            return CredentialNeed::any;
        }
        return is_word(value, "verified") ? CredentialNeed::verified : CredentialNeed::present;
    }

    void rule_identities(const json& value, const std::string& pointer, Rule& result) {
        const json& list = member(value, "identities");
        const std::string at = pointer_to(pointer, "identities");
        result.identities = references(list, at, identity_index_, "identity");
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (std::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]) !=
                list.begin() + static_cast<std::ptrdiff_t>(i)) {
                say(pointer_to(at, std::to_string(i)), "this identity is listed twice");
            }
        }
        if (result.credentials != CredentialNeed::verified && !list.is_null()) {
            say(at, "identities are known only where \"credentials\" is \"verified\"", true);
        }
        if (result.credentials == CredentialNeed::verified && parts_.identity_names.empty()) {
            say(pointer_to(pointer, "credentials"),
                "\"verified\" needs identities to compare with, and the policy has none; add \"identities\"");
        }
    }

    void rule_id(const json& value, const std::string& pointer, Rule& result) {
        if (!value.is_string()) {
            return;
        }
        result.id = value.get<std::string>();
        check_name(result.id, pointer_to(pointer, "id"), false);
        const auto [first, is_new] = rule_ids_.emplace(result.id, pointer);
        if (!is_new) {
            say(pointer_to(pointer, "id"),
                "the id " + in_quotes(result.id) + " is used by " + first->second + " already");
        }
    }

    std::vector<std::uint16_t> references(const json& list, const std::string& pointer,
                                          const std::map<std::string, std::uint16_t>& known,
                                          const char* kind) {
        std::vector<std::uint16_t> result;
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (!list[i].is_string()) {
                continue;
            }
            const auto& name = list[i].get_ref<const std::string&>();
            if (const auto found = known.find(name); found != known.end()) {
                result.push_back(found->second);
            } else {
                say(pointer_to(pointer, std::to_string(i)), "there is no " + std::string(kind) + " " +
                                                                in_quotes(name) +
                                                                did_you_mean(name, keys_of(known)));
            }
        }
        std::sort(result.begin(), result.end());
        result.erase(std::unique(result.begin(), result.end()), result.end());
        return result;
    }

    static std::vector<std::string> keys_of(const std::map<std::string, std::uint16_t>& known) {
        std::vector<std::string> result;
        result.reserve(known.size());
        for (const auto& entry : known) {
            result.push_back(entry.first);
        }
        return result;
    }

    /// A condition that can never hold, or was forgotten, for one of the rule's services.
    void conditions(const json& value, const std::string& pointer, Rule& rule) {
        const Service* with_requests = nullptr;
        const Service* by_source = nullptr;
        for (const std::uint16_t index : rule.services) {
            const Service& service = parts_.services[index];
            (service.protocol == ServiceProtocol::tcp ? by_source : with_requests) = &service;
        }
        const json& credentials = member(value, "credentials");
        if (with_requests != nullptr && value.is_object() && credentials.is_null() &&
            !value.contains("credentials")) {
            say(pointer, "the key \"credentials\" is missing: a rule for the elasticsearch service " +
                             in_quotes(with_requests->name) +
                             " says whether it needs them; allowed: any, present, verified");
        }
        if (by_source == nullptr) {
            return;
        }
        const std::string why = " cannot be judged for the tcp service " + in_quotes(by_source->name) +
                                ": it is judged by source alone; write a rule of its own for it";
        if (is_word(credentials, "present") || is_word(credentials, "verified")) {
            say(pointer_to(pointer, "credentials"), "credentials" + why, true);
        }
        for (const char* key : {"methods", "operations", "identities"}) {
            if (value.is_object() && value.contains(key)) {
                say(pointer_to(pointer, key), key + why, true);
            }
        }
        if (credentials.is_null()) {
            rule.credentials = CredentialNeed::any;
        }
    }

    const json& document_;
    std::vector<Mistake>& mistakes_;
    CompiledPolicy::Parts parts_;
    std::map<std::string, std::uint16_t> zone_index_;
    std::map<std::string, std::uint16_t> identity_index_;
    std::map<std::string, std::uint16_t> service_index_;
    std::map<std::string, std::string> rule_ids_;  // → the rule's pointer
};

}  // namespace

CompiledPolicy::Parts read_policy(const json& document, std::vector<Mistake>& mistakes) {
    return Reader(document, mistakes).read();
}

}  // namespace springlatch
