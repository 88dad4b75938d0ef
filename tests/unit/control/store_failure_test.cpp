#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "control/store/store.h"
#include "tests/support/full_disk.h"

namespace springlatch::control {
namespace {

using test::FullDisk;

class StoreOnAFullDisk : public testing::Test {
  protected:
    void SetUp() override {
        std::string path = testing::TempDir() + "/springlatch-store-XXXXXX";
        ASSERT_NE(mkdtemp(path.data()), nullptr);
        dir_ = path;
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }

    static Event event(std::uint64_t sequence) {
        Event made;
        made.sequence = sequence;
        made.time_ns = sequence;
        made.action = "denied";
        made.path = std::string(2000, 'x');
        return made;
    }
    std::size_t stored() const {
        std::size_t count = 0;
        auto reader = StoreReader::open(dir_);
        EXPECT_TRUE(reader) << (reader ? "" : reader.error());
        const auto read = reader->each({}, EventOrder::oldest_first, 0, [&](const Event&) {
            ++count;
            return true;
        });
        EXPECT_TRUE(read) << (read ? "" : read.error());
        return count;
    }
    std::string dir_;
};

TEST_F(StoreOnAFullDisk, RecordingStopsLoudlyCountsWhatIsLostAndStartsAgainWithWhatWasThere) {
    auto opened = Store::open(dir_);
    ASSERT_TRUE(opened) << opened.error();
    Store& store = **opened;
    std::uint64_t sequence = 0;
    for (int i = 0; i < 10; ++i) {
        ASSERT_NE(store.add(event(++sequence)), 0);
    }
    ASSERT_TRUE(store.flush());

    testing::internal::CaptureStderr();
    {
        const FullDisk full(262'144);
        for (int i = 0; i < 1000; ++i) {
            store.add(event(++sequence));
        }
        EXPECT_FALSE(store.flush());
        for (int i = 0; i < 1000; ++i) {
            store.add(event(++sequence));
        }
    }
    const std::string told = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
    EXPECT_NE(told.find("recording stopped"), std::string::npos) << told;
    StoreState state = store.state();
    EXPECT_TRUE(state.failing);
    EXPECT_EQ(state.failures, 1U);
    EXPECT_FALSE(state.error.empty());
    EXPECT_EQ(state.stored + state.not_stored, sequence) << "each event is told for exactly once";

    testing::internal::CaptureStderr();
    store.tick(store_retry_ns);
    EXPECT_NE(store.add(event(++sequence)), 0);
    EXPECT_TRUE(store.flush());
    EXPECT_NE(testing::internal::GetCapturedStderr().find("works again"), std::string::npos);
    state = store.state();
    EXPECT_FALSE(state.failing);
    EXPECT_EQ(state.stored + state.not_stored, sequence);
    EXPECT_EQ(stored(), state.stored);

    auto reader = StoreReader::open(dir_);
    ASSERT_TRUE(reader);
    const auto coverage = reader->coverage(0, sequence);
    ASSERT_TRUE(coverage);
    ASSERT_EQ(coverage->losses.size(), 1U) << "what is missing is on record, so that nobody is told 'nobody'";
    EXPECT_EQ(coverage->losses[0].events, state.not_stored);
    EXPECT_EQ(coverage->losses[0].cause, "store");
    EXPECT_GT(coverage->losses[0].after_ns, 10U);
    EXPECT_EQ(coverage->losses[0].until_ns, sequence - 1);
}

}  // namespace
}  // namespace springlatch::control
