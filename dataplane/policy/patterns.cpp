#include "dataplane/policy/patterns.h"

#include <hs/hs.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "dataplane/protocol/elasticsearch/path.h"

namespace springlatch {
namespace {

constexpr unsigned flags = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH;
constexpr std::string_view whole_begins = "^(?:";
constexpr std::string_view whole_ends = ")\\z";
/// Compiling cannot be interrupted, so it is bounded by what may be compiled; this is looked at in between.
constexpr std::chrono::seconds compile_time_max{5};

struct FreeError {
    void operator()(hs_compile_error_t* error) const noexcept { hs_free_compile_error(error); }
};
using CompileError = std::unique_ptr<hs_compile_error_t, FreeError>;

/// Hyperscan's message ends with "at index N." where it knows the place.
[[nodiscard]] PatternProblem problem_of(const hs_compile_error_t* error, std::size_t index,
                                        std::size_t prefix_bytes, std::size_t expression_bytes) {
    PatternProblem problem{.index = index, .text = error != nullptr ? error->message : "cannot be compiled"};
    constexpr std::string_view place = " at index ";
    if (const std::size_t at = problem.text.rfind(place); at != std::string::npos) {
        const std::size_t offset = std::strtoul(problem.text.c_str() + at + place.size(), nullptr, 10);
        problem.offset = std::min(offset - std::min(offset, prefix_bytes), expression_bytes);
        problem.text.resize(at);
    }
    while (!problem.text.empty() && problem.text.back() == '.') {
        problem.text.pop_back();
    }
    return problem;
}

/// What an expression costs to compile: repeats multiply, so `(a{9}b){9}` has 90 atoms, and its worst repeat
/// is one of 81 times.
struct Cost {
    std::size_t atoms = 0;
    std::size_t times = 1;
    std::size_t offset = 0;  ///< of the worst repeat
};

constexpr std::size_t cost_max = 1'000'000;

/// The greatest bound of the braces at `at`, 1 if these are no repeat.
[[nodiscard]] std::size_t bound_at(std::string_view text, std::size_t at, std::size_t& end) {
    const std::size_t close = text.find('}', at);
    end = at;
    if (close == std::string_view::npos || close == at + 1 ||
        text.substr(at + 1, close - at - 1).find_first_not_of("0123456789,") != std::string_view::npos) {
        return 1;
    }
    end = close;
    std::size_t greatest = 1;
    for (std::size_t i = at + 1; i < close;) {
        std::size_t value = 0;
        for (; i < close && text[i] != ','; ++i) {
            value = std::min<std::size_t>(value * 10 + static_cast<std::size_t>(text[i] - '0'), 1'000'000);
        }
        greatest = std::max(greatest, value);
        ++i;
    }
    return greatest;
}

/// Behind a character class that begins at `at`.
[[nodiscard]] std::size_t end_of_class(std::string_view text, std::size_t at) {
    std::size_t end = at + 1 + (at + 1 < text.size() && text[at + 1] == '^' ? 1U : 0U);
    end += end < text.size() && text[end] == ']' ? 1U : 0U;  // a first `]` is itself
    for (; end < text.size() && text[end] != ']'; ++end) {
        end += text[end] == '\\' ? 1U : 0U;
    }
    return std::min(end, text.size());
}

/// Walks over one level of parentheses; `at` ends on its `)`. Where comments or quoting make it see other
/// groups than the compiler does, it counts too much, never too little: a `)` without its `(` closes all
/// before it.
[[nodiscard]] Cost cost_of(std::string_view text, std::size_t& at, unsigned depth) {
    Cost whole;
    Cost last;  // what a following bound repeats
    const auto take_last = [&] {
        whole.atoms = std::min(whole.atoms + last.atoms, cost_max);
        if (last.times > whole.times) {
            whole.times = last.times;
            whole.offset = last.offset;
        }
    };
    for (; at < text.size() && (depth == 0 || text[at] != ')'); ++at) {
        const char c = text[at];
        if (c == '?' || c == '*' || c == '+') {
            continue;
        }
        if (c == '{') {
            std::size_t end = at;
            const std::size_t bound = bound_at(text, at, end);
            last = {.atoms = std::min(last.atoms * bound, cost_max),
                    .times = std::min(last.times * bound, cost_max),
                    .offset = at};
            at = end;
            continue;
        }
        take_last();
        last = {.atoms = 1};
        if (c == '(') {
            ++at;
            last = cost_of(text, at, depth + 1);
        } else if (c == ')') {
            last = whole;
            whole = {};
        } else if (c == '[') {
            at = end_of_class(text, at);
        } else if (c == '\\') {
            ++at;
        }
    }
    take_last();
    return whole;
}

/// `atoms`: of all expressions so far.
[[nodiscard]] tl::expected<void, PatternProblem> check(const std::string& expression, std::size_t index,
                                                       Extent extent, std::size_t& atoms) {
    const auto bad = [&](std::size_t offset, std::string text) {
        return tl::unexpected(PatternProblem{index, offset, std::move(text)});
    };
    if (expression.empty()) {
        return bad(0, "is empty");
    }
    if (expression.size() > pattern_bytes_max) {
        return bad(pattern_bytes_max, "has " + std::to_string(expression.size()) + " bytes; at most " +
                                          std::to_string(pattern_bytes_max) + " are allowed");
    }
    if (const std::size_t nul = expression.find('\0'); nul != std::string::npos) {
        return bad(nul, "has a zero byte");
    }
    std::size_t at = 0;
    const Cost cost = cost_of(expression, at, 0);
    if (cost.times > pattern_repeat_max) {
        return bad(cost.offset, "repeats " + std::to_string(cost.times) + " times, repeats within repeats " +
                                    "multiplied; at most " + std::to_string(pattern_repeat_max) +
                                    " are allowed (`*` and `+` cost nothing)");
    }
    if (cost.atoms > pattern_atoms_max - std::min(atoms, pattern_atoms_max)) {
        return bad(0, "makes it " + std::to_string(atoms + cost.atoms) +
                          " characters that all expressions have together, repeats multiplied; at most " +
                          std::to_string(pattern_atoms_max) + " are allowed (`*` and `+` cost nothing)");
    }
    atoms += cost.atoms;
    hs_expr_info_t* raw = nullptr;
    hs_compile_error_t* error = nullptr;
    if (hs_expression_info(expression.c_str(), flags, &raw, &error) != HS_SUCCESS) {
        const CompileError owner(error);
        return tl::unexpected(problem_of(error, index, 0, expression.size()));
    }
    const unsigned width = raw->min_width;
    std::free(raw);
    if (extent == Extent::anywhere && width == 0) {
        return bad(0, "matches the empty text, and so everywhere");
    }
    return {};
}

}  // namespace

tl::expected<PatternSet, PatternProblem> PatternSet::compile(const std::vector<std::string>& expressions,
                                                             Extent extent) {
    PatternSet set;
    if (expressions.empty()) {
        return set;
    }
    if (expressions.size() > patterns_max) {
        return tl::unexpected(PatternProblem{patterns_max, 0,
                                             "is one of " + std::to_string(expressions.size()) +
                                                 " different expressions; at most " +
                                                 std::to_string(patterns_max) + " are allowed"});
    }
    const auto late = std::chrono::steady_clock::now() + compile_time_max;
    const bool whole = extent == Extent::whole;
    std::vector<std::string> texts;
    std::vector<unsigned> ids;
    std::size_t atoms = 0;
    for (std::size_t i = 0; i < expressions.size(); ++i) {
        if (auto good = check(expressions[i], i, extent, atoms); !good) {
            return tl::unexpected(std::move(good.error()));
        }
        texts.push_back(whole ? std::string(whole_begins) + expressions[i] + std::string(whole_ends)
                              : expressions[i]);
        ids.push_back(static_cast<unsigned>(i));
        if (std::chrono::steady_clock::now() > late) {
            return tl::unexpected(PatternProblem{i, 0, "takes too long to compile, with those before it"});
        }
    }
    std::vector<const char*> pointers;
    std::transform(texts.begin(), texts.end(), std::back_inserter(pointers),
                   [](const std::string& text) { return text.c_str(); });
    const std::vector<unsigned> all_flags(texts.size(), flags);
    hs_database_t* database = nullptr;
    hs_compile_error_t* error = nullptr;
    if (hs_compile_multi(pointers.data(), all_flags.data(), ids.data(), static_cast<unsigned>(texts.size()),
                         HS_MODE_BLOCK, nullptr, &database, &error) != HS_SUCCESS) {
        const CompileError owner(error);
        const bool known = error != nullptr && error->expression >= 0 &&
                           static_cast<std::size_t>(error->expression) < expressions.size();
        const std::size_t index = known ? static_cast<std::size_t>(error->expression) : patterns_all;
        return tl::unexpected(
            problem_of(error, index, whole ? whole_begins.size() : 0, known ? expressions[index].size() : 0));
    }
    set.database_ = std::shared_ptr<hs_database>(database, hs_free_database);
    set.size_ = expressions.size();
    if (set.bytes() > pattern_set_bytes_max) {
        return tl::unexpected(PatternProblem{patterns_all, 0,
                                             "take " + std::to_string(set.bytes()) +
                                                 " bytes compiled; at most " +
                                                 std::to_string(pattern_set_bytes_max) + " are allowed"});
    }
    return set;
}

std::size_t PatternSet::bytes() const noexcept {
    std::size_t bytes = 0;
    return database_ && hs_database_size(database_.get(), &bytes) == HS_SUCCESS ? bytes : 0;
}

void PatternScratch::Free::operator()(hs_scratch* scratch) const noexcept {
    hs_free_scratch(scratch);
}

PatternScratch::PatternScratch(const Patterns& patterns, std::size_t text_bytes_max)
    : sets_{patterns.paths, patterns.queries, patterns.heads} {
    hs_scratch_t* scratch = nullptr;
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        if (sets_[i].database_ && hs_alloc_scratch(sets_[i].database_.get(), &scratch) != HS_SUCCESS) {
            hs_free_scratch(scratch);
            throw std::bad_alloc();
        }
        found_[i].resize((sets_[i].size() + 63) / 64);
    }
    scratch_.reset(scratch);
    decoded_.resize(scratch == nullptr ? 0 : text_bytes_max);
}

std::size_t PatternScratch::memory_bytes() const noexcept {
    std::size_t bytes = 0;
    if (scratch_) {
        (void)hs_scratch_size(scratch_.get(), &bytes);
    }
    for (const auto& found : found_) {
        bytes += found.capacity() * sizeof(std::uint64_t);
    }
    return bytes + decoded_.capacity();
}

bool PatternScratch::scan(std::size_t set, std::string_view text) noexcept {
    const auto note = [](unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
        auto& found = *static_cast<std::vector<std::uint64_t>*>(context);
        found[id / 64U] |= std::uint64_t{1} << (id % 64U);
        return 0;
    };
    return hs_scan(sets_[set].database_.get(), text.data(), static_cast<unsigned>(text.size()), 0,
                   scratch_.get(), note, &found_[set]) == HS_SUCCESS;
}

bool PatternQuestion::path_is_plain() noexcept {
    look(0);
    return plain_;
}

bool PatternQuestion::asked(std::size_t set, std::uint16_t expression) noexcept {
    if (expression >= scratch_.sets_[set].size()) {
        return true;  // another policy's scratch: as if the text could not be looked at
    }
    look(set);
    return (scratch_.found_[set][expression / 64U] >> (expression % 64U) & 1U) != 0;
}

void PatternQuestion::look(std::size_t set) noexcept {
    if (looked_[set]) {
        return;
    }
    looked_[set] = true;
    std::optional<std::string_view> text = texts_[set];
    if (set == 0) {
        const auto path = elasticsearch::normal_path(texts_[0], scratch_.decoded_);
        plain_ = path && path->plain;
        text = path ? std::optional{path->text} : std::nullopt;
    } else if (set == 1) {
        text = elasticsearch::decoded_query(texts_[1], scratch_.decoded_);
    }
    auto& found = scratch_.found_[set];
    std::fill(found.begin(), found.end(), 0);
    if (!text || (scratch_.sets_[set].database_ && !scratch_.scan(set, *text))) {
        std::fill(found.begin(), found.end(), ~std::uint64_t{0});
        plain_ = plain_ && set != 0;
    }
}

}  // namespace springlatch
