#include "control/explain/trial.h"

#include <algorithm>
#include <array>
#include <deque>
#include <span>

#include "dataplane/packet/build.h"

namespace springlatch::control {
namespace {

constexpr std::size_t segment_bytes = 1400;
constexpr std::uint64_t step_ns = 1'000'000;  // between frames
constexpr std::uint16_t window = 65535;
constexpr std::size_t ethernet_bytes = 14;

class EventLog final : public EventSink {
  public:
    bool emit(EventRecord& record, std::string_view path, std::string_view query,
              std::string_view user_agent) noexcept override {
        if (record.kind == EventKind::request || record.kind == EventKind::connection) {
            record.sequence = events.size() + 1;
            events.push_back({record, std::string(path), std::string(query), std::string(user_agent)});
        }
        return true;
    }
    std::vector<WholeEvent> events;
};

[[nodiscard]] std::array<std::byte, ethernet_bytes> link_header(bool v4) {
    std::array<std::byte, ethernet_bytes> header{};
    header[0] = header[6] = std::byte{2};  // locally administered
    header[5] = std::byte{1};
    header[11] = std::byte{2};
    header[12] = std::byte{v4 ? std::uint8_t{0x08} : std::uint8_t{0x86}};
    header[13] = std::byte{v4 ? std::uint8_t{0x00} : std::uint8_t{0xdd}};
    return header;
}

class Exchange {
  public:
    Exchange(const std::shared_ptr<const CompiledPolicy>& policy, CredentialVerifier& verifier,
             const Ends& ends, std::uint64_t time_ns)
        : ends_(ends),
          time_ns_(time_ns),
          link_(link_header(ends.client.is_v4())),
          inspector_(policy, log_, {.secret = {}, .credential_key = {}, .verifier = &verifier}),
          output_(policy->frames_kept_max()) {}

    Outcome run(std::string_view bytes) {
        if (connect()) {
            outcome_.connected = true;
            while (!bytes.empty() && !outcome_.client_reset && outcome_.reply.empty()) {
                const std::string_view part = bytes.substr(0, segment_bytes);
                bytes.remove_prefix(part.size());
                from_client(tcp_flag::ack | tcp_flag::psh, part);
            }
        }
        output_.clear();
        inspector_.finish(time_ns_, output_);
        outcome_.events = std::move(log_.events);
        return std::move(outcome_);
    }

  private:
    bool connect() {
        from_client(tcp_flag::syn, {});
        if (!outcome_.reached_server) {
            return false;
        }
        from_server(tcp_flag::syn | tcp_flag::ack);
        from_client(tcp_flag::ack, {});
        return !outcome_.client_reset;
    }

    void from_client(int flags, std::string_view payload) {
        const SegmentSpec spec{.link_header = link_,
                               .source = ends_.client,
                               .destination = ends_.server,
                               .source_port = ends_.client_port,
                               .destination_port = ends_.server_port,
                               .sequence = client_next_,
                               .acknowledgement = (flags & tcp_flag::ack) != 0 ? server_next_ : 0,
                               .flags = static_cast<std::uint8_t>(flags),
                               .window = window,
                               .payload = std::as_bytes(std::span(payload))};
        outcome_.verdict = inspect(Side::outside, spec);
        client_next_ += static_cast<std::uint32_t>(payload.size()) + ((flags & tcp_flag::syn) != 0 ? 1U : 0U);
    }

    void from_server(int flags) {
        const SegmentSpec spec{.link_header = link_,
                               .swap_link_addresses = true,
                               .source = ends_.server,
                               .destination = ends_.client,
                               .source_port = ends_.server_port,
                               .destination_port = ends_.client_port,
                               .sequence = server_next_,
                               .acknowledgement = client_next_,
                               .flags = static_cast<std::uint8_t>(flags),
                               .window = window,
                               .payload = {}};
        (void)inspect(Side::inside, spec);
        server_next_ += (flags & tcp_flag::syn) != 0 ? 1U : 0U;
    }

    Verdict inspect(Side side, const SegmentSpec& spec) {
        std::vector<std::byte>& bytes = frames_.emplace_back(segment_header_bytes_max + spec.payload.size());
        bytes.resize(build_segment(spec, bytes));
        std::array<Frame, 1> burst{
            Frame{.bytes = bytes, .time_ns = time_ns_, .handle = &bytes, .arrived = side}};
        time_ns_ += step_ns;
        output_.clear();
        inspector_.inspect(burst, output_);
        for (const Departure& departure : output_.departures) {
            take(departure);
        }
        return output_.verdicts[0];
    }

    void take(const Departure& departure) {
        DecodedFrame decoded;
        if (decode(departure.bytes, VerifyTcpChecksum::no, decoded) != DecodeOutcome::tcp) {
            return;
        }
        const bool made = departure.handle == nullptr;
        const bool reset = (decoded.tcp_flags & tcp_flag::rst) != 0;
        const auto payload = departure.bytes.subspan(decoded.payload_offset, decoded.payload_bytes);
        const std::string_view text{reinterpret_cast<const char*>(payload.data()), payload.size()};
        if (departure.out == Side::inside) {
            outcome_.reached_server |= (decoded.tcp_flags & tcp_flag::syn) != 0;
            outcome_.server_reset |= made && reset;
            outcome_.to_server += text;
        } else {
            outcome_.client_reset |= made && reset;
            outcome_.reply += made ? text : std::string_view{};
        }
    }

    Ends ends_;
    std::uint64_t time_ns_;
    std::array<std::byte, ethernet_bytes> link_;
    std::uint32_t client_next_ = 1000;
    std::uint32_t server_next_ = 5000;
    Outcome outcome_;
    std::deque<std::vector<std::byte>> frames_;  // the inspector may keep them to its end
    EventLog log_;
    Inspector inspector_;
    Output output_;
};

}  // namespace

Outcome run_trial(const std::shared_ptr<const CompiledPolicy>& policy, CredentialVerifier& verifier,
                  const Ends& ends, std::string_view bytes, std::uint64_t time_ns) {
    return Exchange(policy, verifier, ends, time_ns).run(bytes);
}

}  // namespace springlatch::control
