#pragma once
// Where in a JSON text each value stands, so that a mistake can be shown at its line and column.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace springlatch {

struct JsonProblem {
    std::size_t offset = 0;
    std::string pointer;  ///< RFC 6901
    std::string text;
};

struct LineColumn {
    std::uint32_t line = 1;    ///< from 1
    std::uint32_t column = 1;  ///< from 1, in bytes
};

/// Nesting and number of values are bounded, so that no text of a permitted size can exhaust memory.
class JsonPositions {
  public:
    static constexpr std::size_t depth_max = 32;
    static constexpr std::size_t values_max = 1'000'000;

    explicit JsonPositions(std::string_view text);

    /// Syntax errors (reading stops at the first), and every duplicate key.
    [[nodiscard]] const std::vector<JsonProblem>& problems() const noexcept { return problems_; }
    /// True if the text is one whole JSON value; duplicate keys do not count.
    [[nodiscard]] bool complete() const noexcept { return complete_; }

    /// Offset of the value, or of its key if it has one and `key` is set; of the nearest parent if there is
    /// no such value.
    [[nodiscard]] std::size_t offset_of(std::string pointer, bool key) const;
    [[nodiscard]] LineColumn line_column(std::size_t offset) const;

  private:
    friend class PositionReader;
    struct Place {
        std::size_t key;
        std::size_t value;
    };
    std::unordered_map<std::string, Place> places_;
    std::vector<JsonProblem> problems_;
    std::vector<std::size_t> line_starts_;
    bool complete_ = false;
};

/// Where in `text` the byte `index` of a string's value stands; `string`: offset of the string's quotation
/// mark. Behind the last byte it is the closing mark.
[[nodiscard]] std::size_t offset_in_string(std::string_view text, std::size_t string, std::size_t index);

/// `pointer` extended by one member name or index (RFC 6901 §3).
[[nodiscard]] std::string pointer_to(const std::string& pointer, std::string_view member);

/// For messages: in double quotes, control bytes escaped, cut after 60 bytes.
[[nodiscard]] std::string in_quotes(std::string_view text);
/// Control bytes escaped as \u00XX: an error stays one line whatever the policy's keys are.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace springlatch
