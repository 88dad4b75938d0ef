#include "config/groups.h"

#include <bitset>
#include <nlohmann/json.hpp>

#include "config/identities.h"
#include "config/json_positions.h"

namespace springlatch {
namespace {

using nlohmann::json;

constexpr std::size_t groups_max = 1000;
using Members = std::bitset<identities_max>;

struct Node {
    const json* list = nullptr;
    std::string pointer;
    Members members;
    bool resolved = false;
    bool entered = false;
    std::size_t next = 0;  ///< entry that is looked at next
};

std::vector<std::string> identity_and_group_names(const Reading& reading) {
    std::vector<std::string> names = names_in(reading.identities);
    const std::vector<std::string> groups = names_in(reading.groups);
    names.insert(names.end(), groups.begin(), groups.end());
    return names;
}

/// The members of one group, and of all that it names. Depth is bounded by the heap, not by the stack: a
/// policy may nest a thousand.
void resolve(std::size_t start, std::vector<Node>& nodes, Reading& reading) {
    std::vector<std::size_t> path{start};
    nodes[start].entered = true;
    while (!path.empty()) {
        Node& node = nodes[path.back()];
        if (node.next >= node.list->size()) {
            node.resolved = true;
            const Members members = node.members;
            path.pop_back();
            if (!path.empty()) {
                nodes[path.back()].members |= members;
            }
            continue;
        }
        const std::string at = pointer_to(node.pointer, std::to_string(node.next));
        const std::string name = text_of((*node.list)[node.next++]);
        if (const auto identity = reading.identities.find(name); identity != reading.identities.end()) {
            node.members.set(identity->second);
        } else if (const auto group = reading.groups.find(name); group != reading.groups.end()) {
            Node& inner = nodes[group->second];
            if (inner.resolved) {
                node.members |= inner.members;
            } else if (inner.entered) {
                reading.say(at, "the group " + in_quotes(name) +
                                    " holds itself, by way of this; groups may nest, but not in a circle");
            } else {
                inner.entered = true;
                path.push_back(group->second);
            }
        } else if (!name.empty()) {
            reading.say(at, "there is no identity or group " + in_quotes(name) +
                                did_you_mean(name, identity_and_group_names(reading)));
        }
    }
}

}  // namespace

void read_groups(const json& groups, Reading& reading) {
    if (!groups.is_object() || groups.size() > groups_max) {
        return;
    }
    static const json nothing = json::array();
    std::vector<Node> nodes;
    for (const auto& [name, list] : groups.items()) {
        const std::string pointer = pointer_to("/groups", name);
        reading.check_name(name, pointer, true);
        if (reading.identities.contains(name)) {
            reading.say(pointer,
                        "the name " + in_quotes(name) + " is an identity's; a group needs another one", true);
        }
        reading.groups.emplace(name, static_cast<std::uint16_t>(nodes.size()));
        reading.parts.groups.push_back({name, {}});
        Node& node = nodes.emplace_back();
        node.list = list.is_array() ? &list : &nothing;
        node.pointer = pointer;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (!nodes[i].entered) {
            resolve(i, nodes, reading);
        }
        for (std::uint16_t identity = 0; identity < reading.identities.size(); ++identity) {
            if (nodes[i].members.test(identity)) {
                reading.parts.groups[i].identities.push_back(identity);
            }
        }
    }
}

}  // namespace springlatch
