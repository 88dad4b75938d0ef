#include "config/lint/finding.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "config/json_positions.h"
#include "config/load.h"

namespace springlatch::lint {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<Kind, 17> all_kinds = {{
    {"invalid-policy", Level::error, "The policy cannot be used at all."},
    {"open-to-everyone", Level::error,
     "A service can be reached from everywhere without credentials that the appliance has verified."},
    {"observe-leaves-open", Level::warning,
     "A rule that denies only observes: what it matches is forwarded."},
    {"observes-only", Level::warning, "Nothing is denied, since the mode is observe."},
    {"present-on-open-server", Level::error,
     "A rule trusts the server to check credentials, and the server is known not to."},
    {"tls-unread", Level::warning,
     "A service that can be reached from everywhere lets TLS pass unread, whatever the rules ask for."},
    {"health-check-from-everyone", Level::warning, "A health check is answered to everybody."},
    {"shadowed-rule", Level::warning, "A rule can never decide: those before it take all that it matches."},
    {"never-matches", Level::warning, "No request can meet all conditions of a rule."},
    {"deny-misses-unknown", Level::warning,
     "A rule that denies by operation does not match unknown paths, and a later one lets them in."},
    {"empty-zone", Level::warning, "Every address of a zone belongs to longer prefixes of other zones."},
    {"uncovered-port", Level::warning,
     "A port through which an Elasticsearch host is usually reached too is in no service."},
    {"expired", Level::warning, "A rule is past its time."},
    {"expires-soon", Level::warning, "A rule ends within the next days."},
    {"no-owner", Level::warning, "Nobody is named who answers for a service."},
    {"service-shut", Level::note, "No rule lets anything through to a service."},
    {"unused", Level::note, "No rule names a zone or an identity."},
}};

[[nodiscard]] std::size_t count(const std::vector<Finding>& findings, Level level) {
    return static_cast<std::size_t>(std::count_if(
        findings.begin(), findings.end(), [&](const Finding& finding) { return finding.level == level; }));
}

/// Names of files are bytes; JSON is UTF-8.
[[nodiscard]] std::string dump(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

[[nodiscard]] Json sarif_rule(const Kind& kind) {
    return {{"id", kind.name},
            {"shortDescription", {{"text", kind.text}}},
            {"defaultConfiguration", {{"level", name_of(kind.level)}}}};
}

/// A URI reference (RFC 3986 §4.1) from a path.
[[nodiscard]] std::string uri_of(const std::string& path) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string uri;
    for (const char c : path) {
        if (plain.find(c) != std::string_view::npos) {
            uri += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            uri += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return uri;
}

[[nodiscard]] Json sarif_result(const Finding& finding) {
    const auto kind = std::find_if(all_kinds.begin(), all_kinds.end(),
                                   [&](const Kind& known) { return known.name == finding.kind; });
    Json physical = {{"artifactLocation", {{"uri", uri_of(finding.file)}}}};
    if (finding.line != 0) {
        physical["region"] = {{"startLine", finding.line}, {"startColumn", finding.column}};
    }
    Json location = {{"physicalLocation", std::move(physical)}};
    if (!finding.pointer.empty()) {
        location["logicalLocations"] = Json::array({Json{{"fullyQualifiedName", finding.pointer}}});
    }
    return {{"ruleId", finding.kind},
            {"ruleIndex", kind - all_kinds.begin()},
            {"level", name_of(finding.level)},
            {"message", {{"text", finding.text + (finding.remedy.empty() ? "" : "; " + finding.remedy)}}},
            {"locations", Json::array({std::move(location)})}};
}

}  // namespace

std::string_view name_of(Level level) noexcept {
    switch (level) {
        case Level::note:
            return "note";
        case Level::warning:
            return "warning";
        case Level::error:
            break;
    }
    return "error";
}

std::span<const Kind> kinds() noexcept {
    return all_kinds;
}

std::string Finding::str() const {
    if (kind == "invalid-policy") {
        return PolicyError{file, line, column, pointer, text}.str();
    }
    std::string result = printable(file);
    if (line != 0) {
        result += ':' + std::to_string(line) + ':' + std::to_string(column);
    }
    result.append(": ").append(name_of(level)).append(": ");
    result += (pointer.empty() ? "" : printable(pointer) + ": ") + text;
    return result + (remedy.empty() ? "" : "; " + remedy) + " [" + std::string(kind) + ']';
}

std::string text_of(const std::vector<Finding>& findings) {
    std::string lines;
    for (const Finding& finding : findings) {
        lines += finding.str() + '\n';
    }
    return lines;
}

std::string json_of(const std::vector<Finding>& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        Json entry = {{"file", finding.file}};
        if (finding.line != 0) {
            entry["line"] = finding.line;
            entry["column"] = finding.column;
        }
        entry["pointer"] = finding.pointer;
        entry["level"] = name_of(finding.level);
        entry["rule"] = finding.kind;
        entry["text"] = finding.text;
        if (!finding.remedy.empty()) {
            entry["remedy"] = finding.remedy;
        }
        list.push_back(std::move(entry));
    }
    return dump({{"findings", std::move(list)},
                 {"errors", count(findings, Level::error)},
                 {"warnings", count(findings, Level::warning)},
                 {"notes", count(findings, Level::note)}});
}

std::string sarif_of(const std::vector<Finding>& findings, std::string_view version) {
    Json rules = Json::array();
    for (const Kind& kind : all_kinds) {
        rules.push_back(sarif_rule(kind));
    }
    Json results = Json::array();
    for (const Finding& finding : findings) {
        results.push_back(sarif_result(finding));
    }
    Json driver = {{"name", "springlatch"}, {"version", version}, {"rules", std::move(rules)}};
    Json run = {{"tool", {{"driver", std::move(driver)}}},
                {"columnKind", "utf16CodeUnits"},
                {"results", std::move(results)}};
    return dump({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                 {"version", "2.1.0"},
                 {"runs", Json::array({std::move(run)})}});
}

}  // namespace springlatch::lint
