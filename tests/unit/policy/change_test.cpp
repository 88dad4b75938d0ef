// What a running data plane cannot take over, and which identities stay the same.
#include "dataplane/policy/change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/policy_parts.h"

namespace springlatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> difference(const std::function<void(CompiledPolicy::Parts&)>& change) {
    PolicyParts next;
    change(next);
    return needs_restart(CompiledPolicy(PolicyParts()), CompiledPolicy(std::move(next)));
}

TEST(NeedsRestart, NamesEveryKeyWhoseMemoryIsTakenAtTheStart) {
    EXPECT_THAT(difference([](auto& p) { p.limits.flows = 2048; }),
                ElementsAre("/limits/flows (1024, not 2048)"));
    EXPECT_THAT(difference([](auto& p) { p.reassemble_fragments = true; }),
                ElementsAre("/fragments (refuse, not reassemble)"));
    EXPECT_THAT(difference([](auto& p) {
                    p.limits.head.head_bytes = 1024;
                    p.limits.held_segments = 99;
                    p.limits.held_segments_per_flow = 9;
                    p.limits.retained_bytes = 65536;
                    p.limits.open_heads = 1;
                    p.limits.fragments = 64;
                    p.limits.credentials.values = 64;
                }),
                ::testing::SizeIs(7));
}

TEST(NeedsRestart, NotForAnythingElse) {
    EXPECT_THAT(difference([](auto& p) {
                    p.mode = Mode::observe;
                    p.rules.clear();
                    p.services.pop_back();
                    p.transit_forward = false;
                    p.tunnels_allowed = true;
                    p.limits.head.line_bytes = 200;
                    p.limits.head.headers = 10;
                    p.limits.head.body_bytes = 10;
                    p.limits.idle_seconds = 60;
                    p.limits.requests_in_flight = 2;
                    p.limits.credentials.accepted_seconds = 20;
                    p.limits.credentials.checks_per_minute = 2;
                }),
                IsEmpty());
}

TEST(SameIdentities, ByNameAndDefinition) {
    PolicyParts before;
    before.identity_names = {"a", "b", "c", "undefined"};
    before.identity_digests = {{1}, {2}, {3}};
    PolicyParts after;
    after.identity_names = {"A", "b", "c", "undefined"};
    after.identity_digests = {{1}, {9}, {3}};
    EXPECT_THAT(same_identities(CompiledPolicy(std::move(before)), CompiledPolicy(std::move(after))),
                ElementsAre(no_identity, no_identity, 2, no_identity));
}

}  // namespace
}  // namespace springlatch::test
