#include "dataplane/flow/table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "dataplane/flow/half_open.h"
#include "tests/unit/flow/allocations.h"

namespace springlatch {
namespace {

class Keys {
  public:
    FlowKey next() { return {random_(), random_()}; }
    std::uint64_t number() { return random_(); }

  private:
    std::mt19937_64 random_{20261124};
};

TEST(FlowTable, AFreshRecordIsOpenAndEmptyEvenWhereAnotherFlowWasBefore) {
    FlowTable table(1);
    const FlowKey first{1, 2};
    const std::uint32_t index = table.insert(first);
    ASSERT_NE(index, no_index);
    table.hot(index).client_gate = 77;
    table.hot(index).flags = 0xffff;
    table.cold(index).body_left = 99;
    table.erase(index);
    EXPECT_EQ(table.find(first), no_index);

    const FlowKey second{3, 4};
    const std::uint32_t again = table.insert(second);
    ASSERT_NE(again, no_index);
    EXPECT_EQ(table.hot(again).key, second);
    EXPECT_EQ(table.hot(again).state, FlowState::open);
    EXPECT_EQ(table.hot(again).client_gate, 0U);
    EXPECT_EQ(table.hot(again).flags, 0U);
    EXPECT_EQ(table.cold(again).body_left, 0U);
}

TEST(FlowTable, TakesAtMost128BytesAFlow) {
    for (const std::uint32_t capacity : {1024U, 1025U, 1031U, 5000U, 100'000U, 1'000'003U}) {
        EXPECT_LE(FlowTable(capacity).memory_bytes(), std::size_t{capacity} * 128) << capacity;
    }
}

TEST(FlowTable, RecordsAreWholeCacheLines) {
    FlowTable table(3000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&table.hot(0)) % 64, 0U);
}

TEST(FlowTable, TakesAtLeast98PercentOfItsCapacity) {
    Keys keys;
    for (const std::uint32_t capacity : {1U, 2U, 7U, 64U, 1023U, 1024U, 5000U, 200'000U}) {
        FlowTable table(capacity);
        std::uint32_t failed = 0;
        for (std::uint32_t i = 0; i < capacity; ++i)
            failed += table.insert(keys.next()) == no_index ? 1U : 0U;
        EXPECT_LE(failed, capacity / 50) << "of " << capacity;
        EXPECT_EQ(table.size(), capacity - failed);
    }
}

TEST(FlowTable, TakesAtLeast98PercentOfItsCapacityAfterLongChurn) {
    constexpr std::uint32_t capacity = 20'000;
    Keys keys;
    FlowTable table(capacity);
    std::vector<std::uint32_t> live;
    for (std::uint32_t i = 0; i < capacity; ++i) {
        if (const std::uint32_t index = table.insert(keys.next()); index != no_index) live.push_back(index);
    }
    std::uint32_t failed = 0;
    for (std::uint32_t i = 0; i < 20 * capacity; ++i) {
        std::uint32_t& place = live[keys.number() % live.size()];
        table.erase(place);
        const std::uint32_t index = table.insert(keys.next());
        if (index != no_index) {
            place = index;
        } else {
            ++failed;
            place = live.back();
            live.pop_back();
        }
    }
    EXPECT_GE(live.size(), capacity * 98 / 100) << failed << " inserts failed";
    for (const std::uint32_t index : live) ASSERT_EQ(table.find(table.hot(index).key), index);
}

TEST(FlowTable, AFullTableRefusesAndKeepsWhatItHas) {
    Keys keys;
    FlowTable table(8);
    std::vector<FlowKey> inserted;
    while (table.size() < table.capacity()) {
        const FlowKey key = keys.next();
        if (table.insert(key) != no_index) inserted.push_back(key);
    }
    EXPECT_EQ(table.insert(keys.next()), no_index);
    for (const FlowKey& key : inserted) EXPECT_NE(table.find(key), no_index);
}

TEST(FlowTable, KeysOfOneTagAndOneBucketStayApart) {
    FlowTable table(4096);
    std::vector<FlowKey> keys;
    for (std::uint64_t i = 0; i < 10; ++i)
        keys.push_back({0x1234'5678'1234'5678U, 0xabcd'0000'0000'0000U | i});
    std::set<std::uint32_t> indices;
    for (const FlowKey& key : keys) indices.insert(table.insert(key));
    EXPECT_EQ(indices.size(), 10U);
    EXPECT_FALSE(indices.contains(no_index));
    for (const FlowKey& key : keys) EXPECT_EQ(table.hot(table.find(key)).key, key);
    EXPECT_EQ(table.insert({0x1234'5678'1234'5678U, 0xabcd'0000'0000'00ffU}), no_index)
        << "a flooded bucket refuses";
}

TEST(FlowTable, ATagOfZeroIsNoEmptySlot) {
    FlowTable table(4096);
    const FlowKey zero{5, 0};
    const std::uint32_t index = table.insert(zero);
    EXPECT_EQ(table.find(zero), index);
    table.erase(index);
    EXPECT_EQ(table.find(zero), no_index);
    EXPECT_EQ(table.find(FlowKey{}), no_index);
}

/// A table filled up with open flows last seen at second 100.
struct Full {
    explicit Full(std::uint32_t capacity) : table(capacity) {
        while (table.size() < capacity) {
            const std::uint32_t index = table.insert(keys.next());
            if (index != no_index) table.hot(index).last_seen = 100;
        }
    }
    Keys keys;
    FlowTable table;
};

TEST(FlowTableVictim, NoFlowThatIsAliveIsGivenUp) {
    Full full(16);
    EXPECT_EQ(full.table.victim(full.keys.next(), 100, 300), no_index);
    EXPECT_EQ(full.table.victim(full.keys.next(), 400, 300), no_index);
    EXPECT_EQ(full.table.victim(full.keys.next(), 99, 300), no_index)
        << "a time that runs backwards is not idleness";
}

TEST(FlowTableVictim, ACutFlowGoesBeforeAnIdleOneAndTheLongestUnseenFirst) {
    FlowTable table(4096);
    std::vector<std::uint32_t> own;
    for (std::uint64_t i = 0; i < 4; ++i) {
        own.push_back(table.insert({0x1234'5678'1234'5678U, i << 48U}));
        table.hot(own.back()).last_seen = 100;
    }
    const FlowKey key{0x1234'5678'1234'5678U, 77};
    table.hot(own[1]).last_seen = 20;
    table.hot(own[2]).last_seen = 10;
    EXPECT_EQ(table.victim(key, 350, 300), own[2]);
    table.hot(own[0]).state = FlowState::cut;
    EXPECT_EQ(table.victim(key, 350, 300), own[0]);
    table.hot(own[1]).state = FlowState::closed;
    EXPECT_EQ(table.victim(key, 350, 300), own[1]);
}

TEST(FlowTableVictim, AFullTableFindsItsOneFinishedFlowBySweeping) {
    Full full(3000);
    full.table.hot(1234).state = FlowState::closed;
    std::uint32_t victim = no_index;
    for (std::uint32_t call = 0; call < 3000 / 32 + 1 && victim == no_index; ++call) {
        victim = full.table.victim(full.keys.next(), 100, 300);
    }
    EXPECT_EQ(victim, 1234U);
}

TEST(FlowTableVictim, InsertSucceedsOnceItsVictimIsErased) {
    Full full(3000);
    int given_up = 0;
    for (int i = 0; i < 2000; ++i) {
        const FlowKey key = full.keys.next();
        ASSERT_EQ(full.table.insert(key), no_index);
        const std::uint32_t victim = full.table.victim(key, 1000, 300);
        if (victim == no_index) continue;  // what came in by this loop is not idle
        full.table.erase(victim);
        const std::uint32_t index = full.table.insert(key);
        ASSERT_NE(index, no_index);
        full.table.hot(index).last_seen = 1000;
        ++given_up;
    }
    EXPECT_GT(given_up, 1900);
}

TEST(FlowTableVictim, AFullBucketGivesUpOneOfItsOwn) {
    FlowTable table(4096);
    std::vector<std::uint32_t> own;
    for (std::uint64_t i = 0; i < 10; ++i) own.push_back(table.insert({0x1234'5678'1234'5678U, i << 48U}));
    const std::uint32_t foreign = table.insert({0x9999'9999'9999'9999U, 1});
    table.hot(foreign).state = FlowState::closed;
    const FlowKey key{0x1234'5678'1234'5678U, 77};
    ASSERT_EQ(table.insert(key), no_index);
    EXPECT_EQ(table.victim(key, 0, 300), no_index) << "another bucket's slot is of no use";
    table.hot(own[4]).state = FlowState::cut;
    EXPECT_EQ(table.victim(key, 0, 300), own[4]);
    table.erase(own[4]);
    EXPECT_NE(table.insert(key), no_index);
}

RC_GTEST_PROP(FlowTable, BehavesLikeAMap, (const std::vector<std::uint16_t>& steps, std::uint64_t seed)) {
    constexpr std::uint32_t capacity = 48;
    FlowTable table(capacity);
    std::map<std::uint64_t, std::uint32_t> model;
    // Few keys, so that steps meet the same ones again.
    const auto key_of = [seed](std::uint64_t number) {
        std::mt19937_64 random(seed ^ number);
        return FlowKey{random(), random()};
    };
    for (const std::uint16_t step : steps) {
        const std::uint64_t number = step % 97;
        const FlowKey key = key_of(number);
        const auto known = model.find(number);
        table.prefetch_bucket(key);
        table.prefetch_flow(key);
        RC_ASSERT(table.find(key) == (known == model.end() ? no_index : known->second));
        if (known != model.end()) {
            table.erase(known->second);
            model.erase(known);
        } else if (const std::uint32_t index = table.insert(key); index != no_index) {
            model.emplace(number, index);
        } else {
            RC_ASSERT(model.size() == capacity);
        }
        RC_ASSERT(table.size() == model.size());
    }
    std::set<std::uint32_t> indices;
    for (const auto& [number, index] : model) {
        RC_ASSERT(table.hot(index).key == key_of(number));
        RC_ASSERT(index < capacity && indices.insert(index).second);
    }
}

TEST(FlowTable, AllocatesNothingAfterConstruction) {
    FlowTable table(2000);
    HalfOpenCache cache(64);
    Keys keys;
    std::vector<std::uint32_t> live;
    live.reserve(10'000);
    const std::size_t before = test::allocations();
    ASSERT_GT(before, 0U);
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const FlowKey key = keys.next();
        table.prefetch_bucket(key);
        table.prefetch_flow(key);
        if (const std::uint32_t index = table.insert(key); index != no_index) live.push_back(index);
        if (const std::uint32_t victim = table.victim(key, i, 1); victim != no_index)
            table.hot(victim).last_seen = i;
        if (live.size() > 1500) {
            table.erase(live.back());
            live.pop_back();
        }
        cache.claim(key, i).client_isn = i;
    }
    EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace springlatch
