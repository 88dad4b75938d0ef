#include "control/policy/manager.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "config/lint/lint.h"
#include "config/time_text.h"
#include "control/clock.h"
#include "control/policy/effect_lines.h"

namespace springlatch::control {
namespace {

constexpr std::uint64_t retry_ns = 5'000'000'000;
const Operator itself{.uid = 0, .name = "springlatchd"};

[[nodiscard]] PolicyAnswer refused(std::string error) {
    return {.lines = {}, .error = std::move(error), .history = {}};
}

[[nodiscard]] bool awaits_confirmation(const Activation& one) noexcept {
    return one.confirm_by_ns != 0 && one.confirmed_ns == 0;
}

[[nodiscard]] std::string indented(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += "\n  " + line;
    }
    return text;
}

[[nodiscard]] std::string numbered(const Activation& one) {
    return "number " + std::to_string(one.number) + " (" + one.sha256.substr(0, 12) + ")";
}

}  // namespace

tl::expected<std::unique_ptr<PolicyManager>, std::string> PolicyManager::open(Options options) {
    std::unique_ptr<PolicyManager> manager(new PolicyManager(std::move(options)));
    auto state = PolicyState::open(manager->options_.state);
    if (!state) {
        return tl::unexpected(state.error());
    }
    manager->state_ = std::move(*state);
    const auto active = manager->state_->active();
    if (!active) {
        if (std::string error = manager->take_first(); !error.empty()) {
            return tl::unexpected(std::move(error));
        }
        return manager;
    }
    const std::string file = manager->state_->active_file();
    const std::string bytes = manager->state_->file_of(active->number).value_or("");
    auto candidate = manager->read(file, bytes, true);
    if (candidate) {
        manager->active_ = std::move(candidate->policy);
        return manager;
    }
    // A key that was configured since: the way to a signed policy leads through this process.
    auto unsigned_policy = parse_policy(bytes, file, {}, nullptr);
    if (!unsigned_policy) {
        return tl::unexpected(candidate.error());
    }
    std::fprintf(stderr, "springlatch: %s; it stays until a signed one is activated\n",
                 candidate.error().c_str());
    manager->active_ = std::move(*unsigned_policy);
    return manager;
}

std::string PolicyManager::take_first() {
    if (options_.first.empty()) {
        return "";
    }
    auto bytes = read_policy_file(options_.first);
    if (!bytes) {
        return lines_of(bytes.error());
    }
    auto candidate = read(options_.first, std::move(*bytes), true);
    if (!candidate) {
        return candidate.error();
    }
    candidate->record.how = "first";
    candidate->record.user = itself.name;
    candidate->record.reason = "--policy at the first start";
    const auto number = state_->begin(candidate->record, candidate->file);
    if (!number) {
        return number.error();
    }
    if (const auto settled = state_->settle(*number); !settled) {
        return settled.error();
    }
    active_ = std::move(candidate->policy);
    return "";
}

KnownPolicy PolicyManager::known() const {
    if (!active_) {
        return {};
    }
    return {.names = Names(active_->policy, active_->sha256),
            .checker = std::make_shared<const Checker>(active_->identities)};
}

tl::expected<PolicyManager::Candidate, std::string> PolicyManager::read(const std::string& name,
                                                                        std::string bytes,
                                                                        bool may_be_older) const {
    auto content = policy_in(bytes, options_.key ? &*options_.key : nullptr);
    if (!content) {
        return tl::unexpected(name + ": " + content.error());
    }
    const std::uint64_t highest = state_->highest_sequence();
    if (options_.key && !may_be_older && content->sequence <= highest) {
        return tl::unexpected(name + ": its sequence " + std::to_string(content->sequence) +
                              " is not above that of a policy that was active, " + std::to_string(highest) +
                              "; sign it again, or use rollback to return to a policy of the history");
    }
    auto loaded = parse_policy(content->policy, name, {});
    if (!loaded) {
        return tl::unexpected(lines_of(loaded.error()));
    }
    Candidate candidate{.name = name,
                        .policy = std::move(*loaded),
                        .text = std::move(content->policy),
                        .file = std::move(bytes),
                        .record = {}};
    candidate.record.time_ns = unix_ns();
    candidate.record.sha256 = hex_of(candidate.policy.sha256);
    candidate.record.sequence = content->sequence;
    return candidate;
}

std::vector<std::string> PolicyManager::new_mistakes(const Candidate& next) const {
    const auto now = state_->active();
    if (!now) {
        return {};
    }
    const auto errors_of = [](const Candidate& one) {
        auto findings = lint::lint(one.policy, one.text, one.name, {.now_ns = unix_ns(), .open_servers = {}});
        std::erase_if(findings, [](const auto& finding) { return finding.level != lint::Level::error; });
        return findings;
    };
    const auto active = read("active", state_->file_of(now->number).value_or(""), true);
    const auto known = active ? errors_of(*active) : std::vector<lint::Finding>{};
    std::vector<std::string> fresh;
    for (const lint::Finding& finding : errors_of(next)) {
        const bool is_known = std::any_of(known.begin(), known.end(), [&](const lint::Finding& one) {
            return one.kind == finding.kind && one.text == finding.text;
        });
        if (!is_known) {
            fresh.push_back(finding.str());
        }
    }
    return fresh;
}

PolicyAnswer PolicyManager::handle(const PolicyCommand& command, const Operator& who) {
    PolicyAnswer answer;
    switch (command.what) {
        case PolicyCommand::What::activate:
            return activate(command, who);
        case PolicyCommand::What::rollback:
            return rollback(command, who);
        case PolicyCommand::What::confirm:
            return confirm(who);
        case PolicyCommand::What::history:
            answer.history = state_->history();
            return answer;
    }
    return answer;
}

PolicyAnswer PolicyManager::activate(const PolicyCommand& command, const Operator& who) {
    const auto now = state_->active();
    if (now && awaits_confirmation(*now)) {
        return refused(numbered(*now) + " waits to be confirmed until " + rfc3339(now->confirm_by_ns) +
                       "; use confirm or rollback first");
    }
    auto candidate = read(command.name, command.bytes, false);
    if (!candidate) {
        return refused(candidate.error());
    }
    if (now && now->sha256 == candidate->record.sha256) {
        return {.lines = {numbered(*now) + " is active already: nothing to do"}, .error = {}, .history = {}};
    }
    if (command.confirm_seconds > 0 && !now) {
        return refused("--confirm: there is no policy before it to return to");
    }
    EffectLines effect = active_ ? effect_of(*active_, candidate->policy) : EffectLines{};
    const std::vector<std::string> mistakes = new_mistakes(*candidate);
    effect.opens.insert(effect.opens.end(), mistakes.begin(), mistakes.end());
    std::vector<std::string> lines = effect.all();
    if (!effect.opens.empty() && command.widen.empty()) {
        return refused(command.name +
                       ": would open what is shut now; if that is meant, say why with --widen REASON:" +
                       indented(effect.opens));
    }
    candidate->record.how = "activate";
    candidate->record.user = who.name;
    candidate->record.uid = who.uid;
    candidate->record.reason = command.reason;
    candidate->record.widen = command.widen;
    candidate->record.effect = lines;
    candidate->record.before = now ? now->number : 0;
    if (command.confirm_seconds > 0) {
        candidate->record.confirm_by_ns = unix_ns() + std::uint64_t{command.confirm_seconds} * 1'000'000'000U;
    }
    if (command.dry_run) {
        if (now && lines.empty()) {
            lines.emplace_back("nothing opens and nothing closes");
        }
        lines.emplace_back("not activated (--dry-run)");
        return {.lines = std::move(lines), .error = {}, .history = {}};
    }
    PolicyAnswer answer = put_in_force(std::move(*candidate));
    answer.lines.insert(answer.lines.begin(), lines.begin(), lines.end());
    return answer;
}

PolicyAnswer PolicyManager::rollback(const PolicyCommand& command, const Operator& who) {
    const auto now = state_->active();
    if (!now) {
        return refused("there is no active policy");
    }
    // Whoever returns twice goes back two steps.
    const auto stands_for = now->of == 0 ? now : state_->find(now->of);
    const std::int64_t wanted = command.to != 0 ? command.to : stands_for ? stands_for->before : 0;
    const auto target = wanted == 0 ? std::nullopt : state_->find(wanted);
    if (!target || target->standing == Standing::failed || target->standing == Standing::pending) {
        return refused(command.to == 0 ? "there is no policy before " + numbered(*now)
                                       : "number " + std::to_string(command.to) +
                                             " was never active; see policy history");
    }
    if (target->number == now->number) {
        return refused(numbered(*now) + " is active already");
    }
    auto candidate =
        read("number " + std::to_string(target->number), state_->file_of(target->number).value_or(""), true);
    if (!candidate) {
        return refused(candidate.error());
    }
    const EffectLines effect = active_ ? effect_of(*active_, candidate->policy) : EffectLines{};
    std::vector<std::string> lines = effect.all();
    candidate->record.how = "rollback";
    candidate->record.user = who.name;
    candidate->record.uid = who.uid;
    candidate->record.reason = command.reason;
    candidate->record.effect = lines;
    candidate->record.of = target->of == 0 ? target->number : target->of;
    candidate->record.before = now->number;
    PolicyAnswer answer = put_in_force(std::move(*candidate));
    answer.lines.insert(answer.lines.begin(), lines.begin(), lines.end());
    return answer;
}

PolicyAnswer PolicyManager::confirm(const Operator& who) {
    const auto now = state_->active();
    if (!now || !awaits_confirmation(*now)) {
        return refused("no policy waits to be confirmed");
    }
    if (const auto done = state_->confirm(now->number, who.name, unix_ns()); !done) {
        return refused(done.error());
    }
    return {.lines = {numbered(*now) + " is confirmed"}, .error = {}, .history = {}};
}

/// Written first, then handed over, then active: whatever fails, the policy before stays everywhere.
PolicyAnswer PolicyManager::put_in_force(Candidate candidate) {
    const auto number = state_->begin(candidate.record, candidate.file);
    if (!number) {
        return refused("the history cannot be written, nothing was activated: " + number.error());
    }
    const KnownPolicy before = known();
    const KnownPolicy next{.names = Names(candidate.policy.policy, candidate.policy.sha256),
                           .checker = std::make_shared<const Checker>(candidate.policy.identities)};
    const Handover outcome = ingest_->hand_over(next, candidate.file).get();
    if (outcome.how == Handover::How::refused || outcome.how == Handover::How::lost) {
        state_->give_up(*number, outcome.text);
        return refused((outcome.how == Handover::How::refused ? "the data plane refuses it: " : "") +
                       outcome.text + "; the policy before stays active");
    }
    if (const auto settled = state_->settle(*number); !settled) {
        std::string text = "the history cannot be written: " + settled.error();
        if (outcome.how == Handover::How::adopted && active_) {
            const auto back =
                ingest_->hand_over(before, state_->file_of(candidate.record.before).value_or("")).get();
            text += back.how == Handover::How::adopted ? "; the data plane is back at the policy before"
                                                       : "; the data plane: " + back.text;
        }
        state_->give_up(*number, text);
        return refused(text);
    }
    active_ = std::move(candidate.policy);
    PolicyAnswer answer;
    candidate.record.number = *number;
    const std::string now = numbered(candidate.record);
    if (outcome.how == Handover::How::away) {
        ingest_->own(next);
        answer.lines.push_back(now + " is active: the data plane is not connected and starts with it");
    } else {
        answer.lines.push_back(now + " is active");
    }
    if (candidate.record.confirm_by_ns != 0) {
        answer.lines.push_back("it returns at " + rfc3339(candidate.record.confirm_by_ns) +
                               " unless springlatch policy confirm comes before");
    }
    return answer;
}

void PolicyManager::return_unconfirmed() {
    const auto now = state_->active();
    if (!now || !awaits_confirmation(*now) || unix_ns() < now->confirm_by_ns || unix_ns() < retry_ns_) {
        return;
    }
    retry_ns_ = unix_ns() + retry_ns;
    const auto target = state_->find(now->before);
    auto candidate =
        read("number " + std::to_string(now->before), state_->file_of(now->before).value_or(""), true);
    if (!candidate || !target) {
        std::fprintf(stderr, "springlatch: %s was not confirmed and cannot return: %s\n",
                     numbered(*now).c_str(),
                     candidate ? "the policy before is missing" : candidate.error().c_str());
        return;
    }
    candidate->record.how = "returned";
    candidate->record.user = itself.name;
    candidate->record.reason = "number " + std::to_string(now->number) + " was not confirmed in time";
    candidate->record.of = target->of == 0 ? target->number : target->of;
    candidate->record.before = now->number;
    const PolicyAnswer answer = put_in_force(std::move(*candidate));
    std::fprintf(stderr, "springlatch: %s was not confirmed in time: %s\n", numbered(*now).c_str(),
                 answer.error.empty() ? answer.lines.back().c_str() : answer.error.c_str());
}

/// The data plane may have been started with another file, or have lost the connection at a bad moment.
void PolicyManager::reconcile() {
    const Snapshot told = ingest_->snapshot();
    // Twice in a row: a snapshot may be older than an adoption.
    const bool differed =
        std::exchange(differs_, active_ && told.connected && told.hello.policy_sha256 != active_->sha256);
    if (!differs_ || !differed) {
        return;
    }
    const std::string wanted = hex_of(active_->sha256);
    if (told.hello.start_ns == told_life_ && told_sha256_ == wanted) {
        return;
    }
    const auto now = state_->active();
    const Handover outcome = ingest_->hand_over(known(), state_->file_of(now->number).value_or("")).get();
    if (outcome.how == Handover::How::refused) {
        told_life_ = told.hello.start_ns;
        told_sha256_ = wanted;
        std::fprintf(stderr,
                     "springlatch: the data plane runs another policy and refuses the active one: %s\n",
                     outcome.text.c_str());
    } else if (outcome.how == Handover::How::adopted) {
        std::fprintf(stderr,
                     "springlatch: the data plane ran another policy and was given the active one, %s\n",
                     numbered(*now).c_str());
    }
}

void PolicyManager::tick() {
    return_unconfirmed();
    reconcile();
}

}  // namespace springlatch::control
