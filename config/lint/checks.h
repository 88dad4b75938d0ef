#pragma once
// Private to config/lint: what every check has at hand, and the checks.
#include <string>
#include <string_view>
#include <vector>

#include "config/json_positions.h"
#include "config/lint/coverage.h"
#include "config/lint/lint.h"
#include "config/lint/world.h"

namespace springlatch::lint {

class Context {
  public:
    Context(const LoadedPolicy& loaded, std::string_view text, const std::string& name,
            const Options& options);

    void say(Level level, std::string_view kind, std::string pointer, std::string text, std::string remedy,
             bool at_key = false);
    /// In the order of the text.
    [[nodiscard]] std::vector<Finding> take();
    /// False once too many pairs of rules were compared: a policy of thousands is not looked through for
    /// ever.
    [[nodiscard]] bool may_compare(std::size_t pairs) noexcept;

    const CompiledPolicy& policy;
    const CompiledPolicy::Parts& parts;
    const Options& options;
    const Coverage coverage;
    const std::vector<Share> shares;  ///< [zone]

  private:
    JsonPositions positions_;
    std::size_t pairs_left_ = 5'000'000;
    std::string name_;
    std::vector<std::pair<std::size_t, Finding>> findings_;  ///< with their offset
};

/// Whether each rule can decide, how long, and what a denial leaves.
void check_rules(Context& context);
/// Who may come from everywhere.
void check_exposure(Context& context);
/// Ports that are forgotten, services and zones that nobody names, owners.
void check_surroundings(Context& context);

/// `/rules/3`, with a member if there is one.
[[nodiscard]] std::string rule_pointer(std::uint16_t rule, std::string_view member = "");
/// `"a", "b" and 3 more`.
[[nodiscard]] std::string named(const std::vector<std::string>& names);

}  // namespace springlatch::lint
