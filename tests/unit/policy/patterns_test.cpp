#include "dataplane/policy/patterns.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace springlatch {
namespace {

PatternSet compiled(const std::vector<std::string>& expressions, Extent extent) {
    auto set = PatternSet::compile(expressions, extent);
    EXPECT_TRUE(set) << set.error().text;
    return std::move(*set);
}

bool path_is(const std::string& expression, std::string_view path) {
    PatternScratch scratch({.paths = compiled({expression}, Extent::whole), .queries = {}, .heads = {}},
                           4096);
    PatternQuestion question(scratch, path, "", "");
    return question.path_is(0);
}

TEST(Patterns, APathIsMatchedAsAWhole) {
    EXPECT_TRUE(path_is("/logs-[0-9]+/_search", "/logs-17/_search"));
    EXPECT_FALSE(path_is("/logs-[0-9]+/_search", "/logs-17/_search/template"));
    EXPECT_FALSE(path_is("/logs-[0-9]+/_search", "/x/logs-17/_search"));
    EXPECT_TRUE(path_is("/a|/b", "/b"));
    EXPECT_FALSE(path_is("/a|/b", "/b/c")) << "the whole of it, for each side of the bar";
    EXPECT_TRUE(path_is("(?i)/A", "/a"));
}

TEST(Patterns, NoByteSlipsByADot) {
    EXPECT_TRUE(path_is("/secret.*", "/secret%0A/_search"));
    EXPECT_TRUE(path_is("/secret/.", "/secret/%ff"));
    EXPECT_FALSE(path_is("/a", "/a%0A")) << "a line feed at the end is a byte like others";
}

TEST(Patterns, EverySetAnswersForEveryExpressionOfItsText) {
    std::vector<std::string> many;
    for (int i = 0; i < 200; ++i) many.push_back("/index-" + std::to_string(i) + "(/.*)?");
    PatternScratch scratch({.paths = compiled(many, Extent::whole),
                            .queries = compiled({"a=1", "b=2"}, Extent::anywhere),
                            .heads = compiled({"X-Evil"}, Extent::anywhere)},
                           4096);
    PatternQuestion first(scratch, "/index-130/_search", "x=%61%3D1", "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\n");
    for (std::uint16_t i = 0; i < 200; ++i) EXPECT_EQ(first.path_is(i), i == 130) << i;
    EXPECT_TRUE(first.path_is_plain());
    EXPECT_TRUE(first.query_has(0));
    EXPECT_FALSE(first.query_has(1));
    EXPECT_TRUE(first.head_has(0));
    PatternQuestion second(scratch, "/index-7", "b=2", "GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE(second.path_is(7));
    EXPECT_FALSE(second.path_is(130)) << "nothing is left of the question before";
    EXPECT_FALSE(second.query_has(0));
    EXPECT_FALSE(second.head_has(0));
}

TEST(Patterns, WhatCannotBeLookedAtMatchesAndIsNotPlain) {
    PatternScratch scratch({.paths = compiled({"/a"}, Extent::whole), .queries = {}, .heads = {}}, 4);
    PatternQuestion question(scratch, "/too-long-%2C", "", "");
    EXPECT_TRUE(question.path_is(0));
    EXPECT_FALSE(question.path_is_plain());
    EXPECT_TRUE(question.path_is(1)) << "an expression of another policy";
}

TEST(Patterns, WhatMatchesEmptyTextIsRefusedWhereItWouldMatchEverything) {
    EXPECT_FALSE(PatternSet::compile({"a*"}, Extent::anywhere));
    EXPECT_TRUE(PatternSet::compile({"a*"}, Extent::whole));
}

TEST(Patterns, ThousandsCompileInBoundedMemory) {
    std::vector<std::string> many;
    for (std::size_t i = 0; i < 1000; ++i)
        many.push_back("/team-" + std::to_string(i) + "-[a-z0-9.-]+/_(search|count|mget)");
    const PatternSet set = compiled(many, Extent::whole);
    EXPECT_GT(set.bytes(), 0U);
    EXPECT_LE(set.bytes(), pattern_set_bytes_max);
    many.assign(patterns_max + 1, "/a");
    const auto refused = PatternSet::compile(many, Extent::whole);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find("at most"), std::string::npos);
}

}  // namespace
}  // namespace springlatch
