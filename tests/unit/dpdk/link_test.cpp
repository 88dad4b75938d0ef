// A lost link is handed on, and never by mistake.
#include "dataplane/dpdk/link.h"

#include <gtest/gtest.h>

namespace springlatch {
namespace {

constexpr std::uint64_t second = 1'000'000'000U;

struct FakePort {
    bool cable = true;   ///< what the neighbour does
    bool raised = true;  ///< what we do
    bool can_set = true;
    std::uint64_t negotiated_ns = 0;  ///< not up before
    std::uint64_t* now_ns = nullptr;
    std::uint64_t negotiation_ns = 0;
    int changes = 0;
    [[nodiscard]] bool link_up() const noexcept { return cable && raised && *now_ns >= negotiated_ns; }
    [[nodiscard]] bool set_link(bool up) noexcept {
        if (!can_set) {
            return false;
        }
        ++changes;
        raised = up;
        negotiated_ns = *now_ns + negotiation_ns;
        return true;
    }
};

class LinkFollowerTest : public ::testing::Test {
  protected:
    void follow_for(LinkFollower<FakePort>& follower, std::uint64_t seconds) {
        for (const std::uint64_t end = now_ns_ + seconds * second; now_ns_ < end; now_ns_ += second / 5) {
            links_ = follower.follow(now_ns_);
        }
    }
    std::uint64_t now_ns_ = 1'700'000'000U * second;
    std::uint32_t links_ = 0;
    FakePort outside_{.now_ns = &now_ns_};
    FakePort inside_{.now_ns = &now_ns_};
};

TEST_F(LinkFollowerTest, TheOtherSideGoesDownAndComesBackWithTheLostOne) {
    LinkFollower<FakePort> follower(outside_, inside_);
    follow_for(follower, 1);
    EXPECT_EQ(links_, 3U);
    outside_.cable = false;
    follow_for(follower, 1);
    EXPECT_FALSE(inside_.raised);
    outside_.cable = true;
    follow_for(follower, 1);
    EXPECT_TRUE(inside_.raised);
    EXPECT_EQ(links_, 3U);
    EXPECT_EQ(outside_.changes, 0) << "only the other side is touched";
}

TEST_F(LinkFollowerTest, NegotiationAfterARaiseIsNoLoss) {
    // Copper takes seconds: a follower without patience would take down one side after the other, for ever.
    outside_.negotiation_ns = inside_.negotiation_ns = 4 * second;
    LinkFollower<FakePort> follower(outside_, inside_);
    follow_for(follower, 1);
    inside_.cable = false;
    follow_for(follower, 1);
    EXPECT_FALSE(outside_.raised);
    inside_.cable = true;
    follow_for(follower, 30);
    EXPECT_EQ(links_, 3U);
    EXPECT_EQ(outside_.changes, 2);
    EXPECT_EQ(inside_.changes, 0);
}

TEST_F(LinkFollowerTest, ASideThatStaysDownAfterARaiseIsALoss) {
    LinkFollower<FakePort> follower(outside_, inside_);
    follow_for(follower, 1);
    outside_.cable = false;
    follow_for(follower, 1);
    outside_.cable = true;
    inside_.cable = false;
    follow_for(follower, 30);
    EXPECT_FALSE(outside_.raised);
}

TEST_F(LinkFollowerTest, ADeviceThatNeverTellsItsLinkTakesNothingDown) {
    outside_.cable = false;
    LinkFollower<FakePort> follower(outside_, inside_);
    follow_for(follower, 60);
    EXPECT_EQ(inside_.changes, 0);
    EXPECT_EQ(links_, 2U);
}

TEST_F(LinkFollowerTest, ADeviceThatCannotIsAskedAndLeftAsItIs) {
    inside_.can_set = false;
    LinkFollower<FakePort> follower(outside_, inside_);
    follow_for(follower, 1);
    outside_.cable = false;
    follow_for(follower, 1);
    outside_.cable = true;
    follow_for(follower, 1);
    EXPECT_EQ(links_, 3U);
    inside_.cable = false;
    follow_for(follower, 1);
    EXPECT_FALSE(outside_.raised) << "the refusal of one side must not disable the other direction";
}

TEST_F(LinkFollowerTest, WhatWasTakenDownIsRaisedAtTheEnd) {
    {
        LinkFollower<FakePort> follower(outside_, inside_);
        follow_for(follower, 1);
        outside_.cable = false;
        follow_for(follower, 1);
        ASSERT_FALSE(inside_.raised);
    }
    EXPECT_TRUE(inside_.raised);
}

}  // namespace
}  // namespace springlatch
