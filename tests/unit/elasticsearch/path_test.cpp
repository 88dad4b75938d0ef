#include "dataplane/protocol/elasticsearch/path.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <string>

namespace springlatch::elasticsearch {
namespace {

struct Case {
    const char* sent;
    const char* text;
    bool plain;
};

TEST(NormalPath, IsWhatTheServersReadNamesOutOf) {
    std::array<char, 256> buffer;
    for (const Case& wanted : {Case{"/", "/", true},
                               {"/a/_search", "/a/_search", true},
                               {"/a/_search/", "/a/_search", true},
                               {"http://db:9200/a/_search/", "/a/_search", true},
                               {"HTTP://db", "/", true},
                               {"/a%2Cb%2c%3Cc%3E/_search/", "/a,b,<c>/_search", true},
                               {"/%e4%B8/_search", "/\xe4\xb8/_search", true},
                               {"/a+b", "/a+b", true},
                               {"/%5fsearch", "/_search", false},
                               {"/_se%61rch", "/_search", false},
                               {"/a%2d1", "/a-1", false},
                               {"/a%7e", "/a~", false},
                               {"/a%", "/a%", false},
                               {"/a%4", "/a%4", false},
                               {"/a%zz", "/a%zz", false},
                               {"*", "*", true}}) {
        const auto got = normal_path(wanted.sent, buffer);
        ASSERT_TRUE(got) << wanted.sent;
        EXPECT_EQ(got->text, wanted.text) << wanted.sent;
        EXPECT_EQ(got->plain, wanted.plain) << wanted.sent;
    }
}

TEST(NormalPath, WithoutRoomThereIsNoAnswer) {
    std::array<char, 3> buffer;
    EXPECT_FALSE(normal_path("/a%2Cb", buffer));
    EXPECT_FALSE(decoded_query("a%2Cb", buffer));
    EXPECT_TRUE(normal_path("/long/but/plain", buffer));
}

TEST(DecodedQuery, IsDecodedOnce) {
    std::array<char, 256> buffer;
    EXPECT_EQ(decoded_query("source=%7B%22a%22+%3A%2525%7D", buffer), "source={\"a\" :%25}");
    EXPECT_EQ(decoded_query("a=%&b=%4", buffer), "a=%&b=%4");
    EXPECT_EQ(decoded_query("", buffer), "");
}

RC_GTEST_PROP(NormalPath, AnyBytesGetAnAnswerThatIsNotLonger, (const std::string& path)) {
    std::string buffer(path.size(), '\0');
    const auto got = normal_path(path, buffer);
    RC_ASSERT(got.has_value());
    RC_ASSERT(got->text.size() <= path.size());
    RC_ASSERT(decoded_query(path, buffer).value().size() <= path.size());
}

}  // namespace
}  // namespace springlatch::elasticsearch
