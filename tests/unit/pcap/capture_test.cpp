// Capture files as operators have them: whole, cut off, of another kind.
#include "dataplane/pcap/capture.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace springlatch {
namespace {

using ::testing::HasSubstr;

class Folder {
  public:
    Folder() {
        std::string pattern = std::filesystem::temp_directory_path() / "springlatch-pcap-XXXXXX";
        path_ = mkdtemp(pattern.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

void put32(std::string& out, std::uint32_t value) {
    for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
}

struct CaptureText {
    std::uint32_t magic = 0xa1b2c3d4;
    std::uint32_t link_type = 1;
    std::string text;
    std::string& build(int frames, std::uint32_t bytes = 60, std::uint32_t original = 60) {
        text.clear();
        put32(text, magic);
        put32(text, 0x0004'0002);
        put32(text, 0);
        put32(text, 0);
        put32(text, 262'144);
        put32(text, link_type);
        for (int i = 0; i < frames; ++i) {
            put32(text, 1000);
            put32(text, static_cast<std::uint32_t>(i));
            put32(text, bytes);
            put32(text, original);
            text += std::string(bytes, static_cast<char>(i));
        }
        return text;
    }
};

std::string write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
    return path;
}
std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(CheckCapture, CountsWhatItHolds) {
    const Folder folder;
    CaptureText capture;
    const auto summary = check_capture(write(folder / "c.pcap", capture.build(3, 60, 1500)));
    ASSERT_TRUE(summary.has_value()) << summary.error();
    EXPECT_EQ(summary->frames, 3U);
    EXPECT_EQ(summary->frame_bytes_max, 60U);
    EXPECT_EQ(summary->frames_cut, 3U);
    EXPECT_EQ(summary->first_ns, 1'000'000'000'000U);
}

TEST(CheckCapture, EveryTruncationInsideAFrameIsSaidWithItsFrame) {
    const Folder folder;
    CaptureText capture;
    const std::string whole = capture.build(3);
    const std::size_t second = 24 + 76;
    for (std::size_t at = second + 1; at < second + 76; ++at) {
        const auto summary = check_capture(write(folder / "c.pcap", whole.substr(0, at)));
        ASSERT_FALSE(summary.has_value()) << at << " bytes";
        EXPECT_THAT(summary.error(), HasSubstr("truncated or corrupt behind frame 1")) << at << " bytes";
    }
}

TEST(CheckCapture, WhatIsNoEthernetCaptureIsRefusedWithTheReason) {
    const Folder folder;
    CaptureText capture;
    EXPECT_THAT(check_capture(folder / "missing.pcap").error(), HasSubstr("cannot be opened: No such file"));
    EXPECT_THAT(
        check_capture(write(folder / "t", "GET / HTTP/1.1\r\n\r\n and more text than a header")).error(),
        HasSubstr("is not a readable capture"));
    EXPECT_THAT(check_capture(write(folder / "e", "")).error(), HasSubstr("is not a readable capture"));
    EXPECT_THAT(check_capture(write(folder / "n", capture.build(0))).error(), HasSubstr("holds no frame"));
    capture.link_type = 113;
    EXPECT_THAT(check_capture(write(folder / "l", capture.build(1))).error(),
                HasSubstr("link type is LINUX_SLL"));
}

TEST(WriteWithTimes, FramesKeepTheirBytesAndGetTheTimesGiven) {
    const Folder folder;
    CaptureText capture;
    const std::string from = write(folder / "from.pcap", capture.build(2));
    ASSERT_TRUE(write_with_times(from, folder / "to.pcap", {5'000'007'000U, 6'000'008'000U}).has_value());
    const std::string text = read(folder / "to.pcap");
    ASSERT_EQ(text.size(), capture.text.size());
    std::string time;
    put32(time, 5);
    put32(time, 7);
    EXPECT_EQ(text.substr(24, 8), time);
    EXPECT_EQ(text.substr(24 + 16, 60), capture.text.substr(24 + 16, 60));
}

TEST(WriteWithTimes, AFailureLeavesTheEarlierFileAndNothingElse) {
    const Folder folder;
    CaptureText capture;
    const std::string from = write(folder / "from.pcap", capture.build(2));
    write(folder / "to.pcap", "earlier result");
    EXPECT_FALSE(write_with_times(from, folder / "to.pcap", {1, 2, 3}).has_value());
    EXPECT_EQ(read(folder / "to.pcap"), "earlier result");
    EXPECT_FALSE(std::filesystem::exists(folder / "to.pcap.part"));
    EXPECT_FALSE(write_with_times(from, folder / "no-such-folder/to.pcap", {1, 2}).has_value());
}

}  // namespace
}  // namespace springlatch
