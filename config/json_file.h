#pragma once
// What every JSON file of an operator goes through: read once, and its mistakes shown where they stand.
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/json_positions.h"
#include "config/schema_check.h"

namespace springlatch {

/// One mistake; str() is `file:line:col: error: /json/pointer: text`.
struct PolicyError {
    std::string file;
    std::uint32_t line = 0;    ///< from 1; 0: the file as a whole (it cannot be read, it is empty)
    std::uint32_t column = 0;  ///< from 1, in bytes
    std::string pointer;       ///< RFC 6901; "" is the whole document
    std::string text;          ///< what was found and what is allowed
    [[nodiscard]] std::string str() const;
};

/// All of them, one a line, each ended by a newline.
[[nodiscard]] std::string lines_of(const std::vector<PolicyError>& errors);

/// The file's bytes, read once: what is checked is what is used, even while somebody writes to the file. Of
/// what is no readable file, is too large or changed while it was read: one error without a line. `what` it
/// should be: "a policy".
[[nodiscard]] tl::expected<std::string, std::vector<PolicyError>> read_json_file(const std::string& path,
                                                                                 std::string_view what);

/// What makes it no JSON text at all: one error, or none. `name` stands for the file.
[[nodiscard]] std::vector<PolicyError> unreadable(std::string_view text, const std::string& name,
                                                  std::string_view what);
/// The mistakes at their places in `text`, added to `problems`.
void add_mistakes(std::string_view text, const JsonPositions& positions, std::vector<Mistake> mistakes,
                  std::vector<JsonProblem>& problems);
/// With line and column, in the order of the text, each once.
[[nodiscard]] std::vector<PolicyError> located(const std::string& file, const JsonPositions& positions,
                                               std::vector<JsonProblem> problems);

}  // namespace springlatch
