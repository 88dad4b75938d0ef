#pragma once
// Virtual patches, and the expressions of a policy compiled.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/reading.h"

namespace springlatch {

/// A row of config/catalogue/patches.json.
struct KnownExploit {
    std::string name;
    std::string title;
    std::uint16_t methods = 0;  ///< bit per http::Method; 0: every method
    std::string path;           ///< expression over the whole normalised path; "": any
    std::string query;          ///< expression found in the decoded query; "": any
    std::string head;           ///< expression found in the head as sent; "": any
};

/// Sorted by name; the file is compiled in.
[[nodiscard]] const std::vector<KnownExploit>& known_exploits();

/// Fills Parts::patches, but for the indices of their expressions.
void read_patches(const nlohmann::json& names, Reading& reading);
/// Fills Parts::patterns and the indices of patches; rules and patches must have been read. A rule's
/// expression that cannot be compiled is a mistake, at the byte that cannot be.
void compile_patterns(Reading& reading);

}  // namespace springlatch
