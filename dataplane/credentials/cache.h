#pragma once
// What one worker knows of credential values: which are right, which are wrong, which are being checked.
//
// Overview
//   find() is asked for each request that a `verified` rule could let through. A known value costs one keyed
//   hash and one look-up. An unknown one is handed to the CredentialVerifier; its request is dropped
//   meanwhile, and TCP's retransmission asks again. learn() takes the answer.
// Life of a value
//   unknown → pending → accepted or refused, for the seconds the policy's limits say → unknown. An accepted
//   value that is in use is asked for again in the last quarter of its time, so that neither a flood of
//   guesses nor a short absence of the control process locks its owner out.
// Another policy
//   Indices of identities change with the policy. Every value is remembered with the generation of the policy
//   it was accepted under: adopt() says which identities of the policy before are the same in the new one,
//   and a value of those goes on; all others, and every refusal, are asked for again.
// Limits
//   Every table has a fixed size. No value is kept, only fingerprints under a key of this start (P6).
// Threads: one worker's. Time comes with the calls.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/credentials/known_values.h"
#include "dataplane/credentials/siphash.h"
#include "dataplane/credentials/source_budget.h"
#include "dataplane/credentials/verifier.h"
#include "dataplane/packet/address.h"

namespace springlatch {

struct CredentialLimits {
    std::uint32_t values = 8192;            ///< accepted ones remembered, and as many refused ones
    std::uint32_t accepted_seconds = 3600;  ///< until a value is checked again
    std::uint32_t refused_seconds = 60;
    std::uint32_t checks_per_minute = 30;  ///< of unknown values, per source; as many may come at once
};

inline constexpr std::uint32_t credential_sources_max = 8192;  ///< buckets of SourceBudget
inline constexpr std::size_t pending_checks_max = 64;          ///< at the same time, per worker
inline constexpr std::uint64_t check_timeout_ns =
    5'000'000'000U;  ///< a request without an answer by then is denied
inline constexpr std::uint32_t refresh_again_seconds = 10;

enum class Standing : std::uint8_t {
    accepted,
    refused,
    pending,       ///< being checked: the request must wait
    rate_limited,  ///< its source has caused too many checks
    unchecked,     ///< nobody could check it, or not in time
};

struct Finding {
    Standing standing = Standing::unchecked;
    std::uint16_t identity = no_identity;  ///< accepted: whose it is
};

/// What changes with another policy; made off the packet path.
struct CredentialChange {
    CredentialLimits limits;       ///< `values` must be as before
    std::uint32_t generation = 0;  ///< another one than before
    std::size_t identities = 0;
    /// [index under the policy before]: index of the same identity now, or no_identity.
    std::vector<std::uint16_t> same;
};

class CredentialCache {
  public:
    /// `identities`: how many the policy has; 0 takes no memory. `verifier` may be null: then nothing can be
    /// checked.
    CredentialCache(const CredentialLimits& limits, std::size_t identities, const SipKey& key,
                    CredentialVerifier* verifier, std::uint32_t generation = 0);

    /// `value`: of the Authorization header as sent, without surrounding blanks; `source`: who sent it, and
    /// if it may not ask, what is not known is rate_limited.
    [[nodiscard]] Finding find(std::span<const std::byte> value, const IpAddress& source,
                               std::uint64_t now_ns, bool may_ask = true) noexcept;
    /// An answer that names an identity the policy does not have is ignored, and so is one to a question that
    /// was asked under another policy, unless the identity is still the same.
    void learn(const CheckAnswer& answer, std::uint64_t now_ns) noexcept;
    /// Not where it was made for a policy without identities: then another cache takes its place.
    [[nodiscard]] bool has_memory() const noexcept { return has_memory_; }
    /// Exchanges `change.same`, so that its caller frees what is no longer used.
    void adopt(CredentialChange& change) noexcept;

    [[nodiscard]] std::uint64_t checks() const noexcept {
        return checks_;
    }  ///< asked so far, repeated ones included
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return accepted_.memory_bytes() + refused_.memory_bytes() + budget_.memory_bytes();
    }

  private:
    struct Pending {
        Fingerprint fingerprint;
        std::uint64_t asked_ns = 0;
        std::uint32_t generation = 0;
        bool used = false;
        bool failed = false;  ///< the answer was `unavailable`
    };
    /// The value's entry, its identity one of the policy's; null if it is not known to be right.
    [[nodiscard]] KnownValue* accepted(const Fingerprint& fingerprint, std::uint32_t now) noexcept;
    [[nodiscard]] bool refused(const Fingerprint& fingerprint, std::uint32_t now) noexcept;
    /// Index in this policy of an identity of the policy of `generation`; no_identity if it cannot be told.
    [[nodiscard]] std::uint16_t identity_now(std::uint16_t identity, std::uint32_t generation) const noexcept;
    [[nodiscard]] Finding find_unknown(const CheckRequest& request, const IpAddress& source,
                                       bool may_ask) noexcept;
    [[nodiscard]] Pending* pending_of(const Fingerprint& fingerprint) noexcept;
    [[nodiscard]] Pending* free_pending(std::uint64_t now_ns) noexcept;
    [[nodiscard]] Asked ask(const CheckRequest& request) noexcept;

    CredentialLimits limits_;
    std::size_t identities_;
    std::uint32_t generation_;
    std::uint32_t generation_before_;
    bool has_memory_;
    std::vector<std::uint16_t> same_;  ///< as CredentialChange::same, of generation_before_
    SipKey key_;
    CredentialVerifier* verifier_;
    KnownValues accepted_;
    KnownValues refused_;
    SourceBudget budget_;
    std::array<Pending, pending_checks_max> pending_{};
    std::uint64_t checks_ = 0;
};

}  // namespace springlatch
