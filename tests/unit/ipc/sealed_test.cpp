// What the other process hands over cannot change under our eyes.
#include "dataplane/ipc/sealed.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace springlatch {
namespace {

TEST(Sealed, IsReadAsItWasWrittenAndNobodyCanWriteToIt) {
    const std::string bytes(100'000, 'p');
    const auto fd = seal_bytes("test", bytes);
    ASSERT_TRUE(fd.has_value());
    EXPECT_EQ(pwrite(*fd, "x", 1, 0), -1);
    EXPECT_NE(ftruncate(*fd, 0), 0);
    EXPECT_EQ(read_sealed(*fd, bytes.size()).value(), bytes);
    EXPECT_EQ(read_sealed(*fd, bytes.size() - 1).error(), EFBIG);
    close(*fd);
}

TEST(Sealed, AFileThatCouldStillChangeIsNotRead) {
    const int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ASSERT_EQ(write(fd, "policy", 6), 6);
    EXPECT_EQ(read_sealed(fd, 100).error(), EPROTO);
    ASSERT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    EXPECT_EQ(read_sealed(fd, 100).error(), EPROTO) << "it can still be written";
    close(fd);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    EXPECT_FALSE(read_sealed(ends[0], 100).has_value());
    close(ends[0]);
    close(ends[1]);
}

}  // namespace
}  // namespace springlatch
