#include "control/cli/activate.h"

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "config/load.h"
#include "config/time_text.h"
#include "control/policy/operators.h"

namespace springlatch::control {
namespace {

constexpr std::uint32_t confirm_seconds_max = 86'400;

struct Asking {
    std::string socket = operator_socket_default;
    PolicyCommand command;
    std::string confirm;
    bool json = false;
};

[[nodiscard]] std::string with_newline(const std::string& text) {
    return text.ends_with('\n') ? text : text + '\n';
}

/// A whole number and s, m or h; nothing if it is none, or longer than a day.
[[nodiscard]] std::optional<std::uint32_t> seconds_of(const std::string& text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string unit(end, text.data() + text.size());
    const std::uint32_t factor = unit == "s" ? 1U : unit == "m" ? 60U : unit == "h" ? 3600U : 0U;
    if (error != std::errc{} || factor == 0 || number == 0 || number > confirm_seconds_max / factor) {
        return std::nullopt;
    }
    return number * factor;
}

/// The answer; nothing, and told, if there is none or it is a refusal.
[[nodiscard]] std::optional<PolicyAnswer> ask(const Asking& asking) {
    const auto answer = ask_springlatchd(asking.socket, asking.command);
    if (!answer) {
        std::fprintf(stderr, "error: %s\n", answer.error().c_str());
        return std::nullopt;
    }
    if (!answer->error.empty()) {
        // Mistakes in a policy come with file, line and `error:` of their own.
        const bool told = answer->error.find(": error: ") != std::string::npos;
        std::fprintf(stderr, "%s%s", told ? "" : "error: ", with_newline(answer->error).c_str());
        return std::nullopt;
    }
    return *answer;
}

[[nodiscard]] int run(const Asking& asking) {
    const auto answer = ask(asking);
    if (!answer) {
        return 1;
    }
    for (const std::string& line : answer->lines) {
        std::printf("%s\n", line.c_str());
    }
    return 0;
}

[[nodiscard]] int activate(Asking& asking) {
    if (!asking.confirm.empty()) {
        const auto seconds = seconds_of(asking.confirm);
        if (!seconds) {
            std::fprintf(stderr, "error: --confirm: %s is no time of at most a day, for example 120s or 5m\n",
                         asking.confirm.c_str());
            return 2;
        }
        asking.command.confirm_seconds = *seconds;
    }
    auto bytes = read_policy_file(asking.command.name);
    if (!bytes) {
        std::fputs(lines_of(bytes.error()).c_str(), stderr);
        return 1;
    }
    asking.command.bytes = std::move(*bytes);
    return run(asking);
}

void print(const Activation& one) {
    std::printf("%lld  %s  %-8s  %s  %s by %s\n", static_cast<long long>(one.number),
                rfc3339(one.time_ns).c_str(), name_of(one.standing), one.sha256.substr(0, 12).c_str(),
                one.how.c_str(), one.user.c_str());
    const auto more = [](const char* name, const std::string& text) {
        if (!text.empty()) {
            std::printf("   %s: %s\n", name, text.c_str());
        }
    };
    more("reason", one.reason);
    more("widened because", one.widen);
    for (const std::string& line : one.effect) {
        std::printf("   %s\n", line.c_str());
    }
    more("of number", one.of == 0 ? "" : std::to_string(one.of));
    if (one.confirmed_ns != 0) {
        std::printf("   confirmed %s by %s\n", rfc3339(one.confirmed_ns).c_str(), one.confirmed_by.c_str());
    } else if (one.confirm_by_ns != 0) {
        std::printf("   to be confirmed by %s\n", rfc3339(one.confirm_by_ns).c_str());
    }
    more("failed", one.error);
}

[[nodiscard]] int history(const Asking& asking) {
    const auto answer = ask(asking);
    if (!answer) {
        return 1;
    }
    for (const Activation& one : answer->history) {
        if (asking.json) {
            std::printf("%s\n", json_of(one).c_str());
        } else {
            print(one);
        }
    }
    return 0;
}

[[nodiscard]] std::shared_ptr<Asking> with_socket(CLI::App& command, PolicyCommand::What what) {
    auto asking = std::make_shared<Asking>();
    asking->command.what = what;
    command.add_option("--socket", asking->socket, "Of springlatchd, for operators")->capture_default_str();
    return asking;
}

void add_reason(CLI::App& command, Asking& asking) {
    command.add_option("--reason", asking.command.reason, "Why; kept in the history");
}

}  // namespace

void add_activate(CLI::App& parent, int& code) {
    CLI::App* command = parent.add_subcommand(
        "activate", "Check a policy, show what it opens and closes, and have it run without a restart");
    const auto asking = with_socket(*command, PolicyCommand::What::activate);
    command->add_option("file", asking->command.name, "Policy file (JSON), or signed bundle")->required();
    command->add_option("--widen", asking->command.widen,
                        "Why it may open what is shut now; without it such a policy is refused");
    command->add_option(
        "--confirm", asking->confirm,
        "Return to the policy before unless policy confirm comes within this time, for example "
        "120s");
    add_reason(*command, *asking);
    command->add_flag("--dry-run", asking->command.dry_run, "Only check and show");
    command->callback([asking, &code] { code = activate(*asking); });
}

void add_confirm(CLI::App& parent, int& code) {
    CLI::App* command = parent.add_subcommand("confirm", "Keep the policy that was activated with --confirm");
    const auto asking = with_socket(*command, PolicyCommand::What::confirm);
    command->callback([asking, &code] { code = run(*asking); });
}

void add_rollback(CLI::App& parent, int& code) {
    CLI::App* command = parent.add_subcommand("rollback", "Return to a policy that was active before");
    const auto asking = with_socket(*command, PolicyCommand::What::rollback);
    command->add_option("--to", asking->command.to, "Its number in the history; default: the one before")
        ->check(CLI::PositiveNumber);
    add_reason(*command, *asking);
    command->callback([asking, &code] { code = run(*asking); });
}

void add_history(CLI::App& parent, int& code) {
    CLI::App* command =
        parent.add_subcommand("history", "Who activated what, when and why, the oldest first");
    const auto asking = with_socket(*command, PolicyCommand::What::history);
    command->add_flag("--json", asking->json, "One JSON object a line");
    command->callback([asking, &code] { code = history(*asking); });
}

}  // namespace springlatch::control
