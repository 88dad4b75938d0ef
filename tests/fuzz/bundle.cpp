// Signed bundles: whatever the bytes, they open to nothing unless the key's owner signed them.
#include "config/bundle.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace springlatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // The public key of RFC 8032 §7.1, TEST 1; nothing in the corpus is signed with it.
    static const auto key = PolicyKey::from_pem(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
        "-----END PUBLIC KEY-----\n");
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (!key) {
        std::abort();
    }
    const auto opened = open_bundle(text, *key);
    const auto plain = policy_in(text, nullptr);
    if (opened || opened.error().empty() || (!plain && plain.error().empty())) {
        std::abort();
    }
    if (plain && plain->policy != text) {
        std::abort();
    }
    return 0;
}
