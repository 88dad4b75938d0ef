#pragma once
// What the readers of a policy's parts share: looking into JSON, naming things, saying what is wrong.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema_check.h"
#include "dataplane/policy/compiled.h"

namespace springlatch {

struct Word {
    std::string_view name;
    unsigned value;
};

/// A member, or null if the object has none or is no object.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, const char* name);
[[nodiscard]] bool is_word(const nlohmann::json& value, std::string_view word);
/// The value's text; "" if it is none.
[[nodiscard]] std::string text_of(const nlohmann::json& value);
/// The value of the word, if `value` is one of them.
[[nodiscard]] std::optional<unsigned> word_of(const nlohmann::json& value, const Word* words,
                                              std::size_t count);
/// A bit for every word that is in the list.
[[nodiscard]] std::uint16_t bits_of(const nlohmann::json& list, const Word* words, std::size_t count);

template <typename Enum, std::size_t size>
[[nodiscard]] std::optional<Enum> word_of(const nlohmann::json& value, const std::array<Word, size>& words) {
    const auto found = word_of(value, words.data(), size);
    return found ? std::optional{static_cast<Enum>(*found)} : std::nullopt;
}
template <std::size_t size>
[[nodiscard]] std::uint16_t bits_of(const nlohmann::json& list, const std::array<Word, size>& words) {
    return bits_of(list, words.data(), size);
}

[[nodiscard]] std::optional<Mode> mode_of(const nlohmann::json& value);
[[nodiscard]] std::optional<Record> record_of(const nlohmann::json& value);

extern const std::array<Word, 4> action_words;
extern const std::array<Word, 7> method_words;

using NameIndex = std::map<std::string, std::uint16_t>;
[[nodiscard]] std::vector<std::string> names_in(const NameIndex& index);

/// What has been read so far.
struct Reading {
    CompiledPolicy::Parts& parts;
    std::vector<Mistake>& mistakes;
    NameIndex zones;
    NameIndex services;
    NameIndex identities;
    NameIndex groups;                      ///< of Parts::groups
    std::vector<std::string> path_places;  ///< of Parts::path_expressions: pointers, of the first each

    void say(std::string pointer, std::string text, bool at_key = false) {
        mistakes.push_back({std::move(pointer), at_key, std::move(text)});
    }
    void check_name(std::string_view name, const std::string& pointer, bool at_key);
    /// The indices of the names in a list, sorted, each once; an unknown one is a mistake, `kind` says of
    /// what.
    [[nodiscard]] std::vector<std::uint16_t> references(const nlohmann::json& list,
                                                        const std::string& pointer, const NameIndex& known,
                                                        const char* kind);
    /// `owner`, `reason`, `tags` and `severity` of the object at `pointer`, those that it has.
    [[nodiscard]] Labels labels(const nlohmann::json& object, const std::string& pointer);
    /// In seconds; 0 if there is none or it is a mistake.
    [[nodiscard]] std::uint32_t duration(const nlohmann::json& value, const std::string& pointer,
                                         std::uint32_t most_seconds);
};

}  // namespace springlatch
