#pragma once
// One worker's account of the rules' limits: who has used how much, who is shut out.
//
// Overview
//   The inspector asks confinement() before anything else, admit() when a rule has decided, and tells what
//   it learns later: failed() when a credential value is refused, gave() as an answer's bytes pass.
//   A source is an IPv4 address or an IPv6 /64, see IpAddress::block().
// Several workers
//   Each counts for itself what it sees: nothing is shared on the packet path. A source whose connections are
//   spread over n workers may use up to n times its limit, and is shut out by each worker in turn.
// Memory: as constants below, taken at start, if the policy has any limit.
#include <cstdint>
#include <span>

#include "dataplane/limits/limit_set.h"
#include "dataplane/limits/quarantine.h"

namespace springlatch {

inline constexpr std::uint32_t limit_buckets = 65'536;      ///< of 32 bytes, for all limits together
inline constexpr std::uint32_t quarantine_places = 32'768;  ///< of 32 bytes, sources and identities

/// Who asks.
struct Asker {
    IpAddress source;
    std::uint16_t identity = no_identity;
};

struct LimitCounts {
    std::uint64_t quarantines = 0;       ///< begun, those that were only prolonged included
    std::uint64_t quarantines_lost = 0;  ///< that found no place
};

class Limiter {
  public:
    Limiter(const CompiledPolicy& policy, const SipKey& key);

    /// False: there are no limits, and nothing else need be asked.
    [[nodiscard]] bool active() const noexcept { return !set_.empty(); }
    [[nodiscard]] Confinement confinement(const IpAddress& source, std::uint64_t now_ns) const noexcept {
        return active() ? quarantine_.of(key_of_source(source), now_ns) : Confinement::none;
    }
    [[nodiscard]] Confinement confinement(std::uint16_t identity, std::uint64_t now_ns) const noexcept {
        return active() && identity != no_identity ? quarantine_.of(key_of_identity(identity), now_ns)
                                                   : Confinement::none;
    }

    enum class Answer : std::uint8_t {
        yes,
        no,           ///< above the limit
        quarantined,  ///< likewise, and shut out from now on
    };
    /// A request that `rule` decides. What is allowed is counted; what is not is not.
    [[nodiscard]] Answer admit(std::uint16_t rule, const Asker& asker, Confinement how,
                               std::uint64_t now_ns) noexcept;
    /// A request whose credentials were refused, for which alone `rule` did not match.
    [[nodiscard]] Answer failed(std::uint16_t rule, const IpAddress& source, Confinement how,
                                std::uint64_t now_ns) noexcept;
    /// False: this source has used up what it may fail at `rule`, so nobody need check another guess.
    [[nodiscard]] bool may_fail(std::uint16_t rule, const IpAddress& source, std::uint64_t now_ns) noexcept;
    /// Bytes of an answer to a request that `rule` allowed.
    void gave(std::uint16_t rule, const Asker& asker, std::uint64_t bytes, std::uint64_t now_ns) noexcept;
    [[nodiscard]] bool counts_bytes(std::uint16_t rule) const noexcept;
    [[nodiscard]] bool counts_bytes() const noexcept { return set_.counts_bytes(); }

    void sweep(std::uint64_t now_ns) noexcept { quarantine_.sweep(now_ns); }
    [[nodiscard]] std::uint64_t quarantined() const noexcept { return quarantine_.held(); }
    [[nodiscard]] std::uint64_t buckets_evicted() const noexcept { return buckets_.evicted(); }
    [[nodiscard]] const LimitCounts& counts() const noexcept { return counts_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return buckets_.memory_bytes() + quarantine_.memory_bytes();
    }

    /// Another policy's limits. Who has used what, and who is shut out, stays. Leaves the old ones in `next`.
    void adopt(LimitSet& next) noexcept { std::swap(set_, next); }
    /// Not where it was made for a policy without limits: then another one takes its place.
    [[nodiscard]] bool has_memory() const noexcept { return has_memory_; }
    [[nodiscard]] const SipKey& key() const noexcept { return key_; }

  private:
    [[nodiscard]] Fingerprint key_of_source(const IpAddress& source, std::uint64_t limit = 0) const noexcept;
    [[nodiscard]] Fingerprint key_of_identity(std::uint16_t identity, std::uint64_t limit = 0) const noexcept;
    [[nodiscard]] Fingerprint key_of(const CompiledLimit& limit, const Asker& asker) const noexcept;
    [[nodiscard]] Answer exceeded(const CompiledLimit& limit, const Asker& asker, Confinement how,
                                  std::uint64_t now_ns) noexcept;

    SipKey key_;
    LimitSet set_;
    bool has_memory_;
    BucketTable buckets_;
    Quarantine quarantine_;
    LimitCounts counts_;
};

}  // namespace springlatch
