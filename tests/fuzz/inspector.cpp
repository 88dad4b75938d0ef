// The whole inspector: bytes become frames on both sides; what leaves is held to the promises.
//
// Input: records of one control byte and what it needs. Whatever the bytes say, every handle comes back
// exactly once, every made frame is a right TCP segment, and every frame that came in is counted once as
// forwarded, dropped or held.
#include "dataplane/pipeline/inspector.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "dataplane/packet/decode.h"
#include "tests/support/frames.h"
#include "tests/support/policy_parts.h"

namespace {

using namespace springlatch;
using namespace springlatch::test;

void require(bool condition) {
    if (!condition) std::abort();
}

class NoEvents final : public EventSink {
  public:
    bool emit(EventRecord&, std::string_view, std::string_view, std::string_view) noexcept override {
        return true;
    }
};

/// A control process that answers later, right for every other value.
struct Verifier final : CredentialVerifier {
    std::optional<CheckAnswer> answer;
    [[nodiscard]] bool ready() const noexcept override { return true; }
    [[nodiscard]] Asked ask(const CheckRequest& request, CheckAnswer&) noexcept override {
        if (answer) return Asked::full;
        const bool right = (request.fingerprint.low & 1U) != 0;
        answer = CheckAnswer{request.fingerprint, right ? CheckResult::accepted : CheckResult::refused, 0, 60,
                             request.generation};
        return Asked::queued;
    }
};

/// Of the even generations credentials are checked, and requests, bytes and guesses are limited.
PolicyParts parts_of(std::uint32_t generation) {
    PolicyParts parts;
    parts.generation = generation;
    parts.identity_names = {"somebody"};
    parts.health_checks = {{.id = "balancer",
                            .zones = {1},
                            .services = {0},
                            .method = http::Method::get,
                            .path = "/",
                            .query = "",
                            .per_minute = 2}};
    if (generation % 2 == 0) {
        Rule& rule = parts.rules[0];
        rule.credentials = CredentialNeed::verified;
        rule.limits = {
            {LimitPer::source, LimitOf::requests, 3, 60, 0},
            {LimitPer::identity, LimitOf::bytes_given, 50, 60, 2},
            {LimitPer::source, LimitOf::failed_credentials, 2, 60, 5},
        };
    }
    return parts;
}

constexpr std::size_t policies_max = 6;

std::vector<std::shared_ptr<const CompiledPolicy>> policies() {
    std::vector<std::shared_ptr<const CompiledPolicy>> made;
    for (std::uint32_t generation = 1; generation <= policies_max + 1; ++generation) {
        made.push_back(std::make_shared<const CompiledPolicy>(parts_of(generation)));
    }
    return made;
}

struct Input {
    std::span<const std::uint8_t> bytes;
    std::uint8_t u8() {
        if (bytes.empty()) return 0;
        const std::uint8_t value = bytes.front();
        bytes = bytes.subspan(1);
        return value;
    }
    std::span<const std::uint8_t> take(std::size_t n) {
        const auto taken = bytes.first(std::min(n, bytes.size()));
        bytes = bytes.subspan(taken.size());
        return taken;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto known = policies();
    // The length decides, so that the meaning of the bytes stays what it was.
    std::size_t active = size % 2;
    const auto& policy = known[active];
    NoEvents events;
    Verifier verifier;
    InspectorOptions options;
    options.verifier = &verifier;
    Inspector inspector(policy, events, options);
    Output out(policy->limits().held_segments);
    std::set<Bytes*> live;
    std::uint32_t acknowledged = 1001;
    Input input{{data, size}};
    std::uint64_t now = 1'700'000'000'000'000'000U;
    std::uint32_t server_next = 5001;

    const auto account = [&] {
        for (const Departure& departure : out.departures) {
            DecodedFrame tcp;
            const DecodeOutcome outcome = decode(departure.bytes, VerifyTcpChecksum::yes, tcp);
            require(departure.handle != nullptr || outcome == DecodeOutcome::tcp);
            if (departure.handle != nullptr && !departure.keep) {
                require(live.erase(static_cast<Bytes*>(departure.handle)) == 1);
                delete static_cast<Bytes*>(departure.handle);
            }
        }
        for (const FrameHandle handle : out.freed) {
            require(live.erase(static_cast<Bytes*>(handle)) == 1);
            delete static_cast<Bytes*>(handle);
        }
        out.clear();
    };
    const auto send = [&](Side side, const Bytes& bytes) {
        auto* box = new Bytes(bytes);
        live.insert(box);
        std::array<Frame, 1> burst{
            Frame{.bytes = *box, .time_ns = now += 1'000'000, .handle = box, .arrived = side}};
        inspector.inspect(burst, out);
        account();
        if (verifier.answer && now / 1'000'000 % 3 == 0) {
            inspector.learn(*verifier.answer, now);
            verifier.answer.reset();
        }
    };
    const auto client = [&] {
        TcpFrame frame;
        frame.from("192.0.2.1", 40000).to("198.51.100.10", 9200).ack(server_next);
        return frame;
    };
    const auto server = [&] {
        TcpFrame frame;
        frame.from("198.51.100.10", 9200).to("192.0.2.1", 40000).seq(server_next).ack(acknowledged);
        return frame;
    };
    send(Side::outside, client().seq(1000).flags(tcp_flag::syn).window_scale(7).build());
    send(Side::inside, server().seq(5000).ack(1001).syn().window_scale(7).build());
    send(Side::outside, client().seq(1001).build());
    std::uint32_t next = 1001;
    for (int steps = 0; steps < 200 && !input.bytes.empty(); ++steps) {
        const std::uint8_t kind = input.u8();
        switch (kind % 8) {
            case 0: {  // the next segment of the client
                const auto payload = input.take(input.u8());
                send(Side::outside, client().seq(next).payload(std::as_bytes(payload)).build());
                next += static_cast<std::uint32_t>(payload.size());
                break;
            }
            case 1: {  // a segment elsewhere
                const auto offset = static_cast<std::int8_t>(input.u8());
                const auto payload = input.take(input.u8());
                send(Side::outside, client()
                                        .seq(next + static_cast<std::uint32_t>(offset))
                                        .payload(std::as_bytes(payload))
                                        .build());
                break;
            }
            case 2: {  // any flags
                const std::uint8_t flags = input.u8();
                send(Side::outside, client()
                                        .seq(next)
                                        .flags(flags)
                                        .payload(std::as_bytes(input.take(input.u8() % 64)))
                                        .build());
                break;
            }
            case 3: {  // the server answers
                acknowledged = next;
                const auto payload = input.take(input.u8());
                send(Side::inside, server().payload(std::as_bytes(payload)).build());
                server_next += static_cast<std::uint32_t>(payload.size());
                break;
            }
            case 4:
                send(Side::inside, server().flags(input.u8()).build());
                break;
            case 5: {  // a raw frame
                const auto raw_bytes = input.take(input.u8());
                const auto bytes = std::as_bytes(raw_bytes);
                send((kind & 8U) != 0 ? Side::inside : Side::outside, Bytes(bytes.begin(), bytes.end()));
                break;
            }
            case 6: {  // time passes, or another policy takes over
                const std::uint8_t seconds = input.u8();
                if (seconds >= 240 && active < policies_max && inspector.can_adopt()) {
                    const auto adoption = inspector.prepare(known[++active]);
                    inspector.adopt(*adoption);
                    verifier.answer.reset();
                    break;
                }
                now += std::uint64_t{seconds} * 1'000'000'000U;
                inspector.idle(now, out);
                account();
                break;
            }
            default: {  // the same tuple again
                send(Side::outside, client().seq(next = 1000 + input.u8()).flags(tcp_flag::syn).build());
                ++next;
                break;
            }
        }
    }
    const Counters& counters = inspector.counters();
    std::uint64_t accounted =
        counters.frames_held + counters.frames_forwarded[0] + counters.frames_forwarded[1];
    for (const std::uint64_t dropped : counters.frames_dropped) accounted += dropped;
    require(accounted == counters.frames_in[0] + counters.frames_in[1]);
    inspector.finish(now, out);
    account();
    require(live.empty());
    return 0;
}
