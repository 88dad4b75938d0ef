#pragma once
// The command line of springlatch-dataplane.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace springlatch {

enum class HugePages : std::uint8_t { automatic, required, none };
enum class Polling : std::uint8_t {
    adaptive,  ///< an idle worker sleeps for some ten microseconds: for machines that have other work
    busy,      ///< an idle worker polls on: lowest latency, one core is used up
};

struct DataplaneOptions {
    std::string policy;
    std::string policy_key;  ///< PEM of the public key that policies must be signed with; empty: none
    std::string outside;     ///< PCI address or vdev string
    std::string inside;
    std::string replay;     ///< capture; empty: live
    std::string forwarded;  ///< replay: where what left is written
    std::string control;    ///< socket of the control process; empty: none
    std::string eal_arguments;
    std::uint32_t workers = 1;
    HugePages huge_pages = HugePages::automatic;
    Polling polling = Polling::adaptive;
    bool observe = false;
    bool ignore_checksums = false;
};

/// The options, or the exit code to leave with (help and version: 0; usage errors, already told on stderr:
/// 2).
[[nodiscard]] std::variant<DataplaneOptions, int> read_options(int argc, char** argv);

}  // namespace springlatch
