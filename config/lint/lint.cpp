#include "config/lint/lint.h"

#include <algorithm>
#include <utility>

#include "config/lint/checks.h"

namespace springlatch::lint {

Context::Context(const LoadedPolicy& loaded, std::string_view text, const std::string& name,
                 const Options& chosen)
    : policy(*loaded.policy),
      parts(policy.parts()),
      options(chosen),
      coverage(policy, chosen.now_ns),
      shares(shares_of_zones(parts)),
      positions_(text),
      name_(name) {}

void Context::say(Level level, std::string_view kind, std::string pointer, std::string text,
                  std::string remedy, bool at_key) {
    const std::size_t offset = positions_.offset_of(pointer, at_key);
    const LineColumn at = positions_.line_column(offset);
    findings_.emplace_back(offset, Finding{level, kind, name_, at.line, at.column, std::move(pointer),
                                           std::move(text), std::move(remedy)});
}

std::vector<Finding> Context::take() {
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Finding> result;
    result.reserve(findings_.size());
    for (auto& entry : findings_) {
        result.push_back(std::move(entry.second));
    }
    return result;
}

bool Context::may_compare(std::size_t pairs) noexcept {
    const bool may = pairs <= pairs_left_;
    pairs_left_ -= may ? pairs : 0;
    return may;
}

std::string rule_pointer(std::uint16_t rule, std::string_view member) {
    const std::string pointer = "/rules/" + std::to_string(rule);
    return member.empty() ? pointer : pointer_to(pointer, member);
}

std::string named(const std::vector<std::string>& names) {
    constexpr std::size_t shown_max = 3;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), shown_max); ++i) {
        const bool last = i + 1 == names.size();
        text += (i == 0 ? "" : last ? " and " : ", ") + in_quotes(names[i]);
    }
    return names.size() > shown_max ? text + " and " + std::to_string(names.size() - shown_max) + " more"
                                    : text;
}

std::vector<Finding> lint(const LoadedPolicy& loaded, std::string_view text, const std::string& name,
                          const Options& options) {
    Context context(loaded, text, name, options);
    check_rules(context);
    check_exposure(context);
    check_surroundings(context);
    return context.take();
}

Result lint_text(std::string_view text, const std::string& name, const Options& options) {
    Result result;
    auto loaded = parse_policy(text, name, {});
    if (!loaded) {
        for (PolicyError& error : loaded.error()) {
            result.findings.push_back({Level::error, kinds().front().name, std::move(error.file), error.line,
                                       error.column, std::move(error.pointer), std::move(error.text), ""});
        }
        return result;
    }
    result.findings = lint(*loaded, text, name, options);
    result.policy = std::move(*loaded);
    return result;
}

Result lint_file(const std::string& path, const Options& options) {
    auto text = read_policy_file(path);
    if (!text) {
        Result result;
        for (PolicyError& error : text.error()) {
            result.findings.push_back({Level::error, kinds().front().name, std::move(error.file), 0, 0, "",
                                       std::move(error.text), ""});
        }
        return result;
    }
    return lint_text(*text, path, options);
}

bool fails(const std::vector<Finding>& findings, bool strict) noexcept {
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
        return finding.level == Level::error || (strict && finding.level == Level::warning);
    });
}

}  // namespace springlatch::lint
