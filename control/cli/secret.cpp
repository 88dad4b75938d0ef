#include "control/cli/secret.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "config/secrets.h"
#include "dataplane/credentials/verifier.h"

namespace springlatch::control {
namespace {

using Json = nlohmann::ordered_json;

/// A fast hash is only good where nobody can guess: 128 random bits have 22 characters in base64.
constexpr std::size_t random_secret_bytes_min = 22;
constexpr int usage_mistake = 2;

[[nodiscard]] int fail(const std::string& text) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return 1;
}

/// The terminal without echo, for as long as this lives.
class NoEcho {
  public:
    NoEcho() {
        if (tcgetattr(STDIN_FILENO, &before_) == 0) {
            termios quiet = before_;
            quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
        }
    }
    ~NoEcho() {
        if (changed_) {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        }
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;
    [[nodiscard]] bool changed() const noexcept { return changed_; }

  private:
    termios before_{};
    bool changed_ = false;
};

/// Standard input up to the first line end; unbuffered, so that no other copy is left. Error: one line.
[[nodiscard]] tl::expected<std::string, std::string> read_line() {
    std::string line;
    line.reserve(credential_bytes_max + 1);
    char letter = 0;
    ssize_t got = 0;
    while ((got = read(STDIN_FILENO, &letter, 1)) == 1 && letter != '\n') {
        if (line.size() == credential_bytes_max) {
            return tl::unexpected("the secret has more than " + std::to_string(credential_bytes_max) +
                                  " bytes");
        }
        line += letter;
    }
    if (got < 0) {
        return tl::unexpected(std::string("standard input cannot be read: ") + std::strerror(errno));
    }
    if (line.ends_with('\r')) {
        line.pop_back();
    }
    return line;
}

[[nodiscard]] tl::expected<std::string, std::string> read_secret() {
    if (isatty(STDIN_FILENO) == 0) {
        return read_line();
    }
    const NoEcho quiet;
    if (!quiet.changed()) {
        return tl::unexpected(std::string("the terminal's echo cannot be switched off; pipe the secret in"));
    }
    std::fputs("secret: ", stderr);
    auto first = read_line();
    std::fputs("\nagain:  ", stderr);
    auto second = first ? read_line() : first;
    std::fputs("\n", stderr);
    const bool same = first && second && *first == *second;
    if (second) {
        wipe(*second);
    }
    if (first && !same) {
        wipe(*first);
        return tl::unexpected(std::string("the two are not the same"));
    }
    return first;
}

/// Why this secret protects nothing; "" if it may.
[[nodiscard]] std::string weakness(const SecretOptions& options, const std::string& secret) {
    if (secret.empty()) {
        return "the secret is empty";
    }
    if (!options.user.empty() && is_default_pair(options.user, secret)) {
        return "this user with this password is a well-known default, which guessers try first; choose "
               "another";
    }
    if ((options.sha256 || options.bearer) && secret.size() < random_secret_bytes_min) {
        return "SHA-256 is only for random secrets of " + std::to_string(random_secret_bytes_min) +
               " characters or more (128 bits in base64); this one has " + std::to_string(secret.size());
    }
    return "";
}

[[nodiscard]] Json identity_of(const SecretOptions& options, const std::string& kind,
                               const std::string& hash) {
    if (!options.user.empty()) {
        return {{"basic", {{"user", options.user}, {kind, hash}}}};
    }
    if (!options.api_key.empty()) {
        return {{"api_key", {{"id", options.api_key}, {kind, hash}}}};
    }
    return {{"bearer", {{kind, hash}}}};
}

}  // namespace

int secret(const SecretOptions& options) {
    if (!options.user.empty() && options.sha256) {
        std::fputs("error: --sha256 is not for passwords of users: they are hashed with Argon2id\n", stderr);
        return usage_mistake;
    }
    for (const std::string* name : {&options.user, &options.api_key}) {
        if (name->find(':') != std::string::npos) {
            std::fputs("error: a user or id has no colon (RFC 7617 §2)\n", stderr);
            return usage_mistake;
        }
    }
    auto secret = read_secret();
    if (!secret) {
        return fail(secret.error());
    }
    std::string hash;
    const std::string weak = weakness(options, *secret);
    const bool fast = options.sha256 || options.bearer;
    if (weak.empty()) {
        hash = fast ? hex_of(sha256_of(*secret))
                    : argon2id_hash(*secret, {options.memory_kib, options.passes, 1});
    }
    wipe(*secret);
    if (!weak.empty()) {
        return fail(weak);
    }
    if (hash.empty()) {
        return fail("no hash could be made: no memory or no random numbers");
    }
    const bool whole = !options.user.empty() || !options.api_key.empty() || options.bearer;
    try {
        std::puts(whole ? identity_of(options, fast ? "sha256" : "argon2id", hash).dump().c_str()
                        : hash.c_str());
    } catch (const Json::exception&) {
        return fail("a user or id must be UTF-8");
    }
    return 0;
}

}  // namespace springlatch::control
