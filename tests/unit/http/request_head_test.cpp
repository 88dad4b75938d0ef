#include "dataplane/protocol/http/request_head.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/http/drive.h"

namespace springlatch::http {
namespace {

TEST(RequestHead, PlainGet) {
    EXPECT_EQ(whole("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "complete 27");
    EXPECT_EQ(whole("GET / HTTP/1.1\r\nHost: a\r\n\r"), "complete 26 lf_pending");
}

}  // namespace
}  // namespace springlatch::http
