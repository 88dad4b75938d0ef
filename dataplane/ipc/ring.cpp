#include "dataplane/ipc/ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace springlatch {
namespace {

constexpr std::uint64_t slot_mask = ring_slots - 1;
static_assert((ring_slots & slot_mask) == 0,
              "the mask is a compile-time constant, never read from shared memory");

/// What both processes see. Each index has a page of its own; only its owner writes it.
struct Shared {
    alignas(4096) std::atomic<std::uint64_t> head;  ///< slots published by the producer
    alignas(4096) std::atomic<std::uint64_t> tail;  ///< slots consumed by the consumer
    alignas(4096) std::array<RingSlot, ring_slots> slots;
    alignas(4096) HitPages hits;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

constexpr int required_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

[[nodiscard]] Shared& shared(void* base) noexcept {
    return *static_cast<Shared*>(base);
}

[[nodiscard]] tl::expected<void*, int> map(int fd) noexcept {
    void* base = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (base == MAP_FAILED) {
        return tl::unexpected(errno);
    }
    return base;
}

}  // namespace

tl::expected<RingMemory, int> RingMemory::create(const char* name) noexcept {
    const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return tl::unexpected(errno);
    }
    if (ftruncate(fd, static_cast<off_t>(sizeof(Shared))) != 0 ||
        fcntl(fd, F_ADD_SEALS, required_seals) != 0) {
        const int error = errno;
        ::close(fd);
        return tl::unexpected(error);
    }
    const auto base = map(fd);
    if (!base) {
        ::close(fd);
        return tl::unexpected(base.error());
    }
    return RingMemory(fd, *base);
}

tl::expected<RingMemory, int> RingMemory::adopt(int fd) noexcept {
    struct stat status {};
    const int seals = fcntl(fd, F_GET_SEALS);
    // Without the seals the other side could shrink the file under our mapping and end us with SIGBUS.
    if (seals < 0 || (seals & required_seals) != required_seals || fstat(fd, &status) != 0 ||
        status.st_size != static_cast<off_t>(sizeof(Shared))) {
        ::close(fd);
        return tl::unexpected(EPROTO);
    }
    const auto base = map(fd);
    if (!base) {
        ::close(fd);
        return tl::unexpected(base.error());
    }
    return RingMemory(fd, *base);
}

HitPages& RingMemory::hits() const noexcept {
    return shared(base_).hits;
}

RingMemory::RingMemory(RingMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), base_(std::exchange(other.base_, nullptr)) {}

RingMemory& RingMemory::operator=(RingMemory&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(base_, other.base_);
    return *this;
}

RingMemory::~RingMemory() {
    if (base_ != nullptr) {
        munmap(base_, sizeof(Shared));
    }
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

RingProducer::RingProducer(void* base) noexcept
    : base_(base), head_(shared(base).head.load(std::memory_order_relaxed)), tail_seen_(head_) {}

std::uint64_t RingProducer::free_slots() noexcept {
    const std::uint64_t tail = shared(base_).tail.load(std::memory_order_acquire);
    // An index that cannot be is ignored: the ring then fills up and events are lost, counted, and nothing
    // else happens.
    if (head_ - tail <= ring_slots) {
        tail_seen_ = tail;
    }
    return ring_slots - (head_ - tail_seen_);
}

bool RingProducer::push(std::span<const RingSlot> slots) noexcept {
    if (ring_slots - (head_ - tail_seen_) < slots.size() && free_slots() < slots.size()) {
        return false;
    }
    Shared& ring = shared(base_);
    for (const RingSlot& slot : slots) {
        ring.slots[head_ & slot_mask] = slot;
        ++head_;
    }
    ring.head.store(head_, std::memory_order_release);
    return true;
}

bool RingProducer::emit(EventRecord& record, std::string_view path, std::string_view query,
                        std::string_view user_agent) noexcept {
    std::array<RingSlot, 1 + event_text_records_max> slots;
    record.sequence = ++sequence_;
    record.text_records = 0;
    record.text_cut = 0;
    const std::array<std::string_view, 3> texts = {path, query, user_agent};
    std::array<std::uint16_t, 3> lengths{};
    std::size_t used = 0;
    TextRecord text;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::size_t room = event_text_bytes_max - used;
        std::string_view rest = texts[i].substr(0, room);
        record.text_cut =
            static_cast<std::uint8_t>(record.text_cut | (rest.size() < texts[i].size() ? 1U : 0U));
        lengths[i] = static_cast<std::uint16_t>(rest.size());
        used += rest.size();
        while (!rest.empty()) {
            const std::size_t part = std::min<std::size_t>(rest.size(), text.text.size() - text.bytes);
            std::memcpy(text.text.data() + text.bytes, rest.data(), part);
            text.bytes = static_cast<std::uint8_t>(text.bytes + part);
            rest.remove_prefix(part);
            if (text.bytes == text.text.size()) {
                std::memcpy(slots[1 + record.text_records++].bytes, &text, sizeof text);
                text.bytes = 0;
            }
        }
    }
    if (text.bytes > 0) {
        std::memcpy(slots[1 + record.text_records++].bytes, &text, sizeof text);
    }
    record.path_bytes = lengths[0];
    record.query_bytes = lengths[1];
    record.user_agent_bytes = lengths[2];
    std::memcpy(slots[0].bytes, &record, sizeof record);
    if (!push(std::span{slots}.first(1U + record.text_records))) {
        ++lost_;
        return false;
    }
    return true;
}

RingConsumer::RingConsumer(void* base) noexcept
    : base_(base), tail_(shared(base).tail.load(std::memory_order_relaxed)) {}

std::size_t RingConsumer::pop(std::span<RingSlot> out) noexcept {
    Shared& ring = shared(base_);
    const std::uint64_t available = ring.head.load(std::memory_order_acquire) - tail_;
    if (broken_ || available > ring_slots) {
        broken_ = true;
        return 0;
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(available, out.size()));
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = ring.slots[(tail_ + i) & slot_mask];
    }
    tail_ += count;
    ring.tail.store(tail_, std::memory_order_release);
    return count;
}

}  // namespace springlatch
