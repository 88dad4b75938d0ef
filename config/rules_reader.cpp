#include "config/rules_reader.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/json_positions.h"
#include "config/time_text.h"

namespace springlatch {
namespace {

using nlohmann::json;

constexpr std::size_t rules_max = 10'000;
constexpr std::size_t candidates_max = 4'000'000;  // rules × their zones × their services
constexpr std::size_t health_checks_max = 1000;
constexpr std::uint32_t day_seconds = 86'400;

constexpr std::array<Word, 3> needs = {{{"any", static_cast<unsigned>(CredentialNeed::any)},
                                        {"present", static_cast<unsigned>(CredentialNeed::present)},
                                        {"verified", static_cast<unsigned>(CredentialNeed::verified)}}};

constexpr std::array<Word, 5> operations = {
    {{"info", static_cast<unsigned>(elasticsearch::Operation::info)},
     {"read", static_cast<unsigned>(elasticsearch::Operation::read)},
     {"write", static_cast<unsigned>(elasticsearch::Operation::write)},
     {"manage", static_cast<unsigned>(elasticsearch::Operation::manage)},
     {"security", static_cast<unsigned>(elasticsearch::Operation::security)}}};

constexpr std::array<Word, 2> limit_pers = {{{"source", static_cast<unsigned>(LimitPer::source)},
                                             {"identity", static_cast<unsigned>(LimitPer::identity)}}};
constexpr std::array<Word, 3> limit_ofs = {
    {{"requests", static_cast<unsigned>(LimitOf::requests)},
     {"bytes_given", static_cast<unsigned>(LimitOf::bytes_given)},
     {"failed_credentials", static_cast<unsigned>(LimitOf::failed_credentials)}}};

class RulesReader {
  public:
    RulesReader(Reading& reading, RuleIds& ids) : reading_(reading), ids_(ids) {}

    void rules(const json& list) {
        std::size_t candidates = 0;
        for (std::size_t i = 0; i < list.size(); ++i) {
            reading_.parts.rules.push_back(rule(list[i], pointer_to("/rules", std::to_string(i))));
            const Rule& last = reading_.parts.rules.back();
            candidates += last.zones.size() * last.services.size();
        }
        if (candidates > candidates_max) {
            say("/rules", "the rules name " + std::to_string(candidates) +
                              " pairs of a zone and a service; at most " + std::to_string(candidates_max) +
                              " are allowed");
        }
    }

    HealthCheck health_check(const json& value, const std::string& pointer) {
        HealthCheck result;
        result.id = id(member(value, "id"), pointer);
        result.zones =
            reading_.references(member(value, "from"), pointer_to(pointer, "from"), reading_.zones, "zone");
        result.services =
            reading_.references(member(value, "to"), pointer_to(pointer, "to"), reading_.services, "service");
        for (const std::uint16_t index : result.services) {
            if (const Service& service = reading_.parts.services[index];
                service.protocol == ServiceProtocol::tcp) {
                say(pointer_to(pointer, "to"), "a health check is a request; the service " +
                                                   in_quotes(service.name) +
                                                   " is a tcp service, whose bytes are not read");
            }
        }
        result.method = is_word(member(value, "method"), "HEAD") ? http::Method::head : http::Method::get;
        const json& path = member(value, "path");
        const std::string text = text_of(path);
        const std::size_t mark = text.find('?');
        result.path = text.substr(0, mark);
        result.query = mark == std::string::npos ? "" : text.substr(mark + 1);
        if (path.is_string() && !is_exact(text)) {
            say(pointer_to(pointer, "path"),
                "found " + in_quotes(text) +
                    "; this must be one path as the probe sends it, from its `/` on, in printable ASCII, "
                    "without blanks, `*`, `#`, `//`, dot segments or percent signs");
        }
        const json& rate = member(value, "per_minute");
        result.per_minute = rate.is_number_unsigned() ? rate.get<std::uint32_t>() : 0;
        return result;
    }

  private:
    void say(std::string pointer, std::string text, bool at_key = false) {
        reading_.say(std::move(pointer), std::move(text), at_key);
    }

    /// One spelling, which every server reads alike.
    static bool is_exact(const std::string& text) {
        const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
            return c > ' ' && c < 0x7f && std::string_view("*#%\\\"<>{}").find(c) == std::string_view::npos;
        });
        const std::string path = text.substr(0, text.find('?'));
        return plain && text.starts_with('/') && text.size() <= 1024 &&
               path.find("//") == std::string::npos && (path + '/').find("/./") == std::string::npos &&
               (path + '/').find("/../") == std::string::npos;
    }

    std::string id(const json& value, const std::string& pointer) {
        if (!value.is_string()) {
            return "";
        }
        auto text = value.get<std::string>();
        const std::string at = pointer_to(pointer, "id");
        reading_.check_name(text, at, false);
        if (const auto [first, is_new] = ids_.emplace(text, pointer); !is_new) {
            say(at, "the id " + in_quotes(text) + " is used by " + first->second + " already");
        }
        return text;
    }

    Rule rule(const json& value, const std::string& pointer) {
        Rule result;
        result.id = id(member(value, "id"), pointer);
        result.zones =
            reading_.references(member(value, "from"), pointer_to(pointer, "from"), reading_.zones, "zone");
        result.services =
            reading_.references(member(value, "to"), pointer_to(pointer, "to"), reading_.services, "service");
        result.credentials =
            word_of<CredentialNeed>(member(value, "credentials"), needs).value_or(CredentialNeed::present);
        identities(value, pointer, result);
        result.methods = bits_of(member(value, "methods"), method_words);
        result.operations = bits_of(member(value, "operations"), operations);
        result.flags = flags(member(value, "flags"));
        result.apis = apis(member(value, "apis"), pointer_to(pointer, "apis"));
        result.paths = paths(member(value, "paths"), pointer_to(pointer, "paths"));
        result.action = word_of<Action>(member(value, "action"), action_words).value_or(Action::reject);
        result.mode = mode_of(member(value, "mode"));
        result.record = record_of(member(value, "record"));
        if (result.action == Action::allow && result.mode == Mode::observe) {
            say(pointer_to(pointer, "mode"),
                "\"observe\" is for rules that deny; a rule that allows has no denial to observe");
        }
        result.labels = reading_.labels(value, pointer);
        expires(value, pointer, result);
        limits(member(value, "limits"), pointer_to(pointer, "limits"), result);
        conditions(value, pointer, result);
        return result;
    }

    void identities(const json& value, const std::string& pointer, Rule& result) {
        const json& list = member(value, "identities");
        const std::string at = pointer_to(pointer, "identities");
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (!list[i].is_string()) {
                continue;
            }
            const auto& name = list[i].get_ref<const std::string&>();
            const std::string place = pointer_to(at, std::to_string(i));
            if (const auto identity = reading_.identities.find(name); identity != reading_.identities.end()) {
                result.identities.push_back(identity->second);
            } else if (const auto group = reading_.groups.find(name); group != reading_.groups.end()) {
                const auto& members = reading_.parts.groups[group->second].identities;
                result.identities.insert(result.identities.end(), members.begin(), members.end());
            } else {
                std::vector<std::string> known = names_in(reading_.identities);
                const std::vector<std::string> groups = names_in(reading_.groups);
                known.insert(known.end(), groups.begin(), groups.end());
                say(place, "there is no identity or group " + in_quotes(name) + did_you_mean(name, known));
            }
            const auto here = list.begin() + static_cast<std::ptrdiff_t>(i);
            if (std::find(list.begin(), here, list[i]) != here) {
                say(place, "this name is listed twice");
            }
        }
        std::sort(result.identities.begin(), result.identities.end());
        result.identities.erase(std::unique(result.identities.begin(), result.identities.end()),
                                result.identities.end());
        if (result.credentials != CredentialNeed::verified && !list.is_null()) {
            say(at, "identities are known only where \"credentials\" is \"verified\"", true);
        }
        if (result.credentials == CredentialNeed::verified && reading_.parts.identity_names.empty()) {
            say(pointer_to(pointer, "credentials"),
                "\"verified\" needs identities to compare with, and the policy has none; add \"identities\"");
        }
    }

    static std::uint16_t flags(const json& list) {
        unsigned bits = 0;
        for (std::size_t i = 0; i < elasticsearch::flag_names.size(); ++i) {
            if (list.is_array() && std::any_of(list.begin(), list.end(), [&](const json& entry) {
                    return is_word(entry, elasticsearch::flag_names[i]);
                })) {
                bits |= 1U << i;
            }
        }
        return static_cast<std::uint16_t>(bits);
    }

    std::vector<std::uint16_t> apis(const json& list, const std::string& pointer) {
        std::vector<std::uint16_t> result;
        const elasticsearch::Catalogue& catalogue = reading_.parts.catalogue;
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (!list[i].is_string()) {
                continue;
            }
            const auto& name = list[i].get_ref<const std::string&>();
            if (const auto index = catalogue.api_index(name)) {
                result.push_back(*index);
                continue;
            }
            const bool is_head = name == "ping" || name.find("exists") != std::string::npos;
            const auto names = catalogue.api_names();
            say(pointer_to(pointer, std::to_string(i)),
                "there is no API " + in_quotes(name) + " in the catalogue" +
                    (is_head ? "; HEAD counts as GET there: name what the GET of this path is, and add "
                               "\"methods\": [\"HEAD\"]"
                             : did_you_mean(name, {names.begin(), names.end()})));
        }
        std::sort(result.begin(), result.end());
        result.erase(std::unique(result.begin(), result.end()), result.end());
        return result;
    }

    std::vector<std::uint16_t> paths(const json& list, const std::string& pointer) {
        std::vector<std::uint16_t> result;
        std::vector<std::string>& expressions = reading_.parts.path_expressions;
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            if (!list[i].is_string()) {
                continue;
            }
            const std::size_t next = std::min<std::size_t>(expressions.size(), no_pattern);
            const auto [known, is_new] =
                expressions_.emplace(list[i].get<std::string>(), static_cast<std::uint16_t>(next));
            if (is_new) {
                expressions.push_back(known->first);
                reading_.path_places.push_back(pointer_to(pointer, std::to_string(i)));
            }
            result.push_back(known->second);
        }
        std::sort(result.begin(), result.end());
        result.erase(std::unique(result.begin(), result.end()), result.end());
        return result;
    }

    void expires(const json& value, const std::string& pointer, Rule& result) {
        const json& time = member(value, "expires");
        if (time.is_null()) {
            return;
        }
        const std::string at = pointer_to(pointer, "expires");
        const std::string text = text_of(time);
        if (const auto parsed = parse_rfc3339(text)) {
            result.expires_ns = *parsed;
        } else if (time.is_string()) {
            say(at, "found " + in_quotes(text) +
                        "; this must be a time as in RFC 3339, with its zone: \"2026-12-31T18:00:00Z\" or "
                        "\"2026-12-31T19:00:00+01:00\"");
        }
        for (const char* key : {"owner", "reason"}) {
            if (member(value, key).is_null()) {
                say(at,
                    "a rule that expires says who answers for it and why it is there: the key \"" +
                        std::string(key) + "\" is missing",
                    true);
            }
        }
    }

    void limits(const json& list, const std::string& pointer, Rule& rule) {
        for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
            const json& value = list[i];
            const std::string at = pointer_to(pointer, std::to_string(i));
            RuleLimit limit;
            limit.per = word_of<LimitPer>(member(value, "per"), limit_pers).value_or(LimitPer::source);
            limit.of = word_of<LimitOf>(member(value, "of"), limit_ofs).value_or(LimitOf::requests);
            const json& most = member(value, "most");
            limit.most = most.is_number_unsigned() ? most.get<std::uint64_t>() : 0;
            limit.within_seconds =
                reading_.duration(member(value, "within"), pointer_to(at, "within"), day_seconds);
            limit.quarantine_seconds =
                reading_.duration(member(value, "quarantine"), pointer_to(at, "quarantine"), 7 * day_seconds);
            if (rule.credentials != CredentialNeed::verified) {
                if (limit.per == LimitPer::identity) {
                    say(pointer_to(at, "per"),
                        "identities are known only where the rule's \"credentials\" is \"verified\"");
                }
                if (limit.of == LimitOf::failed_credentials) {
                    say(pointer_to(at, "of"),
                        "credentials fail only where the rule's \"credentials\" is \"verified\"");
                }
            } else if (limit.per == LimitPer::identity && limit.of == LimitOf::failed_credentials) {
                say(pointer_to(at, "per"), "credentials that fail are nobody's; count them per source");
            }
            rule.limits.push_back(limit);
        }
    }

    /// A condition that can never hold, or was forgotten, for one of the rule's services.
    void conditions(const json& value, const std::string& pointer, Rule& rule) {
        const Service* with_requests = nullptr;
        const Service* by_source = nullptr;
        for (const std::uint16_t index : rule.services) {
            const Service& service = reading_.parts.services[index];
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
        for (const char* key : {"methods", "operations", "identities", "apis", "flags", "paths", "limits"}) {
            if (value.is_object() && value.contains(key)) {
                say(pointer_to(pointer, key), key + why, true);
            }
        }
        if (credentials.is_null()) {
            rule.credentials = CredentialNeed::any;
        }
    }

    Reading& reading_;
    RuleIds& ids_;
    std::map<std::string, std::uint16_t> expressions_;  ///< → their place in Parts::path_expressions
};

}  // namespace

void read_rules(const json& rules, Reading& reading, RuleIds& ids) {
    if (rules.is_array() && rules.size() <= rules_max) {
        RulesReader(reading, ids).rules(rules);
    }
}

void read_health_checks(const json& checks, Reading& reading, RuleIds& ids) {
    if (!checks.is_array() || checks.size() > health_checks_max) {
        return;
    }
    RulesReader reader(reading, ids);
    for (std::size_t i = 0; i < checks.size(); ++i) {
        reading.parts.health_checks.push_back(
            reader.health_check(checks[i], pointer_to("/health_checks", std::to_string(i))));
    }
}

}  // namespace springlatch
