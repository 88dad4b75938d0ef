#pragma once
// What a replay leaves behind, as texts.
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "control/ingest/ingest.h"
#include "control/store/event.h"

namespace springlatch::control {

/// summary.json; its keys are listed in control/README.md.
[[nodiscard]] std::string summary_json(const Snapshot& told, bool observe);

/// Groups what was stopped (or would have been) for the table at the end.
class StoppedTable {
  public:
    void add(const Event& event);
    /// The table, at most `rows_max` groups, the largest first.
    [[nodiscard]] std::string text(std::size_t rows_max = 20) const;

  private:
    struct Group {
        std::uint64_t count = 0;
        std::string first;
    };
    using Key =
        std::tuple<std::string, std::string, std::string, std::string>;  ///< source, service, reason, action
    static constexpr std::size_t groups_max = 10'000;

    std::map<Key, Group> groups_;
    std::uint64_t other_ = 0;  ///< beyond groups_max
    std::uint64_t allowed_ = 0;
};

}  // namespace springlatch::control
