#include "dataplane/credentials/known_values.h"

#include <algorithm>
#include <bit>

namespace springlatch {

KnownValues::KnownValues(std::uint32_t values)
    : buckets_(std::bit_ceil(std::max<std::size_t>(values / ways, 1))), mask_(buckets_.size() - 1) {}

KnownValue* KnownValues::find(const Fingerprint& fingerprint, std::uint32_t now) noexcept {
    for (KnownValue& value : bucket_of(fingerprint).values) {
        if (value.fingerprint == fingerprint && now < value.until) {
            return &value;
        }
    }
    return nullptr;
}

void KnownValues::put(const KnownValue& value, std::uint32_t now) noexcept {
    auto& values = bucket_of(value.fingerprint).values;
    KnownValue* place = values.data();
    for (KnownValue& other : values) {
        if (other.fingerprint == value.fingerprint) {
            other = value;
            return;
        }
        const auto left = [now](const KnownValue& one) { return one.until > now ? one.until - now : 0; };
        if (left(other) < left(*place)) {
            place = &other;
        }
    }
    *place = value;
}

void KnownValues::erase(const Fingerprint& fingerprint) noexcept {
    for (KnownValue& value : bucket_of(fingerprint).values) {
        if (value.fingerprint == fingerprint) {
            value = {};
        }
    }
}

}  // namespace springlatch
