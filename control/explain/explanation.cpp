#include "control/explain/explanation.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "config/json_positions.h"
#include "config/prefixes.h"
#include "control/credentials/checker.h"
#include "control/explain/facts.h"
#include "control/ingest/event_of.h"

namespace springlatch::control {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

/// Answers at once: as told, or by the policy's own hashes and keys.
class TrialVerifier final : public CredentialVerifier {
  public:
    TrialVerifier(const LoadedPolicy& policy, const Question& question)
        : checker_(policy.identities), question_(question) {}

    [[nodiscard]] bool ready() const noexcept override { return true; }
    [[nodiscard]] Asked ask(const CheckRequest& request, CheckAnswer& answer) noexcept override {
        const std::string_view value{reinterpret_cast<const char*>(request.value.data()),
                                     request.value.size()};
        if (question_.identity) {
            answer = {.fingerprint = {}, .result = CheckResult::accepted, .identity = *question_.identity};
        } else {
            answer = checker_.check(value, question_.time_ns / ns_per_second);
        }
        answer.fingerprint = request.fingerprint;
        identity = answer.result == CheckResult::accepted ? answer.identity : no_identity;
        asked = true;
        return Asked::answered;
    }

    std::uint16_t identity = no_identity;
    bool asked = false;

  private:
    Checker checker_;
    const Question& question_;
};

[[nodiscard]] unsigned status_of(std::string_view reply) {
    constexpr std::string_view start = "HTTP/1.1 ";
    unsigned status = 0;
    if (reply.starts_with(start)) {
        const char* const digits = reply.data() + start.size();
        (void)std::from_chars(digits, reply.data() + reply.size(), status);
    }
    return status;
}

/// The status line without the protocol.
[[nodiscard]] std::string status_words(std::string_view reply) {
    const std::string_view line = reply.substr(0, reply.find('\r'));
    return std::string(line.substr(std::min(line.find(' ') + 1, line.size())));
}

[[nodiscard]] std::string for_client(const Outcome& outcome, const Explanation& known) {
    if (!outcome.reply.empty()) {
        return status_words(outcome.reply) + " from the appliance, and the end of the connection";
    }
    if (outcome.client_reset) {
        return outcome.connected ? "a reset" : "a reset to its SYN";
    }
    if (!outcome.reached_server) {
        return "silence: its SYN does not leave";
    }
    if (known.action == "denied") {
        return "silence";
    }
    return known.action.empty() ? "nothing yet: this is no whole request" : "the server's answer";
}

[[nodiscard]] std::string for_server(const Outcome& outcome, const Question& question) {
    if (!outcome.reached_server) {
        return "nothing";
    }
    const std::string reset = outcome.server_reset ? ", then a reset" : "";
    if (outcome.to_server.size() == question.bytes.size()) {
        return "the whole request" + reset;
    }
    return outcome.to_server.empty() ? "a connection without a request" + reset
                                     : "the first " + std::to_string(outcome.to_server.size()) +
                                           " bytes of the request, which is none" + reset;
}

void take_verdict(const LoadedPolicy& policy, const Outcome& outcome, Explanation& result) {
    const Names names(policy.policy, policy.sha256);
    for (const WholeEvent& whole : outcome.events) {
        result.events.push_back(event_of(whole, names));
        result.events.back().sequence = whole.record.sequence;
    }
    if (!result.events.empty()) {
        const Event& first = result.events.front();
        result.action = first.action;
        result.reason = first.reason;
        result.rule = first.rule;
    }
    result.status = status_of(outcome.reply);
}

}  // namespace

Explanation explain(const LoadedPolicy& loaded, const Question& question) {
    const CompiledPolicy& policy = *loaded.policy;
    TrialVerifier verifier(loaded, question);
    const Outcome outcome =
        run_trial(loaded.policy, verifier, question.ends, question.bytes, question.time_ns);
    Explanation result;
    take_verdict(loaded, outcome, result);
    Place place{.zone = policy.zone_of(question.ends.client),
                .service = policy.service_at(question.ends.server, question.ends.server_port)};
    const Names names(loaded.policy, loaded.sha256);
    result.zone = names.zone(place.zone);
    result.service = names.service(place.service);
    result.client = for_client(outcome, result);
    result.server = for_server(outcome, question);
    if (place.service == no_service) {
        const bool forwards = policy.parts().transit_forward;
        result.client = forwards ? "whatever is there: frames to no service are forwarded" : "silence";
        result.server = forwards ? "everything" : "nothing";
        return result;
    }
    Facts facts(policy, question.bytes, question.time_ns);
    if (verifier.asked) {
        facts.verified(verifier.identity);
    }
    result.request = facts.request_text();
    result.credentials = facts.credentials_text();
    result.steps = facts.steps(place, result.rule);
    return result;
}

tl::expected<std::string, std::string> request_bytes(std::string_view line,
                                                     const std::vector<std::string>& headers,
                                                     const Ends& ends, const Identity* identity) {
    std::string bytes(line);
    if (line.find_first_of("\r\n") != std::string_view::npos || line.find(' ') == std::string_view::npos) {
        return tl::unexpected(in_quotes(line) +
                              " is no request; write a method and a path: 'GET /_cat/indices'");
    }
    if (line.find(" HTTP/") == std::string_view::npos) {
        bytes += " HTTP/1.1";
    }
    bytes += "\r\nHost: " + address_text(ends.server) + "\r\nUser-Agent: springlatch-explain\r\n";
    bool credentials = false;
    for (const std::string& header : headers) {
        if (header.find_first_of("\r\n") != std::string::npos || header.find(':') == std::string::npos) {
            return tl::unexpected(std::string("a header is written as 'Name: value', on one line"));
        }
        std::string name = header.substr(0, header.find(':'));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        credentials |= name == "authorization";
        bytes += header + "\r\n";
    }
    if (identity != nullptr && !credentials) {
        switch (identity->kind) {
            case IdentityKind::basic:
                bytes += "Authorization: Basic ZXhwbGFpbjpleHBsYWluZWQ=\r\n";  // explain:explained
                break;
            case IdentityKind::api_key:
                bytes += "Authorization: ApiKey ZXhwbGFpbjpleHBsYWluZWQ=\r\n";
                break;
            case IdentityKind::bearer:
            case IdentityKind::jwt:
                bytes += "Authorization: Bearer explained\r\n";
                break;
        }
    }
    return bytes + "\r\n";
}

std::optional<IpAddress> address_from(std::string_view text) {
    const auto prefix = parse_prefix(text);
    return prefix && text.find('/') == std::string_view::npos ? std::optional{prefix->first} : std::nullopt;
}

std::optional<Listener> listener_from(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    const auto address = address_from(host);
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    const bool whole = error == std::errc{} && end == digits.data() + digits.size() && port != 0;
    if (!address || !whole || address->is_v4() == bracketed) {
        return std::nullopt;
    }
    return Listener{*address, port};
}

}  // namespace springlatch::control
