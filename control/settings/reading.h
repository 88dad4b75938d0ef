#pragma once
// What the readers of the settings' sections share. They are given what may break the schema (that is said
// elsewhere), so a value of another type is as good as none.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "config/schema_check.h"
#include "control/settings/settings.h"

namespace springlatch::control {

/// An object of the settings, and where it is.
class SettingsPart {
  public:
    SettingsPart(const nlohmann::json& object, std::string pointer, std::vector<Mistake>& mistakes)
        : object_(object), pointer_(std::move(pointer)), mistakes_(mistakes) {}

    [[nodiscard]] bool has(const char* key) const;
    /// The member of that name; of nothing if there is none.
    [[nodiscard]] SettingsPart part(const char* key) const;
    [[nodiscard]] const nlohmann::json& at(const char* key) const;
    [[nodiscard]] const std::string& pointer() const noexcept { return pointer_; }

    // Into `target`, if the key is there. read_text: at least one byte, and no control bytes.
    void read_flag(const char* key, bool& target) const;
    void read_text(const char* key, std::string& target) const;
    /// `90s`, `5m`, `2h`, `1d`, in seconds; at least and at most so many.
    void read_duration(const char* key, std::uint32_t& seconds, std::uint32_t least,
                       std::uint32_t most) const;
    template <typename Number>
    void read_number(const char* key, Number& target) const {
        std::uint64_t value = 0;
        if (number(key, value)) {
            target = static_cast<Number>(value);
        }
    }

    /// A mistake in the member; `key` null: in the object itself.
    void say(const char* key, std::string text, bool at_key = false) const;

  private:
    [[nodiscard]] bool number(const char* key, std::uint64_t& value) const;

    const nlohmann::json& object_;
    std::string pointer_;
    std::vector<Mistake>& mistakes_;
};

// One a section.
void read_posture(const SettingsPart& part, PostureSettings& posture);
void read_alerts(const SettingsPart& part, AlertSettings& alerts);

}  // namespace springlatch::control
