#pragma once
// `springlatch secret`: from a secret to what a policy may hold of it.
#include <string>

namespace springlatch::control {

struct SecretOptions {
    std::string user;     ///< print a Basic identity of this user
    std::string api_key;  ///< print an API key identity of this id
    bool bearer = false;  ///< print a bearer identity
    bool sha256 = false;  ///< SHA-256 instead of Argon2id; for random secrets only
    unsigned memory_kib = 19456;
    unsigned passes = 2;
};

/// Reads a secret without echo from the terminal, twice, or one line from a pipe, and prints a hash, or a
/// whole identity. Returns the exit code.
[[nodiscard]] int secret(const SecretOptions& options);

}  // namespace springlatch::control
