#pragma once
// Which policy is active, and every activation there was: who, when, what, why.
//
// Layout
//   DIR/history.sqlite   every activation with the bytes of its file; the truth
//   DIR/active.json      the active file's bytes, for a data plane to start with; replaced by rename
// Durability
//   An activation is written (pending) before the data plane hears of it and settled after the data plane
//   runs it, each in a transaction that is on the disk before the call returns. Whenever the process dies,
//   the next open() finds the old or the new policy active: what is still pending failed.
// Threads: one.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/store/sqlite.h"

namespace springlatch::control {

enum class Standing : std::uint8_t {
    pending,   ///< written, not in force yet
    active,    ///< one at most
    replaced,  ///< was active
    failed,    ///< never was active; `error` says why
};
[[nodiscard]] const char* name_of(Standing standing) noexcept;

struct Activation {
    std::int64_t number = 0;  ///< from 1
    Standing standing = Standing::pending;
    std::uint64_t time_ns = 0;  ///< since the Unix epoch
    std::string how;            ///< first, activate, rollback, returned (not confirmed in time)
    std::string user;           ///< of the operating system, as the kernel says
    std::uint32_t uid = 0;
    std::string sha256;          ///< of the policy, in hexadecimal
    std::uint64_t sequence = 0;  ///< of the signed bundle; 0: none
    std::string reason;
    std::string widen;                ///< why access was allowed to be widened
    std::vector<std::string> effect;  ///< against the policy before, one line each
    std::int64_t of = 0;              ///< rollback and return: the activation whose file this is
    std::int64_t before = 0;          ///< the activation that was active until this one
    std::uint64_t confirm_by_ns = 0;  ///< returns to `before` then, unless confirmed; 0: never
    std::uint64_t confirmed_ns = 0;
    std::string confirmed_by;
    std::string error;
};

class PolicyState {
  public:
    /// A missing folder is made (0700). Error: one line that names the file.
    [[nodiscard]] static tl::expected<std::unique_ptr<PolicyState>, std::string> open(const std::string& dir);
    ~PolicyState();
    PolicyState(const PolicyState&) = delete;
    PolicyState& operator=(const PolicyState&) = delete;

    /// Writes a pending activation and, beside active.json, the file that will take its place. Its number.
    [[nodiscard]] tl::expected<std::int64_t, std::string> begin(const Activation& activation,
                                                                const std::string& file);
    /// It is in force: makes it the active one. On an error the one before still is.
    [[nodiscard]] tl::expected<void, std::string> settle(std::int64_t number);
    /// It never was in force.
    void give_up(std::int64_t number, const std::string& error);
    [[nodiscard]] tl::expected<void, std::string> confirm(std::int64_t number, const std::string& user,
                                                          std::uint64_t now_ns);

    [[nodiscard]] std::optional<Activation> active() const;
    [[nodiscard]] std::optional<Activation> find(std::int64_t number) const;
    [[nodiscard]] std::optional<std::string> file_of(std::int64_t number) const;
    /// All, the oldest first.
    [[nodiscard]] std::vector<Activation> history() const;
    /// Of every activation that ever was active.
    [[nodiscard]] std::uint64_t highest_sequence() const;
    [[nodiscard]] std::string active_file() const { return dir_ + "/active.json"; }

  private:
    PolicyState(std::string dir, Database database);
    [[nodiscard]] std::string prepare();
    [[nodiscard]] std::string error() const;
    [[nodiscard]] std::vector<Activation> select(const std::string& where) const;
    [[nodiscard]] bool update(const Activation& activation);
    [[nodiscard]] std::string stage(const std::string& file) const;
    [[nodiscard]] std::string publish() const;

    std::string dir_;
    Database database_;
};

}  // namespace springlatch::control
