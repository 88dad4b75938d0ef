#include "control/cli/alerts.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "config/time_text.h"
#include "control/alerts/acknowledging.h"
#include "control/alerts/alert.h"
#include "control/cli/output.h"
#include "control/clock.h"
#include "control/policy/operators.h"

namespace springlatch::control {
namespace {

struct AlertOptions {
    std::string store = "/var/lib/springlatch";
    bool all = false;
    bool json = false;
};
struct AckOptions {
    std::string socket = operator_socket_default;
    Acknowledgement given;
    std::string until;
};

[[nodiscard]] int fail(const std::string& text, int code) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return code;
}

void print(const Alert& alert) {
    std::printf("%lld  %s  %-8s  %s  %s\n", static_cast<long long>(alert.id), rfc3339(alert.first_ns).c_str(),
                word_of(severity_of(alert.kind)), name_of(alert.kind), alert.text.c_str());
    if (alert.count > 1) {
        std::printf("   %llu times, the last %s\n", static_cast<unsigned long long>(alert.count),
                    rfc3339(alert.last_ns).c_str());
    }
    if (!alert.owner.empty()) {
        std::printf("   taken by %s until %s: %s\n", alert.owner.c_str(), rfc3339(alert.until_ns).c_str(),
                    alert.reason.c_str());
    }
    if (alert.ended_ns != 0) {
        std::printf("   ended %s\n", rfc3339(alert.ended_ns).c_str());
    }
}

[[nodiscard]] int list(const AlertOptions& options) {
    constexpr std::size_t shown_max = 1000;
    const auto alerts = read_alerts(options.store, options.all, shown_max);
    if (!alerts) {
        return fail(alerts.error(), 1);
    }
    for (const Alert& alert : *alerts) {
        if (options.json) {
            std::puts(json_of(alert).c_str());
        } else {
            print(alert);
        }
    }
    if (alerts->empty() && !options.json) {
        std::puts("no alert is open");
    }
    return flush_output() ? 0 : 1;
}

[[nodiscard]] int acknowledge(AckOptions& options) {
    const std::uint64_t now = unix_ns();
    if (const auto seconds = parse_duration(options.until)) {
        options.given.until_ns = now + std::uint64_t{*seconds} * 1'000'000'000;
    } else if (const auto time = parse_time(options.until)) {
        options.given.until_ns = *time;
    } else {
        return fail("--until: " + options.until +
                        " is neither a time (2026-12-01T00:00:00Z) nor one from now on (12h, 7d)",
                    2);
    }
    const auto answer = put_to_springlatchd(options.socket, json_of(options.given));
    if (!answer || !answer->error.empty()) {
        return fail(answer ? answer->error : answer.error(), 1);
    }
    for (const std::string& line : answer->lines) {
        std::puts(line.c_str());
    }
    return 0;
}

}  // namespace

void add_alerts(CLI::App& parent, int& code) {
    auto options = std::make_shared<AlertOptions>();
    CLI::App* command = parent.add_subcommand("alerts", "What somebody should look at, the newest first");
    command->add_option("--store", options->store, "Folder of the event store")->capture_default_str();
    command->add_flag("--all", options->all, "Those that ended, too");
    command->add_flag("--json", options->json, "One JSON object a line");
    auto given = std::make_shared<AckOptions>();
    CLI::App* ack = command->add_subcommand("ack", "Take an alert: it is not told again until a time");
    ack->add_option("id", given->given.id, "Its number")->required()->check(CLI::PositiveNumber);
    ack->add_option("--owner", given->given.owner, "Who takes care of it")->required();
    ack->add_option("--reason", given->given.reason, "What is known or done about it")->required();
    ack->add_option("--until", given->until, "RFC 3339, or from now on: 12h, 7d")->required();
    ack->add_option("--socket", given->socket, "Of springlatchd, for operators")->capture_default_str();
    ack->callback([given, &code] { code = acknowledge(*given); });
    command->callback([options, ack, &code] {
        if (!ack->parsed()) {
            code = list(*options);
        }
    });
}

}  // namespace springlatch::control
