#pragma once
// A set of calls, as bits: what a rule matches, what is still undecided.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace springlatch::effect {

/// Sets that meet in one operation have the same size.
class CallSet {
  public:
    CallSet() = default;
    explicit CallSet(std::size_t size) : words_((size + 63) / 64) {}

    void add(std::size_t call) noexcept { words_[call / 64] |= std::uint64_t{1} << (call % 64); }
    [[nodiscard]] bool has(std::size_t call) const noexcept {
        return (words_[call / 64] >> (call % 64) & 1U) != 0;
    }
    [[nodiscard]] bool empty() const noexcept {
        return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
    }
    [[nodiscard]] std::size_t count() const noexcept {
        std::size_t sum = 0;
        for (const std::uint64_t word : words_) {
            sum += static_cast<std::size_t>(std::popcount(word));
        }
        return sum;
    }

    CallSet& operator|=(const CallSet& other) noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            words_[i] |= other.words_[i];
        }
        return *this;
    }
    CallSet& operator&=(const CallSet& other) noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            words_[i] &= other.words_[i];
        }
        return *this;
    }
    CallSet& operator-=(const CallSet& other) noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            words_[i] &= ~other.words_[i];
        }
        return *this;
    }
    friend CallSet operator&(CallSet a, const CallSet& b) noexcept { return a &= b; }
    friend CallSet operator-(CallSet a, const CallSet& b) noexcept { return a -= b; }
    bool operator==(const CallSet&) const = default;
    auto operator<=>(const CallSet&) const = default;

  private:
    std::vector<std::uint64_t> words_;
};

}  // namespace springlatch::effect
