#include "control/api/rules_json.h"

#include <nlohmann/json.hpp>

#include "config/time_text.h"

namespace springlatch::control {

std::string rules_json(const std::vector<RuleHitsTotal>& rules) {
    using Json = nlohmann::ordered_json;
    Json list = Json::array();
    for (const RuleHitsTotal& rule : rules) {
        Json one = {{"rule", rule.rule},
                    {"since", rfc3339(rule.since_ns)},
                    {"hits", rule.count.hits},
                    {"limited", rule.count.limited}};
        if (rule.count.hits > 0) {
            one["first"] = rfc3339(rule.count.first_ns);
            one["last"] = rfc3339(rule.count.last_ns);
        }
        list.push_back(std::move(one));
    }
    return Json{{"rules", std::move(list)}}.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace springlatch::control
