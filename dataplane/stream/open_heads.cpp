#include "dataplane/stream/open_heads.h"

#include <algorithm>
#include <cstring>

namespace springlatch {

OpenHeads::OpenHeads(std::uint32_t heads, std::uint32_t head_bytes)
    : heads_(heads), buffer_(std::size_t{heads} * head_bytes), head_bytes_(head_bytes) {
    for (std::uint32_t i = heads; i-- > 0;) {
        heads_[i].newer = free_;
        free_ = i;
    }
}

std::uint32_t OpenHeads::open(std::uint32_t flow) noexcept {
    const std::uint32_t index = free_;
    if (index == no_index) {
        return no_index;
    }
    free_ = heads_[index].newer;
    heads_[index] = Head{};
    heads_[index].flow = flow;
    heads_[index].older = newest_;
    (newest_ == no_index ? oldest_ : heads_[newest_].newer) = index;
    newest_ = index;
    ++used_;
    return index;
}

void OpenHeads::close(std::uint32_t head) noexcept {
    const Head& closing = heads_[head];
    (closing.older == no_index ? oldest_ : heads_[closing.older].newer) = closing.newer;
    (closing.newer == no_index ? newest_ : heads_[closing.newer].older) = closing.older;
    heads_[head].newer = free_;
    free_ = head;
    --used_;
}

std::uint32_t OpenHeads::oldest_flow() const noexcept {
    return oldest_ == no_index ? no_index : heads_[oldest_].flow;
}

std::uint32_t OpenHeads::append(std::uint32_t head, std::span<const std::byte> bytes) noexcept {
    Head& open = heads_[head];
    const auto part =
        static_cast<std::uint32_t>(std::min<std::size_t>(bytes.size(), head_bytes_ - open.bytes));
    std::memcpy(buffer_.data() + std::size_t{head} * head_bytes_ + open.bytes, bytes.data(), part);
    open.bytes += part;
    return part;
}

std::span<const std::byte> OpenHeads::bytes(std::uint32_t head) const noexcept {
    return {buffer_.data() + std::size_t{head} * head_bytes_, heads_[head].bytes};
}

}  // namespace springlatch
