#include "dataplane/stream/held.h"

#include "dataplane/flow/sequence.h"

namespace springlatch {

HeldPool::HeldPool(std::uint32_t segments, std::uint32_t segments_per_flow)
    : nodes_(segments), per_flow_(segments_per_flow) {
    for (std::uint32_t i = segments; i-- > 0;) {
        nodes_[i].next = free_;
        free_ = i;
    }
}

bool HeldPool::hold(std::uint32_t& last, const HeldSegment& segment) noexcept {
    const std::uint32_t count = last == no_index ? 0 : nodes_[last].count;
    if (free_ == no_index || count >= per_flow_) {
        return false;
    }
    const std::uint32_t index = free_;
    HeldSegment& node = nodes_[index];
    free_ = node.next;
    node = segment;
    node.count = count + 1;
    if (last == no_index) {
        node.next = index;
    } else {
        node.next = nodes_[last].next;
        nodes_[last].next = index;
    }
    last = index;
    ++used_;
    return true;
}

void HeldPool::unlink(std::uint32_t& last, std::uint32_t before, HeldSegment& out) noexcept {
    const std::uint32_t index = nodes_[before].next;
    const std::uint32_t count = nodes_[last].count - 1;
    out = nodes_[index];
    nodes_[before].next = nodes_[index].next;
    if (index == last) {
        last = index == before ? no_index : before;
    }
    if (last != no_index) {
        nodes_[last].count = count;
    }
    nodes_[index].next = free_;
    free_ = index;
    --used_;
}

bool HeldPool::take_ready(std::uint32_t& last, std::uint32_t client_gate, std::uint32_t server_read,
                          HeldSegment& out) noexcept {
    if (last == no_index) {
        return false;
    }
    std::uint32_t before = last;
    do {
        const HeldSegment& node = nodes_[nodes_[before].next];
        if (seq::at_or_before(node.sequence, node.from_server ? server_read : client_gate)) {
            unlink(last, before, out);
            return true;
        }
        before = nodes_[before].next;
    } while (before != last);
    return false;
}

bool HeldPool::take_first(std::uint32_t& last, HeldSegment& out) noexcept {
    if (last == no_index) {
        return false;
    }
    unlink(last, last, out);
    return true;
}

}  // namespace springlatch
