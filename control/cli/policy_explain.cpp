#include "control/cli/policy_explain.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "config/schema_check.h"
#include "control/cli/output.h"
#include "control/cli/policy_file.h"
#include "control/explain/explanation.h"

namespace springlatch::control {
namespace {

constexpr int usage_mistake = 2;
constexpr std::size_t request_bytes_max = 1U << 20U;

struct ExplainOptions {
    std::string policy;
    std::string from;
    std::string to;
    std::string request;
    std::vector<std::string> headers;
    std::string identity;
    std::string at;
    bool json = false;
};

[[nodiscard]] int usage(const std::string& text) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return usage_mistake;
}

[[nodiscard]] std::string read_input() {
    std::string text(request_bytes_max + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), stdin));
    return text;
}

/// Both ends; what is wrong is told, and false returned.
[[nodiscard]] bool read_place(const ExplainOptions& asked, Question& question, std::string& wrong) {
    const auto client = address_from(asked.from);
    if (!client) {
        wrong = "--from: " + asked.from + " is no address";
        return false;
    }
    const auto listener = listener_from(asked.to);
    if (!listener) {
        wrong =
            "--to: " + asked.to + " is no address and port; write 198.51.100.10:9200 or [2001:db8::10]:9200";
        return false;
    }
    if (client->is_v4() != listener->address.is_v4()) {
        wrong = "--from and --to must both be IPv4 or both IPv6";
        return false;
    }
    question.ends.client = *client;
    question.ends.server = listener->address;
    question.ends.server_port = listener->port;
    return true;
}

[[nodiscard]] int run(const ExplainOptions& asked) {
    Question question;
    if (std::string wrong; !read_place(asked, question, wrong)) {
        return usage(wrong);
    }
    const auto at = time_of(asked.at, "--at");
    if (!at) {
        return usage_mistake;
    }
    question.time_ns = *at;
    const auto loaded =
        load_policy(asked.policy, {.generation = 1, .mode = std::nullopt, .one_connection = true});
    if (!loaded) {
        std::fputs(lines_of(loaded.error()).c_str(), stderr);
        return 1;
    }
    const Identity* identity = nullptr;
    if (!asked.identity.empty()) {
        const std::vector<std::string>& names = loaded->policy->parts().identity_names;
        const auto found = std::find(names.begin(), names.end(), asked.identity);
        if (found == names.end()) {
            return usage("--as: there is no identity " + asked.identity + " in " + asked.policy +
                         did_you_mean(asked.identity, names));
        }
        question.identity = static_cast<std::uint16_t>(found - names.begin());
        identity = &loaded->identities[*question.identity];
    }
    if (asked.request == "-") {
        if (!asked.headers.empty()) {
            return usage(
                "--header goes with a request on the command line; one from standard input is whole");
        }
        question.bytes = read_input();
        if (question.bytes.size() > request_bytes_max) {
            return usage("--request -: more than " + std::to_string(request_bytes_max) + " bytes");
        }
    } else {
        auto bytes = request_bytes(asked.request, asked.headers, question.ends, identity);
        if (!bytes) {
            return usage(bytes.error());
        }
        question.bytes = std::move(*bytes);
    }
    const Explanation explanation = explain(*loaded, question);
    const std::string output = asked.json ? json_of(explanation) : text_of(explanation);
    if (!print_whole(output)) {
        return 1;
    }
    return 0;
}

}  // namespace

void add_policy_explain(CLI::App& policy, int& code) {
    const auto options = std::make_shared<ExplainOptions>();
    CLI::App* command = policy.add_subcommand("explain", "Say which rule decides a request, and why");
    command->add_option("--policy", options->policy, "Policy file (JSON)")->required();
    command->add_option("--from", options->from, "The client's address")->required();
    command->add_option("--to", options->to, "The server's ADDRESS:PORT")->required();
    command
        ->add_option("--request", options->request,
                     "'GET /customers/_search', or - for a whole request on standard input")
        ->required();
    command->add_option("--header", options->headers, "'Name: value'; may be repeated")
        ->allow_extra_args(false);
    command->add_option("--as", options->identity,
                        "Take the request's credentials for this identity's; made up if it has none");
    command->add_option("--at", options->at, "As if it were this time (RFC 3339)");
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &code] { code = run(*options); });
}

}  // namespace springlatch::control
