// The bounded pools: nothing is lost, nothing is found twice, full is an answer.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

#include "dataplane/flow/sequence.h"
#include "dataplane/stream/held.h"
#include "dataplane/stream/open_heads.h"
#include "dataplane/stream/retained.h"

namespace springlatch {
namespace {

[[nodiscard]] std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

HeldSegment segment(std::uint32_t sequence, bool from_server = false) {
    HeldSegment made;
    made.handle = reinterpret_cast<void*>(static_cast<std::uintptr_t>(sequence) + 1);
    made.sequence = sequence;
    made.from_server = from_server;
    return made;
}

TEST(HeldPool, ASegmentIsReadyOnceItsPositionIsReached) {
    HeldPool pool(8, 8);
    std::uint32_t last = no_index;
    ASSERT_TRUE(pool.hold(last, segment(300)));
    ASSERT_TRUE(pool.hold(last, segment(200)));
    ASSERT_TRUE(pool.hold(last, segment(900, true)));
    HeldSegment out;
    EXPECT_FALSE(pool.take_ready(last, 199, 899, out));
    ASSERT_TRUE(pool.take_ready(last, 200, 899, out));
    EXPECT_EQ(out.sequence, 200U);
    ASSERT_TRUE(pool.take_ready(last, 200, 950, out));
    EXPECT_TRUE(out.from_server);
    ASSERT_TRUE(pool.take_ready(last, 400, 0, out));
    EXPECT_EQ(out.sequence, 300U);
    EXPECT_EQ(last, no_index);
    EXPECT_EQ(pool.used(), 0U);
}

TEST(HeldPool, FullPoolAndFullShareSayNoAndChangeNothing) {
    HeldPool pool(3, 2);
    std::uint32_t one = no_index;
    std::uint32_t two = no_index;
    EXPECT_TRUE(pool.hold(one, segment(1)));
    EXPECT_TRUE(pool.hold(one, segment(2)));
    EXPECT_FALSE(pool.hold(one, segment(3))) << "its share";
    EXPECT_TRUE(pool.hold(two, segment(4)));
    EXPECT_FALSE(pool.hold(two, segment(5))) << "the pool";
    EXPECT_EQ(pool.used(), 3U);
}

RC_GTEST_PROP(HeldPool, GivesBackEverySegmentExactlyOnce, (const std::vector<std::uint8_t>& steps)) {
    HeldPool pool(16, 12);
    std::array<std::uint32_t, 3> lists = {no_index, no_index, no_index};
    std::array<std::multimap<std::uint32_t, int>, 3> model;
    std::uint32_t next = 1;
    for (const std::uint8_t step : steps) {
        const std::size_t list = step % 3;
        if ((step & 64U) == 0) {
            const bool fits =
                model[list].size() < 12 && model[0].size() + model[1].size() + model[2].size() < 16;
            RC_ASSERT(pool.hold(lists[list], segment(next)) == fits);
            if (fits) model[list].emplace(next, 0);
            ++next;
        } else {
            HeldSegment out;
            const std::uint32_t gate = step;
            const bool any = !model[list].empty() && model[list].begin()->first <= gate;
            RC_ASSERT(pool.take_ready(lists[list], gate, 0, out) == any);
            if (any) RC_ASSERT(model[list].erase(out.sequence) == 1U);
        }
    }
    for (std::size_t list = 0; list < 3; ++list) {
        HeldSegment out;
        while (pool.take_first(lists[list], out)) RC_ASSERT(model[list].erase(out.sequence) == 1U);
        RC_ASSERT(model[list].empty());
    }
    RC_ASSERT(pool.used() == 0U);
}

RC_GTEST_PROP(RetainedPool, AgreesExactlyWithWhatWasKeptAndNotYetAcknowledged, ()) {
    RetainedPool pool(64 * RetainedPool::block_bytes);
    const auto base = *rc::gen::element<std::uint32_t>(0U, 1000U, 0xffff'ff00U);
    std::map<std::uint32_t, char> model;  // offset from base → value
    std::uint32_t last = no_index;
    std::uint32_t end = 0;
    std::uint32_t acknowledged = 0;
    const int steps = *rc::gen::inRange(1, 25);
    for (int i = 0; i < steps; ++i) {
        end += *rc::gen::element<std::uint32_t>(0U, 0U, 3U, 700U);  // a hole: body bytes are not kept
        const auto size = *rc::gen::inRange<std::size_t>(1, 900);
        const std::string text(size, static_cast<char>('a' + i % 26));
        if (!pool.has_room(size, 1)) break;
        pool.keep(last, base + end, bytes_of(text));
        for (const char value : text) model[end++] = value;
        if (*rc::gen::inRange(0, 4) == 0) {
            acknowledged = *rc::gen::inRange<std::uint32_t>(acknowledged, end + 1);
            pool.release(last, base + acknowledged);
        }
        const auto from = *rc::gen::inRange<std::uint32_t>(acknowledged, end);
        std::string same;
        for (std::uint32_t at = from; at < std::min(end, from + 400); ++at)
            same += model.count(at) != 0 ? model[at] : '?';
        RC_ASSERT(pool.agrees(last, base + from, bytes_of(same)));
        const auto spoiled = *rc::gen::inRange<std::size_t>(0, same.size());
        const bool kept = model.count(from + static_cast<std::uint32_t>(spoiled)) != 0;
        same[spoiled] = '!';
        RC_ASSERT(pool.agrees(last, base + from, bytes_of(same)) == !kept);
    }
    pool.release_all(last);
    RC_ASSERT(pool.used_blocks() == 0U);
}

TEST(OpenHeads, TheOldestIsTheOneToGiveUp) {
    OpenHeads heads(2, 64);
    const std::uint32_t first = heads.open(7);
    const std::uint32_t second = heads.open(8);
    EXPECT_EQ(heads.open(9), no_index);
    EXPECT_EQ(heads.oldest_flow(), 7U);
    heads.close(first);
    EXPECT_EQ(heads.oldest_flow(), 8U);
    const std::uint32_t third = heads.open(9);
    ASSERT_NE(third, no_index);
    EXPECT_EQ(heads.oldest_flow(), 8U);
    heads.close(second);
    heads.close(third);
    EXPECT_EQ(heads.oldest_flow(), no_index);
    EXPECT_EQ(heads.used(), 0U);
}

TEST(OpenHeads, ABufferNeverTakesMoreThanItsShare) {
    OpenHeads heads(2, 8);
    const std::uint32_t head = heads.open(1);
    EXPECT_EQ(heads.append(head, bytes_of("12345")), 5U);
    EXPECT_EQ(heads.append(head, bytes_of("67890")), 3U);
    EXPECT_EQ(heads.bytes(head).size(), 8U);
    EXPECT_EQ(heads.append(head, bytes_of("x")), 0U);
}

}  // namespace
}  // namespace springlatch
