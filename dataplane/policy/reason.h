#pragma once
// Why something was not forwarded: the closed list that events, counters, summaries and docs share.
#include <array>
#include <cstdint>
#include <string_view>

namespace springlatch {

/// `none` means allowed. The names are part of the product's interface: never renamed, only added to (at the
/// end). dataplane/policy/REASONS.md tells operators what causes each and what to do.
enum class Reason : std::uint8_t {
    none,
    // Decided by the policy.
    source_not_allowed,
    no_credentials,
    malformed_credentials,
    bad_credentials,
    operation_not_allowed,
    // The request could not be read in exactly one way.
    malformed_http,
    ambiguous_framing,
    ambiguous_target,
    not_http,
    tls_not_allowed,
    upgrade_not_allowed,
    method_not_allowed,
    expectation_not_allowed,
    body_not_allowed,
    encoded_body,
    head_too_large,
    body_too_large,
    too_many_in_flight,
    // The connection.
    connection_cut,  ///< follows a denied request on the same connection
    midstream,
    bad_handshake,
    inconsistent_retransmission,
    acknowledges_unsent,
    bad_sequence,  ///< outside the window, or not the next byte where only that one is acceptable
    bad_tcp_flags,
    bad_timestamp,
    urgent_data,
    tcp_signature,
    syn_data,  ///< payload of a SYN is not forwarded; the handshake is
    spoofed_source,
    server_speaks_first,
    // The frame.
    malformed_ip,
    malformed_tcp,
    bad_checksum,
    fragment,
    fragment_overlap,
    ip_options,
    extension_headers,
    tunnel_not_allowed,
    transit_not_allowed,
    frame_too_large,
    // Bounds.
    out_of_resources,
    rate_limited,
    link_down,              ///< the other port could not take the frame
    multipath,              ///< Multipath TCP: one byte stream over several connections
    credentials_pending,    ///< the segment waits for its credentials' check: TCP sends it again
    credentials_unchecked,  ///< nobody could check them, or not in time
    fragment_timeout,       ///< not all fragments of a datagram came in time
    patched,                ///< a virtual patch knows the request as an exploit
    quarantined,            ///< its source or identity went above a rule's limit and is shut out for a time
    count_                  ///< not a reason
};

inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::count_);

inline constexpr std::array<std::string_view, reason_count> reason_names = {"none",
                                                                            "source_not_allowed",
                                                                            "no_credentials",
                                                                            "malformed_credentials",
                                                                            "bad_credentials",
                                                                            "operation_not_allowed",
                                                                            "malformed_http",
                                                                            "ambiguous_framing",
                                                                            "ambiguous_target",
                                                                            "not_http",
                                                                            "tls_not_allowed",
                                                                            "upgrade_not_allowed",
                                                                            "method_not_allowed",
                                                                            "expectation_not_allowed",
                                                                            "body_not_allowed",
                                                                            "encoded_body",
                                                                            "head_too_large",
                                                                            "body_too_large",
                                                                            "too_many_in_flight",
                                                                            "connection_cut",
                                                                            "midstream",
                                                                            "bad_handshake",
                                                                            "inconsistent_retransmission",
                                                                            "acknowledges_unsent",
                                                                            "bad_sequence",
                                                                            "bad_tcp_flags",
                                                                            "bad_timestamp",
                                                                            "urgent_data",
                                                                            "tcp_signature",
                                                                            "syn_data",
                                                                            "spoofed_source",
                                                                            "server_speaks_first",
                                                                            "malformed_ip",
                                                                            "malformed_tcp",
                                                                            "bad_checksum",
                                                                            "fragment",
                                                                            "fragment_overlap",
                                                                            "ip_options",
                                                                            "extension_headers",
                                                                            "tunnel_not_allowed",
                                                                            "transit_not_allowed",
                                                                            "frame_too_large",
                                                                            "out_of_resources",
                                                                            "rate_limited",
                                                                            "link_down",
                                                                            "multipath",
                                                                            "credentials_pending",
                                                                            "credentials_unchecked",
                                                                            "fragment_timeout",
                                                                            "patched",
                                                                            "quarantined"};

/// The name operators see; "unknown" for a value that is no reason.
[[nodiscard]] constexpr std::string_view name_of(Reason reason) noexcept {
    const auto index = static_cast<std::size_t>(reason);
    return index < reason_count ? reason_names[index] : std::string_view{"unknown"};
}

}  // namespace springlatch
