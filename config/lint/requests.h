#pragma once
// Sets of requests, by everything of a request that the rules of a policy tell apart.
#include <cstdint>
#include <vector>

#include "dataplane/policy/compiled.h"

namespace springlatch::lint {

/// A bit per kind of request.
class RequestSet {
  public:
    RequestSet() = default;
    explicit RequestSet(std::size_t kinds) : words_((kinds + 63) / 64) {}
    void add(std::size_t kind) noexcept { words_[kind / 64] |= std::uint64_t{1} << (kind % 64); }
    [[nodiscard]] bool empty() const noexcept;
    [[nodiscard]] bool contains(const RequestSet& other) const noexcept;
    [[nodiscard]] bool meets(const RequestSet& other) const noexcept;
    RequestSet& operator|=(const RequestSet& other) noexcept;
    bool operator==(const RequestSet&) const = default;
    bool operator<(const RequestSet& other) const noexcept { return words_ < other.words_; }
    [[nodiscard]] std::size_t words() const noexcept { return words_.size(); }

  private:
    std::vector<std::uint64_t> words_;
};

/// The kinds of requests: a method together with an endpoint of the catalogue, or with a path in no entry.
/// Endpoints that no rule could tell apart are one kind.
class Requests {
  public:
    explicit Requests(const CompiledPolicy& policy);
    /// What meets the rule's methods, operations, apis and flags; its paths are not looked at.
    [[nodiscard]] RequestSet of(const Rule& rule) const;
    /// With a path in no entry of the catalogue, whatever the method.
    [[nodiscard]] const RequestSet& unknown() const noexcept { return unknown_; }
    [[nodiscard]] std::size_t kinds() const noexcept { return kinds_.size(); }

  private:
    struct Kind {
        http::Method method = http::Method::unknown;
        elasticsearch::Operation operation = elasticsearch::Operation::unknown;
        std::uint16_t flags = 0;
        std::vector<std::uint16_t> apis;  ///< sorted
        bool operator<(const Kind& other) const noexcept;
    };
    [[nodiscard]] static bool matches(const Rule& rule, const Kind& kind);

    std::vector<Kind> kinds_;
    RequestSet unknown_;
};

}  // namespace springlatch::lint
