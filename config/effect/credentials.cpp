#include "config/effect/credentials.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace springlatch::effect {

IdentityKeys proofs_of(const std::vector<Identity>& identities) {
    IdentityKeys keys;
    for (const Identity& identity : identities) {
        std::string key = std::to_string(static_cast<int>(identity.kind)) + ' ' +
                          std::to_string(static_cast<int>(identity.algorithm)) + ' ' +
                          (identity.sha256 ? hex_of(*identity.sha256) : "");
        for (const std::string* part :
             {&identity.user, &identity.argon2id, &identity.key, &identity.audience, &identity.issuer}) {
            key += ' ' + std::to_string(part->size()) + ':' + *part;
        }
        keys.push_back(std::move(key));
    }
    return keys;
}

std::vector<Credential> credentials_of(const CompiledPolicy& before, const IdentityKeys& before_keys,
                                       const CompiledPolicy& after, const IdentityKeys& after_keys) {
    std::vector<Credential> result = {{.bearer = Bearer::nobody, .name = {}},
                                      {.bearer = Bearer::malformed, .name = {}},
                                      {.bearer = Bearer::unverified, .name = {}}};
    const auto& old_names = before.parts().identity_names;
    const auto& new_names = after.parts().identity_names;
    std::map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < old_names.size(); ++i) {
        known.emplace(before_keys[i], result.size());
        result.push_back({Bearer::identity, old_names[i], {static_cast<std::uint16_t>(i), no_identity}});
    }
    for (std::size_t i = 0; i < new_names.size(); ++i) {
        const auto index = static_cast<std::uint16_t>(i);
        if (const auto place = known.find(after_keys[i]); place != known.end()) {
            Credential& credential = result[place->second];
            credential.identity[1] = index;
            if (credential.name != new_names[i]) {
                credential.name += " → " + new_names[i];
            }
        } else {
            result.push_back({Bearer::identity, new_names[i], {no_identity, index}});
        }
    }
    // One name with two secrets: which is meant is said.
    for (Credential& credential : result) {
        if (credential.bearer != Bearer::identity) {
            continue;
        }
        const bool is_old = credential.identity[1] == no_identity;
        const bool is_new = credential.identity[0] == no_identity;
        if (is_old && std::find(new_names.begin(), new_names.end(), credential.name) != new_names.end()) {
            credential.name += " (with the secret before)";
        } else if (is_new &&
                   std::find(old_names.begin(), old_names.end(), credential.name) != old_names.end()) {
            credential.name += " (with the new secret)";
        }
    }
    return result;
}

}  // namespace springlatch::effect
