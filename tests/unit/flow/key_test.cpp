#include "dataplane/flow/key.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <functional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/flow/sequence.h"

namespace springlatch {
namespace {

struct Tuple {
    IpAddress client, server;
    std::uint16_t client_port = 0, server_port = 0;
};

constexpr HashSecret secret{
    {0x0123456789abcdefU, 0xfedcba9876543210U, 0x0f1e2d3c4b5a6978U, 0x8796a5b4c3d2e1f0U}};

FlowKey key_of(const Tuple& tuple, const HashSecret& with = secret) {
    return flow_key(with, tuple.client, tuple.client_port, tuple.server, tuple.server_port);
}
std::uint32_t hash_of(const Tuple& tuple, const HashSecret& with = secret) {
    return symmetric_hash(with, tuple.client, tuple.client_port, tuple.server, tuple.server_port);
}

/// The tuple with one of its 288 bits turned over.
Tuple flipped(Tuple tuple, unsigned bit) {
    std::uint64_t* const words[] = {&tuple.client.high, &tuple.client.low, &tuple.server.high,
                                    &tuple.server.low};
    if (bit < 256) {
        *words[bit / 64] ^= std::uint64_t{1} << bit % 64;
    } else {
        std::uint16_t& port = bit < 272 ? tuple.client_port : tuple.server_port;
        port = static_cast<std::uint16_t>(port ^ 1U << bit % 16);
    }
    return tuple;
}

TEST(FlowKey, EveryInputBitChangesHalfOfBothWords) {
    std::mt19937_64 random(1);
    for (unsigned bit = 0; bit < 288; ++bit) {
        int low = 0;
        int high = 0;
        constexpr int rounds = 64;
        for (int i = 0; i < rounds; ++i) {
            const Tuple tuple{
                {random(), random()}, {random(), random()}, static_cast<std::uint16_t>(random()), 9200};
            const FlowKey one = key_of(tuple);
            const FlowKey other = key_of(flipped(tuple, bit));
            low += std::popcount(one.low ^ other.low);
            high += std::popcount(one.high ^ other.high);
        }
        EXPECT_NEAR(low / double{rounds}, 32, 4) << "bit " << bit;
        EXPECT_NEAR(high / double{rounds}, 32, 4) << "bit " << bit;
    }
}

TEST(FlowKey, EveryBitOfTheSecretChangesTheKey) {
    const Tuple tuple{IpAddress::v4(1), IpAddress::v4(2), 3, 4};
    for (unsigned bit = 0; bit < 256; ++bit) {
        HashSecret other = secret;
        other.words[bit / 64] ^= std::uint64_t{1} << bit % 64;
        EXPECT_NE(key_of(tuple), key_of(tuple, other)) << bit;
        EXPECT_NE(hash_of(tuple), hash_of(tuple, other)) << bit;
    }
}

TEST(FlowKey, AScanOfNeighbouringAddressesAndPortsGivesDistinctKeysAndTags) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> keys;
    std::vector<int> buckets(256);
    for (std::uint32_t host = 0; host < 64; ++host) {
        for (std::uint16_t port = 0; port < 1024; ++port) {
            const FlowKey key =
                key_of({IpAddress::v4(0xc0000200 + host), IpAddress::v4(0xc633640a), port, 9200});
            keys.emplace(key.low, key.high);
            ++buckets[key.low & 0xffU];
        }
    }
    EXPECT_EQ(keys.size(), 64U * 1024U);
    for (const int count : buckets) EXPECT_NEAR(count, 256, 96);  // six standard deviations
}

TEST(FlowKey, IsOriented) {
    const Tuple tuple{IpAddress::v4(1), IpAddress::v4(2), 3, 4};
    EXPECT_NE(key_of(tuple), key_of({tuple.server, tuple.client, tuple.server_port, tuple.client_port}));
    EXPECT_NE(key_of(tuple), key_of({tuple.client, tuple.server, tuple.server_port, tuple.client_port}));
}

RC_GTEST_PROP(SymmetricHash, BothDirectionsMeetTheSameWorker,
              (std::uint64_t a, std::uint64_t b, std::uint16_t a_port, std::uint16_t b_port)) {
    const IpAddress x{a, b};
    const IpAddress y{b, ~a};
    RC_ASSERT(symmetric_hash(secret, x, a_port, y, b_port) == symmetric_hash(secret, y, b_port, x, a_port));
}

TEST(SymmetricHash, EveryInputBitMatters) {
    const Tuple tuple{{1, 2}, {3, 4}, 5, 6};
    for (unsigned bit = 0; bit < 288; ++bit) EXPECT_NE(hash_of(tuple), hash_of(flipped(tuple, bit))) << bit;
}

TEST(SymmetricHash, AHostThatTalksToItselfStillSpreadsItsPorts) {
    std::set<std::uint32_t> hashes;
    for (std::uint16_t port = 0; port < 1000; ++port)
        hashes.insert(hash_of({IpAddress::v4(9), IpAddress::v4(9), port, 9200}));
    EXPECT_GE(hashes.size(), 999U);
}

TEST(Sequence, OrderHoldsAcrossTheWrap) {
    EXPECT_TRUE(seq::before(0xffffffff, 0));
    EXPECT_TRUE(seq::after(5, 0xfffffff0));
    EXPECT_FALSE(seq::before(7, 7));
    EXPECT_TRUE(seq::at_or_before(7, 7));
    EXPECT_EQ(seq::distance(0xfffffff0, 0x10), 32);
    EXPECT_EQ(seq::distance(0x10, 0xfffffff0), -32);
    EXPECT_EQ(seq::later(0xfffffff0, 3), 3U);
    EXPECT_EQ(seq::later(3, 0xfffffff0), 3U);
}

}  // namespace
}  // namespace springlatch
