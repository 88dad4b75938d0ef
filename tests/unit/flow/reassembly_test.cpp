// Fragments become a datagram or nothing.
#include "dataplane/flow/reassembly.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "tests/support/fragments.h"
#include "tests/unit/flow/allocations.h"

namespace springlatch {
namespace {

using test::Bytes;
using test::fragment_at;
using test::fragment_of;
using test::fragments_of;
using test::ip_payload_bytes;
using test::TcpFrame;

constexpr std::uint32_t now = 1'700'000'000;

/// Frames with room behind them, each alive until the test ends.
struct Pool {
    explicit Pool(std::uint32_t datagrams = 64, std::uint32_t packet_bytes_max = UINT32_MAX)
        : reassembler(datagrams, packet_bytes_max, HashSecret{{1, 2, 3, 4}}) {}

    Reassembler::Result add(const Bytes& frame, std::uint32_t seconds = now, std::uint8_t side = 0) {
        Bytes& kept = frames.emplace_back(frame);
        kept.resize(std::max(room, frame.size()));
        DecodedFrame decoded;
        EXPECT_EQ(decode({kept.data(), frame.size()}, VerifyTcpChecksum::no, decoded),
                  DecodeOutcome::fragment);
        return reassembler.add(decoded, {{kept.data(), frame.size()}, kept.size(), &kept}, side, seconds);
    }
    [[nodiscard]] FragmentOutcome outcome(const Bytes& frame, std::uint32_t seconds = now) {
        return add(frame, seconds).outcome;
    }
    Reassembler reassembler;
    std::deque<Bytes> frames;
    std::size_t room = 4096;
};

[[nodiscard]] std::string text(std::size_t bytes) {
    std::string made;
    for (std::size_t i = 0; i < bytes; ++i) made += static_cast<char>('a' + (i / 8 + i) % 23);
    return made;
}
[[nodiscard]] Bytes segment(std::size_t payload_bytes = 180, bool v6 = false) {
    TcpFrame frame;
    frame.seq(1).ack(2).payload(text(payload_bytes));
    if (v6) frame.from("2001:db8:1::5", 40000).to("2001:db8::10", 9200);
    return frame.build();
}

TEST(Reassembly, AnyOrderMakesTheVeryDatagram) {
    for (const bool v6 : {false, true}) {
        const Bytes whole = segment(180, v6);
        std::vector<Bytes> parts = fragments_of(whole, {24, 40, 104});
        std::sort(parts.begin(), parts.end());
        do {
            Pool pool;
            Reassembler::Result last;
            for (const Bytes& part : parts) last = pool.add(part);
            ASSERT_EQ(last.outcome, FragmentOutcome::complete);
            EXPECT_EQ(last.frames, 4U);
            EXPECT_EQ(Bytes(last.whole.bytes.begin(), last.whole.bytes.end()), test::reassembled(whole));
            EXPECT_EQ(pool.reassembler.take_any().frames, 0U);
        } while (std::next_permutation(parts.begin(), parts.end()));
    }
}

TEST(Reassembly, VlanTagsAndThePaddingOfSmallFragmentsAreNoTrouble) {
    const Bytes whole = TcpFrame().seq(1).ack(2).vlan(5).vlan(6).payload(text(30)).build();
    Pool pool;
    for (Bytes part : fragments_of(whole, {24, 32})) {
        if (part.size() < 60) part.resize(60, std::byte{'G'});
        const auto result = pool.add(part);
        if (result.outcome == FragmentOutcome::complete) {
            EXPECT_EQ(Bytes(result.whole.bytes.begin(), result.whole.bytes.end()), test::reassembled(whole));
            return;
        }
    }
    FAIL() << "never complete";
}

TEST(Reassembly, WhatDiffersInAnythingThatTellsDatagramsApartIsNotPutTogether) {
    const Bytes whole = segment();
    const auto parts = fragments_of(whole, {40}, 7);
    const std::vector<Bytes> strangers = {
        fragments_of(whole, {40}, 8)[1],
        fragments_of(TcpFrame().from("192.0.2.2", 40000).seq(1).ack(2).payload(text(180)).build(), {40})[1],
        fragments_of(TcpFrame().to("198.51.100.11", 9200).seq(1).ack(2).payload(text(180)).build(), {40})[1],
        fragments_of(TcpFrame().layer4(17, test::to_bytes(text(200))).build(), {40})[1],
        fragments_of(TcpFrame().vlan(1).seq(1).ack(2).payload(text(180)).build(), {40})[1]};
    for (const Bytes& stranger : strangers) {
        Pool pool;
        EXPECT_EQ(pool.outcome(parts[0]), FragmentOutcome::kept);
        EXPECT_EQ(pool.outcome(stranger), FragmentOutcome::kept);
    }
    Pool pool;
    EXPECT_EQ(pool.outcome(parts[0]), FragmentOutcome::kept);
    EXPECT_EQ(pool.add(parts[1], now, 1).outcome, FragmentOutcome::kept) << "from the other side";
    EXPECT_EQ(pool.outcome(parts[1]), FragmentOutcome::complete);
}

struct Overlap {
    const char* name;
    std::size_t from, bytes;
    bool more;
};
class ReassemblyOverlap : public ::testing::TestWithParam<Overlap> {};
TEST_P(ReassemblyOverlap, SpoilsTheDatagramWithEqualBytesToo) {
    const Bytes whole = segment(180);  // 200 bytes behind the IP header
    for (const bool equal : {true, false}) {
        Bytes bad = fragment_of(whole, GetParam().from, GetParam().bytes, GetParam().more);
        if (!equal) bad.back() ^= std::byte{1};
        Pool pool;
        EXPECT_EQ(pool.outcome(fragment_of(whole, 40, 40, true)), FragmentOutcome::kept);
        EXPECT_EQ(pool.outcome(fragment_of(whole, 80, 40, true)), FragmentOutcome::merged);
        const auto result = pool.add(bad);
        EXPECT_EQ(result.outcome, FragmentOutcome::overlap);
        EXPECT_EQ(result.lost.frames, 2U);
        EXPECT_EQ(result.lost.handle, &pool.frames[0]);
        EXPECT_FALSE(result.repeated);
        for (const Bytes& part : fragments_of(whole, {40, 80, 120})) {
            const auto after = pool.add(part);
            EXPECT_EQ(after.outcome, FragmentOutcome::overlap) << "a spoiled datagram takes nothing any more";
            EXPECT_TRUE(after.repeated);
        }
    }
}
INSTANTIATE_TEST_SUITE_P(Shapes, ReassemblyOverlap,
                         ::testing::Values(Overlap{"front", 32, 16, true}, Overlap{"tail", 112, 16, true},
                                           Overlap{"inside", 48, 8, true}, Overlap{"covers", 32, 96, true},
                                           Overlap{"sameStartShorter", 40, 32, true},
                                           Overlap{"sameStartLonger", 40, 48, true},
                                           Overlap{"sameEnd", 48, 32, true}, Overlap{"both", 40, 80, true},
                                           Overlap{"middle", 72, 16, true}, Overlap{"first", 0, 48, true},
                                           Overlap{"last", 112, 88, false}, Overlap{"asLast", 80, 40, false}),
                         [](const auto& shape) { return std::string{shape.param.name}; });

TEST(Reassembly, ExactDuplicatesAreTolerated) {
    const Bytes whole = segment();
    Pool pool;
    const auto parts = fragments_of(whole, {24, 104});
    for (const std::size_t i : {2U, 2U, 1U, 2U, 1U}) {
        EXPECT_THAT(pool.outcome(parts[i]), ::testing::AnyOf(FragmentOutcome::kept, FragmentOutcome::merged));
    }
    const auto result = pool.add(parts[0]);
    EXPECT_EQ(result.outcome, FragmentOutcome::complete);
    EXPECT_EQ(result.frames, 6U);
}

TEST(Reassembly, ADuplicateWithOtherBytesIsAnOverlap) {
    Pool pool;
    Bytes part = fragment_of(segment(), 40, 40, true);
    EXPECT_EQ(pool.outcome(part), FragmentOutcome::kept);
    part.back() ^= std::byte{1};
    EXPECT_EQ(pool.outcome(part), FragmentOutcome::overlap);
}

TEST(Reassembly, ATcpHeaderMustLieInTheFirstFragment) {
    const Bytes plain = segment();
    const Bytes options = TcpFrame().seq(1).ack(2).timestamp(1, 2).payload(text(100)).build();
    EXPECT_EQ(Pool().outcome(fragment_of(plain, 0, 8, true)), FragmentOutcome::header_split);
    EXPECT_EQ(Pool().outcome(fragment_of(plain, 0, 16, true)), FragmentOutcome::header_split);
    EXPECT_EQ(Pool().outcome(fragment_of(options, 0, 24, true)), FragmentOutcome::header_split);
    EXPECT_EQ(Pool().outcome(fragment_of(plain, 0, 24, true)), FragmentOutcome::kept);
    EXPECT_EQ(Pool().outcome(fragment_of(options, 0, 32, true)), FragmentOutcome::kept);
    EXPECT_EQ(Pool().outcome(fragment_of(plain, 8, 16, true)), FragmentOutcome::header_split);
    EXPECT_EQ(Pool().outcome(fragment_of(plain, 16, 16, true)), FragmentOutcome::header_split);
    Pool pool;
    EXPECT_EQ(pool.outcome(fragment_of(plain, 24, 176, false)), FragmentOutcome::kept);
    EXPECT_EQ(pool.add(fragment_of(plain, 0, 16, true)).lost.frames, 1U) << "it takes the others with it";
}

TEST(Reassembly, LengthsThatNoFragmentCanHaveAreRefused) {
    const Bytes whole = segment(200);
    EXPECT_EQ(Pool().outcome(fragment_of(whole, 0, 36, true)), FragmentOutcome::malformed);
    EXPECT_EQ(Pool().outcome(fragment_of(whole, 40, 0, true)), FragmentOutcome::malformed);
    EXPECT_EQ(Pool().outcome(fragment_of(whole, 40, 0, false)), FragmentOutcome::malformed);
}

TEST(Reassembly, DatagramsBeyond65535BytesAreRefused) {
    const Bytes v4 = segment(200);
    const Bytes v6 = segment(200, true);
    const auto last = [](const Bytes& frame, std::size_t offset, std::size_t bytes) {
        return fragment_at(frame, 0, bytes, false, 7, offset);
    };
    Pool pool;
    pool.room = 70'000;
    EXPECT_EQ(pool.outcome(last(v4, 65'512, 4)), FragmentOutcome::malformed) << "the ping of death";
    EXPECT_EQ(pool.outcome(last(v4, 65'528, 100)), FragmentOutcome::malformed);
    EXPECT_EQ(pool.outcome(last(v4, 65'512, 3)), FragmentOutcome::kept);
    EXPECT_EQ(pool.outcome(last(v6, 65'528, 8)), FragmentOutcome::malformed);
    EXPECT_EQ(pool.outcome(last(v6, 65'528, 7)), FragmentOutcome::kept);
}

TEST(Reassembly, ALargestDatagramOfSmallestFragmentsIsWhole) {
    Bytes whole = TcpFrame().from("2001:db8:1::5", 1).to("2001:db8::10", 2).layer4(17, Bytes()).build();
    whole.resize(14 + 40 + 65'535, std::byte{'x'});
    Pool pool;
    pool.room = 70'000;
    Reassembler::Result last;
    for (std::size_t at = 65'528;; at -= 8) {
        last = pool.add(fragment_of(whole, at, std::min<std::size_t>(8, 65'535 - at), at != 65'528));
        if (pool.frames.size() > 1) pool.frames.pop_back();
        if (at == 0) break;
    }
    ASSERT_EQ(last.outcome, FragmentOutcome::complete);
    EXPECT_EQ(last.frames, 8192U);
    EXPECT_EQ(last.whole.bytes.size(), whole.size());
}

TEST(Reassembly, WhatContradictsTheEndSpoilsTheDatagram) {
    const Bytes whole = segment(180);
    const Bytes end = fragment_of(whole, 80, 40, false);
    for (const Bytes& bad : {fragment_of(whole, 120, 80, false), fragment_of(whole, 120, 40, true),
                             fragment_of(whole, 160, 8, true)}) {
        Pool pool;
        EXPECT_EQ(pool.outcome(end), FragmentOutcome::kept);
        EXPECT_EQ(pool.outcome(bad), FragmentOutcome::malformed);
        EXPECT_EQ(pool.outcome(fragment_of(whole, 0, 80, true)), FragmentOutcome::malformed);
    }
    Pool pool;
    EXPECT_EQ(pool.outcome(fragment_of(whole, 120, 40, true)), FragmentOutcome::kept);
    EXPECT_EQ(pool.outcome(end), FragmentOutcome::malformed);
}

TEST(Reassembly, NothingLongerThanThePacketOrTheFrameMayBeComesOut) {
    const Bytes whole = segment(1000);
    const auto parts = fragments_of(whole, {800});
    Pool mtu(64, 1000);
    EXPECT_EQ(mtu.outcome(parts[0]), FragmentOutcome::kept);
    EXPECT_EQ(mtu.outcome(parts[1]), FragmentOutcome::too_large);
    EXPECT_EQ(mtu.outcome(parts[0]), FragmentOutcome::too_large);
    Pool frame;
    frame.room = 14 + 20 + 1019;
    EXPECT_EQ(frame.outcome(parts[0]), FragmentOutcome::kept);
    EXPECT_EQ(frame.outcome(parts[1]), FragmentOutcome::too_large);
    Pool reversed;
    reversed.room = 14 + 20 + 1019;
    EXPECT_EQ(reversed.outcome(parts[1]), FragmentOutcome::too_large);
    Pool exact;
    exact.room = 14 + 20 + 1020;
    EXPECT_EQ(exact.outcome(parts[1]), FragmentOutcome::kept);
    EXPECT_EQ(exact.outcome(parts[0]), FragmentOutcome::complete);
}

TEST(Reassembly, AtomicFragmentsStandForThemselves) {
    const Bytes whole = segment(100, true);
    Pool pool;
    EXPECT_EQ(pool.outcome(fragment_of(whole, 24, 40, true)), FragmentOutcome::kept);
    const auto atomic = pool.add(fragment_of(whole, 0, ip_payload_bytes(whole), false));
    ASSERT_EQ(atomic.outcome, FragmentOutcome::complete);
    EXPECT_EQ(atomic.frames, 1U);
    EXPECT_EQ(atomic.lost.frames, 0U);
    EXPECT_EQ(Bytes(atomic.whole.bytes.begin(), atomic.whole.bytes.end()), whole);
    EXPECT_EQ(pool.outcome(fragment_of(whole, 0, 24, true)), FragmentOutcome::merged)
        << "the datagram with the same identification goes on";
}

TEST(Reassembly, ACongestionMarkOfAnyFragmentIsKept) {
    for (const bool v6 : {false, true}) {
        for (const int mark : {0, 2}) {  // not ECN-capable, ECT(0)
            TcpFrame frame;
            frame.seq(1).ack(2).payload(text(100)).tos(static_cast<std::uint8_t>(0x40 | mark));
            if (v6) frame.from("2001:db8:1::5", 40000).to("2001:db8::10", 9200);
            Bytes marked = TcpFrame(frame).tos(0x43).build();
            Pool pool;
            EXPECT_EQ(pool.outcome(fragment_of(marked, 40, 80, false)), FragmentOutcome::kept);
            const auto result = pool.add(fragment_of(frame.build(), 0, 40, true));
            ASSERT_EQ(result.outcome, FragmentOutcome::complete);
            EXPECT_EQ(Bytes(result.whole.bytes.begin(), result.whole.bytes.end()),
                      test::reassembled(mark == 0 ? frame.build() : marked));
        }
    }
}

TEST(Reassembly, WhatIsNotCompleteInTimeIsGivenUpAndCounted) {
    const Bytes whole = segment();
    const auto parts = fragments_of(whole, {40, 80});
    Pool pool;
    EXPECT_EQ(pool.outcome(parts[0]), FragmentOutcome::kept);
    EXPECT_EQ(pool.outcome(parts[1], now + fragment_seconds_max), FragmentOutcome::merged);
    EXPECT_EQ(pool.reassembler.expire(64, now + fragment_seconds_max).frames, 0U);
    const LostFragments lost = pool.reassembler.expire(64, now + fragment_seconds_max + 1);
    EXPECT_EQ(lost.frames, 2U);
    EXPECT_EQ(lost.handle, &pool.frames[0]);
    EXPECT_EQ(lost.why, FragmentOutcome::timed_out);
    EXPECT_EQ(pool.outcome(parts[2], now + fragment_seconds_max + 2), FragmentOutcome::kept)
        << "a late one begins anew";
}

TEST(Reassembly, ALateFragmentDoesNotJoinADatagramThatRanOutOfTime) {
    const auto parts = fragments_of(segment(), {40});
    Pool pool;
    EXPECT_EQ(pool.outcome(parts[0]), FragmentOutcome::kept);
    const auto late = pool.add(parts[1], now + fragment_seconds_max + 1);
    EXPECT_EQ(late.outcome, FragmentOutcome::kept);
    EXPECT_EQ(late.lost.frames, 1U);
    EXPECT_EQ(late.lost.why, FragmentOutcome::timed_out);
}

TEST(Reassembly, AClockThatRunsBackTimesNothingOut) {
    Pool pool;
    EXPECT_EQ(pool.outcome(fragment_of(segment(), 40, 40, true)), FragmentOutcome::kept);
    EXPECT_EQ(pool.reassembler.expire(64, now - 1).frames, 0U);
}

TEST(Reassembly, AFloodOfOnePairGivesUpItsOwnOldestOnly) {
    Pool pool(1024);
    const Bytes other = TcpFrame().from("192.0.2.200", 40000).seq(1).ack(2).payload(text(180)).build();
    // Another pair may share the flood's places; of many, nearly all do not.
    std::size_t survived = 0;
    std::vector<std::vector<Bytes>> honest;
    for (std::uint32_t i = 0; i < 16; ++i) {
        const Bytes whole =
            TcpFrame().from(IpAddress::v4(0xc0000264 + i), 40000).seq(1).ack(2).payload(text(180)).build();
        honest.push_back(fragments_of(whole, {40}));
        EXPECT_EQ(pool.outcome(honest.back()[0]), FragmentOutcome::kept);
    }
    std::uint32_t lost = 0;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const auto result = pool.add(fragment_of(segment(), 40, 40, true, i));
        EXPECT_EQ(result.outcome, FragmentOutcome::kept);
        lost += result.lost.frames;
        EXPECT_TRUE(result.lost.frames == 0 || result.lost.why == FragmentOutcome::given_up);
    }
    EXPECT_GE(lost, 10'000U - fragments_per_pair_max);
    for (const auto& parts : honest) {
        if (pool.outcome(parts[1]) == FragmentOutcome::complete) ++survived;
    }
    EXPECT_GE(survived, 10U);
    EXPECT_EQ(pool.outcome(fragment_of(segment(), 0, 40, true, 9'999)), FragmentOutcome::merged)
        << "its newest are there";
}

TEST(Reassembly, AllocatesNothing) {
    Pool pool(256);
    std::vector<Bytes> parts;
    for (std::uint32_t id = 0; id < 300; ++id) {
        for (Bytes& part : fragments_of(segment(), {40, 80}, id)) {
            if (id % 3 != 0 || parts.size() % 2 == 0) parts.push_back(std::move(part));
        }
    }
    for (Bytes& part : parts) part.reserve(4096);
    const auto before = test::allocations();
    for (Bytes& part : parts) {
        DecodedFrame decoded;
        (void)decode(part, VerifyTcpChecksum::no, decoded);
        (void)pool.reassembler.add(decoded, {part, 4096, &part}, 0, now);
    }
    while (pool.reassembler.take_any().frames != 0) {
    }
    EXPECT_EQ(test::allocations(), before);
}

/// Random fragments of one datagram, mostly of one that is in good order, against the plain model.
RC_GTEST_PROP(Reassembly, AgreesWithThePlainModelOnEveryFragment, ()) {
    const bool v6 = *rc::gen::arbitrary<bool>();
    const std::size_t payload = *rc::gen::inRange<std::size_t>(1, 400);
    const Bytes whole = segment(payload, v6);
    const std::size_t total = ip_payload_bytes(whole);
    std::vector<std::size_t> cuts;
    for (std::size_t at = 24; at < total; at += 8) {
        if (*rc::gen::inRange(0, 4) == 0) cuts.push_back(at);
    }
    struct Part {
        std::size_t from, bytes;
        bool more, changed;
    };
    std::vector<Part> parts;
    std::size_t from = 0;
    cuts.push_back(total);
    for (const std::size_t cut : cuts) {
        parts.push_back({from, cut - from, cut != total, false});
        from = cut;
    }
    const int tricks = *rc::gen::element(0, 0, 1, 2, 4);
    for (int i = 0; i < tricks; ++i) {
        if (*rc::gen::arbitrary<bool>()) {
            Part again = parts[*rc::gen::inRange<std::size_t>(0, parts.size())];
            again.changed = *rc::gen::inRange(0, 4) == 0;
            parts.push_back(again);
            continue;
        }
        const std::size_t start = *rc::gen::inRange<std::size_t>(3, total / 8 + 1) * 8;
        if (start >= total) continue;
        const bool more = *rc::gen::arbitrary<bool>();
        std::size_t bytes = *rc::gen::inRange<std::size_t>(1, total - start + 1);
        if (more) bytes = bytes / 8 * 8;
        if (bytes != 0) parts.push_back({start, bytes, more, *rc::gen::inRange(0, 4) == 0});
    }
    for (std::size_t i = parts.size(); i > 1; --i) {
        std::swap(parts[i - 1], parts[*rc::gen::inRange<std::size_t>(0, i)]);
    }
    Pool pool;
    test::FragmentModel model;
    for (const Part& part : parts) {
        Bytes frame = fragment_of(whole, part.from, part.bytes, part.more);
        if (part.changed) frame.back() ^= std::byte{0x20};
        // A whole datagram in one piece is no fragment in IPv4, and an atomic one in IPv6.
        if (part.from == 0 && !part.more) continue;
        const auto bytes = std::span{frame}.last(part.bytes);
        const auto expected = model.add(part.from, test::to_text(bytes), part.more);
        const auto result = pool.add(frame);
        using Answer = test::FragmentModel::Answer;
        switch (expected) {
            case Answer::waits:
            case Answer::duplicate:
                RC_ASSERT(result.outcome == FragmentOutcome::kept ||
                          result.outcome == FragmentOutcome::merged);
                break;
            case Answer::complete: {
                RC_ASSERT(result.outcome == FragmentOutcome::complete);
                const std::size_t headers = whole.size() - total;
                RC_ASSERT(test::to_text(result.whole.bytes.subspan(headers)) == model.whole);
                break;
            }
            case Answer::overlap:
                RC_ASSERT(result.outcome == FragmentOutcome::overlap);
                break;
            case Answer::malformed:
                RC_ASSERT(result.outcome == FragmentOutcome::malformed);
                break;
            case Answer::spoiled:
                RC_ASSERT(result.repeated);
                break;
        }
    }
}

}  // namespace
}  // namespace springlatch
