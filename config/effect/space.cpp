#include "config/effect/space.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "config/prefixes.h"

namespace springlatch::effect {
namespace {

constexpr std::uint64_t all_ones = ~std::uint64_t{0};
constexpr IpAddress lowest{0, 0};
constexpr IpAddress highest = IpAddress::highest();
constexpr IpAddress first_v4 = IpAddress::v4(0);
constexpr IpAddress last_v4 = IpAddress::v4(0xffff'ffff);

/// Where a piece of the space begins: at the ends of these ranges, and at those of IPv4.
class Cuts {
  public:
    Cuts() : starts_{lowest, first_v4, next(last_v4)} {}
    void add(const AddressRange& range) {
        starts_.push_back(range.first);
        if (range.last != highest) {
            starts_.push_back(next(range.last));
        }
    }
    /// Calls `take` with each piece, ascending; together they are all addresses.
    template <class Take>
    void each(Take take) {
        std::sort(starts_.begin(), starts_.end());
        starts_.erase(std::unique(starts_.begin(), starts_.end()), starts_.end());
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            take(Span{starts_[i], i + 1 < starts_.size() ? previous(starts_[i + 1]) : highest});
        }
    }

  private:
    std::vector<IpAddress> starts_;
};

void append(std::vector<Span>& spans, const Span& span) {
    if (!spans.empty() && spans.back().last != highest && next(spans.back().last) == span.first &&
        spans.back().last != last_v4 && span.first != first_v4) {
        spans.back().last = span.last;
    } else {
        spans.push_back(span);
    }
}

/// The services of one policy that have an address; asked with ascending addresses.
class ServicesAt {
  public:
    explicit ServicesAt(const CompiledPolicy& policy) {
        const auto& services = policy.parts().services;
        for (std::size_t i = 0; i < services.size(); ++i) {
            for (const AddressRange& range : services[i].addresses) {
                ranges_.push_back({range.first, range.last, static_cast<std::uint16_t>(i)});
            }
        }
        std::sort(ranges_.begin(), ranges_.end(),
                  [](const AddressRange& a, const AddressRange& b) { return a.first < b.first; });
    }
    [[nodiscard]] std::vector<std::uint16_t> at(const IpAddress& address) {
        for (; next_ < ranges_.size() && ranges_[next_].first <= address; ++next_) {
            open_.push_back(ranges_[next_]);
        }
        std::erase_if(open_, [&](const AddressRange& range) { return range.last < address; });
        std::set<std::uint16_t> services;
        for (const AddressRange& range : open_) {
            services.insert(range.value);
        }
        return {services.begin(), services.end()};
    }
    [[nodiscard]] const std::vector<AddressRange>& ranges() const noexcept { return ranges_; }

  private:
    std::vector<AddressRange> ranges_;
    std::vector<AddressRange> open_;
    std::size_t next_ = 0;
};

using Ports = std::vector<std::uint16_t>;

[[nodiscard]] Ports shared(const Ports& a, const Ports& b) {
    Ports result;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
    return result;
}

/// The service's ports that none of the other policy's services at the same address has.
[[nodiscard]] Ports alone(const Service& service, const CompiledPolicy& other,
                          const std::vector<std::uint16_t>& there) {
    Ports rest = service.ports;
    for (const std::uint16_t index : there) {
        const Ports& taken = other.parts().services[index].ports;
        Ports left;
        std::set_difference(rest.begin(), rest.end(), taken.begin(), taken.end(), std::back_inserter(left));
        rest = std::move(left);
    }
    return rest;
}

struct Pairing {
    std::uint16_t before = no_service;
    std::uint16_t after = no_service;
    Ports ports;
    auto operator<=>(const Pairing&) const = default;
};

[[nodiscard]] std::vector<Pairing> pairings(const CompiledPolicy& before, const CompiledPolicy& after,
                                            const std::vector<std::uint16_t>& a,
                                            const std::vector<std::uint16_t>& b) {
    std::vector<Pairing> result;
    const auto add = [&](std::uint16_t x, std::uint16_t y, Ports ports) {
        if (!ports.empty()) {
            result.push_back({x, y, std::move(ports)});
        }
    };
    for (const std::uint16_t x : a) {
        const Service& service = before.parts().services[x];
        for (const std::uint16_t y : b) {
            add(x, y, shared(service.ports, after.parts().services[y].ports));
        }
        add(x, no_service, alone(service, after, b));
    }
    for (const std::uint16_t y : b) {
        add(no_service, y, alone(after.parts().services[y], before, a));
    }
    return result;
}

/// How many bits of the 128 the block that begins at `first` and ends not behind `last` may leave free.
[[nodiscard]] unsigned free_bits(const IpAddress& first, const IpAddress& last) noexcept {
    unsigned bits = 0;
    while (bits < 128) {
        const IpAddress mask =
            bits + 1 >= 64 ? IpAddress{bits + 1 >= 128 ? all_ones : (1ULL << (bits + 1 - 64)) - 1, all_ones}
                           : IpAddress{0, (1ULL << (bits + 1)) - 1};
        const bool aligned = (first.high & mask.high) == 0 && (first.low & mask.low) == 0;
        const IpAddress end{first.high | mask.high, first.low | mask.low};
        if (!aligned || last < end) {
            break;
        }
        ++bits;
    }
    return bits;
}

void add_prefixes(const Span& span, bool v4, std::vector<std::string>& result) {
    IpAddress at = span.first;
    while (true) {
        const unsigned bits = free_bits(at, span.last);
        const unsigned width = v4 ? 32 : 128;
        result.push_back(address_text(at) + "/" + std::to_string(width - std::min(bits, width)));
        const std::uint64_t low = bits >= 64 ? all_ones : (1ULL << bits) - 1;
        const std::uint64_t high = bits <= 64 ? 0 : bits >= 128 ? all_ones : (1ULL << (bits - 64)) - 1;
        const IpAddress end{at.high | high, at.low | low};
        if (end == span.last) {
            return;
        }
        at = next(end);
    }
}

}  // namespace

std::vector<Sources> sources_of(const CompiledPolicy& before, const CompiledPolicy& after) {
    Cuts cuts;
    const auto a = before.parts().zones.ranges();
    const auto b = after.parts().zones.ranges();
    std::for_each(a.begin(), a.end(), [&](const AddressRange& range) { cuts.add(range); });
    std::for_each(b.begin(), b.end(), [&](const AddressRange& range) { cuts.add(range); });
    std::vector<Sources> result;
    std::map<std::pair<std::uint16_t, std::uint16_t>, std::size_t> known;
    std::size_t in_a = 0;
    std::size_t in_b = 0;
    const auto zone_at = [](std::span<const AddressRange> ranges, std::size_t& at, const IpAddress& address) {
        while (at < ranges.size() && ranges[at].last < address) {
            ++at;
        }
        return at < ranges.size() && ranges[at].first <= address ? ranges[at].value : no_zone;
    };
    cuts.each([&](const Span& span) {
        const std::uint16_t x = zone_at(a, in_a, span.first);
        const std::uint16_t y = zone_at(b, in_b, span.first);
        const auto [place, is_new] = known.emplace(std::pair{x, y}, result.size());
        if (is_new) {
            result.push_back({x, y, {}});
        }
        append(result[place->second].spans, span);
    });
    return result;
}

std::vector<Listeners> listeners_of(const CompiledPolicy& before, const CompiledPolicy& after) {
    Cuts cuts;
    ServicesAt a(before);
    ServicesAt b(after);
    for (const ServicesAt* services : {&a, &b}) {
        for (const AddressRange& range : services->ranges()) {
            cuts.add(range);
        }
    }
    using Sets = std::pair<std::vector<std::uint16_t>, std::vector<std::uint16_t>>;
    std::map<Sets, std::vector<Span>> by_sets;
    cuts.each([&](const Span& span) {
        Sets sets{a.at(span.first), b.at(span.first)};
        if (!sets.first.empty() || !sets.second.empty()) {
            append(by_sets[std::move(sets)], span);
        }
    });
    std::map<Pairing, std::vector<Span>> found;
    for (const auto& [sets, spans] : by_sets) {
        for (const Pairing& pairing : pairings(before, after, sets.first, sets.second)) {
            std::vector<Span>& all = found[pairing];
            all.insert(all.end(), spans.begin(), spans.end());
        }
    }
    std::vector<Listeners> result;
    for (auto& [pairing, spans] : found) {
        std::sort(spans.begin(), spans.end(), [](const Span& x, const Span& y) { return x.first < y.first; });
        Listeners listeners{pairing.before, pairing.after, pairing.ports, {}};
        for (const Span& span : spans) {
            append(listeners.spans, span);
        }
        result.push_back(std::move(listeners));
    }
    return result;
}

std::vector<Span> complement_of(std::vector<Span> spans) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.first < b.first; });
    std::vector<Span> result;
    const auto add = [&](const IpAddress& first, const IpAddress& last) {
        // IPv4 lies in the middle, and stays a piece of its own.
        for (const Span& piece :
             {Span{lowest, previous(first_v4)}, Span{first_v4, last_v4}, Span{next(last_v4), highest}}) {
            const Span part{std::max(first, piece.first), std::min(last, piece.last)};
            if (part.first <= part.last) {
                append(result, part);
            }
        }
    };
    IpAddress at = lowest;
    for (const Span& span : spans) {
        if (at < span.first) {
            add(at, previous(span.first));
        }
        if (span.last == highest) {
            return result;
        }
        at = next(span.last);
    }
    add(at, highest);
    return result;
}

std::vector<std::string> prefixes_of(std::vector<Span> spans) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.first < b.first; });
    std::vector<Span> v4;
    std::vector<Span> v6;
    for (const Span& span : spans) {
        if (span.first.is_v4()) {
            append(v4, span);
        } else if (!v6.empty() && v6.back().last == previous(first_v4) && span.first == next(last_v4)) {
            v6.back().last = span.last;  // what lies between is no IPv6 address
        } else {
            append(v6, span);
        }
    }
    std::vector<std::string> result;
    for (const Span& span : v4) {
        add_prefixes(span, true, result);
    }
    for (const Span& span : v6) {
        add_prefixes(span, false, result);
    }
    return result;
}

std::string ports_text(const std::vector<std::uint16_t>& ports) {
    std::string text;
    for (std::size_t i = 0; i < ports.size();) {
        std::size_t end = i + 1;
        while (end < ports.size() && ports[end] == ports[end - 1] + 1) {
            ++end;
        }
        text += (text.empty() ? "" : ", ") + std::to_string(ports[i]);
        if (end - i > 2) {
            text += "-" + std::to_string(ports[end - 1]);
        } else if (end - i == 2) {
            text += ", " + std::to_string(ports[end - 1]);
        }
        i = end;
    }
    return text;
}

}  // namespace springlatch::effect
