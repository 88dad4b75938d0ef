#include "control/policy/effect_lines.h"

#include <chrono>

#include "config/effect/effect.h"

namespace springlatch::control {

EffectLines effect_of(const LoadedPolicy& before, const LoadedPolicy& after) {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    const effect::EffectDiff diff = effect::diff(before, after, static_cast<std::uint64_t>(now.count()));
    EffectLines lines;
    for (const effect::Change& change : diff.opens) {
        lines.opens.push_back("+ OPENS " + effect::line_of(change));
    }
    for (const std::string& sentence : diff.inexact) {
        lines.opens.push_back("+ OPENS perhaps: " + sentence);
    }
    for (const effect::Change& change : diff.closes) {
        lines.rest.push_back("- CLOSES " + effect::line_of(change));
    }
    for (const effect::Change& change : diff.others) {
        lines.rest.push_back("  CHANGES " + effect::line_of(change));
    }
    return lines;
}

}  // namespace springlatch::control
