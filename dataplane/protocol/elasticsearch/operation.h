#pragma once
// What a request asks of Elasticsearch or OpenSearch, by method and path.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace springlatch::elasticsearch {

/// Ordered from harmless to grave; `unknown` is in no `operations` list.
enum class Operation : std::uint8_t { unknown, info, read, write, manage, security };
[[nodiscard]] std::string_view name_of(Operation operation) noexcept;  ///< "unknown", "info", …

/// What a call may do beside its operation; config/catalogue/README.md says when an endpoint has which.
namespace endpoint_flag {
inline constexpr std::uint16_t destructive = 1;
inline constexpr std::uint16_t can_destroy = 2;
inline constexpr std::uint16_t script_possible = 4;
inline constexpr std::uint16_t outbound_possible = 8;
inline constexpr std::uint16_t returns_documents = 16;
inline constexpr std::uint16_t copies_documents = 32;
inline constexpr std::uint16_t may_hold_secrets = 64;
inline constexpr std::uint16_t acts_on_get = 128;
}  // namespace endpoint_flag

/// In the order of their bits.
inline constexpr std::array<std::string_view, 8> flag_names = {
    "destructive",       "can_destroy",      "script_possible",  "outbound_possible",
    "returns_documents", "copies_documents", "may_hold_secrets", "acts_on_get"};

struct Endpoint {
    std::string method;                        ///< "GET", …
    std::string path;                          ///< "/{index}/_search": literal segments and {placeholders}
    Operation operation = Operation::unknown;  ///< unknown: it does different things on different servers
    std::vector<std::string> apis = {};        ///< as clients name it: "search", "cat.indices"
    std::uint16_t flags = 0;                   ///< endpoint_flag
};

inline constexpr std::uint16_t no_endpoint = 0;

/// What the catalogue says of a call; of a path in no entry nothing: all zero.
struct Meaning {
    Operation operation = Operation::unknown;
    std::uint16_t flags = 0;               ///< endpoint_flag
    std::uint16_t endpoint = no_endpoint;  ///< for Catalogue::apis_of()
};

/// The endpoint catalogue as a trie over path segments. Immutable after construction; look-ups allocate
/// nothing.
class Catalogue {
  public:
    Catalogue();
    explicit Catalogue(const std::vector<Endpoint>& endpoints);
    Catalogue(Catalogue&&) noexcept;
    Catalogue& operator=(Catalogue&&) noexcept;
    ~Catalogue();

    /// `path` is the request target without query, as sent (percent-encoding kept: both servers match routes
    /// before decoding, measured), and already accepted by http::advance_head(). One trailing slash, a full
    /// absolute-form target and HEAD (as GET) are understood. A literal segment beats a placeholder; of
    /// templates that differ only in their placeholders' names the gravest operation counts, and all their
    /// flags and names do. Where a path may be two APIs: Trie::meaning_of_either() in operation.cpp.
    [[nodiscard]] Meaning meaning_of(std::string_view method, std::string_view path) const noexcept;
    [[nodiscard]] Operation operation_of(std::string_view method, std::string_view path) const noexcept {
        return meaning_of(method, path).operation;
    }

    /// All names, sorted; an index into them stands for the name.
    [[nodiscard]] std::span<const std::string> api_names() const noexcept;
    [[nodiscard]] std::optional<std::uint16_t> api_index(std::string_view name) const noexcept;
    /// Sorted indices of the endpoint's names.
    [[nodiscard]] std::span<const std::uint16_t> apis_of(std::uint16_t endpoint) const noexcept;

  private:
    struct Trie;
    std::unique_ptr<Trie> trie_;
};

}  // namespace springlatch::elasticsearch
