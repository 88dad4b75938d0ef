// P1: for a protected service, no byte stream that leaves the inside port contains, under any TCP reassembly
// policy and any HTTP/1.x reading that a real server applies, a complete request that the policy denies.
//
// Thousands of attacks are composed at random: what the client says (requests.h) and how its segments arrive
// (attack.h). A server that resolves overlaps in any way, loses what it likes and acknowledges what it has
// (receiver.h) gets what leaves; then every lenient reader (readers.h) reads what it took. The same attacks
// over a bare wire show that the test can see a slip.
#include <gmock/gmock.h>

#include "tests/promises/attack.h"

namespace springlatch::test {
namespace {

constexpr std::uint64_t attacks = 3000;

TEST(P1NothingSlips, NoServerCanReadADeniedRequestInWhatLeaves) {
    std::size_t stopped = 0;
    std::size_t delivered_something = 0;
    for (std::uint64_t seed = 1; seed <= attacks; ++seed) {
        Attack attack(seed, true);
        attack.run();
        ASSERT_THAT(attack.slipped(24), testing::IsEmpty()) << "seed " << seed << "\nsent:\n"
                                                            << attack.sent() << "\nthe server took:\n"
                                                            << attack.delivered();
        delivered_something += attack.delivered().empty() ? 0U : 1U;
        for (const std::string& verdict : attack.wire().log.verdicts()) {
            if (verdict.starts_with("denied:")) {
                ++stopped;
                break;
            }
        }
        ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
    EXPECT_GT(stopped, attacks / 2) << "the attacks are none";
    EXPECT_GT(delivered_something, attacks / 3) << "nothing passes at all: then nothing can be shown";
}

TEST(P1NothingSlips, TheSameAttacksDoSlipOverABareWire) {
    std::size_t slipped = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Attack attack(seed, false);
        attack.run();
        slipped += attack.slipped(24).empty() ? 0U : 1U;
    }
    EXPECT_GT(slipped, 150U);
}

}  // namespace
}  // namespace springlatch::test
