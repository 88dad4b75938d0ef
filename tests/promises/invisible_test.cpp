// P3: otherwise invisible. Allowed traffic leaves byte for byte as it came, in order, with no added round
// trip; in observe mode everything does.
#include <gmock/gmock.h>

#include <map>

#include "tests/promises/attack.h"

namespace springlatch::test {
namespace {

TEST(P3Invisible, InObserveModeWhatLeavesIsWhatCameFrameByFrame) {
    for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
        Attack attack(seed, true, Mode::observe);
        attack.after_frame = [&](Side side, const Bytes& frame, const Verdict&) {
            const auto left = attack.wire().take(opposite(side));
            ASSERT_EQ(left.size(), 1U) << "seed " << seed << ": at once, and nothing else";
            EXPECT_TRUE(left[0].bytes == frame) << "seed " << seed;
            EXPECT_TRUE(attack.wire().take(side).empty()) << "seed " << seed << ": nothing comes back";
        };
        attack.run();
        ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
}

/// Noise of no known kind, both ways.
TEST(P3Invisible, InObserveModeNoiseLeavesAsItCame) {
    PolicyParts parts;
    parts.mode = Mode::observe;
    Wire wire(std::move(parts));
    Random random(11);
    for (int i = 0; i < 20'000; ++i) {
        Bytes frame = TcpFrame()
                          .from("192.0.2.1", static_cast<std::uint16_t>(random.between(1, 5)))
                          .to("198.51.100.10", random.chance(70) ? 9200 : 80)
                          .flags(static_cast<int>(random.below(256)))
                          .seq(static_cast<std::uint32_t>(random.below(5000)))
                          .ack_number(static_cast<std::uint32_t>(random.below(5000)))
                          .payload(std::string(random.below(20), 'x'))
                          .build();
        if (random.chance(60)) frame[random.below(frame.size())] = static_cast<std::byte>(random.byte());
        if (random.chance(10)) frame.resize(random.below(frame.size() + 1));
        const Side side = random.chance(80) ? Side::outside : Side::inside;
        wire.send(side, frame);
        const auto left = wire.take(opposite(side));
        ASSERT_EQ(left.size(), 1U) << i;
        ASSERT_TRUE(left[0].bytes == frame) << i;
        ASSERT_TRUE(wire.take(side).empty()) << i;
    }
}

/// An honest client and server with a network between them and the appliance that reorders, repeats and
/// loses.
class Honest {
  public:
    Honest(std::uint64_t seed, unsigned loss_percent, unsigned swap_percent)
        : random_(seed), loss_percent_(loss_percent), swap_percent_(swap_percent) {
        for (int i = 0; i < 4; ++i) stream_ += honest_request(random_);
        for (int i = 0; i < 4; ++i) answers_ += ok_response;
        connection_.open();
        base_ = connection_.base;
        server_.emplace(random_, Receiver::Habits{}, base_);
    }

    void run() {
        const std::size_t longest = random_.pick(std::vector<std::size_t>{1, 7, 60, 1448});
        std::size_t acked = 0;
        for (int rounds = 0; acked < stream_.size(); ++rounds) {
            ASSERT_LT(rounds, 200) << "an honest stream does not get through";
            std::vector<std::pair<std::size_t, std::size_t>> flight;
            for (std::size_t at = acked; at < stream_.size();) {
                const std::size_t bytes = std::min(stream_.size() - at, random_.between(1, longest));
                flight.emplace_back(at, bytes);
                at += bytes;
            }
            for (std::size_t i = 1; i < flight.size(); ++i)
                if (random_.chance(swap_percent_)) std::swap(flight[i - 1], flight[i]);
            for (const auto& [from, bytes] : flight) {
                if (random_.chance(loss_percent_)) continue;
                deliver(connection_.client_frame()
                            .seq(base_ + static_cast<std::uint32_t>(from))
                            .payload(std::string_view{stream_}.substr(from, bytes)));
                if (random_.chance(5)) deliver(connection_.client_frame());
            }
            acked = server_->delivered().size();
            connection_.client_acked = base_ + static_cast<std::uint32_t>(acked);
            answer(connection_.server_frame());
        }
        for (std::size_t at = 0; at < answers_.size(); at += 11) {
            const std::string piece = answers_.substr(at, 11);
            answer(connection_.server_frame().payload(piece));
            connection_.server_next += static_cast<std::uint32_t>(piece.size());
        }
    }

    [[nodiscard]] const std::string& sent() const { return stream_; }
    [[nodiscard]] const std::string& received() const { return server_->delivered(); }
    [[nodiscard]] Wire& wire() { return wire_; }

  private:
    void deliver(const TcpFrame& frame) {
        const Bytes bytes = frame.build();
        ++in_[bytes];
        wire_.send(Side::outside, bytes);
        const auto left = wire_.to_server();
        for (const Left& one : left) {
            EXPECT_FALSE(one.made);
            const auto place = in_.find(one.bytes);
            ASSERT_NE(place, in_.end()) << "left with other bytes than it came";
            if (--place->second == 0) in_.erase(place);
            const auto segment = FrameReader(one.bytes).segment();
            ASSERT_TRUE(segment.has_value());
            server_->take(*segment);
        }
        if (loss_percent_ == 0 && swap_percent_ == 0) {
            ASSERT_EQ(left.size(), 1U) << "in order it leaves at once: no added round trip";
            EXPECT_TRUE(left[0].bytes == bytes);
        }
        EXPECT_TRUE(wire_.to_client().empty()) << "nothing is said in the server's name";
    }
    void answer(const TcpFrame& frame) {
        const Bytes bytes = frame.build();
        wire_.send(Side::inside, bytes);
        const auto left = wire_.to_client();
        ASSERT_EQ(left.size(), 1U);
        EXPECT_TRUE(left[0].bytes == bytes);
        for (const Left& one : wire_.to_server()) EXPECT_FALSE(one.made);
    }

    Random random_;
    unsigned loss_percent_;
    unsigned swap_percent_;
    Wire wire_;
    Connection connection_{wire_};
    std::string stream_;
    std::string answers_;
    std::optional<Receiver> server_;
    std::uint32_t base_ = 0;
    std::map<Bytes, int> in_;
};

TEST(P3Invisible, AllowedTrafficLeavesByteForByteAndInOrder) {
    const std::vector<std::pair<unsigned, unsigned>> networks = {{0, 0}, {0, 20}, {5, 0}, {20, 20}};
    for (const auto& [loss, swaps] : networks) {
        for (std::uint64_t seed = 1; seed <= 200; ++seed) {
            Honest honest(seed, loss, swaps);
            honest.run();
            EXPECT_EQ(honest.received(), honest.sent());
            EXPECT_THAT(honest.wire().log.verdicts(),
                        testing::ElementsAre("allowed", "allowed", "allowed", "allowed"));
            ASSERT_FALSE(HasFailure()) << "seed " << seed << " loss " << loss << " % swaps " << swaps << " %";
        }
    }
}

}  // namespace
}  // namespace springlatch::test
