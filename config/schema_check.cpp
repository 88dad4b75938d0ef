#include "config/schema_check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "config/json_positions.h"

namespace springlatch {
namespace {

using nlohmann::json;

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

std::string shown(const json& value) {
    if (value.is_string()) {
        return in_quotes(value.get_ref<const std::string&>());
    }
    if (value.is_structured()) {
        return value.is_array() ? "an array" : "an object";
    }
    return value.dump();
}

std::string joined(const std::vector<std::string>& words) {
    std::string result;
    for (const std::string& word : words) {
        result += (result.empty() ? "" : ", ") + word;
    }
    return result;
}

std::vector<std::string> strings_of(const json& list) {
    std::vector<std::string> result;
    for (const json& entry : list) {
        result.push_back(entry.is_string() ? entry.get<std::string>() : entry.dump());
    }
    return result;
}

const json& resolved(const json& root, const json& node) {
    const auto reference = node.find("$ref");
    return reference == node.end() ? node
                                   : root.at(json::json_pointer(reference->get<std::string>().substr(1)));
}

bool has_type(const json& value, const std::string& type) {
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "integer" && value.is_number_integer()) ||
           (type == "boolean" && value.is_boolean());
}

std::string type_words(const json& type) {
    if (type.is_array()) {
        return type_words(type[0]) + " or " + type_words(type[1]);
    }
    const auto name = type.get<std::string>();
    if (name == "integer") {
        return "a whole number";
    }
    if (name == "boolean") {
        return "true or false";
    }
    return (name == "object" || name == "array" ? "an " : "a ") + name;
}

/// What one value, apart from the values in it, does to break its part of the schema.
class Explainer {
  public:
    Explainer(const json& schema, const json& value, std::string pointer, std::vector<Mistake>& mistakes)
        : schema_(schema), value_(value), pointer_(std::move(pointer)), mistakes_(mistakes) {}

    void explain() {
        if (!type() || !choice()) {
            return;
        }
        number();
        string();
        size("minItems", "maxItems", value_.is_array(), "entry", "entries");
        size("minProperties", "maxProperties", value_.is_object(), "member", "members");
        if (value_.is_object()) {
            members();
        }
    }

  private:
    void say(std::string text) { mistakes_.push_back({pointer_, false, std::move(text)}); }

    bool type() {
        const auto type = schema_.find("type");
        if (type == schema_.end()) {
            return true;
        }
        const json types = type->is_array() ? *type : json::array({*type});
        const bool good = std::any_of(types.begin(), types.end(), [&](const json& name) {
            return has_type(value_, name.get<std::string>());
        });
        if (!good) {
            say("found " + shown(value_) + "; this must be " + type_words(*type));
        }
        return good;
    }

    bool choice() {
        if (const auto constant = schema_.find("const"); constant != schema_.end() && *constant != value_) {
            say("found " + shown(value_) + "; this version supports " + constant->dump() + " only");
            return false;
        }
        const auto choices = schema_.find("enum");
        if (choices == schema_.end() ||
            std::find(choices->begin(), choices->end(), value_) != choices->end()) {
            return true;
        }
        const std::vector<std::string> words = strings_of(*choices);
        if (value_ == "allow" && pointer_ == "/default/action") {
            say("\"allow\" is not allowed here: the default can only deny; allowed: " + joined(words));
        } else {
            say("found " + shown(value_) + "; allowed: " + joined(words) +
                (value_.is_string() ? did_you_mean(value_.get<std::string>(), words) : ""));
        }
        return false;
    }

    void number() {
        if (!value_.is_number_integer() || !schema_.contains("minimum") || !schema_.contains("maximum")) {
            return;
        }
        if (value_ < schema_["minimum"] || value_ > schema_["maximum"]) {
            say("found " + value_.dump() + "; allowed: " + schema_["minimum"].dump() + " to " +
                schema_["maximum"].dump());
        }
    }

    void string() {
        const auto pattern = schema_.find("pattern");
        if (value_.is_string() && pattern != schema_.end() && value_ != "forward" && value_ != "drop") {
            say("found " + shown(value_) + "; allowed: forward, drop" +
                did_you_mean(value_.get<std::string>(), {"forward", "drop"}));
        }
    }

    void size(const char* least, const char* most, bool applies, const char* one, const char* many) {
        if (!applies) {
            return;
        }
        if (schema_.contains(least) && value_.size() < schema_[least].get<std::size_t>()) {
            say("found no " + std::string(many) + "; at least one " + one + " must be here");
        }
        if (schema_.contains(most) && value_.size() > schema_[most].get<std::size_t>()) {
            say("found " + std::to_string(value_.size()) + " " + many + "; at most " + schema_[most].dump() +
                " are allowed");
        }
    }

    void members() {
        for (const json& name : schema_.value("required", json::array())) {
            if (!value_.contains(name.get<std::string>())) {
                say("the key " + name.dump() + " is missing");
            }
        }
        for (const auto& [name, unused] : value_.items()) {
            const std::string member = pointer_to(pointer_, name);
            if (schema_.contains("properties") && !schema_["properties"].contains(name)) {
                mistakes_.push_back({member, true, unknown_key(name)});
            }
        }
    }

    std::string unknown_key(const std::string& name) const {
        std::vector<std::string> known;
        for (const auto& entry : schema_["properties"].items()) {
            if (entry.key() != "$comment") {
                known.push_back(entry.key());
            }
        }
        return "unknown key " + in_quotes(name) + "; allowed: " + joined(known) + did_you_mean(name, known);
    }

    const json& schema_;
    const json& value_;
    std::string pointer_;
    std::vector<Mistake>& mistakes_;
};

struct Place {
    const json* schema;
    const json* value;
    std::string pointer;
};

/// Follows valijson's context, "<root>", "[zones]", "[0]", in document and schema at once; stops where either
/// ends.
Place follow(const json& root, const json& document, const std::vector<std::string>& context) {
    Place place{&root, &document, ""};
    for (std::size_t i = 1; i < context.size(); ++i) {
        const std::string step = context[i].substr(1, context[i].size() - 2);
        const json* schema = nullptr;
        const json* value = nullptr;
        if (place.value->is_object()) {
            const auto properties = place.schema->find("properties");
            const auto found = place.value->find(step);
            if (found != place.value->end()) {
                value = &*found;
            }
            if (properties != place.schema->end() && properties->contains(step)) {
                schema = &(*properties)[step];
            } else if (place.schema->contains("additionalProperties")) {
                schema = &(*place.schema)["additionalProperties"];
            }
        } else if (place.value->is_array() && place.schema->contains("items")) {
            schema = &(*place.schema)["items"];
            value = &place.value->at(std::stoul(step));
        }
        if (schema == nullptr || !schema->is_object() || value == nullptr) {
            return place;
        }
        place = {&resolved(root, *schema), value, pointer_to(place.pointer, step)};
    }
    return place;
}

/// valijson reports a mistake once more for every value around it.
bool only_repeats_a_child(const std::string& description) {
    return description.starts_with("Failed to validate item") ||
           description.starts_with("Failed to validate against schema associated") ||
           description.starts_with("Failed to validate against additional properties");
}

}  // namespace

struct SchemaCheck::Impl {
    explicit Impl(std::string_view text) : document(json::parse(text)) {
        valijson::SchemaParser parser;
        parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(document), compiled);
    }
    json document;
    valijson::Schema compiled;
};

SchemaCheck::SchemaCheck(std::string_view text) : impl_(std::make_unique<const Impl>(text)) {}
SchemaCheck::~SchemaCheck() = default;

bool SchemaCheck::matches(const json& document, std::vector<Mistake>& mistakes) const {
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(impl_->compiled, valijson::adapters::NlohmannJsonAdapter(document), &results)) {
        return true;
    }
    std::map<std::vector<std::string>, std::string> places;
    for (const valijson::ValidationResults::Error& error : results) {
        if (!only_repeats_a_child(error.description)) {
            places.emplace(error.context, error.description);
        }
    }
    for (const auto& [context, description] : places) {
        const Place place = follow(impl_->document, document, context);
        const std::size_t before = mistakes.size();
        Explainer(*place.schema, *place.value, place.pointer, mistakes).explain();
        if (mistakes.size() == before) {
            mistakes.push_back({place.pointer, false, printable(description)});
        }
    }
    return false;
}

bool matches_schema(const json& document, std::vector<Mistake>& mistakes) {
    static const SchemaCheck check(policy_schema());
    return check.matches(document, mistakes);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t slips_max = 2;
    if (word.size() > 64) {
        return "";
    }
    std::size_t best = slips_max + 1;
    const std::string* nearest = nullptr;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(lower(word), lower(candidate));
        if (distance < best && distance < candidate.size()) {
            best = distance;
            nearest = &candidate;
        }
    }
    return nearest == nullptr ? "" : "; did you mean " + in_quotes(*nearest) + "?";
}

}  // namespace springlatch
