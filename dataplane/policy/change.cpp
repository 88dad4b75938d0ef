#include "dataplane/policy/change.h"

#include <algorithm>
#include <map>

namespace springlatch {
namespace {

[[nodiscard]] bool counts_bytes(const CompiledPolicy& policy) {
    const auto of_bytes = [](const RuleLimit& limit) { return limit.of == LimitOf::bytes_given; };
    return std::any_of(policy.parts().rules.begin(), policy.parts().rules.end(), [&](const Rule& rule) {
        return std::any_of(rule.limits.begin(), rule.limits.end(), of_bytes);
    });
}

}  // namespace

std::vector<std::string> needs_restart(const CompiledPolicy& running, const CompiledPolicy& next) {
    std::vector<std::string> keys;
    const Limits& now = running.limits();
    const Limits& then = next.limits();
    const auto compare = [&keys](const char* key, std::uint64_t before, std::uint64_t after) {
        if (before != after) {
            keys.push_back(std::string(key) + " (" + std::to_string(before) + ", not " +
                           std::to_string(after) + ")");
        }
    };
    if (running.parts().reassemble_fragments != next.parts().reassemble_fragments) {
        const auto name = [](bool reassembles) { return reassembles ? "reassemble" : "refuse"; };
        keys.push_back(std::string("/fragments (") + name(running.parts().reassemble_fragments) + ", not " +
                       name(next.parts().reassemble_fragments) + ")");
    }
    if (!counts_bytes(running) && counts_bytes(next)) {
        keys.emplace_back("/rules (none had a limit of bytes_given, now one has)");
    }
    compare("/limits/flows", now.flows, then.flows);
    compare("/limits/head_bytes", now.head.head_bytes, then.head.head_bytes);
    compare("/limits/held_segments", now.held_segments, then.held_segments);
    compare("/limits/held_segments_per_flow", now.held_segments_per_flow, then.held_segments_per_flow);
    compare("/limits/retained_bytes", now.retained_bytes, then.retained_bytes);
    compare("/limits/open_heads", now.open_heads, then.open_heads);
    compare("/limits/fragments", now.fragments, then.fragments);
    compare("/limits/credential_values", now.credentials.values, then.credentials.values);
    return keys;
}

std::vector<std::uint16_t> same_identities(const CompiledPolicy& running, const CompiledPolicy& next) {
    const auto& digests = next.parts().identity_digests;
    std::map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < digests.size(); ++i) {
        places.emplace(next.parts().identity_names[i], i);
    }
    std::vector<std::uint16_t> same(running.parts().identity_names.size(), no_identity);
    for (std::size_t i = 0; i < running.parts().identity_digests.size(); ++i) {
        const auto place = places.find(running.parts().identity_names[i]);
        if (place != places.end() && digests[place->second] == running.parts().identity_digests[i]) {
            same[i] = static_cast<std::uint16_t>(place->second);
        }
    }
    return same;
}

}  // namespace springlatch
