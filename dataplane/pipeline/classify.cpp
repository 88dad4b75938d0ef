#include "dataplane/pipeline/classify.h"

#include <algorithm>
#include <array>

namespace springlatch {
namespace {

constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t protocol_icmpv6 = 58;

/// Protocols that carry whole packets inside: IP-in-IP, 6in4, GRE, ESP, AH, EtherIP, MPLS-in-IP.
constexpr std::array<std::uint8_t, 7> tunnel_protocols = {4, 41, 47, 50, 51, 97, 137};
/// UDP ports of VXLAN (IANA and Linux), Geneve, Teredo, GUE, IPsec NAT traversal, GTP-U.
constexpr std::array<std::uint16_t, 7> tunnel_ports = {4789, 8472, 6081, 3544, 6080, 4500, 2152};

[[nodiscard]] std::uint16_t read_be16(std::span<const std::byte> bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(bytes[at]) << 8U) |
                                      std::to_integer<unsigned>(bytes[at + 1]));
}

/// Frames without a readable IP header that nevertheless carry IP to somebody who unpacks them.
[[nodiscard]] bool hides_ip(std::span<const std::byte> frame) noexcept {
    std::size_t at = 12;
    for (int tags = 0; at + 2 <= frame.size(); ++tags) {
        const std::uint16_t type = read_be16(frame, at);
        if (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
            if (tags == 2) {
                return true;  // deeper than we parse
            }
            at += 4;
            continue;
        }
        if (type < 0x0600) {  // IEEE 802.3 length: IP could sit behind LLC/SNAP
            return at + 10 <= frame.size() && read_be16(frame, at + 2) == 0xaaaa &&
                   (read_be16(frame, at + 8) == 0x0800 || read_be16(frame, at + 8) == 0x86dd);
        }
        return type == 0x8847 || type == 0x8848 || type == 0x8864;  // MPLS, PPPoE session
    }
    return false;
}

[[nodiscard]] bool is_tunnel(const DecodedFrame& decoded) noexcept {
    if (decoded.protocol == protocol_udp) {
        return std::find(tunnel_ports.begin(), tunnel_ports.end(), decoded.destination_port) !=
               tunnel_ports.end();
    }
    return std::find(tunnel_protocols.begin(), tunnel_protocols.end(), decoded.protocol) !=
           tunnel_protocols.end();
}

[[nodiscard]] Classified refused(Reason reason) noexcept {
    return {Role::refused, reason, no_service, no_service};
}

/// Only the plainest headers: what stands in front of a fragment is thrown away with its frame.
[[nodiscard]] Classified classify_fragment(const DecodedFrame& decoded) noexcept {
    constexpr int plain_v6_bytes = 40 + 8;  // the fragment header alone
    if (decoded.has_ip_options) {
        return refused(Reason::ip_options);
    }
    if (decoded.is_v6 && decoded.l4_offset - decoded.l3_offset != plain_v6_bytes) {
        return refused(Reason::extension_headers);
    }
    return {Role::fragment, Reason::none, no_service, no_service};
}

/// An IP packet without readable TCP header.
[[nodiscard]] Classified classify_ip(DecodeOutcome outcome, const DecodedFrame& decoded,
                                     const CompiledPolicy& policy) noexcept {
    const bool towards = policy.is_protected(decoded.destination);
    if (outcome == DecodeOutcome::fragment && policy.parts().reassemble_fragments &&
        (towards || (decoded.protocol == protocol_tcp && policy.is_protected(decoded.source)))) {
        return classify_fragment(decoded);
    }
    if (outcome == DecodeOutcome::bad_tcp_header) {
        return towards || policy.is_protected(decoded.source) ? refused(Reason::malformed_tcp) : Classified{};
    }
    if (!towards) {
        return {};
    }
    if (outcome == DecodeOutcome::fragment) {
        return refused(Reason::fragment);
    }
    if (!policy.parts().tunnels_allowed && is_tunnel(decoded)) {
        return refused(Reason::tunnel_not_allowed);
    }
    return {};
}

/// With `transit: drop` a network must still resolve addresses and learn its path MTU, or the services could
/// not be reached either.
[[nodiscard]] bool always_transits(DecodeOutcome outcome, const DecodedFrame& decoded) noexcept {
    return outcome == DecodeOutcome::non_ip ||
           (outcome == DecodeOutcome::ip_other &&
            (decoded.protocol == 1 || decoded.protocol == protocol_icmpv6));
}

[[nodiscard]] Classified classify_tcp(DecodeOutcome outcome, const DecodedFrame& decoded,
                                      const CompiledPolicy& policy) noexcept {
    const std::uint16_t to = policy.service_at(decoded.destination, decoded.destination_port);
    const std::uint16_t from = policy.service_at(decoded.source, decoded.source_port);
    if (to == no_service && from == no_service) {
        return {};
    }
    if (outcome == DecodeOutcome::bad_tcp_options) {
        return refused(Reason::malformed_tcp);
    }
    if (to != no_service) {
        if (decoded.has_ip_options) {
            return refused(Reason::ip_options);
        }
        if (decoded.has_extension_headers) {
            return refused(Reason::extension_headers);
        }
        if (decoded.options.has_signature) {
            return refused(Reason::tcp_signature);
        }
        if (decoded.options.has_multipath) {
            return refused(Reason::multipath);
        }
        if (from != no_service) {
            return {Role::either, Reason::none, to, from};
        }
        return {Role::to_service, Reason::none, to, no_service};
    }
    return {Role::from_service, Reason::none, from, no_service};
}

}  // namespace

Classified classify(std::span<const std::byte> frame, DecodeOutcome outcome, const DecodedFrame& decoded,
                    const CompiledPolicy& policy) noexcept {
    Classified result;
    switch (outcome) {
        case DecodeOutcome::truncated_l2:
        case DecodeOutcome::bad_ip_header:
        case DecodeOutcome::bad_ip_address:
            return refused(Reason::malformed_ip);
        case DecodeOutcome::bad_ip_checksum:
            return refused(Reason::bad_checksum);
        case DecodeOutcome::non_ip:
            if (!policy.parts().tunnels_allowed && hides_ip(frame)) {
                return refused(Reason::tunnel_not_allowed);
            }
            break;
        case DecodeOutcome::ip_other:
        case DecodeOutcome::fragment:
        case DecodeOutcome::bad_tcp_header:
            result = classify_ip(outcome, decoded, policy);
            break;
        case DecodeOutcome::tcp:
        case DecodeOutcome::bad_tcp_options:
        case DecodeOutcome::bad_tcp_checksum:
            result = classify_tcp(outcome, decoded, policy);
            break;
    }
    if (result.role == Role::transit && !policy.parts().transit_forward &&
        !always_transits(outcome, decoded)) {
        return refused(Reason::transit_not_allowed);
    }
    return result;
}

}  // namespace springlatch
