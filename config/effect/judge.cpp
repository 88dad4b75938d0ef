#include "config/effect/judge.h"

#include <algorithm>
#include <utility>

namespace springlatch::effect {
namespace {

/// Whether a rule's conditions but `from` and `to` are met by everything.
[[nodiscard]] bool covers_everything(const Rule& rule) noexcept {
    return rule.credentials == CredentialNeed::any && rule.methods == 0 && rule.operations == 0 &&
           rule.flags == 0 && rule.apis.empty() && rule.paths.empty();
}

class Judgement {
  public:
    Judgement(const Side& side, std::size_t which, const Calls& calls, const RuleList& list,
              const Credential& credential, const CallSet& asked, std::uint64_t at_ns)
        : side_(side),
          policy_(side.policy()),
          calls_(calls),
          list_(list),
          credential_(credential),
          which_(which),
          at_ns_(at_ns) {
        open_.push_back({Cube{}, asked});
    }

    [[nodiscard]] std::optional<std::vector<Leaf>> run() {
        if (list_.service == no_service) {
            const bool forward = policy_.parts().transit_forward;
            settle_all({.gate = forward ? Gate::unread : Gate::shut, .action = Action::drop});
            return std::move(leaves_);
        }
        const Service& service = policy_.parts().services[list_.service];
        if (service.protocol == ServiceProtocol::tcp) {
            settle_all(of_connection());
            return std::move(leaves_);
        }
        if (!lets_connect()) {
            const Outcome refusal = of_connection();
            if (refusal.gate == Gate::shut) {
                settle_all(refusal);
                return std::move(leaves_);
            }
        }
        bytes_that_are_no_request(service);
        patches();
        for (const std::uint16_t check : list_.health_checks) {
            health_check(check);
        }
        for (const std::uint16_t rule : list_.rules) {
            if (open_.empty() || leaves_.size() + open_.size() > leaves_max) {
                break;
            }
            ask(rule);
        }
        if (leaves_.size() + open_.size() > leaves_max) {
            return std::nullopt;
        }
        settle_all(by_default());
        return std::move(leaves_);
    }

  private:
    struct Branch {
        Cube cube;
        CallSet left;
    };

    [[nodiscard]] bool expired(const Rule& rule) const noexcept { return rule.expires_ns <= at_ns_; }

    [[nodiscard]] Outcome denied(Action action, Mode mode, std::uint16_t rule) const {
        return {.gate = mode == Mode::observe ? Gate::observed : Gate::shut, .action = action, .rule = rule};
    }
    [[nodiscard]] Outcome by_default() const {
        return denied(policy_.default_action(), policy_.mode_of(list_.service), no_rule);
    }

    /// CompiledPolicy::reachable(): whether a connection is let in to be judged by its requests.
    [[nodiscard]] bool lets_connect() const { return !list_.health_checks.empty() || lets_connect_by_rule(); }

    /// CompiledPolicy::reachable_by_rule().
    [[nodiscard]] bool lets_connect_by_rule() const {
        for (const std::uint16_t index : list_.rules) {
            const Rule& rule = policy_.parts().rules[index];
            if (expired(rule)) {
                continue;
            }
            if (rule.action == Action::allow || side_.mode_of(rule, list_.service) == Mode::observe) {
                return true;
            }
            if (covers_everything(rule)) {
                return false;
            }
        }
        return false;
    }

    /// CompiledPolicy::decide_connection().
    [[nodiscard]] Outcome of_connection() const {
        const bool by_source = policy_.parts().services[list_.service].protocol == ServiceProtocol::tcp;
        for (const std::uint16_t index : list_.rules) {
            const Rule& rule = policy_.parts().rules[index];
            if (expired(rule) || (!by_source && !covers_everything(rule))) {
                continue;
            }
            const Mode mode = side_.mode_of(rule, list_.service);
            if (rule.action != Action::allow) {
                return denied(rule.action, mode, index);
            }
            if (!by_source) {
                break;
            }
            return {.gate = Gate::unread, .rule = index};
        }
        return by_default();
    }

    void bytes_that_are_no_request(const Service& service) {
        Branch& all = open_.front();
        CallSet special = calls_.none();
        special.add(call_unreadable);
        if (service.tls_allowed && lets_connect_by_rule()) {
            CallSet tls = calls_.none();
            tls.add(call_tls);
            settle(all.cube, all.left & tls, {.gate = Gate::unread});
            all.left -= tls;
        } else {
            special.add(call_tls);
        }
        settle(all.cube, all.left & special, by_default());
        all.left -= special;
    }

    void patches() {
        const auto& patches = policy_.parts().patches;
        for (std::size_t i = 0; i < patches.size(); ++i) {
            const auto number = static_cast<std::uint16_t>(policy_.parts().rules.size() +
                                                           policy_.parts().health_checks.size() + i);
            const Outcome outcome = denied(policy_.default_action(), policy_.mode_of(list_.service), number);
            take(calls_.with_methods(patches[i].methods), {side_.patch_condition(i)}, false, outcome);
        }
    }

    void health_check(std::uint16_t index) {
        if (credential_.bearer == Bearer::malformed) {
            return;
        }
        const HealthCheck& check = policy_.parts().health_checks[index];
        take(calls_.matching(check), {}, false,
             {.gate = Gate::open,
              .action = policy_.default_action(),
              .bodies = policy_.mode_of(list_.service) == Mode::observe,
              .per_minute = check.per_minute,
              .rule = static_cast<std::uint16_t>(policy_.parts().rules.size() + index)});
    }

    [[nodiscard]] bool meets_need(const Rule& rule) const noexcept {
        switch (rule.credentials) {
            case CredentialNeed::any:
                return true;
            case CredentialNeed::present:
                return credential_.bearer == Bearer::unverified || credential_.bearer == Bearer::identity;
            case CredentialNeed::verified:
                break;
        }
        const std::uint16_t identity = credential_.identity.at(which_);
        return credential_.bearer == Bearer::identity && identity != no_identity &&
               (rule.identities.empty() ||
                std::binary_search(rule.identities.begin(), rule.identities.end(), identity));
    }

    void ask(std::uint16_t index) {
        const Rule& rule = policy_.parts().rules[index];
        if (expired(rule) || !meets_need(rule)) {
            return;
        }
        const PreparedRule& prepared = side_.rule(index);
        const Mode mode = side_.mode_of(rule, list_.service);
        const bool allows = rule.action == Action::allow;
        Outcome outcome = denied(rule.action, mode, index);
        if (allows && credential_.bearer == Bearer::malformed) {
            outcome = by_default();  // accepted by nobody, and no later rule is asked
        } else if (allows) {
            outcome = {.gate = Gate::open,
                       .action = policy_.default_action(),
                       .bodies = credential_.bearer != Bearer::nobody || mode == Mode::observe,
                       .record = policy_.record_of(index, list_.service),
                       .limits = rule.limits,
                       .rule = index};
        }
        take(prepared.calls, prepared.paths, allows, outcome);
    }

    /// Out of every branch what `matching` is, where one of `any_of` holds (all, if it is empty).
    void take(const CallSet& matching, const std::vector<std::uint16_t>& any_of, bool must_be_plain,
              const Outcome& outcome) {
        std::vector<Branch> further;
        for (Branch& branch : open_) {
            const CallSet taken = branch.left & matching;
            if (taken.empty()) {
                continue;
            }
            branch.left -= taken;
            if (any_of.empty()) {
                settle(branch.cube, taken, outcome);
            } else {
                split({branch.cube, taken}, any_of, must_be_plain, outcome, further);
            }
        }
        std::erase_if(open_, [](const Branch& branch) { return branch.left.empty(); });
        for (Branch& branch : further) {
            const auto same = std::find_if(open_.begin(), open_.end(),
                                           [&](const Branch& other) { return other.cube == branch.cube; });
            if (same != open_.end()) {
                same->left |= branch.left;
            } else {
                open_.push_back(std::move(branch));
            }
        }
    }

    void split(Branch branch, const std::vector<std::uint16_t>& any_of, bool must_be_plain,
               const Outcome& outcome, std::vector<Branch>& further) {
        if (must_be_plain) {
            const auto plain = branch.cube.value_of(Conditions::plain_path);
            if (!plain) {
                further.push_back({branch.cube.with(Conditions::plain_path, false), branch.left});
                branch.cube = branch.cube.with(Conditions::plain_path, true);
            } else if (!*plain) {
                further.push_back(std::move(branch));
                return;
            }
        }
        for (const std::uint16_t condition : any_of) {
            if (branch.cube.value_of(condition) == true) {
                settle(branch.cube, branch.left, outcome);
                return;
            }
        }
        for (const std::uint16_t condition : any_of) {
            if (!branch.cube.value_of(condition)) {
                settle(branch.cube.with(condition, true), branch.left, outcome);
                branch.cube = branch.cube.with(condition, false);
            }
        }
        further.push_back(std::move(branch));
    }

    void settle(const Cube& cube, const CallSet& calls, const Outcome& outcome) {
        if (!calls.empty()) {
            leaves_.push_back({cube, calls, outcome});
        }
    }
    void settle_all(const Outcome& outcome) {
        for (const Branch& branch : open_) {
            settle(branch.cube, branch.left, outcome);
        }
        open_.clear();
    }

    const Side& side_;
    const CompiledPolicy& policy_;
    const Calls& calls_;
    const RuleList& list_;
    const Credential& credential_;
    std::size_t which_;
    std::uint64_t at_ns_;
    std::vector<Branch> open_;  ///< what no rule has decided yet; cubes disjoint, or left disjoint
    std::vector<Leaf> leaves_;
};

}  // namespace

std::optional<std::vector<Leaf>> judge(const Side& side, std::size_t which, const Calls& calls,
                                       const RuleList& list, const Credential& credential,
                                       const CallSet& asked, std::uint64_t at_ns) {
    return Judgement(side, which, calls, list, credential, asked, at_ns).run();
}

}  // namespace springlatch::effect
