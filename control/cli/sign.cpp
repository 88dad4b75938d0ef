#include "control/cli/sign.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "config/bundle.h"
#include "config/load.h"
#include "config/time_text.h"
#include "control/clock.h"

namespace springlatch::control {
namespace {

struct Signing {
    std::string policy;
    std::string key;
    std::string out;
    std::uint64_t sequence = 0;  ///< 0: the time in milliseconds
};

[[nodiscard]] int sign(const Signing& signing) {
    auto bytes = read_policy_file(signing.policy);
    if (!bytes) {
        std::fputs(lines_of(bytes.error()).c_str(), stderr);
        return 1;
    }
    // A mistake is better found before the signature than after.
    if (const auto loaded = parse_policy(*bytes, signing.policy, LoadOptions{}); !loaded) {
        std::fputs(lines_of(loaded.error()).c_str(), stderr);
        return 1;
    }
    const std::uint64_t now_ms = unix_ns() / 1'000'000;
    const Bundle bundle{.policy = std::move(*bytes),
                        .sequence = signing.sequence != 0 ? signing.sequence : now_ms,
                        .time = rfc3339(now_ms * 1'000'000)};
    const auto text = make_bundle(bundle, signing.key);
    if (!text) {
        std::fprintf(stderr, "error: %s\n", text.error().c_str());
        return 1;
    }
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(signing.out.c_str(), "wbe"),
                                                               &std::fclose);
    if (!file || std::fwrite(text->data(), 1, text->size(), file.get()) != text->size() ||
        std::fflush(file.get()) != 0) {
        std::perror(("error: " + signing.out).c_str());
        return 1;
    }
    std::printf("%s: sequence %llu\n", signing.out.c_str(), static_cast<unsigned long long>(bundle.sequence));
    return 0;
}

}  // namespace

void add_sign(CLI::App& parent, int& code) {
    CLI::App* command =
        parent.add_subcommand("sign", "Sign a policy, for appliances that were given --policy-key");
    const auto signing = std::make_shared<Signing>();
    command->add_option("file", signing->policy, "Policy file (JSON)")->required();
    command->add_option("--key", signing->key, "Ed25519 private key (PEM)")->required();
    command->add_option("--out", signing->out, "Where the bundle is written")->required();
    command
        ->add_option("--sequence", signing->sequence,
                     "Above that of every bundle before; default: the time in milliseconds")
        ->check(CLI::PositiveNumber);
    command->callback([signing, &code] { code = sign(*signing); });
}

}  // namespace springlatch::control
