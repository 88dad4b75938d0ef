// The client's byte stream read as HTTP requests, and the verdict on each.
//
// A request cannot run before the last byte of its head arrives, so bytes are forwarded as they come and only
// the segment that would complete a head is judged. Whatever could be read in two ways ends the connection at
// its first byte.
#include <algorithm>

#include "dataplane/flow/sequence.h"
#include "dataplane/pipeline/impl.h"
#include "dataplane/protocol/http/request_body.h"

namespace springlatch {
namespace {

/// Runs of body shorter than this are kept with the framing around them: blocks are filled better than by
/// many small pieces.
constexpr std::size_t kept_run_bytes_max = 256;
/// Of requests behind a denied one in the same segment, this many are reported.
constexpr int pipelined_reports_max = 64;

[[nodiscard]] Reason reason_of(http::HeadFault fault, bool first_bytes) noexcept {
    switch (fault) {
        case http::HeadFault::not_http:
            return first_bytes ? Reason::not_http : Reason::malformed_http;
        case http::HeadFault::tls:
            return first_bytes ? Reason::tls_not_allowed : Reason::malformed_http;
        case http::HeadFault::framing:
            return Reason::ambiguous_framing;
        case http::HeadFault::target:
            return Reason::ambiguous_target;
        case http::HeadFault::method:
            return Reason::method_not_allowed;
        case http::HeadFault::upgrade:
            return Reason::upgrade_not_allowed;
        case http::HeadFault::expectation:
            return Reason::expectation_not_allowed;
        case http::HeadFault::head_too_large:
            return Reason::head_too_large;
        case http::HeadFault::body_too_large:
            return Reason::body_too_large;
        case http::HeadFault::encoded_body:
            return Reason::encoded_body;
        case http::HeadFault::none:
        case http::HeadFault::malformed:
        case http::HeadFault::version:
        case http::HeadFault::host:
            break;
    }
    return Reason::malformed_http;
}

/// No request begins so, but a TLS record or an SSLv2 hello may.
[[nodiscard]] bool may_become_tls(std::byte first) noexcept {
    return first == std::byte{0x16} || first >= std::byte{0x80};
}

[[nodiscard]] bool has_body(const http::HeadState& head) noexcept {
    return head.framing == http::BodyFraming::chunked ||
           (head.framing == http::BodyFraming::length && head.content_length > 0);
}

}  // namespace

/// A request without credentials must have its answer before anything follows it, and the answers that are
/// outstanding are bounded.
bool Inspector::Impl::must_wait(std::uint32_t index) const noexcept {
    const FlowCold& state = table_.cold(index);
    if (state.phase == RequestPhase::await_100) {
        return true;
    }
    return state.phase == RequestPhase::head && state.head == no_index && !observing_ &&
           (state.in_flight >= policy_->limits().requests_in_flight ||
            (state.in_flight > 0 && (table_.hot(index).flags & flow_flag::awaits_answer) != 0));
}

Inspector::Impl::StreamResult Inspector::Impl::read_client(Packet& packet, std::uint32_t index,
                                                           std::span<const std::byte> bytes,
                                                           std::uint32_t sequence, bool fin) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    if (!retained_.has_room(bytes.size(), bytes.size() / kept_run_bytes_max + 4)) {
        if (observing_) {
            lose(packet, index, Reason::out_of_resources);
            return {};
        }
        return {.stop = StreamResult::Stop::retry, .reason = Reason::out_of_resources};
    }
    const auto refuse_rest = [&](std::size_t at, Reason reason) -> StreamResult {
        if (observing_) {
            lose(packet, index, reason);
            return {};
        }
        report_connection(packet, index, EventAction::denied, reason, no_rule);
        return {.stop = StreamResult::Stop::cut,
                .allowed = static_cast<std::uint32_t>(at),
                .reason = reason,
                .action = policy_->default_action()};
    };
    std::size_t at = 0;
    while (at < bytes.size()) {
        const auto rest = bytes.subspan(at);
        const std::uint32_t position = sequence + static_cast<std::uint32_t>(at);
        switch (state.phase) {
            case RequestPhase::head: {
                if (must_wait(index)) {
                    if ((flow.flags & flow_flag::responses_lost) != 0) {
                        return refuse_rest(at, Reason::too_many_in_flight);
                    }
                    return {.stop = StreamResult::Stop::wait, .allowed = static_cast<std::uint32_t>(at)};
                }
                StreamResult result = read_head(packet, index, rest, position, fin);
                if (result.stop != StreamResult::Stop::none) {
                    result.allowed = static_cast<std::uint32_t>(at);
                    return result;
                }
                at += result.allowed;
                break;
            }
            case RequestPhase::head_lf:
            case RequestPhase::chunks_lf:
                if (rest.front() != std::byte{'\n'}) {
                    return refuse_rest(at, Reason::malformed_http);
                }
                retained_.keep(state.retained, position, rest.first(1));
                ++at;
                if (state.phase == RequestPhase::head_lf) {
                    begin_body(index);
                } else {
                    end_message(index);
                }
                break;
            case RequestPhase::body: {
                const auto run =
                    static_cast<std::size_t>(std::min<std::uint64_t>(state.body_left, rest.size()));
                if (run < kept_run_bytes_max) {
                    retained_.keep(state.retained, position, rest.first(run));
                }
                at += run;
                state.body_left -= run;
                if (state.body_left == 0) {
                    end_body(index);
                }
                break;
            }
            case RequestPhase::chunks: {
                http::ChunkState chunk{.left = state.body_left,
                                       .phase = static_cast<http::ChunkPhase>(state.chunk_phase),
                                       .digits = state.chunk_digits};
                const http::ChunkResult result = http::advance_chunks(chunk, rest, policy_->limits().head);
                if (result.status == http::ChunkStatus::refused) {
                    return refuse_rest(at, reason_of(result.fault, false));
                }
                retained_.keep(state.retained, position, rest.first(result.bytes));
                at += result.bytes;
                state.body_left = chunk.left;
                state.chunk_phase = static_cast<std::uint8_t>(chunk.phase);
                state.chunk_digits = chunk.digits;
                if (result.status == http::ChunkStatus::data) {
                    state.phase = RequestPhase::body;
                } else if (result.status == http::ChunkStatus::complete) {
                    if (result.lf_pending) {
                        state.phase = RequestPhase::chunks_lf;
                    } else {
                        end_message(index);
                    }
                }
                break;
            }
            case RequestPhase::await_100:
                if (!observing_) {
                    return {.stop = StreamResult::Stop::wait, .allowed = static_cast<std::uint32_t>(at)};
                }
                begin_body(index);
                break;
            case RequestPhase::refused_100:
                return refuse_rest(at, Reason::expectation_not_allowed);
            case RequestPhase::last_seen:
                return refuse_rest(at, Reason::ambiguous_framing);
            case RequestPhase::opaque:
            case RequestPhase::lost:
                flow.client_gate = sequence + static_cast<std::uint32_t>(bytes.size());
                return {};
        }
        if (state.phase == RequestPhase::lost) {
            return {};
        }
        flow.client_gate = sequence + static_cast<std::uint32_t>(at);
    }
    if (fin && state.head != no_index) {
        // Some servers run a request whose head is ended by a FIN, so it is judged as an end, and no such
        // head is a complete one.
        return refuse_rest(0, Reason::malformed_http);
    }
    extend_gate(index, sequence + static_cast<std::uint32_t>(bytes.size()));
    return {};
}

/// `allowed` of a result without stop: bytes of `bytes` that belong to this head.
Inspector::Impl::StreamResult Inspector::Impl::read_head(Packet& packet, std::uint32_t index,
                                                         std::span<const std::byte> bytes,
                                                         std::uint32_t sequence, bool fin) noexcept {
    FlowCold& state = cold(index);
    http::HeadState fresh;
    http::HeadState* head = &fresh;
    std::span<const std::byte> whole = bytes;
    std::size_t before = 0;
    std::uint32_t appended = static_cast<std::uint32_t>(bytes.size());
    http::HeadState earlier;
    if (state.head != no_index) {
        earlier = heads_.state(state.head);
        before = heads_.bytes(state.head).size();
        appended = heads_.append(state.head, bytes);
        whole = heads_.bytes(state.head);
        head = &heads_.state(state.head);
    }
    const http::HeadResult result = http::advance_head(*head, whole, policy_->limits().head);
    switch (result.status) {
        case http::HeadStatus::refused:
            return refuse_head(packet, index, *head, whole, result.fault);
        case http::HeadStatus::need_more:
            if (fin) {
                return refuse_head(packet, index, *head, whole, http::HeadFault::malformed);
            }
            if (appended < bytes.size()) {
                return refuse_head(packet, index, *head, whole, http::HeadFault::head_too_large);
            }
            if (may_become_tls(whole.front()) && !tls_allowed(index)) {
                return refuse_head(packet, index, *head, whole, http::HeadFault::tls);
            }
            if (state.head == no_index) {
                std::uint32_t open = heads_.open(index);
                if (open == no_index) {
                    const std::uint32_t slowest = heads_.oldest_flow();
                    release_resources(slowest);
                    if (observes(hot(slowest).service)) {  // what belongs to it must still leave, so it is
                                                           // only not followed any more
                        cold(slowest).phase = RequestPhase::lost;
                        hot(slowest).flags |= flow_flag::responses_lost;
                        ++counters_.frames_would_drop[static_cast<std::size_t>(Reason::out_of_resources)];
                    } else {
                        hot(slowest).state = FlowState::cut;
                        ++counters_.connections_refused[static_cast<std::size_t>(Reason::out_of_resources)];
                    }
                    open = heads_.open(index);
                }
                (void)heads_.append(open, bytes);
                heads_.state(open) = fresh;
                state.head = open;
            }
            retained_.keep(state.retained, sequence, bytes);
            return {.allowed = static_cast<std::uint32_t>(bytes.size())};
        case http::HeadStatus::complete:
            break;
    }
    StreamResult verdict = judge(packet, index, *head, whole, result);
    if (verdict.stop != StreamResult::Stop::none) {
        if (verdict.stop == StreamResult::Stop::retry && state.head != no_index) {
            heads_.take_back(state.head, static_cast<std::uint32_t>(before));
            heads_.state(state.head) = earlier;
        }
        return verdict;
    }
    const auto used = static_cast<std::uint32_t>(result.bytes - before);
    retained_.keep(state.retained, sequence, bytes.first(used));
    const bool lf_pending = result.lf_pending;
    close_head(index);
    if (lf_pending) {
        state.phase = RequestPhase::head_lf;
    } else {
        begin_body(index);
    }
    verdict.allowed = used;
    return verdict;
}

/// By the policy, and where that depends on whose the credentials are, by what is known of their value.
Decision Inspector::Impl::decide(const Packet& packet, std::uint32_t index, RequestView& request,
                                 std::span<const std::byte> bytes) noexcept {
    const FlowHot& flow = hot(index);
    const http::HeadState& head = *request.head;
    Decision decision;
    if (limits_.active() && is_shut_out(packet, index, decision)) {
        return decision;
    }
    PatternQuestion texts(patterns_, request.path, request.query,
                          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    RequestFacts facts{.method = head.method,
                       .operation = request.meaning.operation,
                       .credentials = head.credentials,
                       .time_ns = now_ns_,
                       .flags = request.meaning.flags,
                       .endpoint = request.meaning.endpoint,
                       .texts = &texts};
    decision = policy_->decide(flow.zone, flow.service, facts);
    if (!decision.needs_verification) {
        return decision;
    }
    const std::uint16_t rule = decision.unverified_rule;
    const bool may_fail = !limits_.active() || limits_.may_fail(rule, packet.decoded.source, now_ns_);
    const Finding found =
        credentials_.find(bytes.subspan(head.authorization.offset, head.authorization.bytes),
                          packet.decoded.source, now_ns_, may_fail);
    decision.action = policy_->default_action();
    decision.mode = policy_->mode_of(flow.service);
    switch (found.standing) {
        case Standing::pending:
            decision.reason = Reason::credentials_pending;
            return decision;
        case Standing::rate_limited:
            decision.reason = Reason::rate_limited;
            if (!may_fail) {
                count_failure(packet, rule, decision);
            }
            break;
        case Standing::unchecked:
            decision.reason = Reason::credentials_unchecked;
            break;
        case Standing::accepted:
        case Standing::refused:
            facts.verification =
                found.standing == Standing::accepted ? Verification::accepted : Verification::refused;
            facts.identity = request.identity = found.identity;
            decision = policy_->decide(flow.zone, flow.service, facts);
            if (found.standing == Standing::refused && decision.action != Action::allow && limits_.active()) {
                count_failure(packet, rule, decision);
            }
            return decision;
    }
    decision.needs_verification = false;
    return decision;
}

Inspector::Impl::StreamResult Inspector::Impl::judge(Packet& packet, std::uint32_t index,
                                                     const http::HeadState& head,
                                                     std::span<const std::byte> bytes,
                                                     const http::HeadResult& result) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    RequestView request = view_of(head, bytes);
    Decision decision = decide(packet, index, request, bytes.first(result.bytes));
    if (decision.needs_verification && !observing_) {
        return {.stop = StreamResult::Stop::retry, .reason = decision.reason};
    }
    if (decision.action == Action::allow && decision.without_credentials &&
        head.framing != http::BodyFraming::none) {
        decision.action = policy_->default_action();
        decision.reason = Reason::body_not_allowed;
    }
    if (limits_.active()) {
        hold_to_limits(packet, index, request, decision);
    }
    hits_.count(decision.rule,
                decision.reason == Reason::rate_limited || decision.reason == Reason::quarantined, now_ns_);
    const auto next_number = static_cast<std::uint16_t>(state.requests + 1U);
    const std::uint64_t request_bytes = result.bytes + (result.lf_pending ? 1U : 0U) + head.content_length;
    if (packet.verdict != nullptr) {
        packet.verdict->rule = decision.rule;
    }
    if (decision.action != Action::allow && decision.mode == Mode::enforce) {
        ++counters_.requests_denied[static_cast<std::size_t>(decision.reason)];
        report_request(packet, index, request, EventAction::denied, decision.reason, decision.rule,
                       request_bytes, next_number);
        if (!has_body(head)) {
            report_pipelined(packet, index, bytes.subspan(result.bytes));
        }
        return {.stop = StreamResult::Stop::cut,
                .reason = decision.reason,
                .action = decision.action,
                .rule = decision.rule,
                .to_head = head.method == http::Method::head};
    }
    const bool would_deny = decision.action != Action::allow;
    if (would_deny) {
        ++counters_.requests_would_deny[static_cast<std::size_t>(decision.reason)];
    } else {
        ++counters_.requests_allowed;
    }
    report_request(packet, index, request, would_deny ? EventAction::would_deny : EventAction::allowed,
                   decision.reason, decision.rule, request_bytes, next_number);
    ++state.requests;
    if (state.in_flight < 64) {
        if (head.method == http::Method::head) {
            state.heads_in_flight |= std::uint64_t{1} << state.in_flight;
        }
        ++state.in_flight;
    } else {
        flow.flags |=
            flow_flag::responses_lost;  // observe mode only: in enforce mode the request would have waited
    }
    if (head.closes) {
        flow.flags |= flow_flag::last_request;
    }
    if (decision.without_credentials) {
        flow.flags |= flow_flag::awaits_answer;
    }
    begin_charging(packet, index, request, decision.rule);
    state.body_left = head.content_length;
    state.chunk_phase = not_chunked;
    if (head.framing == http::BodyFraming::chunked) {
        state.body_left = 0;
        state.chunk_digits = 0;
        state.chunk_phase = static_cast<std::uint8_t>(http::ChunkPhase::size_line);
    }
    if (head.expects_continue) {  // only with a body and in HTTP/1.1: else the head is refused
        flow.flags |= flow_flag::expects_continue;
    }
    return {};
}

bool Inspector::Impl::tls_allowed(std::uint32_t index) const noexcept {
    const FlowHot& flow = table_.hot(index);
    return policy_->parts().services[flow.service].tls_allowed &&
           policy_->reachable_by_rule(flow.zone, flow.service, now_ns_);
}

Inspector::Impl::StreamResult Inspector::Impl::refuse_head(Packet& packet, std::uint32_t index,
                                                           const http::HeadState& head,
                                                           std::span<const std::byte> bytes,
                                                           http::HeadFault fault) noexcept {
    FlowHot& flow = hot(index);
    FlowCold& state = cold(index);
    const bool first_bytes = state.requests == 0;
    if (fault == http::HeadFault::tls && first_bytes && tls_allowed(index)) {
        close_head(index);
        state.phase = RequestPhase::opaque;
        state.chunk_digits = 1;
        flow.client_gate = packet.end();
        report_connection(packet, index, EventAction::allowed, Reason::none, no_rule);
        return {.allowed = static_cast<std::uint32_t>(bytes.size())};
    }
    const Reason reason = reason_of(fault, first_bytes);
    const EventAction action = observing_ ? EventAction::would_deny : EventAction::denied;
    const bool is_request = head.method != http::Method::unknown && head.target.bytes > 0;
    if (is_request) {
        ++(observing_ ? counters_.requests_would_deny
                      : counters_.requests_denied)[static_cast<std::size_t>(reason)];
        report_request(packet, index, view_of(head, bytes), action, reason, no_rule, 0,
                       static_cast<std::uint16_t>(state.requests + 1U));
    } else {
        report_connection(packet, index, action, reason, no_rule);
    }
    if (observing_) {
        close_head(index);
        state.phase = RequestPhase::lost;
        flow.flags |= flow_flag::responses_lost;
        return {.allowed = static_cast<std::uint32_t>(bytes.size())};
    }
    return {.stop = StreamResult::Stop::cut,
            .reason = reason,
            .action = policy_->default_action(),
            .to_head = head.method == http::Method::head};
}

/// Requests that came behind a denied one in the same segment went down with it; the record says so, one by
/// one.
void Inspector::Impl::report_pipelined(const Packet& packet, std::uint32_t index,
                                       std::span<const std::byte> rest) noexcept {
    for (int i = 0; i < pipelined_reports_max && !rest.empty(); ++i) {
        http::HeadState head;
        const http::HeadResult result = http::advance_head(head, rest, policy_->limits().head);
        if (result.status != http::HeadStatus::complete) {
            return;
        }
        ++counters_.requests_denied[static_cast<std::size_t>(Reason::connection_cut)];
        report_request(packet, index, view_of(head, rest), EventAction::denied, Reason::connection_cut,
                       no_rule, result.bytes + head.content_length,
                       static_cast<std::uint16_t>(cold(index).requests + 2U + static_cast<unsigned>(i)));
        if (has_body(head)) {
            return;
        }
        rest = rest.subspan(result.bytes);
    }
}

/// The head is complete and allowed: what comes next?
void Inspector::Impl::begin_body(std::uint32_t index) noexcept {
    FlowCold& state = cold(index);
    FlowHot& flow = hot(index);
    if ((flow.flags & flow_flag::expects_continue) != 0 && state.phase != RequestPhase::await_100) {
        state.phase = RequestPhase::await_100;
        return;
    }
    flow.flags = static_cast<std::uint16_t>(flow.flags & ~flow_flag::expects_continue);
    if (state.chunk_phase != not_chunked) {
        state.phase = RequestPhase::chunks;
    } else if (state.body_left > 0) {
        state.phase = RequestPhase::body;
    } else {
        end_message(index);
    }
}

/// The last byte of a piece of known length lies before the gate.
void Inspector::Impl::end_body(std::uint32_t index) noexcept {
    if (cold(index).chunk_phase == not_chunked) {
        end_message(index);
        return;
    }
    cold(index).phase = RequestPhase::chunks;
    cold(index).chunk_phase = static_cast<std::uint8_t>(http::ChunkPhase::data_cr);
}

void Inspector::Impl::end_message(std::uint32_t index) noexcept {
    FlowCold& state = cold(index);
    state.chunk_phase = not_chunked;
    state.body_left = 0;
    state.phase =
        (hot(index).flags & flow_flag::last_request) != 0 ? RequestPhase::last_seen : RequestPhase::head;
}

void Inspector::Impl::close_head(std::uint32_t index) noexcept {
    if (cold(index).head != no_index) {
        heads_.close(cold(index).head);
        cold(index).head = no_index;
    }
}

}  // namespace springlatch
