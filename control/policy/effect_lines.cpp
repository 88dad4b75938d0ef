#include "control/policy/effect_lines.h"

#include "config/effect/effect.h"
#include "control/clock.h"

namespace springlatch::control {

EffectLines effect_of(const LoadedPolicy& before, const LoadedPolicy& after) {
    const effect::EffectDiff diff = effect::diff(before, after, unix_ns());
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
