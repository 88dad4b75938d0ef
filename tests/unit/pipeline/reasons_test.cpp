// Every reason that the inspector can give is given for the cause that REASONS.md tells, and every reason of
// the list is accounted for: produced here, produced by the ports, or reserved and documented so.
#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <map>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using namespace std::string_literals;

/// A control process that refuses every value at once, or never answers.
struct Refusing final : CredentialVerifier {
    bool answers = true;
    [[nodiscard]] bool ready() const noexcept override { return true; }
    [[nodiscard]] Asked ask(const CheckRequest&, CheckAnswer& answer) noexcept override {
        answer.result = CheckResult::refused;
        return answers ? Asked::answered : Asked::queued;
    }
};

/// What a scenario works with; `parts` may be changed before the first use of wire().
struct Scene {
    PolicyParts parts;
    std::string source = "192.0.2.1";
    Refusing control;
    InspectorOptions options;
    std::unique_ptr<Wire> made;
    std::unique_ptr<Connection> connection;

    Wire& wire() {
        if (!made) made = std::make_unique<Wire>(std::move(parts), options);
        return *made;
    }
    Connection& open() {
        if (!connection) {
            connection = std::make_unique<Connection>(wire(), source);
            connection->open();
        }
        return *connection;
    }
    /// Only the policy's identities may come.
    Scene& verified(bool answers) {
        parts.identity_names = {"somebody"};
        parts.rules[0].credentials = CredentialNeed::verified;
        control.answers = answers;
        options.verifier = &control;
        return *this;
    }
    void frame(const TcpFrame& one, Side side = Side::outside) { wire().send(side, one.build()); }
};

std::string request(const std::string& line, const std::string& headers) {
    return line + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}
const std::string auth = "Authorization: Basic dTpw\r\n";

using Scenario = std::function<void(Scene&)>;
Scenario says(const std::string& text) {
    return [text](Scene& scene) { scene.open().client(text); };
}

const std::map<Reason, Scenario>& scenarios() {
    static const std::map<Reason, Scenario> all = {
        {Reason::source_not_allowed,
         [](Scene& s) { s.frame(TcpFrame().from("198.18.0.1", 1).to("198.51.100.10", 9200).syn()); }},
        {Reason::no_credentials, says(without_credentials)},
        {Reason::malformed_credentials, says(request("GET /", auth + auth))},
        {Reason::bad_credentials, [](Scene& s) { s.verified(true).open().client(with_credentials); }},
        {Reason::credentials_pending, [](Scene& s) { s.verified(false).open().client(with_credentials); }},
        {Reason::credentials_unchecked,
         [](Scene& s) {
             s.verified(true).options.verifier = nullptr;
             s.open().client(with_credentials);
         }},
        {Reason::rate_limited,
         [](Scene& s) {
             s.verified(false).parts.limits.credentials.checks_per_minute = 1;
             s.open().client_at(0, with_credentials);
             s.open().client_at(0, request("GET /", auth));
         }},
        {Reason::operation_not_allowed,
         [](Scene& s) {
             s.parts.rules[0].methods = 1U << static_cast<unsigned>(http::Method::get);
             s.open().client(request("DELETE /a", auth));
         }},
        {Reason::quarantined,
         [](Scene& s) {
             s.parts.rules[0].limits = {{.most = 1, .within_seconds = 60, .quarantine_seconds = 60}};
             s.open().client(with_credentials);
             s.open().client(with_credentials);
         }},
        {Reason::patched,
         [](Scene& s) {
             s.parts.patterns.queries = *PatternSet::compile({"script"}, Extent::anywhere);
             s.parts.patches = {{.name = "script", .query = 0}};
             s.open().client(request("GET /_search?source=script", auth));
         }},
        {Reason::malformed_http, says("GET / HTTP/1.1\nHost: x\n\n")},
        {Reason::ambiguous_framing,
         says(request("POST /", auth + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"))},
        {Reason::ambiguous_target, says(request("GET //a", auth))},
        {Reason::not_http, says("*1\r\n$4\r\nPING\r\n")},
        {Reason::tls_not_allowed, says("\x16\x03\x01")},
        {Reason::upgrade_not_allowed, says(request("GET /", auth + "Upgrade: h2c\r\n"))},
        {Reason::method_not_allowed, says(request("TRACE /", auth))},
        {Reason::expectation_not_allowed,
         says(request("POST /", auth + "Content-Length: 1\r\nExpect: x\r\n"))},
        {Reason::body_not_allowed,
         [](Scene& s) {
             s.source = "203.0.113.5";
             s.open().client(request("GET /", "Content-Length: 1\r\n"));
         }},
        {Reason::encoded_body,
         says(request("POST /", auth + "Content-Encoding: gzip\r\nContent-Length: 1\r\n"))},
        {Reason::head_too_large, says(request("GET /" + std::string(5000, 'a'), auth))},
        {Reason::body_too_large, says(request("POST /", auth + "Content-Length: 100000001\r\n"))},
        {Reason::too_many_in_flight,
         [](Scene& s) {
             s.parts.limits.requests_in_flight = 2;
             Connection& c = s.open();
             c.client(with_credentials + with_credentials);
             c.server("not an answer that anybody could follow\r\n\r\n");
             c.client(with_credentials);
         }},
        {Reason::connection_cut,
         [](Scene& s) {
             s.open().client(without_credentials);
             s.open().client(with_credentials);
         }},
        {Reason::midstream, [](Scene& s) { s.frame(TcpFrame().seq(1).ack(1).payload("x")); }},
        {Reason::bad_handshake, [](Scene& s) { s.frame(TcpFrame().seq(1).ack(2).syn()); }},
        {Reason::inconsistent_retransmission,
         [](Scene& s) {
             s.open().client_at(0, "GET /a");
             s.open().client_at(0, "GET /b");
         }},
        {Reason::acknowledges_unsent,
         [](Scene& s) {
             s.open().outside(s.open().client_frame().ack(s.open().server_next + 1).payload("x"));
         }},
        {Reason::bad_sequence, [](Scene& s) { s.open().client_at(50'000'000, "x"); }},
        {Reason::bad_tcp_flags, [](Scene& s) { s.open().outside(s.open().client_frame().flags(0)); }},
        {Reason::bad_timestamp,
         [](Scene& s) {
             s.frame(TcpFrame().seq(1000).syn().timestamp(100, 0));
             s.frame(TcpFrame()
                         .from("198.51.100.10", 9200)
                         .to("192.0.2.1", 40000)
                         .seq(5000)
                         .ack(1001)
                         .syn()
                         .timestamp(9, 100),
                     Side::inside);
             s.frame(TcpFrame().seq(1001).ack(5001).timestamp(101, 9));
             s.frame(TcpFrame().seq(1001).ack(5001).timestamp(50, 9).payload("GET"));
         }},
        {Reason::urgent_data,
         [](Scene& s) { s.open().outside(s.open().client_frame().urg(1).payload("G")); }},
        {Reason::tcp_signature,
         [](Scene& s) {
             s.frame(
                 TcpFrame().seq(1).syn().options({19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
         }},
        {Reason::syn_data, [](Scene& s) { s.frame(TcpFrame().seq(1).syn().payload("GET")); }},
        {Reason::spoofed_source, [](Scene& s) { s.open().outside(s.open().server_frame()); }},
        {Reason::server_speaks_first, [](Scene& s) { s.open().server("SSH-2.0-x\r\n"); }},
        {Reason::malformed_ip, [](Scene& s) { s.frame(TcpFrame().ip_total(2000)); }},
        {Reason::malformed_tcp, [](Scene& s) { s.frame(TcpFrame().data_offset(4)); }},
        {Reason::bad_checksum, [](Scene& s) { s.frame(TcpFrame().syn().bad_tcp_checksum()); }},
        {Reason::fragment, [](Scene& s) { s.frame(TcpFrame().fragment_word(0x2000).payload("x")); }},
        {Reason::fragment_overlap,
         [](Scene& s) {
             s.parts.reassemble_fragments = true;
             s.wire().room = 2048;
             s.frame(TcpFrame().fragment_word(0x2003).payload("12345678901234567890"));
             s.frame(TcpFrame().fragment_word(0x2004).payload("12345678901234567890"));
         }},
        {Reason::fragment_timeout,
         [](Scene& s) {
             s.parts.reassemble_fragments = true;
             s.parts.limits.fragments = 64;
             s.wire().room = 2048;
             s.frame(TcpFrame().fragment_word(0x2003).payload("12345678901234567890"));
             s.wire().advance_seconds(31);
             s.wire().idle();
         }},
        {Reason::ip_options,
         [](Scene& s) {
             s.frame(TcpFrame().syn().ip_options(raw({1, 1, 1, 1})));
         }},
        {Reason::extension_headers,
         [](Scene& s) {
             s.frame(TcpFrame()
                         .from("2001:db8:1::5", 1)
                         .to("2001:db8::10", 9200)
                         .syn()
                         .extension(60, {0, 0, 0, 0, 0, 0, 0}));
         }},
        {Reason::tunnel_not_allowed,
         [](Scene& s) { s.frame(TcpFrame().layer4(47, to_bytes("inner packet"))); }},
        {Reason::transit_not_allowed,
         [](Scene& s) {
             s.parts.transit_forward = false;
             s.frame(TcpFrame().to("198.51.100.99", 80).syn());
         }},
        {Reason::out_of_resources,
         [](Scene& s) {
             s.parts.limits.held_segments = s.parts.limits.held_segments_per_flow = 1;
             s.open().client_at(5, "x");
             s.open().client_at(9, "x");
         }},
        {Reason::multipath,
         [](Scene& s) {
             s.frame(TcpFrame().seq(1).syn().options({30, 4, 0, 0}));
         }},
    };
    return all;
}

struct EachReason : ::testing::TestWithParam<Reason> {};

TEST_P(EachReason, IsGivenForItsCauseAndNothingOfItReachesTheServer) {
    Scene scene;
    scenarios().at(GetParam())(scene);
    const Counters& counters = scene.wire().counters();
    const auto at = static_cast<std::size_t>(GetParam());
    // A SYN with data is shortened, not dropped; its verdict is in the unit of the handshake's tests.
    const std::uint64_t counted =
        counters.frames_dropped[at] + counters.requests_denied[at] + counters.connections_refused[at];
    if (GetParam() == Reason::syn_data) {
        EXPECT_EQ(counters.frames_shortened, 1U);
    } else {
        EXPECT_GE(counted, 1U) << name_of(GetParam());
    }
    for (const Left& left : scene.wire().to_server())
        EXPECT_TRUE(left.payload().empty() || with_credentials.find(left.payload()) == 0 ||
                    left.payload() == "GET /a" || left.payload() == with_credentials + with_credentials)
            << left.payload();
}
INSTANTIATE_TEST_SUITE_P(Reasons, EachReason, ::testing::ValuesIn([] {
                             std::vector<Reason> list;
                             for (const auto& [reason, scenario] : scenarios()) list.push_back(reason);
                             return list;
                         }()),
                         [](const auto& one) { return std::string{name_of(one.param)}; });

/// The line of REASONS.md that documents a reason.
std::string documentation_of(Reason reason) {
    std::ifstream file(SPRINGLATCH_SOURCE_DIR "/dataplane/policy/REASONS.md");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("| `" + std::string{name_of(reason)} + "` |")) return line;
    return "";
}

TEST(Reasons, AllOfTheListAreProducedHereOrByThePortsOrSaidToBeReserved) {
    // unit_dpdk: ExchangeTest.FramesThatDoNotFitIntoOneMbufAreDroppedAndCounted,
    // .WhatAPortRefusesIsCountedAsDropped…
    const std::set<Reason> of_the_ports = {Reason::frame_too_large, Reason::link_down};
    for (std::size_t i = 1; i < reason_count; ++i) {
        const auto reason = static_cast<Reason>(i);
        const bool produced = scenarios().contains(reason) || of_the_ports.contains(reason);
        const bool reserved = documentation_of(reason).find("Reserved") != std::string::npos;
        EXPECT_NE(produced, reserved)
            << name_of(reason) << ": a reason that nothing gives says so, and no other";
    }
}

TEST(Reasons, EveryOneTellsItsCauseAndWhatToDo) {
    for (std::size_t i = 1; i < reason_count; ++i) {
        const std::string line = documentation_of(static_cast<Reason>(i));
        std::vector<std::string> cells;
        for (std::size_t at = 1; at < line.size();) {
            const std::size_t end = line.find(" | ", at);
            cells.push_back(line.substr(at, end - at));
            if (end == std::string::npos) break;
            at = end + 3;
        }
        ASSERT_EQ(cells.size(), 3U) << name_of(static_cast<Reason>(i));
        EXPECT_GT(cells[1].size(), 15U) << line;
        EXPECT_GT(cells[2].size(), 8U) << line;
    }
}

}  // namespace
}  // namespace springlatch::test
