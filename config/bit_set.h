#pragma once
// A set of things that are numbered from 0, as bits.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace springlatch {

/// Sets that meet in one operation have the same size.
class BitSet {
  public:
    BitSet() = default;
    explicit BitSet(std::size_t size) : words_((size + 63) / 64) {}

    void add(std::size_t index) noexcept { words_[index / 64] |= std::uint64_t{1} << (index % 64); }
    [[nodiscard]] bool has(std::size_t index) const noexcept {
        return (words_[index / 64] >> (index % 64) & 1U) != 0;
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

    [[nodiscard]] bool contains(const BitSet& other) const noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if ((other.words_[i] & ~words_[i]) != 0) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool meets(const BitSet& other) const noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if ((other.words_[i] & words_[i]) != 0) {
                return true;
            }
        }
        return false;
    }
    /// What an operation on the set costs.
    [[nodiscard]] std::size_t words() const noexcept { return words_.size(); }

    BitSet& operator|=(const BitSet& other) noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            words_[i] |= other.words_[i];
        }
        return *this;
    }
    BitSet& operator&=(const BitSet& other) noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            words_[i] &= other.words_[i];
        }
        return *this;
    }
    BitSet& operator-=(const BitSet& other) noexcept {
        for (std::size_t i = 0; i < words_.size(); ++i) {
            words_[i] &= ~other.words_[i];
        }
        return *this;
    }
    friend BitSet operator&(BitSet a, const BitSet& b) noexcept { return a &= b; }
    friend BitSet operator-(BitSet a, const BitSet& b) noexcept { return a -= b; }
    bool operator==(const BitSet&) const = default;
    auto operator<=>(const BitSet&) const = default;

  private:
    std::vector<std::uint64_t> words_;
};

}  // namespace springlatch
