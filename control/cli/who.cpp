#include "control/cli/who.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "config/schema_check.h"
#include "config/time_text.h"
#include "control/cli/output.h"
#include "control/cli/when.h"
#include "control/clock.h"
#include "control/store/who.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr int usage_mistake = 2;
constexpr std::uint64_t second_ns = 1'000'000'000;

struct WhoOptions {
    std::string store;
    std::string service;
    std::string from;
    std::string to;
    bool json = false;
};

/// All that is known to answer with.
struct Answers {
    WhoFilter asked;
    std::vector<Reader> readers;
    Coverage coverage;
    std::vector<Coverage::Span> gaps;  ///< of the time asked for, in which nobody told anything
};

[[nodiscard]] std::vector<Coverage::Span> gaps_of(const Coverage& coverage, std::uint64_t from_ns,
                                                  std::uint64_t to_ns) {
    std::vector<Coverage::Span> gaps;
    std::uint64_t at = from_ns;
    for (const Coverage::Span& span : coverage.spans) {
        if (span.from_ns > at) {
            gaps.push_back({.from_ns = at, .to_ns = span.from_ns});
        }
        at = span.to_ns;
    }
    if (at < to_ns) {
        gaps.push_back({.from_ns = at, .to_ns = to_ns});
    }
    return gaps;
}

[[nodiscard]] std::uint64_t lost_events(const Coverage& coverage) {
    std::uint64_t sum = 0;
    for (const Loss& loss : coverage.losses) {
        sum += loss.events;
    }
    return sum;
}

[[nodiscard]] bool is_complete(const Answers& answers) {
    return answers.gaps.empty() && answers.coverage.losses.empty();
}

/// To the second; the whole is in the JSON.
[[nodiscard]] std::string time_text(std::uint64_t ns) {
    constexpr std::size_t until_seconds = 19;
    return rfc3339(ns).substr(0, until_seconds) + "Z";
}

[[nodiscard]] std::string joined(const std::vector<std::string>& words, const char* none) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ",") + word;
    }
    return text.empty() ? none : text;
}

[[nodiscard]] std::string with_commas(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

using Cells = std::array<std::string, 9>;

void print_table(const std::vector<Cells>& rows) {
    Cells::size_type columns = std::tuple_size_v<Cells>;
    std::array<std::size_t, std::tuple_size_v<Cells>> widths{};
    for (const Cells& row : rows) {
        for (std::size_t i = 0; i < columns; ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (const Cells& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < columns; ++i) {
            constexpr std::size_t first_number = 4;
            constexpr std::size_t after_numbers = 7;
            const std::string fill(widths[i] - row[i].size(), ' ');
            const bool right = i >= first_number && i < after_numbers;
            line += (i == 0 ? "" : "  ") + (right ? fill + row[i] : row[i] + fill);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        std::puts(line.c_str());
    }
}

void print_text(const Answers& answers) {
    const auto given = static_cast<std::size_t>(std::count_if(
        answers.readers.begin(), answers.readers.end(), [](const Reader& r) { return r.was_served(); }));
    std::printf("%s from %s to %s\n", answers.asked.service.c_str(), time_text(answers.asked.from_ns).c_str(),
                time_text(answers.asked.to_ns).c_str());
    if (!answers.readers.empty()) {
        std::vector<Cells> rows = {{"source", "identity", "credentials", "operations", "requests", "denied",
                                    "bytes given", "first", "last"}};
        for (const Reader& reader : answers.readers) {
            rows.push_back({reader.source, reader.user.empty() ? "-" : reader.user,
                            joined(reader.credentials, "-"), joined(reader.operations, "-"),
                            with_commas(reader.requests + reader.connections), with_commas(reader.denied),
                            with_commas(reader.bytes_given) + (reader.unfinished > 0 ? "+" : ""),
                            time_text(reader.first_ns), time_text(reader.last_ns)});
        }
        print_table(rows);
    }
    const std::string whom = given == 0   ? "Nobody was"
                             : given == 1 ? "One reader was"
                                          : std::to_string(given) + " readers were";
    std::printf("%s given anything%s.\n", whom.c_str(), is_complete(answers) ? "" : ", as far as is known");
    const std::uint64_t unfinished = [&] {
        std::uint64_t sum = 0;
        for (const Reader& reader : answers.readers) {
            sum += reader.unfinished;
        }
        return sum;
    }();
    if (unfinished > 0) {
        std::printf("+: the end of %s of these is not known (yet); what they were given is not counted.\n",
                    with_commas(unfinished).c_str());
    }
    const std::uint64_t asked = answers.asked.to_ns - answers.asked.from_ns;
    const std::uint64_t covered = answers.coverage.covered_ns();
    // Rounded down: 100 % is said only of the whole.
    const double percent =
        asked == 0 ? 0 : std::floor(1e4 * static_cast<double>(covered) / static_cast<double>(asked)) / 100;
    std::printf("Covered: %s of %s seconds (%.2f %%), %s events lost.\n",
                with_commas(covered / second_ns).c_str(), with_commas(asked / second_ns).c_str(), percent,
                with_commas(lost_events(answers.coverage)).c_str());
    for (const Coverage::Span& gap : answers.gaps) {
        std::printf("  not covered: %s to %s: no data plane told anything\n", time_text(gap.from_ns).c_str(),
                    time_text(gap.to_ns).c_str());
    }
    for (const Loss& loss : answers.coverage.losses) {
        std::printf("  lost: %s events between %s and %s: %s\n", with_commas(loss.events).c_str(),
                    time_text(loss.after_ns).c_str(), time_text(loss.until_ns).c_str(),
                    loss.cause == "ring" ? "the ring to the control process was full"
                                         : "the store could not be written");
    }
}

[[nodiscard]] Json json_of(const Answers& answers) {
    Json json;
    json["service"] = answers.asked.service;
    json["from"] = rfc3339(answers.asked.from_ns);
    json["to"] = rfc3339(answers.asked.to_ns);
    json["readers"] = Json::array();
    for (const Reader& reader : answers.readers) {
        Json one;
        one["source"] = reader.source;
        if (!reader.user.empty()) {
            one["identity"] = reader.user;
        }
        one["credentials"] = reader.credentials;
        one["operations"] = reader.operations;
        one["requests"] = reader.requests;
        one["connections"] = reader.connections;
        one["denied"] = reader.denied;
        one["bytes_given"] = reader.bytes_given;
        one["unfinished"] = reader.unfinished;
        one["first"] = rfc3339(reader.first_ns);
        one["last"] = rfc3339(reader.last_ns);
        json["readers"].push_back(std::move(one));
    }
    Json completeness;
    completeness["complete"] = is_complete(answers);
    completeness["seconds_asked"] =
        static_cast<double>(answers.asked.to_ns - answers.asked.from_ns) / second_ns;
    completeness["seconds_covered"] = static_cast<double>(answers.coverage.covered_ns()) / second_ns;
    completeness["events_lost"] = lost_events(answers.coverage);
    completeness["gaps"] = Json::array();
    for (const Coverage::Span& gap : answers.gaps) {
        completeness["gaps"].push_back({{"from", rfc3339(gap.from_ns)}, {"to", rfc3339(gap.to_ns)}});
    }
    completeness["losses"] = Json::array();
    for (const Loss& loss : answers.coverage.losses) {
        completeness["losses"].push_back({{"after", rfc3339(loss.after_ns)},
                                          {"until", rfc3339(loss.until_ns)},
                                          {"events", loss.events},
                                          {"cause", loss.cause}});
    }
    json["completeness"] = std::move(completeness);
    return json;
}

[[nodiscard]] int fail(const std::string& text, int code) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return code;
}

[[nodiscard]] int who(const WhoOptions& options) {
    const std::uint64_t now = unix_ns();
    const auto from = moment_of(options.from, now);
    if (!from) {
        return fail("--from: " + from.error(), usage_mistake);
    }
    const auto to = moment_of(options.to, now);
    if (!to) {
        return fail("--to: " + to.error(), usage_mistake);
    }
    if (*from >= *to) {
        return fail("--from: " + options.from + " is not before --to " + options.to, usage_mistake);
    }
    auto store = StoreReader::open(options.store);
    if (!store) {
        return fail(store.error(), 1);
    }
    Answers answers;
    answers.asked = {.service = options.service, .from_ns = *from, .to_ns = *to};
    auto readers = readers_of(*store, answers.asked);
    auto coverage = store->coverage(*from, *to);
    if (!readers || !coverage) {
        return fail(!readers ? readers.error() : coverage.error(), 1);
    }
    if (readers->empty()) {
        // "Nobody" must not be the answer to a slip of the pen without a word about it.
        const auto known = services_in(*store);
        if (!known) {
            return fail(known.error(), 1);
        }
        if (std::find(known->begin(), known->end(), options.service) == known->end()) {
            std::fprintf(stderr,
                         "warning: --service: no event in %s is about a service \"%s\"%s (there are: %s)\n",
                         options.store.c_str(), options.service.c_str(),
                         did_you_mean(options.service, *known).c_str(), joined(*known, "none").c_str());
        }
    }
    answers.readers = std::move(*readers);
    answers.coverage = std::move(*coverage);
    answers.gaps = gaps_of(answers.coverage, *from, *to);
    if (options.json) {
        std::puts(json_of(answers).dump(2).c_str());
    } else {
        print_text(answers);
    }
    if (!flush_output()) {
        return 1;
    }
    return 0;
}

}  // namespace

void add_who(CLI::App& parent, int& code) {
    auto options = std::make_shared<WhoOptions>();
    options->to = "now";
    CLI::App* command =
        parent.add_subcommand("who", "Who was given what of a service, how much, and how sure that is");
    command->add_option("--store", options->store, "Folder of the event store")->required();
    command->add_option("--service", options->service, "Name of the service in the policy")->required();
    command->add_option("--from", options->from, "Not before this time (RFC 3339, or back from now: -24h)")
        ->required();
    command->add_option("--to", options->to, "Not after this time")->capture_default_str();
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &code] { code = who(*options); });
}

}  // namespace springlatch::control
