// The packet path allocates nothing after construction (P4).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/allocations.h"
#include "tests/support/fragments.h"
#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

class SilentSink final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

TEST(Allocation, NoneOnThePacketPath) {
    SilentSink events;
    const auto policy = std::make_shared<const CompiledPolicy>(PolicyParts{});
    Inspector inspector(policy, events, {});
    Output out(policy->limits().held_segments);
    std::vector<Bytes> frames;
    std::vector<Side> sides;
    const auto add = [&](Side side, const TcpFrame& frame) {
        frames.push_back(frame.build());
        sides.push_back(side);
    };
    // Ten connections that between them touch every part: split heads, reordering, bodies, chunks, answers,
    // denials, cuts, floods.
    for (std::uint16_t i = 0; i < 10; ++i) {
        const auto port = static_cast<std::uint16_t>(40000 + i);
        const auto client = [&] {
            return TcpFrame().from("192.0.2.1", port).to("198.51.100.10", 9200).ack(5001);
        };
        const auto server = [&] {
            return TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", port).seq(5001);
        };
        add(Side::outside, TcpFrame().from("192.0.2.1", port).to("198.51.100.10", 9200).seq(1000).syn());
        add(Side::inside,
            TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", port).seq(5000).ack(1001).syn());
        add(Side::outside, client().seq(1001));
        const std::string& text = i % 2 == 0 ? with_credentials : without_credentials;
        add(Side::outside, client().seq(1021).payload(text.substr(20)));
        add(Side::outside, client().seq(1001).payload(text.substr(0, 20)));
        const auto end = 1001 + static_cast<std::uint32_t>(text.size());
        add(Side::inside, server().ack(i % 2 == 0 ? end : 1001).payload(ok_response));
        add(Side::outside,
            client().seq(end).payload("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
                                      "dTpw\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
        add(Side::outside, client().seq(end).payload("\x16\x03\x01"));
        add(Side::outside, TcpFrame().from("198.18.0.1", port).to("198.51.100.10", 9200).seq(1).syn());
        add(Side::outside,
            TcpFrame().from("192.0.2.77", port).to("198.51.100.10", 9200).seq(1).ack(2).payload("x"));
    }
    const std::uint64_t before = counted_allocations();
    count_allocations(true);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        std::array<Frame, 1> burst{Frame{.bytes = frames[i],
                                         .time_ns = 1'700'000'000'000'000'000U + i,
                                         .handle = &frames[i],
                                         .arrived = sides[i]}};
        out.clear();
        inspector.inspect(burst, out);
    }
    out.clear();
    inspector.idle(1'700'000'100'000'000'000U, out);
    count_allocations(false);
    EXPECT_EQ(counted_allocations(), before);
    EXPECT_GT(inspector.counters().requests_allowed, 4U);
    EXPECT_GT(inspector.counters().requests_denied[static_cast<std::size_t>(Reason::no_credentials)], 4U);
    out.clear();
    inspector.finish(0, out);
}

TEST(Allocation, NoneWhereFragmentsArePutTogether) {
    SilentSink events;
    PolicyParts parts;
    parts.reassemble_fragments = true;
    parts.limits.fragments = 64;
    const auto policy = std::make_shared<const CompiledPolicy>(std::move(parts));
    Inspector inspector(policy, events, {});
    Output out(policy->frames_kept_max());
    std::vector<Bytes> frames;
    for (std::uint32_t id = 0; id < 300; ++id) {
        const auto port = static_cast<std::uint16_t>(40'000 + id);
        const Bytes whole = TcpFrame()
                                .from("192.0.2.1", port)
                                .to("198.51.100.10", 9200)
                                .seq(1)
                                .ack(2)
                                .payload(with_credentials)
                                .build();
        auto fragments = fragments_of(whole, {24, 64}, id);
        if (id % 4 == 0) fragments.push_back(fragment_of(whole, 40, 16, true, id));
        if (id % 3 == 0) std::reverse(fragments.begin(), fragments.end());
        if (id % 2 == 0) fragments.pop_back();
        for (const Bytes& fragment : fragments) frames.push_back(fragment);
    }
    std::vector<std::size_t> sizes;
    for (Bytes& frame : frames) {
        sizes.push_back(frame.size());
        frame.resize(2048);
    }
    const std::uint64_t before = counted_allocations();
    count_allocations(true);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        std::array<Frame, 1> burst{Frame{.bytes = std::span{frames[i]}.first(sizes[i]),
                                         .time_ns = 1'700'000'000'000'000'000U + i,
                                         .handle = &frames[i],
                                         .room = 2048}};
        out.clear();
        inspector.inspect(burst, out);
    }
    for (int i = 0; i < 4; ++i) {
        out.clear();
        inspector.idle(1'700'000'100'000'000'000U, out);
    }
    out.clear();
    inspector.finish(1'700'000'100'000'000'000U, out);
    count_allocations(false);
    EXPECT_EQ(counted_allocations(), before);
    EXPECT_GT(inspector.counters().frames_reassembled, 200U);
    EXPECT_GT(inspector.counters().frames_dropped[static_cast<std::size_t>(Reason::fragment_overlap)], 20U);
    EXPECT_GT(inspector.counters().frames_dropped[static_cast<std::size_t>(Reason::fragment_timeout)], 20U);
}

}  // namespace
}  // namespace springlatch::test
