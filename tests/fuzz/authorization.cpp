// Authorization values and tokens: whatever a stranger sends, nobody is let in by it, and nothing is read
// beyond it.
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/credentials/checker.h"
#include "control/credentials/presented.h"
#include "dataplane/credentials/siphash.h"

using namespace springlatch;
using namespace springlatch::control;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

/// Hashes that nothing the fuzzer finds can match, cheap enough to be asked all the time.
const Checker& checker() {
    static const Checker made([] {
        Identity robot;
        robot.kind = IdentityKind::api_key;
        robot.user = "robot";
        robot.sha256 = sha256_of("a secret of which no input has a hash");
        Identity people;
        people.kind = IdentityKind::jwt;
        people.algorithm = JwtAlgorithm::hs256;
        people.key = std::string(32, 'k');
        people.audience = "search";
        people.issuer = "idp";
        return std::vector<Identity>{robot, people};
    }());
    return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string copy(reinterpret_cast<const char*>(data), size);  // ends where the heap block does
    const std::string_view value = copy;
    if (const auto presented = read_authorization(value)) {
        require(presented->secret.size() <= value.size());
        require(presented->scheme == Scheme::bearer || presented->user.find(':') == std::string::npos);
    }
    if (const auto jwt = read_jwt(value)) {
        require(jwt->signed_part.size() < value.size());
        (void)read_claims(jwt->payload, "search");
    }
    (void)read_claims(value, "search");
    for (const Base64 alphabet : {Base64::standard, Base64::url}) {
        if (const auto bytes = decode_base64(value, alphabet))
            require(bytes->size() <= value.size() / 4 * 3 + 2);
    }
    const auto cost = argon2id_cost(value);
    require(!cost || (cost->memory_kib <= argon2_memory_kib_max &&
                      cost->memory_kib * cost->passes <= argon2_work_kib_max));
    require(checker().check(value, 1'700'000'000).result == CheckResult::refused);
    const auto bytes = std::as_bytes(std::span{copy});
    require(siphash128({1, 2}, bytes) == siphash128({1, 2}, bytes));
    return 0;
}
