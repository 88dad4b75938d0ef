#include "config/policy_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "config/groups.h"
#include "config/identities.h"
#include "config/json_positions.h"
#include "config/patches.h"
#include "config/prefixes.h"
#include "config/reading.h"
#include "config/rules_reader.h"

namespace springlatch {
namespace {

using nlohmann::json;

constexpr std::size_t zones_max = 1000;
constexpr std::size_t services_max = 1000;
constexpr std::size_t service_prefixes_max = 30'000;  // so that every range of the sweep has a 16-bit index

std::optional<std::uint16_t> shared_port(const Service& a, const Service& b) {
    std::vector<std::uint16_t> shared;
    std::set_intersection(a.ports.begin(), a.ports.end(), b.ports.begin(), b.ports.end(),
                          std::back_inserter(shared));
    return shared.empty() ? std::nullopt : std::optional{shared.front()};
}

class Reader {
  public:
    Reader(const json& document, CompiledPolicy::Parts& parts, std::vector<Mistake>& mistakes)
        : document_(document), parts_(parts), reading_{parts, mistakes, {}, {}, {}, {}, {}} {}

    void read() {
        parts_.mode = mode_of(member(document_, "mode")).value_or(Mode::enforce);
        parts_.record = record_of(member(document_, "record")).value_or(Record::full);
        parts_.labels = reading_.labels(document_, "");
        parts_.default_action = word_of<Action>(member(member(document_, "default"), "action"), action_words)
                                    .value_or(Action::reject);
        transit(member(document_, "transit"));
        parts_.reassemble_fragments = is_word(member(document_, "fragments"), "reassemble");
        limits(member(document_, "limits"));
        zones(member(document_, "zones"));
        identities(member(document_, "identities"));
        read_groups(member(document_, "groups"), reading_);
        services(member(document_, "services"));
        overlaps();
        RuleIds rule_ids;
        read_rules(member(document_, "rules"), reading_, rule_ids);
        read_health_checks(member(document_, "health_checks"), reading_, rule_ids);
        read_patches(member(document_, "patches"), reading_);
        compile_patterns(reading_);
    }

  private:
    void say(std::string pointer, std::string text, bool at_key = false) {
        reading_.say(std::move(pointer), std::move(text), at_key);
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
            reading_.check_name(name, pointer_to("/zones", name), true);
            reading_.zones.emplace(name, index);
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
            reading_.check_name(entry.key(), pointer_to("/identities", entry.key()), true);
            reading_.identities.emplace(entry.key(),
                                        static_cast<std::uint16_t>(parts_.identity_names.size()));
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
            reading_.check_name(name, pointer_to("/services", name), true);
            reading_.services.emplace(name, static_cast<std::uint16_t>(parts_.services.size()));
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
        result.mode = mode_of(member(value, "mode"));
        result.record = record_of(member(value, "record"));
        result.labels = reading_.labels(value, pointer);
        ports(member(value, "ports"), pointer_to(pointer, "ports"), result.ports);
        return result;
    }

    void ports(const json& list, const std::string& pointer, std::vector<std::uint16_t>& result) {
        std::vector<bool> seen(65536);
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            const std::string at = pointer_to(pointer, std::to_string(i));
            const auto range = port_range(list[i], at);
            bool twice = false;
            for (std::size_t port = range ? range->first : 1; range && port <= range->second; ++port) {
                if (seen[port] && !twice) {
                    say(at, "port " + std::to_string(port) + " is listed twice");
                    twice = true;
                }
                seen[port] = true;
            }
        }
        for (std::size_t port = 1; port < seen.size(); ++port) {
            if (seen[port]) {
                result.push_back(static_cast<std::uint16_t>(port));
            }
        }
    }

    /// 9200, or "9300-9399": the first and the last.
    std::optional<std::pair<std::size_t, std::size_t>> port_range(const json& value,
                                                                  const std::string& pointer) {
        if (value.is_number_unsigned() && value >= 1 && value <= 65535) {
            const auto port = value.get<std::size_t>();
            return std::pair{port, port};
        }
        if (!value.is_string()) {
            return std::nullopt;  // the schema has said it
        }
        const auto& text = value.get_ref<const std::string&>();
        const std::size_t dash = std::min(text.find('-'), text.size());
        const auto first = port_number(std::string_view(text).substr(0, dash));
        const auto last = port_number(std::string_view(text).substr(std::min(dash + 1, text.size())));
        if (!first || !last || *first >= *last) {
            say(pointer,
                in_quotes(text) +
                    " is no range of ports; one is written as \"9300-9399\", a single port as a number");
            return std::nullopt;
        }
        return std::pair<std::size_t, std::size_t>{*first, *last};
    }

    static std::optional<std::uint16_t> port_number(std::string_view digits) {
        std::uint16_t port = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
        const bool whole = error == std::errc{} && end == digits.data() + digits.size() && port != 0;
        return whole && digits.front() != '0' ? std::optional{port} : std::nullopt;
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

    const json& document_;
    CompiledPolicy::Parts& parts_;
    Reading reading_;
};

}  // namespace

CompiledPolicy::Parts read_policy(const json& document, elasticsearch::Catalogue catalogue,
                                  std::vector<Mistake>& mistakes) {
    CompiledPolicy::Parts parts;
    parts.catalogue = std::move(catalogue);
    Reader(document, parts, mistakes).read();
    return parts;
}

}  // namespace springlatch
