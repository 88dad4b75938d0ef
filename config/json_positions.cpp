#include "config/json_positions.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace springlatch {
namespace {

using nlohmann::json;

/// Reads a text and tells, through `*consumed`, how far its reader has come.
class CountingIterator {
  public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, std::size_t* consumed) : at_(at), consumed_(consumed) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        ++at_;
        ++*consumed_;
        return *this;
    }
    bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
    bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

  private:
    const char* at_;
    std::size_t* consumed_;
};

/// nlohmann's message without its number and its own position, which are ours to give.
std::string plain_words(std::string_view what) {
    if (const auto end = what.find("] "); end != std::string_view::npos) {
        what.remove_prefix(end + 2);
    }
    if (what.starts_with("parse error at ")) {
        if (const auto end = what.find(": "); end != std::string_view::npos) {
            what.remove_prefix(end + 2);
        }
    }
    constexpr std::string_view start = "syntax error while parsing ";
    std::string words =
        what.starts_with(start) ? "in " + std::string(what.substr(start.size())) : std::string(what);
    if (const auto read = words.find("; last read: "); read != std::string::npos) {
        const auto expected = words.find("; expected ", read);
        words.erase(read, expected == std::string::npos ? std::string::npos : expected - read);
    }
    return "not valid JSON: " + printable(words);
}

}  // namespace

/// Notes a position at every value. A token starts at the first byte behind the one before that is neither
/// blank, comma nor colon.
class PositionReader final : public nlohmann::json_sax<json> {
  public:
    PositionReader(std::string_view text, JsonPositions& positions) : text_(text), positions_(positions) {}

    void read() {
        positions_.complete_ =
            json::sax_parse(CountingIterator(text_.data(), &consumed_),
                            CountingIterator(text_.data() + text_.size(), &consumed_), this) &&
            values_ > 0;
    }

    bool null() override { return value(); }
    bool boolean(bool /*unused*/) override { return value(); }
    bool number_integer(number_integer_t /*unused*/) override { return value(); }
    bool number_unsigned(number_unsigned_t /*unused*/) override { return value(); }
    bool number_float(number_float_t /*unused*/, const string_t& /*unused*/) override { return value(); }
    bool string(string_t& /*unused*/) override { return value(); }
    bool binary(binary_t& /*unused*/) override { return value(); }
    bool start_object(std::size_t /*unused*/) override { return open(false); }
    bool start_array(std::size_t /*unused*/) override { return open(true); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t& name) override {
        key_offset_ = token();
        Level& level = levels_.back();
        level.member = name;
        if (!level.keys.insert(name).second) {
            positions_.problems_.push_back(
                {key_offset_, pointer_to(level.pointer, name),
                 "duplicate key " + in_quotes(name) + ": each key may stand once in an object"});
        }
        return true;
    }

    bool parse_error(std::size_t position, const std::string& /*unused*/,
                     const json::exception& error) override {
        const std::size_t offset = std::min(position == 0 ? 0 : position - 1, text_.size());
        positions_.problems_.push_back(
            {offset, levels_.empty() ? "" : levels_.back().pointer, plain_words(error.what())});
        return false;
    }

  private:
    struct Level {
        std::string pointer;
        bool is_array = false;
        std::size_t index = 0;
        std::string member;
        std::set<std::string> keys;
    };

    std::size_t token() {
        const std::size_t start = text_.find_first_not_of(" \t\r\n,:", token_end_);
        token_end_ = consumed_;
        return std::min(start, text_.size());
    }

    bool stop(std::size_t offset, const std::string& pointer, std::string text) {
        positions_.problems_.push_back({offset, pointer, std::move(text)});
        return false;
    }

    bool value() {
        const std::size_t start = token();
        std::string pointer;
        std::size_t key = start;
        if (!levels_.empty()) {
            Level& level = levels_.back();
            pointer =
                pointer_to(level.pointer, level.is_array ? std::to_string(level.index++) : level.member);
            key = level.is_array ? start : key_offset_;
        }
        if (++values_ > JsonPositions::values_max) {
            return stop(start, pointer, "more than " + std::to_string(JsonPositions::values_max) + " values");
        }
        positions_.places_.insert_or_assign(pointer, JsonPositions::Place{key, start});
        opened_ = std::move(pointer);
        return true;
    }

    bool open(bool is_array) {
        if (!value()) {
            return false;
        }
        if (levels_.size() >= JsonPositions::depth_max) {
            return stop(token_end_, opened_,
                        "nested deeper than " + std::to_string(JsonPositions::depth_max) + " levels");
        }
        levels_.push_back({opened_, is_array, 0, {}, {}});
        return true;
    }

    bool close() {
        levels_.pop_back();
        token_end_ = consumed_;
        return true;
    }

    std::string_view text_;
    JsonPositions& positions_;
    std::size_t consumed_ = 0;
    std::size_t token_end_ = 0;
    std::size_t key_offset_ = 0;
    std::size_t values_ = 0;
    std::string opened_;
    std::vector<Level> levels_;
};

JsonPositions::JsonPositions(std::string_view text) {
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') {
            line_starts_.push_back(i + 1);
        }
    }
    if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
        // nlohmann's lexer takes it for the end of the text, and would not see what follows.
        problems_.push_back({nul, "", "not valid JSON: a NUL byte"});
        return;
    }
    PositionReader(text, *this).read();
}

std::size_t JsonPositions::offset_of(std::string pointer, bool key) const {
    for (;;) {
        if (const auto place = places_.find(pointer); place != places_.end()) {
            return key ? place->second.key : place->second.value;
        }
        const auto slash = pointer.rfind('/');
        if (slash == std::string::npos) {
            return 0;
        }
        pointer.resize(slash);
        key = false;
    }
}

LineColumn JsonPositions::line_column(std::size_t offset) const {
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    return {static_cast<std::uint32_t>(after - line_starts_.begin()),
            static_cast<std::uint32_t>(offset - *std::prev(after) + 1)};
}

std::size_t offset_in_string(std::string_view text, std::size_t string, std::size_t index) {
    std::size_t at = string + 1;
    for (std::size_t bytes = 0; at < text.size() && text[at] != '"';) {
        std::size_t step = 1;
        std::size_t meant = 1;
        if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == 'u') {
            const unsigned long code = std::strtoul(std::string(text.substr(at + 2, 4)).c_str(), nullptr, 16);
            const bool pair = code >= 0xd800 && code <= 0xdbff;
            step = pair ? 12 : 6;
            meant = pair ? 4 : code >= 0x800 ? 3 : code >= 0x80 ? 2 : 1;
        } else if (text[at] == '\\') {
            step = 2;
        }
        bytes += meant;
        if (bytes > index) {
            break;
        }
        at += step;
    }
    return std::min(at, text.size());
}

std::string pointer_to(const std::string& pointer, std::string_view member) {
    std::string result = pointer + '/';
    for (const char c : member) {
        if (c == '~') {
            result += "~0";
        } else if (c == '/') {
            result += "~1";
        } else {
            result += c;
        }
    }
    return result;
}

std::string printable(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            result += "\\u00";
            result += digits[byte >> 4U];
            result += digits[byte & 15U];
        } else {
            result += c;
        }
    }
    return result;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t shown_max = 60;
    std::size_t shown = std::min(text.size(), shown_max);
    while (shown > 0 && shown < text.size() && (static_cast<unsigned char>(text[shown]) & 0xc0U) == 0x80U) {
        --shown;  // not inside a UTF-8 sequence
    }
    return '"' + printable(text.substr(0, shown)) + (shown < text.size() ? "…\"" : "\"");
}

}  // namespace springlatch
