#pragma once
// A table of requests and the verdicts that a policy must give them: `policy test`.
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/load.h"

namespace springlatch::control {

struct TableResult {
    std::size_t cases = 0;
    std::vector<std::string> failures;  ///< `file:line:col: error: "the case's name": text`, one line each
};

/// Asks the policy every question of the table. `name` stands for the table's file. Error: what makes it no
/// table, one `file:line:col: error: /json/pointer: text` a mistake.
[[nodiscard]] tl::expected<TableResult, std::vector<std::string>> run_table(const LoadedPolicy& policy,
                                                                            std::string_view text,
                                                                            const std::string& name);

}  // namespace springlatch::control
