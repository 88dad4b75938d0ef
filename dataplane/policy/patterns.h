#pragma once
// Regular expressions over a request's texts, all of a policy's at once.
//
// Overview
//   config/ compiles expressions into PatternSets. Each worker takes a PatternScratch at start. For each
//   request a PatternQuestion is made on the stack; it looks at a text when it is asked about it first, and
//   answers for every expression then.
// Memory
//   Asking allocates nothing. A set's size and the time to compile it are bounded (see compile()).
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

struct hs_database;
struct hs_scratch;

namespace springlatch {

enum class Extent : std::uint8_t {
    whole,     ///< the expression must match the whole text
    anywhere,  ///< some part of it
};

struct PatternProblem {
    std::size_t index = 0;   ///< of the expression; patterns_all: all of them together
    std::size_t offset = 0;  ///< in the expression, in bytes
    std::string text;
};
inline constexpr std::size_t patterns_all = SIZE_MAX;

inline constexpr std::size_t pattern_bytes_max = 512;      ///< of one expression
inline constexpr std::size_t pattern_repeat_max = 255;     ///< of `{n,m}`
inline constexpr std::size_t patterns_max = 4096;          ///< in a set
inline constexpr std::size_t pattern_atoms_max = 100'000;  ///< characters of all of a set, repeats multiplied
inline constexpr std::size_t pattern_set_bytes_max = 32U << 20U;

/// Immutable; copies share the compiled form.
class PatternSet {
  public:
    PatternSet() = default;  ///< no expression
    /// Hyperscan's dialect (PCRE without what needs a memory: no back-references, no look-around), over
    /// bytes, `.` matching every one. Refused is also what would cost too much: see the bounds above.
    [[nodiscard]] static tl::expected<PatternSet, PatternProblem> compile(
        const std::vector<std::string>& expressions, Extent extent);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept;  ///< of the compiled form

  private:
    friend class PatternScratch;
    friend class PatternQuestion;
    std::shared_ptr<hs_database> database_;  ///< null without expressions
    std::size_t size_ = 0;
};

/// A policy's sets, one for each kind of text.
struct Patterns {
    PatternSet paths;    ///< over the whole normalised path: the rules' expressions, then the patches'
    PatternSet queries;  ///< in the query, decoded once, `+` as a blank
    PatternSet heads;    ///< in the request's head as sent
};

/// One worker's memory for asking; belongs to one thread.
class PatternScratch {
  public:
    /// `text_bytes_max`: of a path or query; what is longer is not understood.
    PatternScratch(const Patterns& patterns, std::size_t text_bytes_max);
    PatternScratch(PatternScratch&&) noexcept = default;
    PatternScratch& operator=(PatternScratch&&) noexcept = default;
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

  private:
    friend class PatternQuestion;
    struct Free {
        void operator()(hs_scratch* scratch) const noexcept;
    };
    /// False: it could not be scanned.
    [[nodiscard]] bool scan(std::size_t set, std::string_view text) noexcept;

    std::array<PatternSet, 3> sets_;
    std::array<std::vector<std::uint64_t>, 3> found_;  ///< a bit an expression
    std::unique_ptr<hs_scratch, Free> scratch_;
    std::vector<char> decoded_;
};

/// What the policy's expressions say of one request. Making another one on the same scratch ends it. Where a
/// text cannot be looked at, every expression is said to match, and the path not to be plain.
class PatternQuestion {
  public:
    /// `path` and `query` as sent, `head` from the request line on; they must outlive this.
    PatternQuestion(PatternScratch& scratch, std::string_view path, std::string_view query,
                    std::string_view head) noexcept
        : scratch_(scratch), texts_{path, query, head} {}

    [[nodiscard]] bool path_is(std::uint16_t expression) noexcept { return asked(0, expression); }
    [[nodiscard]] bool query_has(std::uint16_t expression) noexcept { return asked(1, expression); }
    [[nodiscard]] bool head_has(std::uint16_t expression) noexcept { return asked(2, expression); }
    /// False: something is percent-encoded that needs no encoding (RFC 3986 §2.3). Both databases choose the
    /// route before they decode, so such a path need not be what it looks like when it is decoded.
    [[nodiscard]] bool path_is_plain() noexcept;

    [[nodiscard]] std::string_view path() const noexcept { return texts_[0]; }
    [[nodiscard]] std::string_view query() const noexcept { return texts_[1]; }

  private:
    [[nodiscard]] bool asked(std::size_t set, std::uint16_t expression) noexcept;
    void look(std::size_t set) noexcept;

    PatternScratch& scratch_;
    std::array<std::string_view, 3> texts_;
    std::array<bool, 3> looked_{};
    bool plain_ = false;
};

}  // namespace springlatch
