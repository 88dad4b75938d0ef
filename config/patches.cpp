#include "config/patches.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "config/json_positions.h"

namespace springlatch {

/// The text of config/catalogue/patches.json (see config/CMakeLists.txt).
std::string_view patches_json();

namespace {

using nlohmann::json;

/// Where an expression goes among those of its kind, if there is one.
std::uint16_t place(const std::string& expression, std::vector<std::string>& expressions) {
    if (expression.empty()) {
        return no_pattern;
    }
    expressions.push_back(expression);
    return static_cast<std::uint16_t>(expressions.size() - 1);
}

/// Those of patches are ours: tests compile them all.
PatternSet compiled(const std::vector<std::string>& expressions, Extent extent, Reading& reading) {
    auto set = PatternSet::compile(expressions, extent);
    if (set) {
        return std::move(*set);
    }
    const PatternProblem& problem = set.error();
    if (problem.index < reading.path_places.size()) {
        reading.mistakes.push_back(
            {reading.path_places[problem.index], false,
             "the expression " + in_quotes(expressions[problem.index]) + ": " + printable(problem.text),
             problem.offset});
    } else {
        reading.say("/rules", "the expressions of all \"paths\": " + printable(problem.text));
    }
    return {};
}

}  // namespace

const std::vector<KnownExploit>& known_exploits() {
    static const auto all = [] {
        std::vector<KnownExploit> result;
        for (const json& entry : json::parse(patches_json())) {
            result.push_back({.name = text_of(member(entry, "name")),
                              .title = text_of(member(entry, "title")),
                              .methods = bits_of(member(entry, "methods"), method_words),
                              .path = text_of(member(entry, "path")),
                              .query = text_of(member(entry, "query")),
                              .head = text_of(member(entry, "head"))});
        }
        std::sort(result.begin(), result.end(),
                  [](const KnownExploit& a, const KnownExploit& b) { return a.name < b.name; });
        return result;
    }();
    return all;
}

void read_patches(const json& names, Reading& reading) {
    std::vector<std::string> known{"all"};
    for (const KnownExploit& exploit : known_exploits()) {
        known.push_back(exploit.name);
    }
    std::vector<std::string> wanted;
    for (std::size_t i = 0; names.is_array() && i < names.size(); ++i) {
        const std::string name = text_of(names[i]);
        if (names[i].is_string() && std::find(known.begin(), known.end(), name) == known.end()) {
            reading.say(pointer_to("/patches", std::to_string(i)),
                        "there is no patch " + in_quotes(name) + did_you_mean(name, known));
        }
        wanted.push_back(name);
    }
    const bool all = std::find(wanted.begin(), wanted.end(), "all") != wanted.end();
    for (const KnownExploit& exploit : known_exploits()) {
        if (all || std::find(wanted.begin(), wanted.end(), exploit.name) != wanted.end()) {
            Patch patch;
            patch.name = exploit.name;
            patch.methods = exploit.methods;
            reading.parts.patches.push_back(std::move(patch));
        }
    }
}

void compile_patterns(Reading& reading) {
    std::vector<std::string> paths = reading.parts.path_expressions;
    std::vector<std::string> queries;
    std::vector<std::string> heads;
    for (Patch& patch : reading.parts.patches) {
        const auto exploit =
            std::find_if(known_exploits().begin(), known_exploits().end(),
                         [&](const KnownExploit& known) { return known.name == patch.name; });
        patch.path = place(exploit->path, paths);
        patch.query = place(exploit->query, queries);
        patch.head = place(exploit->head, heads);
    }
    reading.parts.patterns.paths = compiled(paths, Extent::whole, reading);
    reading.parts.patterns.queries = compiled(queries, Extent::anywhere, reading);
    reading.parts.patterns.heads = compiled(heads, Extent::anywhere, reading);
}

}  // namespace springlatch
