#pragma once
// Random choices that repeat: one seed, one story.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace springlatch::test {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    /// 0 … n-1
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
    std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <typename T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }
    char byte() { return static_cast<char>(below(256)); }

  private:
    std::mt19937_64 engine_;
};

}  // namespace springlatch::test
