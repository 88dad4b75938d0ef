// Mbufs through the exchange: whatever frames do to the inspector, every mbuf comes back and every frame is
// counted once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <set>

#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/worker.h"
#include "tests/support/fragments.h"
#include "tests/support/frames.h"
#include "tests/support/policy_parts.h"

namespace springlatch {
namespace {

using test::Bytes;
using test::TcpFrame;

constexpr std::uint32_t pool_frames = 1023;
constexpr std::uint64_t start_ns = 1'700'000'000'000'000'000U;
const std::string with_credentials =
    "GET /_search HTTP/1.1\r\nHost: h\r\nAuthorization: Basic aW5nZXN0OnNlY3JldA==\r\n\r\n";
const std::string without_credentials = "GET /_search HTTP/1.1\r\nHost: h\r\n\r\n";

class DiscardEvents final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

/// Keeps what left, frees it, and takes only the first `takes` of each call.
class RecordingSink final : public FrameSink {
  public:
    std::uint32_t send(Side out, std::span<rte_mbuf*> frames) noexcept override {
        const std::size_t taken = std::min(takes, frames.size());
        for (std::size_t i = 0; i < taken; ++i) {
            const auto* data = rte_pktmbuf_mtod(frames[i], const std::byte*);
            left[static_cast<std::size_t>(out)].emplace_back(data, data + frames[i]->data_len);
        }
        rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
        return static_cast<std::uint32_t>(frames.size() - taken);
    }
    std::size_t takes = SIZE_MAX;
    std::array<std::vector<Bytes>, 2> left;
};

/// The EAL can be started once in a process.
[[nodiscard]] rte_mempool* pool() {
    static const PoolNeeds needs{.frames = pool_frames, .frame_bytes_max = 2048};
    static auto eal = Eal::start(
        {.ports = {}, .workers = 1, .pool = needs, .huge_pages = HugePages::none, .more_arguments = {}});
    if (!eal) {
        throw std::runtime_error(eal.error());
    }
    static const auto made = make_pool(needs);
    if (!made) {
        throw std::runtime_error(made.error());
    }
    return *made;
}

class ExchangeTest : public ::testing::Test {
  protected:
    void make(std::uint32_t frame_bytes_end = UINT32_MAX, bool reassemble = false) {
        test::PolicyParts parts;
        parts.reassemble_fragments = reassemble;
        policy_ = std::make_shared<const CompiledPolicy>(std::move(parts));
        inspector_ = std::make_unique<Inspector>(policy_, events_, InspectorOptions{});
        exchange_ =
            std::make_unique<Exchange>(*inspector_, pool(), policy_->frames_kept_max(), frame_bytes_end);
    }
    void SetUp() override {
        ASSERT_EQ(available(), pool_frames);
        make();
    }
    void TearDown() override { EXPECT_EQ(available(), pool_frames) << "an mbuf was lost"; }

    [[nodiscard]] static unsigned available() { return rte_mempool_avail_count(pool()); }

    /// In one mbuf, or in several if `part` is smaller than the frame.
    [[nodiscard]] static rte_mbuf* mbuf_of(const Bytes& bytes, std::size_t part = SIZE_MAX) {
        rte_mbuf* first = nullptr;
        for (std::size_t at = 0; at == 0 || at < bytes.size(); at += part) {
            const std::size_t count = std::min(part, bytes.size() - at);
            rte_mbuf* piece = rte_pktmbuf_alloc(pool());
            std::memcpy(rte_pktmbuf_append(piece, static_cast<std::uint16_t>(count)), bytes.data() + at,
                        count);
            if (first == nullptr) {
                first = piece;
            } else {
                EXPECT_EQ(rte_pktmbuf_chain(first, piece), 0);
            }
            if (part == SIZE_MAX) {
                break;
            }
        }
        return first;
    }
    void take(Side side, rte_mbuf* frame) {
        now_ns_ += 1000;
        exchange_->inspect({&frame, 1}, {&side, 1}, {&now_ns_, 1}, sink_);
    }
    void take(Side side, const Bytes& bytes) { take(side, mbuf_of(bytes)); }
    void finish() { exchange_->finish(now_ns_, sink_); }

    [[nodiscard]] static TcpFrame client(std::uint16_t port = 40'000) {
        return TcpFrame().from("192.0.2.1", port).to("198.51.100.10", 9200);
    }
    [[nodiscard]] static TcpFrame server(std::uint16_t port = 40'000) {
        return TcpFrame().from("198.51.100.10", 9200).to("192.0.2.1", port);
    }
    void shake_hands(std::uint16_t port = 40'000) {
        take(Side::outside, client(port).seq(1000).syn().build());
        take(Side::inside, server(port).seq(5000).ack(1001).syn().build());
        take(Side::outside, client(port).seq(1001).ack(5001).build());
    }
    [[nodiscard]] std::uint64_t dropped(Reason reason) const {
        return exchange_->counters().frames_dropped[static_cast<std::size_t>(reason)];
    }
    void expect_each_frame_counted_once() const {
        const Counters counters = exchange_->counters();
        const auto sum = [](const auto& numbers) {
            return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
        };
        EXPECT_EQ(sum(counters.frames_in), sum(counters.frames_forwarded) + sum(counters.frames_dropped) +
                                               counters.frames_held + counters.frames_reassembled);
        EXPECT_EQ(sink_.left[0].size() + sink_.left[1].size(),
                  sum(counters.frames_forwarded) + sum(counters.frames_made));
    }

    DiscardEvents events_;
    RecordingSink sink_;
    std::shared_ptr<const CompiledPolicy> policy_;
    std::unique_ptr<Inspector> inspector_;
    std::unique_ptr<Exchange> exchange_;
    std::uint64_t now_ns_ = start_ns;
};

TEST_F(ExchangeTest, WhatIsAllowedLeavesAsItCame) {
    shake_hands();
    const Bytes request = client().seq(1001).ack(5001).payload(with_credentials).build();
    take(Side::outside, request);
    ASSERT_EQ(sink_.left[1].size(), 3U);
    EXPECT_EQ(sink_.left[1].back(), request);
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, AFrameInSeveralMbufsIsJudgedWhole) {
    shake_hands();
    const Bytes request = client().seq(1001).ack(5001).payload(with_credentials).build();
    take(Side::outside, mbuf_of(request, 40));
    ASSERT_EQ(sink_.left[1].size(), 3U);
    EXPECT_EQ(sink_.left[1].back(), request);
    finish();
}

TEST_F(ExchangeTest, HeldSegmentsComeBackWhenTheirTurnComesAndAtTheEnd) {
    shake_hands();
    const std::size_t half = with_credentials.size() / 2;
    take(Side::outside, client()
                            .seq(1001 + static_cast<std::uint32_t>(half))
                            .ack(5001)
                            .payload(with_credentials.substr(half))
                            .build());
    EXPECT_EQ(exchange_->counters().frames_held, 1U);
    EXPECT_EQ(available(), pool_frames - 1);
    take(Side::outside, client().seq(1001).ack(5001).payload(with_credentials.substr(0, half)).build());
    EXPECT_EQ(exchange_->counters().frames_held, 0U);
    EXPECT_EQ(sink_.left[1].size(), 4U);
    take(Side::outside, client().seq(3000).ack(5001).payload("behind a hole").build());
    EXPECT_EQ(available(), pool_frames - 1);
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, ADenialLeavesAsMadeFramesAndTheRequestDoesNot) {
    shake_hands();
    take(Side::outside, client().seq(1001).ack(5001).payload(without_credentials).build());
    const Counters counters = exchange_->counters();
    EXPECT_GT(counters.frames_made[0], 0U);
    EXPECT_GT(counters.frames_made[1], 0U);
    for (const Bytes& frame : sink_.left[1]) {
        EXPECT_EQ(test::to_text(frame).find("GET"), std::string::npos);
    }
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, ADenialWithoutMbufsForItsRepliesStillHoldsTheRequestBack) {
    shake_hands();
    rte_mbuf* request = mbuf_of(client().seq(1001).ack(5001).payload(without_credentials).build());
    std::vector<rte_mbuf*> taken;
    while (rte_mbuf* frame = rte_pktmbuf_alloc(pool())) {
        taken.push_back(frame);
    }
    const auto before = sink_.left[1].size();
    take(Side::outside, request);
    EXPECT_EQ(sink_.left[1].size(), before);
    rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, FramesThatDoNotFitIntoOneMbufAreDroppedAndCounted) {
    const Bytes large = client().seq(1000).payload(std::string(3000, 'x')).build();
    take(Side::outside, mbuf_of(large, 2000));
    EXPECT_EQ(dropped(Reason::frame_too_large), 1U);
    EXPECT_TRUE(sink_.left[1].empty());
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, FramesThatThePortMayHaveCutAreDroppedAndNotForwardedInPart) {
    make(1982);
    Bytes frame = test::raw({2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 11, 0x88, 0xb5});
    frame.resize(1981);
    take(Side::outside, frame);
    EXPECT_EQ(sink_.left[1].size(), 1U);
    frame.resize(1982);
    take(Side::outside, frame);
    EXPECT_EQ(sink_.left[1].size(), 1U);
    EXPECT_EQ(dropped(Reason::frame_too_large), 1U);
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, WhatAPortRefusesIsCountedAsDroppedAndNotAsForwarded) {
    sink_.takes = 0;
    shake_hands();
    EXPECT_EQ(dropped(Reason::link_down), 3U);
    finish();
    expect_each_frame_counted_once();
    const Counters counters = exchange_->counters();
    EXPECT_EQ(counters.bytes_forwarded[0] + counters.bytes_forwarded[1], 0U);
}

TEST_F(ExchangeTest, FragmentsLeaveAsOneFrameInTheMbufOfTheFirst) {
    make(UINT32_MAX, true);
    shake_hands();
    const std::string request =
        with_credentials.substr(0, with_credentials.size() - 2) + "X: " + std::string(1300, 'x') + "\r\n\r\n";
    const Bytes whole = client().seq(1001).ack(5001).payload(request).build();
    auto parts = test::fragments_of(whole, {200, 800});
    std::reverse(parts.begin(), parts.end());
    take(Side::outside, parts[0]);
    take(Side::outside, mbuf_of(parts[1], 100));
    EXPECT_EQ(available(), pool_frames - 1) << "only the first one's mbuf is kept";
    take(Side::outside, parts[2]);
    ASSERT_EQ(sink_.left[1].size(), 3U);
    EXPECT_EQ(sink_.left[1].back(), test::reassembled(whole));
    EXPECT_EQ(available(), pool_frames);
    take(Side::outside, test::fragment_of(whole, 200, 600, true, 99));
    finish();
    EXPECT_EQ(dropped(Reason::fragment_timeout), 1U);
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, ADatagramLargerThanAnMbufIsRefused) {
    make(UINT32_MAX, true);
    shake_hands();
    const Bytes whole = client().seq(1001).ack(5001).payload("GET /" + std::string(4000, 'x')).build();
    for (const Bytes& part : test::fragments_of(whole, {1400, 2800})) take(Side::outside, part);
    EXPECT_EQ(dropped(Reason::frame_too_large), 3U);
    EXPECT_EQ(sink_.left[1].size(), 2U);
    finish();
    expect_each_frame_counted_once();
}

TEST_F(ExchangeTest, AllFragmentsOfAConnectionReachTheWorkerThatOwnsIt) {
    constexpr std::uint32_t workers = 7;
    const HashSecret secret{{1, 2, 3, 4}};
    const auto owner = [&](const Bytes& frame, Sharing sharing) {
        rte_mbuf* mbuf = mbuf_of(frame);
        const std::uint32_t found = owner_of(mbuf, secret, workers, sharing);
        rte_pktmbuf_free(mbuf);
        return found;
    };
    std::set<std::uint32_t> used;
    for (std::uint32_t i = 0; i < 60; ++i) {
        const std::string address = "192.0.2." + std::to_string(i + 1);
        const Bytes request =
            TcpFrame().from(address, 40'000).seq(1).ack(2).payload(with_credentials).build();
        const Bytes answer = TcpFrame()
                                 .from("198.51.100.10", 9200)
                                 .to(address, 40'000)
                                 .seq(1)
                                 .ack(2)
                                 .payload(with_credentials)
                                 .build();
        const std::uint32_t expected = owner(request, Sharing::addresses);
        used.insert(expected);
        EXPECT_EQ(owner(answer, Sharing::addresses), expected);
        EXPECT_EQ(owner(request, Sharing::connection), owner(answer, Sharing::connection));
        for (const Bytes& whole : {request, answer}) {
            for (const Bytes& part : test::fragments_of(whole, {24, 64})) {
                EXPECT_EQ(owner(part, Sharing::addresses), expected);
                EXPECT_EQ(owner(part, Sharing::connection), 0U);
            }
        }
    }
    EXPECT_EQ(used.size(), workers);
}

TEST_F(ExchangeTest, AnyTrafficAtAllGivesEveryMbufBack) {
    for (std::uint32_t seed = 0; seed < 60; ++seed) {
        make(seed % 3 == 0 ? 700 : UINT32_MAX, seed % 2 == 0);
        sink_.left = {};
        std::mt19937 random(seed);
        const auto upto = [&random](std::uint32_t limit) {
            return static_cast<std::uint32_t>(random() % limit);
        };
        std::string stream;
        while (stream.size() < 2000) {
            stream += upto(6) == 0 ? without_credentials : with_credentials;
        }
        for (std::uint32_t i = 0; i < 250; ++i) {
            const auto port = static_cast<std::uint16_t>(40'000 + upto(4));
            const std::uint32_t at = upto(1900);
            const std::string part = stream.substr(at, 1 + upto(300));
            sink_.takes = upto(4) == 0 ? upto(2) : SIZE_MAX;
            switch (upto(10)) {
                case 0:
                    shake_hands(port);
                    break;
                case 8:
                case 9: {
                    const Bytes whole = client(port).seq(1001 + at).ack(5001).payload(part).build();
                    const std::size_t from = upto(30) * 8;
                    if (from < test::ip_payload_bytes(whole)) {
                        const std::size_t rest = test::ip_payload_bytes(whole) - from;
                        const std::size_t bytes = std::min<std::size_t>(rest, 8 + upto(20) * 8);
                        take(Side::outside, test::fragment_of(whole, from, bytes, bytes != rest, upto(3)));
                    }
                    break;
                }
                case 1:
                    take(Side::outside, client(port).seq(1001 + at).ack(5001).fin().payload(part).build());
                    break;
                case 2:
                    take(Side::inside,
                         server(port).seq(5001 + at).ack(1001 + upto(2000)).payload(part).build());
                    break;
                case 3:
                    take(Side::outside, client(port).seq(1001 + at).ack(5001).rst().build());
                    break;
                case 4:
                    take(Side::outside,
                         mbuf_of(client(port).seq(1001).ack(5001).payload(stream.substr(0, 900)).build(),
                                 100 + upto(900)));
                    break;
                case 5: {
                    Bytes garbage(14 + upto(200));
                    for (std::byte& byte : garbage) {
                        byte = static_cast<std::byte>(random());
                    }
                    take(upto(2) == 0 ? Side::outside : Side::inside, garbage);
                    break;
                }
                default:
                    take(Side::outside, client(port).seq(1001 + at).ack(5001).payload(part).build());
                    break;
            }
            if (upto(20) == 0) {
                now_ns_ += 30'000'000'000U;
                exchange_->idle(now_ns_, sink_);
            }
        }
        finish();
        expect_each_frame_counted_once();
        ASSERT_EQ(available(), pool_frames) << "seed " << seed;
    }
}

TEST(FittedToInterface, AJumboInterfaceGetsARingThatCutsNothing) {
    const auto loopback = parse_port("net_af_packet0,iface=lo");  // 65,536 bytes everywhere
    ASSERT_TRUE(loopback.has_value());
    EXPECT_EQ(loopback->frame_bytes_end(), 1982U);
    const PortName fitted = fitted_to_interface(*loopback);
    EXPECT_EQ(fitted.arguments, "iface=lo,framesz=32768,blocksz=32768");
    EXPECT_EQ(fitted.frame_bytes_end(), 32'768U - 66U);
    const auto chosen = parse_port("net_af_packet0,iface=lo,framesz=4096,blocksz=8192");
    ASSERT_TRUE(chosen.has_value());
    EXPECT_EQ(fitted_to_interface(*chosen).arguments, chosen->arguments);
    EXPECT_EQ(fitted_to_interface(PortName{.device = "net_null0", .arguments = "size=64"}).arguments,
              "size=64");
}

TEST(PoolBytes, IsEnoughForWhatThePoolTakesWithAndWithoutHugepages) {
    // Without hugepages two default frames do not share a page of 4 KiB.
    EXPECT_EQ(pool_bytes({.frames = 1000, .frame_bytes_max = 1514}, 4096), 1000U * 4096);
    EXPECT_GE(pool_bytes({.frames = 1000, .frame_bytes_max = 60'000}, 4096), 1000U * 61'440);
    const std::uint64_t huge = pool_bytes({.frames = 1000, .frame_bytes_max = 1514}, 2U << 20U);
    EXPECT_GE(huge, 1000U * 2304);
    EXPECT_LE(huge, 1000U * 2900 + (2U << 20U));
}

}  // namespace
}  // namespace springlatch
