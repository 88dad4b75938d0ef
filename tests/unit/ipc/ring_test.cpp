// The event ring between two processes that do not trust each other.
#include "dataplane/ipc/ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace springlatch {
namespace {

[[nodiscard]] RingMemory ring() {
    auto made = RingMemory::create("test-ring");
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
}

[[nodiscard]] RingSlot slot(std::uint64_t value) {
    RingSlot made{};
    std::memcpy(made.bytes, &value, sizeof value);
    return made;
}

[[nodiscard]] std::uint64_t value_of(const RingSlot& from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from.bytes, sizeof value);
    return value;
}

TEST(Ring, EveryRecordArrivesInOrderAcrossManyTurns) {
    RingMemory memory = ring();
    std::thread producing([&] {
        RingProducer producer(memory.base());
        for (std::uint64_t i = 0; i < 4 * ring_slots;) {
            const std::array<RingSlot, 1> one{slot(i)};
            if (producer.push(one)) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    });
    RingConsumer consumer(memory.base());
    std::vector<RingSlot> batch(1000);
    for (std::uint64_t next = 0; next < 4 * ring_slots;) {
        const std::size_t count = consumer.pop(batch);
        for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(value_of(batch[i]), next++);
        if (count == 0) std::this_thread::yield();
    }
    producing.join();
    EXPECT_FALSE(consumer.broken());
}

TEST(Ring, FullMeansNoAndTheLossIsCountedAndVisibleInTheSequence) {
    RingMemory memory = ring();
    RingProducer producer(memory.base());
    EventRecord record;
    for (std::uint32_t i = 0; i < ring_slots; ++i) ASSERT_TRUE(producer.emit(record, {}, {}, {}));
    EXPECT_FALSE(producer.emit(record, {}, {}, {}));
    EXPECT_FALSE(producer.emit(record, {}, {}, {}));
    EXPECT_EQ(producer.lost(), 2U);
    EXPECT_EQ(producer.free_slots(), 0U);
    RingConsumer consumer(memory.base());
    std::vector<RingSlot> all(ring_slots);
    ASSERT_EQ(consumer.pop(all), ring_slots);
    ASSERT_TRUE(producer.emit(record, {}, {}, {}));
    ASSERT_EQ(consumer.pop(all), 1U);
    EventRecord after;
    std::memcpy(&after, all[0].bytes, sizeof after);
    EXPECT_EQ(after.sequence, ring_slots + 3U);
}

TEST(Ring, TextsTravelBehindTheirEventAndAreCutAtTheirLimit) {
    RingMemory memory = ring();
    RingProducer producer(memory.base());
    EventRecord record;
    const std::string path = "/support-cases/_search";
    const std::string query(500, 'q');
    const std::string agent(5000, 'u');
    ASSERT_TRUE(producer.emit(record, path, query, agent));
    EXPECT_EQ(record.text_records, event_text_records_max);
    EXPECT_EQ(record.text_cut, 1);
    RingConsumer consumer(memory.base());
    std::array<RingSlot, 64> slots{};
    ASSERT_EQ(consumer.pop(slots), 1U + event_text_records_max);
    std::string joined;
    for (std::size_t i = 1; i <= event_text_records_max; ++i) {
        TextRecord text;
        std::memcpy(&text, slots[i].bytes, sizeof text);
        joined.append(text.text.data(), text.bytes);
    }
    EXPECT_EQ(joined, path + query + agent.substr(0, event_text_bytes_max - path.size() - query.size()));
    EXPECT_EQ(record.user_agent_bytes, event_text_bytes_max - path.size() - query.size());
}

TEST(Ring, ANewConsumerGoesOnWhereTheOldOneStopped) {
    RingMemory memory = ring();
    RingProducer producer(memory.base());
    for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(producer.push(std::array{slot(i)}));
    std::array<RingSlot, 4> some{};
    RingConsumer first(memory.base());
    ASSERT_EQ(first.pop(some), 4U);
    auto again = RingMemory::adopt(fcntl(memory.fd(), F_DUPFD_CLOEXEC, 0));
    ASSERT_TRUE(again.has_value());
    RingConsumer second(again->base());
    ASSERT_EQ(second.pop(some), 4U);
    EXPECT_EQ(value_of(some[0]), 4U);
}

TEST(Ring, AHostileProducerIndexBreaksTheRingAndNothingElse) {
    RingMemory memory = ring();
    RingConsumer consumer(memory.base());
    const std::uint64_t impossible = std::uint64_t{ring_slots} + 1;
    std::memcpy(memory.base(), &impossible, sizeof impossible);
    std::array<RingSlot, 4> some{};
    EXPECT_EQ(consumer.pop(some), 0U);
    EXPECT_TRUE(consumer.broken());
}

TEST(Ring, AHostileConsumerIndexOnlyLosesEvents) {
    RingMemory memory = ring();
    RingProducer producer(memory.base());
    const std::uint64_t impossible = 1U << 30U;
    std::memcpy(static_cast<std::byte*>(memory.base()) + 4096, &impossible, sizeof impossible);
    for (std::uint32_t i = 0; i < ring_slots; ++i) ASSERT_TRUE(producer.push(std::array{slot(i)}));
    EXPECT_FALSE(producer.push(std::array{slot(0)}));
}

TEST(Ring, UnsealedAndWrongSizedFilesAreNotAdopted) {
    const int unsealed = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(ftruncate(unsealed, 1 << 24), 0);
    EXPECT_EQ(RingMemory::adopt(unsealed).error(), EPROTO);
    const int small = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(ftruncate(small, 4096), 0);
    ASSERT_EQ(fcntl(small, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_EQ(RingMemory::adopt(small).error(), EPROTO);
}

}  // namespace
}  // namespace springlatch
