// Method and path against the built-in catalogue: any bytes get an answer, and spellings that name the same
// endpoint get the same one; and the path and query that expressions are asked about.
#include "dataplane/protocol/elasticsearch/path.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/catalogue.h"
#include "dataplane/protocol/elasticsearch/operation.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

/// Input: method, a blank, path.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using springlatch::elasticsearch::Catalogue;
    using springlatch::elasticsearch::Operation;
    static const Catalogue catalogue(springlatch::builtin_endpoints());

    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t blank = std::min(input.find(' '), input.size());
    const std::string_view method = input.substr(0, blank);
    const std::string path(input.substr(std::min(blank + 1, input.size())));

    const Operation operation = catalogue.operation_of(method, path);
    require(operation <= Operation::security);
    require(catalogue.operation_of(method, path + "?q=/_search") == operation);
    if (!path.empty() && path.front() == '/') {
        require(catalogue.operation_of(method, "http://db:9200" + path) == operation);
    }
    if (path.size() > 1 && path.front() == '/' && path.back() != '/' && path.find('?') == std::string::npos) {
        require(catalogue.operation_of(method, path + "/") == operation);
        require(catalogue.operation_of(method, path + "//") == Operation::unknown);
    }
    std::string buffer(path.size(), '\0');
    const auto normal = springlatch::elasticsearch::normal_path(path, buffer);
    require(normal && normal->text.size() <= path.size());
    if (path.find('%') == std::string::npos) {
        require(normal->plain);
    }
    std::string other(path.size(), '\0');
    const auto query = springlatch::elasticsearch::decoded_query(path, other);
    require(query && query->size() <= path.size());
    return 0;
}
