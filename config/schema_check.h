#pragma once
// A document against a JSON schema, and what breaks it in plain words.
#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace springlatch {

/// A mistake at `pointer`; `at_key`: show it where the key stands, not its value.
struct Mistake {
    std::string pointer;
    bool at_key = false;
    std::string text;
    std::optional<std::size_t> inside = std::nullopt;  ///< byte of the string that the value is
};

/// The schema as it was when this program was built.
[[nodiscard]] std::string_view policy_schema();

/// For schemas in the manner of policy.schema.json: types, enums, ranges, sizes, required and unknown
/// members.
class SchemaCheck {
  public:
    explicit SchemaCheck(std::string_view text);
    ~SchemaCheck();
    SchemaCheck(const SchemaCheck&) = delete;
    SchemaCheck& operator=(const SchemaCheck&) = delete;
    /// True if the document matches. Else everything that breaks the schema is added to `mistakes`.
    [[nodiscard]] bool matches(const nlohmann::json& document, std::vector<Mistake>& mistakes) const;

  private:
    struct Impl;
    std::unique_ptr<const Impl> impl_;
};

/// True if the document matches the schema. Else everything that breaks it is added to `mistakes` in plain
/// words; but valijson says nothing of a name that breaks `propertyNames`: read_policy() finds those.
[[nodiscard]] bool matches_schema(const nlohmann::json& document, std::vector<Mistake>& mistakes);

/// `; did you mean "x"?` for the candidate that is at most two slips away, else "".
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace springlatch
