#include "dataplane/policy/range_map.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace springlatch {

RangeMap::RangeMap(std::vector<AddressRange> ranges) : ranges_(std::move(ranges)) {}

const AddressRange* RangeMap::search(const IpAddress& address) const noexcept {
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](const IpAddress& wanted, const AddressRange& range) { return wanted < range.first; });
    if (after == ranges_.begin()) {
        return nullptr;
    }
    const AddressRange& range = *std::prev(after);
    return address <= range.last ? &range : nullptr;
}

}  // namespace springlatch
