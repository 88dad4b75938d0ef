// Any bytes as a frame: nothing is read past the end, every offset lies inside, and a decoded segment can be
// shortened to a frame that decodes again.
#include <cstdlib>
#include <span>

#include "dataplane/packet/build.h"
#include "dataplane/packet/decode.h"
#include "tests/support/frames.h"

namespace {

using springlatch::decode;
using springlatch::DecodedFrame;
using springlatch::DecodeOutcome;
using springlatch::VerifyTcpChecksum;
using springlatch::test::ExactCopy;

void require(bool holds) {
    if (!holds) std::abort();
}

[[nodiscard]] bool has_segment(DecodeOutcome outcome) {
    return outcome == DecodeOutcome::tcp || outcome == DecodeOutcome::bad_tcp_checksum;
}

void check_offsets(const DecodedFrame& decoded, std::size_t frame_bytes) {
    require(decoded.l3_offset >= 14 && decoded.l3_offset <= 22);
    require(decoded.l4_offset >= decoded.l3_offset + (decoded.is_v6 ? 40 : 20));
    require(decoded.payload_offset >= decoded.l4_offset + 20);
    require(decoded.payload_offset + std::size_t{decoded.payload_bytes} <= frame_bytes);
}

void check_trim(const ExactCopy& frame, const DecodedFrame& decoded, std::uint32_t keep) {
    ExactCopy cut(frame.span());
    const std::size_t bytes = springlatch::trim_payload(cut.span(), decoded, keep);
    DecodedFrame again;
    require(decode(cut.span().first(bytes), VerifyTcpChecksum::yes, again) == DecodeOutcome::tcp);
    require(again.payload_bytes == keep && again.sequence == decoded.sequence);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ExactCopy frame(std::as_bytes(std::span(data, size)));
    DecodedFrame decoded;
    const DecodeOutcome outcome = decode(frame.span(), VerifyTcpChecksum::no, decoded);
    DecodedFrame verified;
    const DecodeOutcome strict = decode(frame.span(), VerifyTcpChecksum::yes, verified);
    require(strict == outcome ||
            (outcome == DecodeOutcome::tcp && strict == DecodeOutcome::bad_tcp_checksum));
    if (!has_segment(outcome)) return 0;
    check_offsets(decoded, size);
    check_trim(frame, decoded, decoded.payload_bytes / 2);
    check_trim(frame, decoded, 0);
    return 0;
}
