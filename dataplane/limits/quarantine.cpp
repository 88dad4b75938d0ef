#include "dataplane/limits/quarantine.h"

#include <algorithm>
#include <bit>

namespace springlatch {
namespace {

constexpr std::size_t sets_a_sweep = 4;

}  // namespace

Quarantine::Quarantine(std::uint32_t places)
    : sets_(std::bit_ceil(std::max<std::size_t>((places + ways - 1) / ways, 1))), mask_(sets_.size() - 1) {}

Confinement Quarantine::look_up(const Fingerprint& who, std::uint64_t now_ns) const noexcept {
    const auto& places = sets_[who.low & mask_].places;
    const auto* const found = std::find_if(places.begin(), places.end(), [&](const Place& place) {
        return place.who == who && place.until_ns > now_ns;
    });
    return found == places.end() ? Confinement::none : found->how;
}

bool Quarantine::begin(const Fingerprint& who, Confinement how, std::uint64_t until_ns,
                       std::uint64_t now_ns) noexcept {
    auto& places = sets_[who.low & mask_].places;
    const auto holds = [now_ns](const Place& place) { return place.until_ns > now_ns; };
    auto* place = std::find_if(places.begin(), places.end(),
                               [&](const Place& one) { return one.who == who && holds(one); });
    if (place != places.end()) {
        if (how < place->how) {
            return true;
        }
        place->until_ns = how > place->how ? until_ns : std::max(place->until_ns, until_ns);
    } else {
        place = std::find_if(places.begin(), places.end(), [&](const Place& one) { return !holds(one); });
        if (place == places.end() && how == Confinement::enforced) {
            place = std::find_if(places.begin(), places.end(),
                                 [](const Place& one) { return one.how == Confinement::observed; });
        }
        if (place == places.end()) {
            return false;
        }
        *place = {who, until_ns, how};
    }
    place->how = how;
    last_until_ns_ = std::max(last_until_ns_, place->until_ns);
    return true;
}

void Quarantine::sweep(std::uint64_t now_ns) noexcept {
    if (last_until_ns_ <= now_ns) {
        held_ = counted_ = sweep_at_ = 0;
        return;
    }
    for (std::size_t i = 0; i < sets_a_sweep; ++i) {
        const auto& places = sets_[sweep_at_].places;
        counted_ += static_cast<std::uint64_t>(std::count_if(
            places.begin(), places.end(), [now_ns](const Place& place) { return place.until_ns > now_ns; }));
        if (++sweep_at_ == sets_.size()) {
            held_ = counted_;
            counted_ = sweep_at_ = 0;
        }
    }
}

}  // namespace springlatch
