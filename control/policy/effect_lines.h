#pragma once
// What a change of policy opens, closes and changes, in words.
#include <string>
#include <vector>

#include "config/load.h"

namespace springlatch::control {

struct EffectLines {
    std::vector<std::string> opens;  ///< what passes that did not, or may
    std::vector<std::string> rest;
    [[nodiscard]] std::vector<std::string> all() const {
        std::vector<std::string> lines = opens;
        lines.insert(lines.end(), rest.begin(), rest.end());
        return lines;
    }
};
[[nodiscard]] EffectLines effect_of(const LoadedPolicy& before, const LoadedPolicy& after);

}  // namespace springlatch::control
