#include "control/explain/table.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "config/json_positions.h"
#include "config/schema_check.h"
#include "config/time_text.h"
#include "control/explain/explanation.h"

namespace springlatch::control {
namespace {

using nlohmann::json;
using Mistakes = std::vector<std::string>;

constexpr std::array<const char*, 4> table_keys = {"$comment", "at", "to", "cases"};
constexpr std::array<const char*, 13> case_keys = {"name",    "$comment", "from",  "to",     "at",
                                                   "request", "headers",  "as",    "expect", "reason",
                                                   "rule",    "status",   "client"};
/// Where neither the table nor a case says when: a day that does not pass.
constexpr const char* default_time = "2026-01-01T12:00:00Z";

[[nodiscard]] std::uint64_t default_time_ns() {
    return *parse_time(default_time);
}

class Table {
  public:
    Table(const LoadedPolicy& policy, std::string_view text, const std::string& name)
        : policy_(policy), positions_(text), text_(text), name_(name) {}

    tl::expected<TableResult, Mistakes> run() {
        for (const JsonProblem& problem : positions_.problems()) {
            say_at(problem.offset, problem.pointer, problem.text);
        }
        if (!mistakes_.empty()) {
            return tl::unexpected(std::move(mistakes_));
        }
        const json document = json::parse(text_);
        if (!document.is_object() || !document.contains("cases") || !document["cases"].is_array()) {
            say("", "a table is an object with \"cases\", an array");
            return tl::unexpected(std::move(mistakes_));
        }
        check_keys(document, "", table_keys);
        if (document["cases"].empty()) {
            say("/cases", "a table without cases tests nothing");
        }
        for (std::size_t i = 0; i < document["cases"].size(); ++i) {
            look_at(document, document["cases"][i], "/cases/" + std::to_string(i));
        }
        if (!mistakes_.empty()) {
            return tl::unexpected(std::move(mistakes_));
        }
        return std::move(result_);
    }

  private:
    void say_at(std::size_t offset, const std::string& pointer, std::string text) {
        const LineColumn at = positions_.line_column(offset);
        mistakes_.push_back(PolicyError{name_, at.line, at.column, pointer, std::move(text)}.str());
    }
    void say(const std::string& pointer, std::string text) {
        say_at(positions_.offset_of(pointer, false), pointer, std::move(text));
    }

    template <std::size_t size>
    void check_keys(const json& object, const std::string& pointer,
                    const std::array<const char*, size>& known) {
        for (const auto& entry : object.items()) {
            const std::string& key = entry.key();
            if (std::find(known.begin(), known.end(), key) == known.end()) {
                say_at(positions_.offset_of(pointer_to(pointer, key), true), pointer_to(pointer, key),
                       "unknown key" + did_you_mean(key, {known.begin(), known.end()}));
            }
        }
    }

    /// Text of a member of the case, else of the table; "" if there is none.
    std::string text_at(const json& document, const json& entry, const std::string& pointer,
                        const char* key) {
        const bool own = entry.contains(key);
        const json& holder = own ? entry : document;
        if (!holder.contains(key)) {
            return "";
        }
        if (!holder[key].is_string()) {
            say(pointer_to(own ? pointer : "", key), "this must be a string");
            return "";
        }
        return holder[key].get<std::string>();
    }

    void look_at(const json& document, const json& entry, const std::string& pointer) {
        if (!entry.is_object()) {
            say(pointer, "a case is an object");
            return;
        }
        const std::size_t before = mistakes_.size();
        check_keys(entry, pointer, case_keys);
        if (text_at(document, entry, pointer, "name").empty()) {
            say(pointer, "a case needs a \"name\"");
        }
        Question question;
        place(document, entry, pointer, question);
        request(document, entry, pointer, question);
        const std::string expect = text_at(document, entry, pointer, "expect");
        if (expect != "allowed" && expect != "denied" && expect != "would_deny") {
            say(pointer_to(pointer, "expect"),
                "found " + in_quotes(expect) + "; allowed: allowed, denied, would_deny");
        }
        if (mistakes_.size() == before) {
            judge(document, entry, pointer, explain(policy_, question));
        }
    }

    void place(const json& document, const json& entry, const std::string& pointer, Question& question) {
        const auto client = address_from(text_at(document, entry, pointer, "from"));
        const auto server = listener_from(text_at(document, entry, pointer, "to"));
        if (!client) {
            say(pointer_to(pointer, "from"), "this must be the client's address");
        }
        if (!server) {
            say(pointer_to(pointer, "to"), "this must be the server's ADDRESS:PORT");
        }
        if (client && server && client->is_v4() != server->address.is_v4()) {
            say(pointer, "\"from\" and \"to\" must both be IPv4 or both IPv6");
        }
        question.ends.client = client.value_or(IpAddress{});
        question.ends.server = server.value_or(Listener{}).address;
        question.ends.server_port = server.value_or(Listener{}).port;
        const std::string at = text_at(document, entry, pointer, "at");
        const auto time = at.empty() ? std::optional{default_time_ns()} : parse_time(at);
        if (!time) {
            say(pointer_to(pointer, "at"), in_quotes(at) + " is no time; write 2019-12-05T10:00:00Z");
        }
        question.time_ns = time.value_or(0);
    }

    void request(const json& document, const json& entry, const std::string& pointer, Question& question) {
        std::vector<std::string> headers;
        const json list = entry.value("headers", json::array());
        const bool strings = list.is_array() && std::all_of(list.begin(), list.end(), [](const json& header) {
                                 return header.is_string();
                             });
        if (!strings) {
            say(pointer_to(pointer, "headers"), "this must be an array of strings");
            return;
        }
        for (const json& header : list) {
            headers.push_back(header.get<std::string>());
        }
        const Identity* identity = nullptr;
        if (const std::string who = text_at(document, entry, pointer, "as"); !who.empty()) {
            const std::vector<std::string>& names = policy_.policy->parts().identity_names;
            const auto found = std::find(names.begin(), names.end(), who);
            if (found == names.end()) {
                say(pointer_to(pointer, "as"),
                    "there is no identity " + in_quotes(who) + " in the policy" + did_you_mean(who, names));
                return;
            }
            question.identity = static_cast<std::uint16_t>(found - names.begin());
            identity = &policy_.identities[*question.identity];
        }
        auto bytes =
            request_bytes(text_at(document, entry, pointer, "request"), headers, question.ends, identity);
        if (!bytes) {
            say(pointer_to(pointer, "request"), bytes.error());
            return;
        }
        question.bytes = std::move(*bytes);
    }

    void judge(const json& document, const json& entry, const std::string& pointer,
               const Explanation& found) {
        ++result_.cases;
        std::string wrong;
        const auto compare = [&](const char* key, const std::string& got) {
            const std::string wanted =
                text_at(document, entry, pointer, key == std::string_view("action") ? "expect" : key);
            if (!wanted.empty() && wanted != got) {
                wrong += (wrong.empty() ? "" : ", ") + std::string(key) + " should be " + wanted +
                         " and is " + (got.empty() ? "none" : got);
            }
        };
        compare("action", found.action);
        compare("reason", found.reason);
        compare("rule", found.rule.empty() ? "default" : found.rule);
        compare("client", found.client);
        if (entry.contains("status") && entry["status"] != found.status) {
            wrong += (wrong.empty() ? "" : ", ") + std::string("status should be ") + entry["status"].dump() +
                     " and is " + std::to_string(found.status);
        }
        if (!wrong.empty()) {
            const std::string title = text_at(document, entry, pointer, "name");
            const LineColumn at = positions_.line_column(positions_.offset_of(pointer, false));
            result_.failures.push_back(PolicyError{name_, at.line, at.column, pointer,
                                                   in_quotes(title) + ": " + wrong + "; " + why(found)}
                                           .str());
        }
    }

    /// The step that a person would look at first.
    [[nodiscard]] static std::string why(const Explanation& found) {
        for (const Step& step : found.steps) {
            if (step.why_not.empty()) {
                return "rule " + step.rule + " decides";
            }
        }
        return found.steps.empty()
                   ? "no rule was asked"
                   : found.steps.back().rule + " does not match: " + found.steps.back().why_not;
    }

    const LoadedPolicy& policy_;
    JsonPositions positions_;
    std::string_view text_;
    const std::string& name_;
    TableResult result_;
    Mistakes mistakes_;
};

}  // namespace

tl::expected<TableResult, std::vector<std::string>> run_table(const LoadedPolicy& policy,
                                                              std::string_view text,
                                                              const std::string& name) {
    return Table(policy, text, name).run();
}

}  // namespace springlatch::control
