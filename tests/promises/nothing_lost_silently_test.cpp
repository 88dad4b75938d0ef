// P5: nothing lost silently. Each dropped frame, refused flow and lost event is counted by reason, and the
// sequence numbers make a lost event visible.
#include <gmock/gmock.h>

#include <bit>
#include <numeric>

#include "dataplane/ipc/ring.h"
#include "tests/promises/attack.h"

namespace springlatch::test {
namespace {

template <typename Array>
std::uint64_t sum(const Array& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

TEST(P5NothingLostSilently, EveryFrameIsForwardedHeldOrDroppedWithAReason) {
    for (const Mode mode : {Mode::enforce, Mode::observe}) {
        for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
            Attack attack(seed, true, mode);
            std::uint64_t frames =
                attack.wire().counters().frames_in[0] + attack.wire().counters().frames_in[1];
            frames += 3;  // the handshake
            std::uint64_t bytes = 0;
            attack.after_frame = [&](Side, const Bytes& frame, const Verdict& verdict) {
                ++frames;
                bytes += frame.size();
                const Counters& counters = attack.wire().counters();
                EXPECT_EQ(sum(counters.frames_in), frames);
                EXPECT_EQ(sum(counters.frames_in), sum(counters.frames_forwarded) +
                                                       sum(counters.frames_dropped) + counters.frames_held);
                EXPECT_EQ(counters.frames_dropped[0], 0U) << "dropped without a reason";
                EXPECT_FALSE(verdict.fate == Fate::drop && verdict.reason == Reason::none);
                EXPECT_TRUE(mode == Mode::enforce || sum(counters.frames_dropped) == 0);
            };
            attack.run();
            const Counters& counters = attack.wire().counters();
            // Every denial that the log tells is counted, and none that it does not tell.
            std::uint64_t denied = 0;
            std::uint64_t allowed = 0;
            for (const SeenEvent& event : attack.wire().log.of(EventKind::request)) {
                (event.record.action == EventAction::allowed ? allowed : denied) += 1;
                EXPECT_EQ(event.record.action == EventAction::allowed, event.record.reason == Reason::none);
            }
            EXPECT_EQ(counters.requests_allowed, allowed);
            EXPECT_EQ(sum(counters.requests_denied) + sum(counters.requests_would_deny), denied);
            EXPECT_EQ(counters.events, attack.wire().log.events.size());
            ASSERT_FALSE(HasFailure()) << "seed " << seed;
        }
    }
}

TEST(P5NothingLostSilently, EventsThatFindTheRingFullAreCountedAndLeaveAGap) {
    auto memory = RingMemory::create("promise");
    ASSERT_TRUE(memory.has_value());
    RingProducer ring(memory->base());
    const auto policy = std::make_shared<const CompiledPolicy>(PolicyParts{});
    Inspector inspector(policy, ring, {});
    Output out(policy->limits().held_segments);
    // Refused attempts, one event each, until nobody's reading has filled the ring, and some more.
    const auto knock = [&](std::uint32_t i) {
        Bytes frame =
            TcpFrame()
                .from(IpAddress::v4(0xc6120000U + i % 60000U), static_cast<std::uint16_t>(1024U + i / 60000U))
                .to("198.51.100.10", 9200)
                .seq(i)
                .syn()
                .build();
        std::array<Frame, 1> burst{Frame{.bytes = frame,
                                         .time_ns = 1'700'000'000'000'000'000U + i,
                                         .handle = &frame,
                                         .arrived = Side::outside}};
        out.clear();
        inspector.inspect(burst, out);
        for (const Departure& left : out.departures)
            EXPECT_EQ(left.out, Side::outside) << "a full ring lets nothing in";
    };
    constexpr std::uint32_t more = 1000;
    for (std::uint32_t i = 0; i < ring_slots + more; ++i) knock(i);
    EXPECT_EQ(inspector.counters().events, ring_slots + more);
    EXPECT_EQ(inspector.counters().events_lost, more);
    EXPECT_EQ(inspector.counters().connections_refused[static_cast<std::size_t>(Reason::source_not_allowed)],
              ring_slots + more)
        << "the counters know them all the same";

    RingConsumer reader(memory->base());
    std::vector<RingSlot> slots(ring_slots);
    ASSERT_EQ(reader.pop(slots), ring_slots);
    knock(ring_slots + more);
    const auto last = std::bit_cast<EventRecord>(slots.back());
    std::vector<RingSlot> next(1);
    ASSERT_EQ(reader.pop(next), 1U);
    const auto after = std::bit_cast<EventRecord>(next.front());
    EXPECT_EQ(last.sequence, ring_slots);
    EXPECT_EQ(after.sequence - last.sequence - 1, inspector.counters().events_lost)
        << "the reader sees how many are missing";
    out.clear();
    inspector.finish(1, out);
}

}  // namespace
}  // namespace springlatch::test
