#pragma once
// What lint finds: a place in a policy, what is wrong there, and what to do about it.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace springlatch::lint {

/// Only errors make `policy lint` fail.
enum class Level : std::uint8_t { note, warning, error };
[[nodiscard]] std::string_view name_of(Level level) noexcept;  ///< "note", "warning", "error"

/// The names are part of the product's interface, since people filter by them: never renamed, only added to.
struct Kind {
    std::string_view name;  ///< "open-to-everyone"
    Level level;            ///< of most of its findings
    std::string_view text;  ///< one sentence
};
[[nodiscard]] std::span<const Kind> kinds() noexcept;

struct Finding {
    Level level = Level::warning;
    std::string_view kind;  ///< of one of kinds()
    std::string file;
    std::uint32_t line = 0;    ///< from 1; 0: the file as a whole
    std::uint32_t column = 0;  ///< from 1, in bytes
    std::string pointer;       ///< RFC 6901
    std::string text;
    std::string remedy;  ///< "" where the text says it
    /// `file:line:col: warning: /json/pointer: text; remedy [kind]`. What makes a policy unusable
    /// (`invalid-policy`) reads as load_policy() tells it, without the kind.
    [[nodiscard]] std::string str() const;
};

/// One a line, each ended by a newline.
[[nodiscard]] std::string text_of(const std::vector<Finding>& findings);
/// `{"findings": […], "errors": N, "warnings": N, "notes": N}`, indented, ended by a newline.
[[nodiscard]] std::string json_of(const std::vector<Finding>& findings);
/// SARIF 2.1.0 (OASIS), for code hosts and editors; `version` is the tool's.
[[nodiscard]] std::string sarif_of(const std::vector<Finding>& findings, std::string_view version);

}  // namespace springlatch::lint
