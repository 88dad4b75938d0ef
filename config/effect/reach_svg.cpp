// Who can reach what, as a drawing: zones at the left, services at the right, a line for each way.
#include <algorithm>
#include <array>
#include <map>

#include "config/effect/reach.h"
#include "config/effect/words.h"

namespace springlatch::effect {
namespace {

constexpr int margin = 24;
constexpr int zone_x = margin;
constexpr int zone_width = 240;
constexpr int service_x = 520;
constexpr int service_width = 640;
constexpr int width = service_x + service_width + margin;
constexpr int row = 22;
constexpr int box_head = 44;
constexpr int gap = 18;
constexpr int top = 104;
constexpr std::size_t label_characters_max = 82;

struct Style {
    const char* name;
    const char* meaning;
};
/// [Strength]: the class of a line, and what the legend says. Lines differ in width and dashes too.
constexpr std::array<Style, 4> styles = {{{"nothing", "no credentials needed"},
                                          {"unproved", "any credentials, not checked here"},
                                          {"verified", "verified credentials"},
                                          {"source", "by source alone, not read"}}};

/// The colours are those of Okabe and Ito, which people tell apart whatever their eyes; their lighter and
/// darker sisters keep a contrast of 3:1 against the background.
constexpr const char* style_sheet = R"(
    text { font: 13px system-ui, sans-serif; fill: #1b1f24; }
    .name { font-weight: 600; }
    .small { font-size: 11px; fill: #57606a; }
    .paper { fill: #ffffff; }
    .box { fill: #f6f8fa; stroke: #8c959f; }
    .way { fill: none; stroke-linecap: round; }
    .nothing { stroke: #c14a00; stroke-width: 5; }
    .unproved { stroke: #b07800; stroke-width: 3; stroke-dasharray: 9 5; }
    .verified { stroke: #0072b2; stroke-width: 2; }
    .source { stroke: #6b7076; stroke-width: 3; stroke-dasharray: 2 6; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .small { fill: #9da7b3; }
      .paper { fill: #0d1117; }
      .box { fill: #161b22; stroke: #6e7681; }
      .nothing { stroke: #ff8a4c; }
      .unproved { stroke: #e6b422; }
      .verified { stroke: #56b4e9; }
      .source { stroke: #a5acb5; }
    }
)";

/// For text and attributes of XML 1.0: what it has no character for becomes a question mark.
[[nodiscard]] std::string escaped(const std::string& text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
        }
    }
    return result;
}

/// At most so many characters.
[[nodiscard]] std::string cut(const std::string& text, std::size_t most) {
    std::size_t characters = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U;
        if (begins && characters++ == most - 1) {
            return text.substr(0, i) + "…";
        }
    }
    return text;
}

[[nodiscard]] std::string text_at(int x, int y, const std::string& classes, const std::string& text) {
    return "<text x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\"" +
           (classes.empty() ? "" : " class=\"" + classes + "\"") + ">" + escaped(text) + "</text>\n";
}

[[nodiscard]] std::string box_at(int x, int y, int box_width, int height) {
    return "<rect class=\"box\" rx=\"6\" x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) +
           "\" width=\"" + std::to_string(box_width) + "\" height=\"" + std::to_string(height) + "\"/>\n";
}

[[nodiscard]] std::string label_of(const Way& way) {
    std::string text = way.zone + ": " + way.requests;
    if (!way.credentials->empty()) {
        text += ", " + some_of(*way.credentials, 3);
    }
    if (!way.conditions.empty()) {
        text += ", where " + joined(way.conditions, " and ");
    }
    return way.observed ? text + " (only observed)" : text;
}

class Drawing {
  public:
    explicit Drawing(const Reach& reach) : reach_(reach) {
        int y = top;
        for (const Place& service : reach.services) {
            const auto rows = std::count_if(reach.ways.begin(), reach.ways.end(),
                                            [&](const Way& way) { return way.service == service.name; });
            service_y_.push_back(y);
            service_height_.push_back(box_head + row * std::max(1, static_cast<int>(rows)) + 6);
            y += service_height_.back() + gap;
        }
        const int zones = static_cast<int>(reach.zones.size());
        bottom_ = std::max(y, top + zones * (box_head + gap));
        // Zones are spread over the height that the services take.
        const int step = zones == 0 ? 0 : (bottom_ - top) / zones;
        for (int i = 0; i < zones; ++i) {
            zone_y_[reach.zones[static_cast<std::size_t>(i)].name] = top + i * step;
        }
    }

    [[nodiscard]] std::string run() {
        const std::string size = std::to_string(width) + " " + std::to_string(bottom_ + margin);
        text_ =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
            size + "\" width=\"" + std::to_string(width) + "\" height=\"" + std::to_string(bottom_ + margin) +
            "\" role=\"img\" aria-labelledby=\"title description\">\n"
            "<title id=\"title\">Who can reach what</title>\n<desc id=\"description\">" +
            escaped(description()) + "</desc>\n<style>" + style_sheet + "</style>\n" +
            "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
        legend();
        ways();
        zones();
        services();
        return text_ + "</svg>\n";
    }

  private:
    [[nodiscard]] std::string description() const {
        std::string text = std::to_string(reach_.zones.size()) + " zones, " +
                           std::to_string(reach_.services.size()) + " services.";
        for (const Way& way : reach_.ways) {
            text += " To " + way.service + " from " + label_of(way) + ".";
        }
        return text;
    }

    void legend() {
        text_ += text_at(margin, 36, "name", "Who can reach what");
        int x = margin;
        for (const Style& style : styles) {
            text_ += std::string("<path class=\"way ") + style.name + "\" d=\"M" + std::to_string(x) +
                     " 64 h44\"/>\n" + text_at(x + 54, 68, "", style.meaning);
            x += 290;
        }
    }

    void ways() {
        for (std::size_t i = 0; i < reach_.services.size(); ++i) {
            int y = service_y_[i] + box_head;
            for (const Way& way : reach_.ways) {
                if (way.service != reach_.services[i].name) {
                    continue;
                }
                const int from_x = zone_x + zone_width;
                const int from_y = zone_y_.at(way.zone) + box_head / 2;
                const int middle = (from_x + service_x) / 2;
                const int to_y = y + row / 2;
                text_ += std::string("<path class=\"way ") +
                         styles.at(static_cast<std::size_t>(way.strength)).name + "\" d=\"M" +
                         std::to_string(from_x) + " " + std::to_string(from_y) + " C" +
                         std::to_string(middle) + " " + std::to_string(from_y) + " " +
                         std::to_string(middle) + " " + std::to_string(to_y) + " " +
                         std::to_string(service_x + 14) + " " + std::to_string(to_y) + "\"><title>" +
                         escaped(label_of(way) + "; " + way.how) + "</title></path>\n";
                y += row;
            }
        }
    }

    void zones() {
        for (const Place& zone : reach_.zones) {
            const int y = zone_y_.at(zone.name);
            text_ += "<g>" + box_at(zone_x, y, zone_width, box_head) +
                     text_at(zone_x + 12, y + 19, "name", cut(zone.name, 30)) +
                     text_at(zone_x + 12, y + 35, "small", cut(some_of(*zone.addresses, 2), 36)) + "<title>" +
                     escaped(zone.name + ": " + some_of(*zone.addresses, 20)) + "</title></g>\n";
        }
    }

    void services() {
        for (std::size_t i = 0; i < reach_.services.size(); ++i) {
            const Place& service = reach_.services[i];
            int y = service_y_[i];
            text_ += "<g>" + box_at(service_x + 14, y, service_width - 14, service_height_[i]) +
                     text_at(service_x + 28, y + 19, "name", service.name) +
                     text_at(service_x + 28, y + 35, "small", cut(some_of(*service.addresses, 3), 100));
            y += box_head;
            bool reached = false;
            for (const Way& way : reach_.ways) {
                if (way.service == service.name) {
                    text_ += text_at(service_x + 28, y + row / 2 + 5, "",
                                     cut(label_of(way), label_characters_max));
                    y += row;
                    reached = true;
                }
            }
            text_ +=
                (reached ? "" : text_at(service_x + 28, y + row / 2 + 5, "small", "nobody can reach it")) +
                std::string("</g>\n");
        }
    }

    const Reach& reach_;
    std::vector<int> service_y_;
    std::vector<int> service_height_;
    std::map<std::string, int> zone_y_;
    int bottom_ = 0;
    std::string text_;
};

}  // namespace

std::string svg_of(const Reach& reach) {
    return Drawing(reach).run();
}

}  // namespace springlatch::effect
