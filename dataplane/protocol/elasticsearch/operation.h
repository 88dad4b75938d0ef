#pragma once
// What a request asks of Elasticsearch or OpenSearch, by method and path.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace springlatch::elasticsearch {

/// Ordered from harmless to grave; `unknown` is in no `operations` list.
enum class Operation : std::uint8_t { unknown, info, read, write, manage, security };
[[nodiscard]] std::string_view name_of(Operation operation) noexcept;  ///< "unknown", "info", …

struct Endpoint {
    std::string method;                        ///< "GET", …
    std::string path;                          ///< "/{index}/_search": literal segments and {placeholders}
    Operation operation = Operation::unknown;  ///< unknown: it does different things on different servers
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
    /// templates that differ only in their placeholders' names the gravest counts.
    [[nodiscard]] Operation operation_of(std::string_view method, std::string_view path) const noexcept;

  private:
    struct Trie;
    std::unique_ptr<Trie> trie_;
};

}  // namespace springlatch::elasticsearch
