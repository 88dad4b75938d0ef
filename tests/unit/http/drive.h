#pragma once
// Drives advance_head() over bytes, whole and cut, and says what came out in words.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/protocol/http/request_head.h"

namespace springlatch::http {

inline const char* name_of(HeadFault fault) {
    switch (fault) {
        case HeadFault::none:
            return "none";
        case HeadFault::not_http:
            return "not_http";
        case HeadFault::tls:
            return "tls";
        case HeadFault::malformed:
            return "malformed";
        case HeadFault::version:
            return "version";
        case HeadFault::framing:
            return "framing";
        case HeadFault::target:
            return "target";
        case HeadFault::method:
            return "method";
        case HeadFault::upgrade:
            return "upgrade";
        case HeadFault::expectation:
            return "expectation";
        case HeadFault::host:
            return "host";
        case HeadFault::head_too_large:
            return "head_too_large";
        case HeadFault::body_too_large:
            return "body_too_large";
        case HeadFault::encoded_body:
            return "encoded_body";
    }
    return "?";
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string describe(const HeadResult& result) {
    const std::string at = " " + std::to_string(result.bytes);
    switch (result.status) {
        case HeadStatus::need_more:
            return "need_more" + at;
        case HeadStatus::complete:
            return "complete" + at + (result.lf_pending ? " lf_pending" : "");
        case HeadStatus::refused:
            return name_of(result.fault) + at;
    }
    return "?";
}

inline std::string whole(std::string_view head, const HeadLimits& limits = {}) {
    HeadState state;
    return describe(advance_head(state, as_bytes(head), limits));
}

}  // namespace springlatch::http
