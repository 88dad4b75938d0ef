#pragma once
// The inspector's inside, spread over one file a subject:
//   inspector.cpp   the burst loop, transit, what leaves and what is counted
//   fragments.cpp   fragments put together, then judged as one frame
//   handshake.cpp   SYN, SYN-ACK, the third packet; connections without state
//   client.cpp      segments of the client: acceptance, the in-order gate, retransmissions
//   requests.cpp    the client's byte stream read as HTTP requests, and the verdict on each
//   server.cpp      segments of the server: acknowledgements, windows, answers
//   limits.cpp      the rules' limits, quarantines
//   cut.cpp         the end of a connection: ours (reset, 401, 403) and theirs
//   adopt.cpp       another policy takes over
//   report.cpp      events
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/flow/half_open.h"
#include "dataplane/flow/reassembly.h"
#include "dataplane/flow/table.h"
#include "dataplane/limits/limiter.h"
#include "dataplane/packet/decode.h"
#include "dataplane/pipeline/classify.h"
#include "dataplane/pipeline/inspector.h"
#include "dataplane/protocol/http/request_head.h"
#include "dataplane/stream/held.h"
#include "dataplane/stream/open_heads.h"
#include "dataplane/stream/retained.h"

namespace springlatch {

/// One frame on its way through the inspector.
struct Packet {
    Frame frame;
    DecodedFrame decoded;
    Classified what;
    FlowKey key;
    std::uint32_t hint = no_index;  ///< of the flow, for FlowTable::find()
    Verdict* verdict = nullptr;     ///< null for a frame of an earlier burst
    bool departed = false;          ///< left already, is only being read

    [[nodiscard]] bool has_key() const noexcept {
        return what.role == Role::to_service || what.role == Role::from_service;
    }
    [[nodiscard]] bool is_from_client() const noexcept { return what.role == Role::to_service; }
    [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (decoded.tcp_flags & flag) != 0; }
    [[nodiscard]] std::span<const std::byte> payload() const noexcept {
        return frame.bytes.subspan(decoded.payload_offset, decoded.payload_bytes);
    }
    /// Position behind the payload, a FIN not counted.
    [[nodiscard]] std::uint32_t end() const noexcept { return decoded.sequence + decoded.payload_bytes; }
};

/// What a judgement and its report need of a head that was read.
struct RequestView {
    const http::HeadState* head = nullptr;
    std::string_view path;   ///< as sent, without query
    std::string_view query;  ///< behind the `?`
    std::string_view user_agent;
    elasticsearch::Meaning meaning;
    std::uint16_t identity = no_identity;
};

class Inspector::Impl {
  public:
    Impl(std::shared_ptr<const CompiledPolicy> policy, EventSink& events, const InspectorOptions& options);

    void inspect(std::span<Frame> burst, Output& out) noexcept;
    void learn(const CheckAnswer& answer, std::uint64_t now_ns) noexcept {
        credentials_.learn(answer, now_ns);
    }
    void idle(std::uint64_t now_ns, Output& out) noexcept;
    void finish(std::uint64_t now_ns, Output& out) noexcept;
    [[nodiscard]] std::unique_ptr<Adoption> prepare(std::shared_ptr<const CompiledPolicy> next) const;
    [[nodiscard]] bool can_adopt() const noexcept { return former_left_ == 0; }
    void adopt(Adoption& adoption) noexcept;
    [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
    [[nodiscard]] std::size_t memory_bytes() const noexcept;

  private:
    /// How far new bytes of the client may go, and why not further.
    struct StreamResult {
        enum class Stop : std::uint8_t {
            none,   ///< all bytes may leave
            wait,   ///< what lies behind `allowed` is not acceptable yet
            cut,    ///< what lies behind `allowed` is denied
            retry,  ///< what lies behind `allowed` cannot be judged yet; TCP will send it again
        };
        Stop stop = Stop::none;
        std::uint32_t allowed = 0;  ///< bytes
        Reason reason = Reason::none;
        Action action = Action::reset;
        std::uint16_t rule = no_rule;
        bool to_head = false;  ///< the denied request was HEAD: a reply has no body
    };

    // inspector.cpp
    void set_time(std::uint64_t now_ns) noexcept;
    void prepare(Packet& packet) noexcept;
    /// Decodes, classifies and finds the key; nothing is counted.
    void identify(Packet& packet) noexcept;
    void fetch_records(Packet& packet) const noexcept;  ///< of its flow; gives it its hint
    void fetch_chained(Packet& packet) const noexcept;  ///< what hangs on them, or where else they may be
    void process(Packet& packet) noexcept;
    /// TLS may pass unread: the service says so, and some rule, not only a health check, lets the source in.
    [[nodiscard]] bool tls_allowed(std::uint32_t index) const noexcept;
    /// Whose mode it is that counts for this packet.
    void set_mode(const Packet& packet) noexcept;
    void resolve_direction(Packet& packet) noexcept;
    [[nodiscard]] bool checksum_good(const Packet& packet) const noexcept;
    void depart(Packet& packet, std::uint32_t bytes, bool keep) noexcept;
    void pass(Packet& packet) noexcept;
    void pass_shortened(Packet& packet, std::uint32_t payload_bytes, Reason reason) noexcept;
    void drop(Packet& packet, Reason reason) noexcept;
    /// Drops in enforce mode; in observe mode counts and passes.
    void refuse(Packet& packet, Reason reason) noexcept;
    /// Keeps the frame until earlier bytes have come; in observe mode, and towards the client, it leaves at
    /// once and is only kept for reading.
    void hold(Packet& packet, std::uint32_t index, bool leaves_now) noexcept;
    void sweep() noexcept;

    // fragments.cpp
    void reassemble(Packet& packet) noexcept;
    void judge_whole(Packet& packet, const Reassembler::Result& result) noexcept;
    void lose_fragments(const LostFragments& lost) noexcept;
    void sweep_fragments() noexcept;

    // handshake.cpp
    void syn_from_client(Packet& packet) noexcept;
    /// False: the SYN is refused, the packet is done with.
    [[nodiscard]] bool let_in(Packet& packet, Reason reason, const Decision& decision) noexcept;
    void syn_ack_from_server(Packet& packet) noexcept;
    void client_without_flow(Packet& packet) noexcept;
    void server_without_flow(Packet& packet) noexcept;
    void midstream(Packet& packet) noexcept;
    [[nodiscard]] std::uint32_t establish(Packet& packet, HalfOpen& handshake) noexcept;
    [[nodiscard]] std::uint32_t new_flow(const FlowKey& key) noexcept;
    [[nodiscard]] bool repeats_own(const DecodedFrame& decoded, std::uint32_t index) const noexcept;
    [[nodiscard]] bool may_begin_anew(const DecodedFrame& decoded, std::uint32_t index) const noexcept;
    void doubt(Packet& packet, std::uint32_t index) noexcept;
    [[nodiscard]] bool completes(const Packet& packet, const HalfOpen& handshake) const noexcept;

    // client.cpp
    void from_client(Packet& packet) noexcept;
    void open_client(Packet& packet, std::uint32_t index) noexcept;
    void cut_client(Packet& packet, std::uint32_t index) noexcept;
    void closed_client(Packet& packet, std::uint32_t index) noexcept;
    void client_data(Packet& packet, std::uint32_t index) noexcept;
    void client_in_order(Packet& packet, std::uint32_t index) noexcept;
    void client_fin(std::uint32_t index, std::uint32_t position) noexcept;
    void opaque_client(Packet& packet, std::uint32_t index) noexcept;
    void extend_gate(std::uint32_t index, std::uint32_t towards) noexcept;
    /// Works off held segments whose turn has come.
    void drain(std::uint32_t index) noexcept;

    // requests.cpp
    [[nodiscard]] StreamResult read_client(Packet& packet, std::uint32_t index,
                                           std::span<const std::byte> bytes, std::uint32_t sequence,
                                           bool fin) noexcept;
    [[nodiscard]] StreamResult read_head(Packet& packet, std::uint32_t index,
                                         std::span<const std::byte> bytes, std::uint32_t sequence,
                                         bool fin) noexcept;
    [[nodiscard]] Decision decide(const Packet& packet, std::uint32_t index, RequestView& request,
                                  std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] StreamResult judge(Packet& packet, std::uint32_t index, const http::HeadState& head,
                                     std::span<const std::byte> bytes,
                                     const http::HeadResult& result) noexcept;
    [[nodiscard]] StreamResult refuse_head(Packet& packet, std::uint32_t index, const http::HeadState& head,
                                           std::span<const std::byte> bytes, http::HeadFault fault) noexcept;
    void report_pipelined(const Packet& packet, std::uint32_t index,
                          std::span<const std::byte> rest) noexcept;
    void begin_body(std::uint32_t index) noexcept;
    void end_body(std::uint32_t index) noexcept;
    void end_message(std::uint32_t index) noexcept;
    [[nodiscard]] bool must_wait(std::uint32_t index) const noexcept;
    void close_head(std::uint32_t index) noexcept;

    // server.cpp
    void from_server(Packet& packet) noexcept;
    void open_server(Packet& packet, std::uint32_t index) noexcept;
    void read_server(Packet& packet, std::uint32_t index) noexcept;
    void read_answers(const Packet& packet, std::uint32_t index, std::span<const std::byte> bytes) noexcept;
    void answered(const Packet* packet, std::uint32_t index, bool complete) noexcept;
    void server_fin_read(const Packet& packet, std::uint32_t index) noexcept;

    // limits.cpp
    [[nodiscard]] bool is_shut_out(const Packet& packet, std::uint32_t index,
                                   Decision& decision) const noexcept;
    void count_failure(const Packet& packet, std::uint16_t rule, Decision& decision) noexcept;
    void hold_to_limits(const Packet& packet, std::uint32_t index, const RequestView& request,
                        Decision& decision) noexcept;
    void begin_charging(const Packet& packet, std::uint32_t index, const RequestView& request,
                        std::uint16_t rule) noexcept;
    void charge_answer(std::uint32_t index, bool ends) noexcept;

    // cut.cpp
    struct Cut {
        Reason reason = Reason::none;
        Action action = Action::reset;
        bool to_head = false;
    };
    void cut(Packet& packet, std::uint32_t index, const Cut& why) noexcept;
    /// A segment that the flow cannot live with: cut in enforce mode, reported and forwarded unread from now
    /// on in observe mode.
    void violate(Packet& packet, std::uint32_t index, Reason reason) noexcept;
    /// Observe mode: reports what would have ended the connection; its stream is not judged any more.
    void lose(const Packet& packet, std::uint32_t index, Reason reason) noexcept;
    void close(const Packet* packet, std::uint32_t index) noexcept;
    void closed_if_done(const Packet& packet, std::uint32_t index) noexcept;
    void release_resources(std::uint32_t index) noexcept;
    void forget(std::uint32_t index) noexcept;
    void unanswered(const Packet* packet, std::uint32_t index) noexcept;
    struct Made {
        bool to_server = false;
        std::uint32_t sequence = 0;
        std::uint32_t acknowledgement = 0;
        std::uint8_t flags = 0;
        std::string_view payload = {};
    };
    void make(const Packet& model, const Made& made) noexcept;
    [[nodiscard]] bool may_send_reset(std::uint32_t index) noexcept;

    // adopt.cpp
    [[nodiscard]] bool is_current(std::uint32_t index) const noexcept {
        return (table_.hot(index).flags & flow_flag::policy_mark) == mark_;
    }
    /// Looks again, under the policy in force, who talks to what here. False: the connection was cut, and the
    /// packet is done with.
    [[nodiscard]] bool look_again(Packet& packet, std::uint32_t index) noexcept;
    /// False: as look_again(); of a connection in which nothing was judged yet.
    [[nodiscard]] bool source_allowed(Packet& packet, std::uint32_t index) noexcept;
    /// Whether the policy it was looked up under only observed it.
    [[nodiscard]] bool was_observed(std::uint32_t index) const noexcept;
    /// Whether the stream was read so far as the policy in force would read it.
    [[nodiscard]] bool was_read_alike(std::uint32_t index) const noexcept;
    void sweep_former() noexcept;
    void abandon(std::uint32_t index, Reason reason) noexcept;

    // report.cpp
    [[nodiscard]] EventRecord record(EventKind kind, const Packet* packet,
                                     std::uint32_t index) const noexcept;
    void emit(EventRecord& event, std::string_view path, std::string_view query,
              std::string_view user_agent) noexcept;
    void report_connection(const Packet& packet, std::uint32_t index, EventAction action, Reason reason,
                           std::uint16_t rule) noexcept;
    [[nodiscard]] RequestView view_of(const http::HeadState& head,
                                      std::span<const std::byte> bytes) const noexcept;
    /// `number`: of the request on its connection, from 1; a denied one has the number it would have had.
    void report_request(const Packet& packet, std::uint32_t index, const RequestView& request,
                        EventAction action, Reason reason, std::uint16_t rule, std::uint64_t request_bytes,
                        std::uint16_t number) noexcept;

    [[nodiscard]] FlowHot& hot(std::uint32_t index) noexcept { return table_.hot(index); }
    [[nodiscard]] FlowCold& cold(std::uint32_t index) noexcept { return table_.cold(index); }
    [[nodiscard]] bool observes(std::uint16_t service) const noexcept {
        return policy_->mode_of(service) == Mode::observe;
    }
    [[nodiscard]] std::uint32_t policy_idle_seconds() const noexcept {
        return policy_->limits().idle_seconds;
    }

    std::shared_ptr<const CompiledPolicy> policy_;
    EventSink& events_;
    InspectorOptions options_;
    bool observing_;  ///< the packet at hand is only observed
    FlowTable table_;
    HalfOpenCache half_open_;
    HeldPool held_;
    RetainedPool retained_;
    OpenHeads heads_;
    CredentialCache credentials_;
    Limiter limits_;
    HitCounter hits_;
    /// Whose answer is on its way to whom, and how much of it was charged.
    struct Given {
        IpAddress source;
        std::uint64_t charged = 0;  ///< bytes
        std::uint32_t generation = 0;
        std::uint16_t rule = no_rule;  ///< no_rule: nothing is charged
        std::uint16_t identity = no_identity;
    };
    std::vector<Given> given_;  ///< [flow]; empty where no rule limits bytes
    PatternScratch patterns_;
    std::unique_ptr<Reassembler> reassembler_;  ///< null where the policy refuses fragments
    Counters counters_;
    std::vector<Packet> packets_;
    Output* out_ = nullptr;
    std::uint64_t now_ns_ = 0;
    std::uint32_t now_seconds_ = 0;
    std::uint32_t sweep_at_ = 0;
    std::uint32_t sweep_left_ = 0;
    std::uint32_t former_left_ = 0;  ///< records that may still bear the mark of the policy before
    std::uint16_t mark_ = flow_flag::policy_mark_step;  ///< flow_flag::policy_mark of the policy in force
    std::uint16_t former_mark_ = 0;                     ///< of the policy before
    std::vector<Adoption::Observed> former_observed_;   ///< [service of the policy before]
    bool unseen_observed_ = false;  ///< of connections unseen since an earlier policy, some were observed
    std::uint16_t incarnation_ = 0;
};

}  // namespace springlatch
