#pragma once
// The endpoint catalogue that is built into the product: config/catalogue/endpoints.csv.
#include <vector>

#include "dataplane/protocol/elasticsearch/operation.h"

namespace springlatch {

/// Every row of the catalogue; the file is compiled in, so a missing file can never change a verdict.
[[nodiscard]] std::vector<elasticsearch::Endpoint> builtin_endpoints();

}  // namespace springlatch
