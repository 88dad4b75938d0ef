#include "config/catalogue.h"

#include <algorithm>
#include <string_view>

namespace springlatch {

/// The text of config/catalogue/endpoints.csv (see config/CMakeLists.txt).
std::string_view endpoints_csv();

namespace {

[[nodiscard]] elasticsearch::Operation operation_named(std::string_view name) {
    using elasticsearch::Operation;
    for (const Operation operation :
         {Operation::info, Operation::read, Operation::write, Operation::manage, Operation::security}) {
        if (elasticsearch::name_of(operation) == name) {
            return operation;
        }
    }
    return Operation::unknown;
}

[[nodiscard]] std::uint16_t flag_named(std::string_view name) {
    const auto place = std::find(elasticsearch::flag_names.begin(), elasticsearch::flag_names.end(), name);
    return place == elasticsearch::flag_names.end()
               ? std::uint16_t{0}
               : static_cast<std::uint16_t>(1U << (place - elasticsearch::flag_names.begin()));
}

[[nodiscard]] std::string_view take(std::string_view& rest, char separator) {
    const std::size_t end = std::min(rest.find(separator), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return field;
}

}  // namespace

std::vector<elasticsearch::Endpoint> builtin_endpoints() {
    std::vector<elasticsearch::Endpoint> endpoints;
    std::string_view rest = endpoints_csv();
    (void)take(rest, '\n');  // the names of the columns
    while (!rest.empty()) {
        std::string_view line = take(rest, '\n');
        elasticsearch::Endpoint endpoint;
        endpoint.method = take(line, ',');
        endpoint.path = take(line, ',');
        endpoint.operation = operation_named(take(line, ','));
        for (std::string_view apis = take(line, ','); !apis.empty();) {
            endpoint.apis.emplace_back(take(apis, '|'));
        }
        for (std::string_view flags = take(line, ','); !flags.empty();) {
            endpoint.flags |= flag_named(take(flags, '|'));
        }
        endpoints.push_back(std::move(endpoint));
    }
    return endpoints;
}

}  // namespace springlatch
