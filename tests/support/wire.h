#pragma once
// The appliance on a bench: an inspector between a client and a server that a test plays by hand.
//
// Overview
//   Wire wire(policy);                      the inspector, its output copied frame by frame, its events kept
//   Connection c(wire); c.open();           the handshake
//   c.client("GET / HTTP/1.1\r\n…");        one segment of the client; c.server(…) one of the server
//   wire.to_server(), wire.to_client()      what left, in order, since the last look
//   c.server_stream()                       payload bytes that reached the server, reassembled (first copy
//   wins)
// Every frame that leaves is checked on the way: lengths and both checksums are right, and each handle comes
// back once.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/flow/sequence.h"
#include "dataplane/packet/decode.h"
#include "dataplane/pipeline/inspector.h"
#include "dataplane/policy/change.h"
#include "tests/support/frames.h"
#include "tests/support/policy_parts.h"

namespace springlatch::test {

struct SeenEvent {
    EventRecord record;
    std::string path, query, user_agent;
    [[nodiscard]] std::string reason() const { return std::string{name_of(record.reason)}; }
};

class EventLog final : public EventSink {
  public:
    bool emit(EventRecord& record, std::string_view path, std::string_view query,
              std::string_view user_agent) noexcept override {
        if (!keep) {
            return true;
        }
        record.sequence = ++sequence;
        events.push_back({record, std::string{path}, std::string{query}, std::string{user_agent}});
        return true;
    }
    [[nodiscard]] std::vector<SeenEvent> of(EventKind kind) const {
        std::vector<SeenEvent> found;
        for (const SeenEvent& event : events) {
            if (event.record.kind == kind) found.push_back(event);
        }
        return found;
    }
    /// "allowed", "denied:no_credentials", … of every request and connection event, in order.
    [[nodiscard]] std::vector<std::string> verdicts() const {
        std::vector<std::string> list;
        for (const SeenEvent& event : events) {
            if (event.record.kind != EventKind::request && event.record.kind != EventKind::connection)
                continue;
            switch (event.record.action) {
                case EventAction::allowed:
                    list.emplace_back("allowed");
                    break;
                case EventAction::denied:
                    list.push_back("denied:" + event.reason());
                    break;
                case EventAction::would_deny:
                    list.push_back("would_deny:" + event.reason());
                    break;
            }
        }
        return list;
    }
    std::vector<SeenEvent> events;
    std::uint64_t sequence = 0;
    bool keep = true;
};

struct Left {
    Side side;
    bool made;
    Bytes bytes;
    DecodedFrame tcp;
    DecodeOutcome outcome;
    [[nodiscard]] std::string payload() const {
        return to_text(std::span{bytes}.subspan(tcp.payload_offset, tcp.payload_bytes));
    }
    [[nodiscard]] bool has(std::uint8_t flag) const { return (tcp.tcp_flags & flag) != 0; }
};

class Wire {
  public:
    explicit Wire(CompiledPolicy::Parts parts = PolicyParts{}, InspectorOptions options = {})
        : policy_(std::make_shared<const CompiledPolicy>(std::move(parts))),
          inspector_(policy_, log, options),
          output_(policy_->frames_kept_max()) {}

    ~Wire() {
        output_.clear();
        inspector_.finish(now_ns, output_);
        collect();
        EXPECT_TRUE(live_.empty()) << live_.size() << " frames were never given back";
        for (Box* box : live_) delete box;
    }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    /// One frame; returns the verdict on it.
    Verdict send(Side from, const Bytes& frame) {
        auto* box = new Box{frame};
        box->bytes.resize(std::max(frame.size(), room));
        live_.insert(box);
        std::array<Frame, 1> burst{Frame{.bytes = {box->bytes.data(), frame.size()},
                                         .time_ns = now_ns,
                                         .handle = box,
                                         .arrived = from,
                                         .room = static_cast<std::uint32_t>(box->bytes.size())}};
        now_ns += 1000;
        output_.clear();
        if (around_inspect) around_inspect(true);
        inspector_.inspect(burst, output_);
        if (around_inspect) around_inspect(false);
        collect();
        return output_.verdicts[0];
    }

    [[nodiscard]] std::vector<Left> take(Side side) {
        std::vector<Left> taken;
        std::deque<Left> rest;
        for (Left& left : left_) {
            if (left.side == side) {
                taken.push_back(std::move(left));
            } else {
                rest.push_back(std::move(left));
            }
        }
        left_ = std::move(rest);
        return taken;
    }
    [[nodiscard]] std::vector<Left> to_server() { return take(Side::inside); }
    [[nodiscard]] std::vector<Left> to_client() { return take(Side::outside); }

    void advance_seconds(std::uint64_t seconds) { now_ns += seconds * 1'000'000'000U; }
    /// Another policy from here on, as soon as the inspector can.
    void adopt(CompiledPolicy::Parts parts) {
        parts.generation = policy_->generation() + 1;
        const auto next = std::make_shared<const CompiledPolicy>(std::move(parts));
        EXPECT_TRUE(needs_restart(*policy_, *next).empty());
        const auto adoption = inspector_.prepare(next);
        for (int bursts = 0; !inspector_.can_adopt() && bursts < 100'000; ++bursts) idle();
        ASSERT_TRUE(inspector_.can_adopt());
        if (around_inspect) around_inspect(true);
        inspector_.adopt(*adoption);
        if (around_inspect) around_inspect(false);
        policy_ = next;
    }
    void learn(const CheckAnswer& answer) { inspector_.learn(answer, now_ns); }
    void idle() {
        output_.clear();
        inspector_.idle(now_ns, output_);
        collect();
    }
    [[nodiscard]] const Counters& counters() const { return inspector_.counters(); }
    [[nodiscard]] std::uint64_t dropped(Reason reason) const {
        return counters().frames_dropped[static_cast<std::size_t>(reason)];
    }

    [[nodiscard]] std::size_t memory_bytes() const { return inspector_.memory_bytes(); }

    EventLog log;
    std::uint64_t now_ns = 1'700'000'000'000'000'000U;
    /// Called before (true) and after (false) the inspector works on a frame.
    std::function<void(bool)> around_inspect;
    std::size_t room = 0;  ///< of each frame, if it is more than its bytes need
    /// Called with every frame that leaves, before it is put away.
    std::function<void(const Left&)> on_leave;

  private:
    struct Box {
        Bytes bytes;
    };
    void collect() {
        for (const Departure& departure : output_.departures) {
            Left left{departure.out,
                      departure.handle == nullptr,
                      Bytes(departure.bytes.begin(), departure.bytes.end()),
                      {},
                      DecodeOutcome::non_ip};
            left.outcome = decode(left.bytes, VerifyTcpChecksum::yes, left.tcp);
            if (left.made) {
                EXPECT_EQ(left.outcome, DecodeOutcome::tcp) << "a made frame is not a right TCP segment";
            }
            if (on_leave) on_leave(left);
            left_.push_back(std::move(left));
            if (departure.handle != nullptr && !departure.keep) {
                EXPECT_EQ(live_.erase(static_cast<Box*>(departure.handle)), 1U) << "a handle left twice";
                delete static_cast<Box*>(departure.handle);
            }
        }
        for (const FrameHandle handle : output_.freed) {
            EXPECT_EQ(live_.erase(static_cast<Box*>(handle)), 1U) << "a handle was freed twice";
            delete static_cast<Box*>(handle);
        }
    }

    std::shared_ptr<const CompiledPolicy> policy_;
    Inspector inspector_;
    Output output_;
    std::set<Box*> live_;
    std::deque<Left> left_;
};

/// One TCP connection whose two ends a test plays.
class Connection {
  public:
    explicit Connection(Wire& wire, std::string client = "192.0.2.1", std::uint16_t client_port = 40000,
                        std::string server = "198.51.100.10", std::uint16_t server_port = 9200)
        : wire_(wire),
          client_(std::move(client)),
          client_port_(client_port),
          server_(std::move(server)),
          server_port_(server_port) {}

    [[nodiscard]] TcpFrame client_frame() const {
        TcpFrame frame;
        frame.from(client_, client_port_).to(server_, server_port_).seq(client_next).ack(server_next);
        return frame;
    }
    [[nodiscard]] TcpFrame server_frame() const {
        TcpFrame frame;
        frame.from(server_, server_port_).to(client_, client_port_).seq(server_next).ack(client_acked);
        return frame;
    }
    Verdict outside(const TcpFrame& frame) { return wire_.send(Side::outside, frame.build()); }
    Verdict inside(const TcpFrame& frame) { return wire_.send(Side::inside, frame.build()); }

    /// SYN, SYN-ACK, ACK; the frames that left are thrown away.
    void open() {
        TcpFrame syn;
        outside(syn.from(client_, client_port_)
                    .to(server_, server_port_)
                    .seq(client_next)
                    .syn()
                    .mss(1460)
                    .window_scale(7));
        ++client_next;
        client_acked = client_next;
        TcpFrame syn_ack;
        inside(syn_ack.from(server_, server_port_)
                   .to(client_, client_port_)
                   .seq(server_next)
                   .ack(client_next)
                   .syn()
                   .mss(1460)
                   .window_scale(7));
        ++server_next;
        outside(client_frame());
        (void)wire_.to_server();
        (void)wire_.to_client();
        base = client_next;
    }
    /// The next segment of the client's stream, at once.
    Verdict client(std::string_view text, int flags = 0) {
        const Verdict verdict = outside(client_frame().payload(text).add_flags(flags));
        client_next += static_cast<std::uint32_t>(text.size()) + ((flags & tcp_flag::fin) != 0 ? 1U : 0U);
        return verdict;
    }
    /// A segment of the client at an offset from the stream's first byte; the connection's own position is
    /// left alone.
    Verdict client_at(std::uint32_t offset, std::string_view text) {
        return outside(client_frame().seq(base + offset).payload(text));
    }
    /// The next segment of the server's stream; it acknowledges everything the client has sent so far.
    Verdict server(std::string_view text, int flags = 0) {
        client_acked = client_next;
        const Verdict verdict = inside(server_frame().payload(text).add_flags(flags));
        server_next += static_cast<std::uint32_t>(text.size()) + ((flags & tcp_flag::fin) != 0 ? 1U : 0U);
        return verdict;
    }
    void server_acks() { (void)server(""); }

    std::uint32_t client_next = 1000;
    std::uint32_t server_next = 5000;
    std::uint32_t client_acked = 0;
    std::uint32_t base = 0;

  private:
    Wire& wire_;
    std::string client_;
    std::uint16_t client_port_;
    std::string server_;
    std::uint16_t server_port_;
};

/// The bytes that a list of segments delivers to a receiver whose stream starts at `base`: each position has
/// the value that came first. A position that comes again with another value is a failure: then reassembly
/// would depend on the receiver.
[[nodiscard]] inline std::string stream_of(const std::vector<Left>& segments, std::uint32_t base) {
    std::map<std::uint32_t, char> positions;
    for (const Left& segment : segments) {
        if (segment.outcome != DecodeOutcome::tcp || segment.has(tcp_flag::syn)) continue;
        const std::string payload = segment.payload();
        for (std::size_t i = 0; i < payload.size(); ++i) {
            const auto [place, fresh] =
                positions.emplace(segment.tcp.sequence - base + static_cast<std::uint32_t>(i), payload[i]);
            if (!fresh) {
                EXPECT_EQ(place->second, payload[i])
                    << "position " << place->first << " left with two values";
            }
        }
    }
    std::string stream;
    for (const auto& [position, value] : positions) {
        if (position != stream.size()) break;
        stream += value;
    }
    return stream;
}

inline const std::string with_credentials =
    "GET /support-cases/_search HTTP/1.1\r\nHost: db\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n";
inline const std::string without_credentials =
    "GET /support-cases/_search HTTP/1.1\r\nHost: db\r\nUser-Agent: stranger\r\n\r\n";
inline const std::string ok_response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace springlatch::test
