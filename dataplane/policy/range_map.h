#pragma once
// Which of many address ranges an address lies in.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/packet/address.h"

namespace springlatch {

struct AddressRange {  ///< both ends included
    IpAddress first;
    IpAddress last;
    std::uint16_t value = 0;
};

/// Disjoint ranges in ascending order; the longest prefix has already won where prefixes nested.
class RangeMap {
  public:
    RangeMap() = default;
    /// `ranges` must be sorted and disjoint.
    explicit RangeMap(std::vector<AddressRange> ranges);
    [[nodiscard]] std::optional<std::uint16_t> find(const IpAddress& address) const noexcept {
        const AddressRange* const range = range_of(address);
        return range == nullptr ? std::nullopt : std::optional{range->value};
    }
    /// The range that holds `address`, or null.
    [[nodiscard]] const AddressRange* range_of(const IpAddress& address) const noexcept {
        // Most policies protect a few addresses, and this is asked for every frame: a short list is faster
        // read from its start.
        constexpr std::size_t short_list = 8;
        if (ranges_.size() > short_list) {
            return search(address);
        }
        for (const AddressRange& range : ranges_) {
            if (!(range.last < address)) {
                return address < range.first ? nullptr : &range;
            }
        }
        return nullptr;
    }
    [[nodiscard]] std::span<const AddressRange> ranges() const noexcept { return ranges_; }

  private:
    [[nodiscard]] const AddressRange* search(const IpAddress& address) const noexcept;

    std::vector<AddressRange> ranges_;
};

}  // namespace springlatch
