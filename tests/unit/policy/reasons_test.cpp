#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "dataplane/policy/reason.h"

namespace springlatch {
namespace {

/// The names in the first column of the document's tables: lines that begin with "| `name` |".
std::vector<std::string> documented_reasons() {
    std::ifstream file(SPRINGLATCH_SOURCE_DIR "/dataplane/policy/REASONS.md");
    std::vector<std::string> names;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("| `")) {
            names.push_back(line.substr(3, line.find('`', 3) - 3));
        }
    }
    return names;
}

TEST(Reasons, TheDocumentListsExactlyTheNamesOperatorsSee) {
    EXPECT_THAT(documented_reasons(), testing::ElementsAreArray(reason_names.begin(), reason_names.end()));
}

TEST(Reasons, AValueThatIsNoReasonHasANameToo) {
    EXPECT_EQ(name_of(Reason::link_down), "link_down");
    EXPECT_EQ(name_of(Reason::count_), "unknown");
    EXPECT_EQ(name_of(static_cast<Reason>(255)), "unknown");
}

}  // namespace
}  // namespace springlatch
