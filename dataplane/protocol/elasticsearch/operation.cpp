#include "dataplane/protocol/elasticsearch/operation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/protocol/elasticsearch/path.h"

namespace springlatch::elasticsearch {
namespace {

constexpr std::array<std::string_view, 6> operation_names = {"unknown", "info",   "read",
                                                             "write",   "manage", "security"};
constexpr std::array<std::string_view, 7> method_names = {"GET",     "POST",  "PUT",  "DELETE",
                                                          "OPTIONS", "PATCH", "TRACE"};
constexpr std::size_t no_method = method_names.size();

/// No endpoint has more segments; a path that has is in no catalogue. Together with the trie's two branches
/// at most a segment this bounds a look-up.
constexpr std::size_t segments_max = 12;

/// HEAD is handled like GET by both servers.
[[nodiscard]] std::size_t method_index(std::string_view method) noexcept {
    const std::string_view wanted = method == "HEAD" ? std::string_view{"GET"} : method;
    return static_cast<std::size_t>(std::find(method_names.begin(), method_names.end(), wanted) -
                                    method_names.begin());
}

[[nodiscard]] bool is_placeholder(std::string_view segment) noexcept {
    return segment.size() > 2 && segment.front() == '{';
}

struct Segments {
    struct Item {  // without initial value: a path has few
        const char* text;
        std::size_t bytes;
    };
    std::array<Item, segments_max> items;
    std::size_t count = 0;
    bool valid = false;

    [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept {
        return {items[index].text, items[index].bytes};
    }
    void add(std::string_view segment) noexcept { items[count++] = {segment.data(), segment.size()}; }
};

[[nodiscard]] Segments split(std::string_view path) noexcept {
    Segments segments;
    if (path == "*") {
        segments.add(path);
        segments.valid = true;
        return segments;
    }
    if (path.empty() || path.front() != '/') {
        return segments;
    }
    path.remove_prefix(1);
    if (path.size() > 1 && path.back() == '/') {
        path.remove_suffix(1);  // both servers ignore one trailing slash (measured)
    }
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        if (end == 0 || segments.count == segments_max || end + 1 == path.size()) {
            return segments;
        }
        segments.add(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    segments.valid = true;
    return segments;
}

/// What a placeholder takes. Names of indices and types never start with an underscore, but for one each; so
/// what does is an API of its own, known or not. Both servers check that late, and where a body names the
/// indices not at all: meaning_of() sees to that.
enum class Takes : std::uint8_t { anything, index_names, type_names };

[[nodiscard]] bool takes(Takes what, std::string_view segment) noexcept {
    return what == Takes::anything || segment.front() != '_' ||
           segment == (what == Takes::index_names ? "_all" : "_doc");
}

/// APIs whose body names the indices. Neither server looks at the one in the path then (measured).
[[nodiscard]] bool names_in_body(const Segments& path) noexcept {
    const std::size_t behind_template = path.count > 1 && path[path.count - 1] == "template" ? 2 : 1;
    if (path.count < behind_template) {
        return false;
    }
    const std::string_view api = path[path.count - behind_template];
    return api == "_msearch" ||
           (behind_template == 1 && (api == "_bulk" || api == "_mget" || api == "_mtermvectors"));
}

}  // namespace

std::string_view name_of(Operation operation) noexcept {
    const auto index = static_cast<std::size_t>(operation);
    return index < operation_names.size() ? operation_names[index] : operation_names[0];
}

struct Catalogue::Trie {
    struct Node {
        std::vector<std::pair<std::string, std::uint32_t>> literals;  ///< sorted by segment
        std::uint32_t placeholder = 0;  ///< 0: none (the root is nobody's child)
        Takes takes = Takes::anything;  ///< of the placeholder child
        std::array<std::uint16_t, no_method> endpoints{};
    };
    /// All rows that end at the same node and method.
    struct Leaf {
        Operation operation = Operation::unknown;
        bool arguable = false;  ///< one of them is `unknown` on purpose, and so are all
        std::uint16_t flags = 0;
        bool names_in_body = false;  ///< the body may name any index, whatever the path says
        std::vector<std::uint16_t> apis;
    };
    std::vector<Node> nodes{1};
    std::vector<Leaf> leaves{1};  ///< [no_endpoint] is nobody's
    std::vector<std::string> api_names;

    [[nodiscard]] std::uint32_t literal(std::uint32_t node, std::string_view segment) const noexcept {
        const auto& list = nodes[node].literals;
        const auto place =
            std::lower_bound(list.begin(), list.end(), segment,
                             [](const auto& item, std::string_view key) { return item.first < key; });
        return place != list.end() && place->first == segment ? place->second : 0;
    }

    void add(const Endpoint& endpoint) {
        const std::size_t method = method_index(endpoint.method);
        const Segments segments = split(endpoint.path);
        if (method == no_method || !segments.valid) {
            return;
        }
        std::uint32_t at = 0;
        for (std::size_t i = 0; i < segments.count; ++i) {
            const std::string_view segment = segments[i];
            std::uint32_t next = is_placeholder(segment) ? nodes[at].placeholder : literal(at, segment);
            if (next == 0) {
                next = static_cast<std::uint32_t>(nodes.size());
                nodes.emplace_back();
                if (is_placeholder(segment)) {
                    nodes[at].placeholder = next;
                    nodes[at].takes = i == 0                ? Takes::index_names
                                      : segment == "{type}" ? Takes::type_names
                                                            : Takes::anything;
                } else {
                    auto& list = nodes[at].literals;
                    const auto place = std::lower_bound(
                        list.begin(), list.end(), segment,
                        [](const auto& item, std::string_view key) { return item.first < key; });
                    list.emplace(place, std::string{segment}, next);
                }
            }
            at = next;
        }
        std::uint16_t& number = nodes[at].endpoints[method];
        if (number == no_endpoint) {
            number = static_cast<std::uint16_t>(leaves.size());
            leaves.emplace_back();
        }
        Leaf& leaf = leaves[number];
        leaf.arguable = leaf.arguable || endpoint.operation == Operation::unknown;
        leaf.operation = leaf.arguable ? Operation::unknown : std::max(leaf.operation, endpoint.operation);
        leaf.flags |= endpoint.flags;
        leaf.names_in_body = leaf.names_in_body || names_in_body(segments);
        for (const std::string& api : endpoint.apis) {
            const auto index = static_cast<std::uint16_t>(
                std::lower_bound(api_names.begin(), api_names.end(), api) - api_names.begin());
            const auto place = std::lower_bound(leaf.apis.begin(), leaf.apis.end(), index);
            if (place == leaf.apis.end() || *place != index) {
                leaf.apis.insert(place, index);
            }
        }
    }

    /// A literal segment is tried first; if it leads nowhere, the placeholder is (as Elasticsearch's PathTrie
    /// does). no_endpoint if both lead nowhere.
    [[nodiscard]] std::uint16_t find(std::uint32_t node, const Segments& segments, std::size_t at,
                                     std::size_t method) const noexcept {
        if (at == segments.count) {
            return nodes[node].endpoints[method];
        }
        const std::string_view segment = segments[at];
        const std::uint32_t exact = literal(node, segment);
        if (exact != 0) {
            const std::uint16_t found = find(exact, segments, at + 1, method);
            if (found != no_endpoint) {
                return found;
            }
        }
        if (nodes[node].placeholder != 0 && takes(nodes[node].takes, segment)) {
            return find(nodes[node].placeholder, segments, at + 1, method);
        }
        return no_endpoint;
    }

    /// The API of an index below `node` that ends with the last segment itself, whatever stands for names
    /// before it.
    [[nodiscard]] std::uint16_t find_named(std::uint32_t node, const Segments& segments, std::size_t at,
                                           std::size_t method) const noexcept {
        if (at == segments.count) {
            return nodes[node].endpoints[method];
        }
        const std::uint32_t exact = literal(node, segments[at]);
        if (exact != 0) {
            const std::uint16_t found = find_named(exact, segments, at + 1, method);
            if (found != no_endpoint) {
                return found;
            }
        }
        return nodes[node].placeholder == 0 || at + 1 == segments.count
                   ? no_endpoint
                   : find_named(nodes[node].placeholder, segments, at + 1, method);
    }

    [[nodiscard]] Meaning meaning_of(std::uint16_t endpoint) const noexcept {
        return {leaves[endpoint].operation, leaves[endpoint].flags, endpoint};
    }

    /// Of a path that may be two APIs: in `/_alias/_mget` and `/a/_explain/_bulk` servers prefer a name that
    /// nobody can have (`_alias` for the index, `_explain` for the type) to a placeholder at the end, and the
    /// body, or the query's `source`, names the indices (measured: documents were read and deleted). Who may
    /// do one may not do the other: where they differ the operation is unknown. The flags are both's; there
    /// is no endpoint.
    [[nodiscard]] Meaning meaning_of_either(std::uint16_t one, std::uint16_t other) const noexcept {
        const Operation operation =
            leaves[one].operation == leaves[other].operation ? leaves[one].operation : Operation::unknown;
        return {operation, static_cast<std::uint16_t>(leaves[one].flags | leaves[other].flags), no_endpoint};
    }
};

Catalogue::Catalogue() : trie_(std::make_unique<Trie>()) {}
Catalogue::Catalogue(const std::vector<Endpoint>& endpoints) : Catalogue() {
    std::vector<std::string>& names = trie_->api_names;
    for (const Endpoint& endpoint : endpoints) {
        names.insert(names.end(), endpoint.apis.begin(), endpoint.apis.end());
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const Endpoint& endpoint : endpoints) {
        trie_->add(endpoint);
    }
}
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;
Catalogue::~Catalogue() = default;

Meaning Catalogue::meaning_of(std::string_view method, std::string_view path) const noexcept {
    const std::size_t index = method_index(method);
    const Segments segments = split(path_of(path));
    if (!trie_ || index == no_method || !segments.valid) {
        return {};
    }
    const std::uint16_t found = trie_->find(0, segments, 0, index);
    const std::uint32_t any_index = trie_->nodes[0].placeholder;
    const bool may_be_another = segments.count > 2 || (segments.count == 2 && segments[0].front() == '_');
    if (!may_be_another || any_index == 0) {
        return trie_->meaning_of(found);
    }
    const std::uint16_t named = trie_->find_named(any_index, segments, 1, index);
    return named == found || !trie_->leaves[named].names_in_body ? trie_->meaning_of(found)
                                                                 : trie_->meaning_of_either(found, named);
}

std::span<const std::string> Catalogue::api_names() const noexcept {
    return trie_ ? std::span<const std::string>{trie_->api_names} : std::span<const std::string>{};
}

std::optional<std::uint16_t> Catalogue::api_index(std::string_view name) const noexcept {
    const auto names = api_names();
    const auto place = std::lower_bound(names.begin(), names.end(), name);
    return place != names.end() && *place == name
               ? std::optional{static_cast<std::uint16_t>(place - names.begin())}
               : std::nullopt;
}

std::span<const std::uint16_t> Catalogue::apis_of(std::uint16_t endpoint) const noexcept {
    return trie_ && endpoint < trie_->leaves.size()
               ? std::span<const std::uint16_t>{trie_->leaves[endpoint].apis}
               : std::span<const std::uint16_t>{};
}

}  // namespace springlatch::elasticsearch
