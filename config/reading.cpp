#include "config/reading.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "config/json_positions.h"
#include "config/time_text.h"

namespace springlatch {
namespace {

using nlohmann::json;

constexpr std::size_t text_bytes_max = 256;

constexpr std::array<Word, 2> modes = {
    {{"enforce", static_cast<unsigned>(Mode::enforce)}, {"observe", static_cast<unsigned>(Mode::observe)}}};
constexpr std::array<Word, 2> records = {
    {{"full", static_cast<unsigned>(Record::full)}, {"aggregate", static_cast<unsigned>(Record::aggregate)}}};
constexpr std::array<Word, 5> severities = {{{"info", static_cast<unsigned>(Severity::info)},
                                             {"low", static_cast<unsigned>(Severity::low)},
                                             {"medium", static_cast<unsigned>(Severity::medium)},
                                             {"high", static_cast<unsigned>(Severity::high)},
                                             {"critical", static_cast<unsigned>(Severity::critical)}}};

bool is_name(std::string_view name) {
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return !name.empty() && name.size() <= 64 && name.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

const std::array<Word, 4> action_words = {{{"allow", static_cast<unsigned>(Action::allow)},
                                           {"reject", static_cast<unsigned>(Action::reject)},
                                           {"reset", static_cast<unsigned>(Action::reset)},
                                           {"drop", static_cast<unsigned>(Action::drop)}}};

const std::array<Word, 7> method_words = {{{"GET", static_cast<unsigned>(http::Method::get)},
                                           {"HEAD", static_cast<unsigned>(http::Method::head)},
                                           {"POST", static_cast<unsigned>(http::Method::post)},
                                           {"PUT", static_cast<unsigned>(http::Method::put)},
                                           {"DELETE", static_cast<unsigned>(http::Method::delete_)},
                                           {"OPTIONS", static_cast<unsigned>(http::Method::options)},
                                           {"PATCH", static_cast<unsigned>(http::Method::patch)}}};

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

std::string text_of(const json& value) {
    return value.is_string() ? value.get<std::string>() : std::string();
}

std::optional<unsigned> word_of(const json& value, const Word* words, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        if (is_word(value, words[i].name)) {
            return words[i].value;
        }
    }
    return std::nullopt;
}

std::uint16_t bits_of(const json& list, const Word* words, std::size_t count) {
    unsigned bits = 0;
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
        if (const auto value = word_of(list[i], words, count)) {
            bits |= 1U << *value;
        }
    }
    return static_cast<std::uint16_t>(bits);
}

std::optional<Mode> mode_of(const json& value) {
    return word_of<Mode>(value, modes);
}

std::optional<Record> record_of(const json& value) {
    return word_of<Record>(value, records);
}

std::vector<std::string> names_in(const NameIndex& index) {
    std::vector<std::string> result;
    result.reserve(index.size());
    for (const auto& entry : index) {
        result.push_back(entry.first);
    }
    return result;
}

void Reading::check_name(std::string_view name, const std::string& pointer, bool at_key) {
    if (!is_name(name)) {
        say(pointer,
            "the name " + in_quotes(name) +
                " is not allowed; a name has 1 to 64 letters, digits, dots, underscores or hyphens",
            at_key);
    }
}

std::vector<std::uint16_t> Reading::references(const json& list, const std::string& pointer,
                                               const NameIndex& known, const char* kind) {
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
                                                            did_you_mean(name, names_in(known)));
        }
    }
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
}

Labels Reading::labels(const json& object, const std::string& pointer) {
    Labels result;
    for (const auto& [key, target] :
         {std::pair{"owner", &result.owner}, std::pair{"reason", &result.reason}}) {
        const json& value = member(object, key);
        *target = text_of(value);
        if (value.is_string() &&
            (target->size() > text_bytes_max || target->find_first_not_of(" \t") == std::string::npos)) {
            say(pointer_to(pointer, key), "found " + in_quotes(*target) +
                                              "; this must say something, in at most " +
                                              std::to_string(text_bytes_max) + " bytes");
        }
    }
    const json& tags = member(object, "tags");
    for (std::size_t i = 0; tags.is_array() && i < tags.size(); ++i) {
        if (!tags[i].is_string()) {
            continue;
        }
        result.tags.push_back(tags[i].get<std::string>());
        if (!is_name(result.tags.back())) {
            say(pointer_to(pointer_to(pointer, "tags"), std::to_string(i)),
                "the tag " + in_quotes(result.tags.back()) +
                    " is not allowed; a tag has 1 to 64 letters, digits, dots, underscores or hyphens");
        }
    }
    std::sort(result.tags.begin(), result.tags.end());
    result.tags.erase(std::unique(result.tags.begin(), result.tags.end()), result.tags.end());
    result.severity = word_of<Severity>(member(object, "severity"), severities).value_or(Severity::none);
    return result;
}

std::uint32_t Reading::duration(const json& value, const std::string& pointer, std::uint32_t most_seconds) {
    if (!value.is_string()) {
        return 0;
    }
    const auto& text = value.get_ref<const std::string&>();
    const std::uint32_t seconds = parse_duration(text).value_or(0);
    if (seconds == 0 || seconds > most_seconds) {
        say(pointer, "found " + in_quotes(text) +
                         "; allowed: a number above 0 and a unit, 90s, 5m, 2h or 1d, " + "in all at most " +
                         std::to_string(most_seconds) + "s");
        return 0;
    }
    return seconds;
}

}  // namespace springlatch
