#pragma once
// Drives advance_head() over bytes, whole and cut, and says what came out in words.
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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

/// A copy that ends at the end of its heap block, so that the address sanitizer sees a read of one byte too
/// far.
class Exact {
  public:
    explicit Exact(std::string_view text) : bytes_(new std::byte[text.size()]), size_(text.size()) {
        if (size_ != 0) std::memcpy(bytes_.get(), text.data(), size_);
    }
    [[nodiscard]] std::span<const std::byte> span() const { return {bytes_.get(), size_}; }

  private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t size_;
};
inline Exact exact(std::string_view text) {
    return Exact(text);
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
    return describe(advance_head(state, exact(head).span(), limits));
}

}  // namespace springlatch::http
