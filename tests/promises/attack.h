#pragma once
// A whole attack on one connection: what the client says and how its segments arrive, with decoys that one
// end may take for real and the other not; behind the appliance a server of any habits. Repeatable by seed.
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/promises/readers.h"
#include "tests/promises/receiver.h"
#include "tests/promises/requests.h"
#include "tests/support/wire.h"

namespace springlatch::test {

/// One attack on one connection, through the appliance or over a bare wire.
class Attack {
  public:
    Attack(std::uint64_t seed, bool through_appliance, Mode mode = Mode::enforce)
        : random_(seed), appliance_(through_appliance), v6_(random_.chance(30)), wire_(in_mode(mode)) {
        connection_.client_next = random_.pick(std::vector<std::uint32_t>{1000U, 0xffff'ff00U, 0x7fff'ff80U});
        base_ = connection_.client_next + 1;
        server_.emplace(random_,
                        Receiver::Habits{.overlap = static_cast<Receiver::Overlap>(random_.below(4)),
                                         .loss_percent = random_.chance(50) ? 0U : 15U,
                                         .obeys_resets = random_.chance(70),
                                         .takes_data_without_ack = random_.chance(30),
                                         .takes_data_on_syn = random_.chance(30)},
                        base_);
        wire_.on_leave = [this](const Left& left) {
            if (left.side == Side::inside) arrive(left.bytes);
        };
    }

    void run() {
        stream_ = client_stream(random_);
        // What a decoy says in its place: honest bytes of the same length, or the other way round.
        decoy_.clear();
        while (decoy_.size() < stream_.size()) decoy_ += honest_request(random_);
        connection_.open();
        bare_open_ = true;
        std::vector<std::pair<std::size_t, std::size_t>> plan = segments();
        for (const auto& [from, bytes] : plan) {
            while (random_.chance(35)) trick(from, bytes);
            send(genuine(from, bytes));
            if (random_.chance(50)) acknowledge();
            if (random_.chance(10)) answer();
        }
        for (int pass = 0; pass < 2; ++pass) {
            for (std::size_t at = 0; at < stream_.size(); at += 500) {
                send(genuine(at, 500));
                acknowledge();
            }
        }
        if (random_.chance(30)) {
            send(genuine(stream_.size(), 0).fin());
            acknowledge();
        }
    }

    /// Requests without credentials that the server could have run.
    [[nodiscard]] std::vector<std::string> slipped(int readings) {
        std::vector<std::string> found;
        for (int i = 0; i < readings; ++i) {
            Reading reading = i == 0 ? Reading{} : Reading::any(random_);
            reading.continue_is_refused = !continued_ && i % 2 == 0;
            for (const ReadRequest& request : requests_of(server_->delivered(), server_->ended(), reading))
                if (!request.credentials) found.push_back(request.head);
        }
        return found;
    }
    [[nodiscard]] const std::string& delivered() const { return server_->delivered(); }
    [[nodiscard]] const std::string& sent() const { return stream_; }
    [[nodiscard]] Wire& wire() { return wire_; }
    /// Called with every frame that was sent, on which side, and the verdict on it.
    std::function<void(Side, const Bytes&, const Verdict&)> after_frame;

  private:
    static PolicyParts in_mode(Mode mode) {
        PolicyParts parts;
        parts.mode = mode;
        return parts;
    }
    TcpFrame genuine(std::size_t from, std::size_t bytes) {
        return connection_.client_frame()
            .seq(base_ + static_cast<std::uint32_t>(from))
            .payload(std::string_view{stream_}.substr(from, bytes));
    }

    std::vector<std::pair<std::size_t, std::size_t>> segments() {
        std::vector<std::pair<std::size_t, std::size_t>> plan;
        const std::size_t longest = random_.pick(std::vector<std::size_t>{3, 20, 100, 1448});
        for (std::size_t at = 0; at < stream_.size();) {
            const std::size_t bytes = std::min(stream_.size() - at, random_.between(1, longest));
            plan.emplace_back(at, bytes);
            at += bytes;
        }
        switch (random_.below(4)) {
            case 0:
                std::reverse(plan.begin(), plan.end());
                break;
            case 1:
                for (std::size_t i = plan.size(); i > 1; --i) std::swap(plan[i - 1], plan[random_.below(i)]);
                break;
            case 2:
                for (std::size_t i = 1; i < plan.size(); ++i)
                    if (random_.chance(30)) std::swap(plan[i - 1], plan[i]);
                break;
            default:
                break;
        }
        return plan;
    }

    /// A frame that one end may take for real and the other not, near a genuine one.
    void trick(std::size_t from, std::size_t bytes) {
        const std::size_t start = from - std::min(from, random_.below(12));
        const std::size_t length = random_.between(1, bytes + 12);
        const std::string& source = random_.chance(70) ? decoy_ : stream_;
        TcpFrame frame =
            connection_.client_frame()
                .seq(base_ + static_cast<std::uint32_t>(start))
                .payload(std::string_view{source}.substr(std::min(start, source.size()), length));
        switch (random_.below(18)) {
            case 0:
                frame.bad_tcp_checksum();
                break;
            case 1:
            case 2:
                frame.ttl(1);
                break;
            case 3:
                frame.flags(tcp_flag::psh);
                break;
            case 4:
                frame.flags(0);
                break;
            case 5:
                frame.add_flags(tcp_flag::fin);
                break;
            case 6:
                frame.flags(tcp_flag::rst)
                    .seq(base_ + static_cast<std::uint32_t>(from))
                    .ttl(random_.chance(50) ? 1 : 64);
                break;
            case 7:
                frame.flags(tcp_flag::syn).seq(base_ + static_cast<std::uint32_t>(start) - 1);
                break;
            case 8:
                frame.urg(static_cast<std::uint16_t>(random_.below(4)));
                break;
            case 9:
                frame.options({19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
                break;
            case 10:
                frame.ack(connection_.server_next - 100'000);
                break;
            case 11:
                frame.ack(connection_.server_next + 1);
                break;
            case 12:
                if (!v6_) frame.ip_options(raw({1, 1, 1, 1}));
                break;
            case 13:
                if (!v6_) frame.fragment_word(0x2000);
                break;
            case 14:
                frame.seq(base_ + static_cast<std::uint32_t>(start) + 40'000'000);
                break;
            case 15:
                frame.timestamp(1, 1);
                break;
            case 16:
                frame.vlan(7);
                break;
            default:
                break;  // plainly other bytes at the same place
        }
        send(frame);
    }

    void acknowledge() {
        if (server_->dead()) return;
        connection_.client_acked = server_->acknowledges();
        from_server(connection_.server_frame());
    }
    void answer() {
        const std::vector<std::string> answers = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                                                  "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 401 no\r\n\r\n"};
        if (server_->dead() || server_->delivered().empty()) return;
        const std::string& text = random_.pick(answers);
        continued_ = continued_ || text == answers[1];
        connection_.client_acked = server_->acknowledges();
        from_server(connection_.server_frame().payload(text));
        connection_.server_next += static_cast<std::uint32_t>(text.size());
    }

    void send(const TcpFrame& frame) {
        const Bytes bytes = frame.build();
        if (appliance_) {
            cross(Side::outside, bytes);
        } else {
            arrive(bytes);
        }
    }
    void from_server(const TcpFrame& frame) {
        if (appliance_) cross(Side::inside, frame.build());
    }
    void cross(Side side, const Bytes& bytes) {
        const Verdict verdict = wire_.send(side, bytes);
        if (after_frame) after_frame(side, bytes, verdict);
    }
    void arrive(const Bytes& bytes) {
        if (!bare_open_) return;  // the handshake
        const auto segment = FrameReader(bytes).segment();
        if (segment && segment->destination_port == 9200) server_->take(*segment);
    }

    Random random_;
    bool appliance_;
    bool v6_;
    Wire wire_;
    Connection connection_{wire_, v6_ ? "2001:db8:1::5" : "192.0.2.1", 40000,
                           v6_ ? "2001:db8::10" : "198.51.100.10", 9200};
    std::optional<Receiver> server_;
    std::string stream_;
    std::string decoy_;
    std::uint32_t base_ = 0;
    bool bare_open_ = false;
    bool continued_ = false;  ///< the server has said 100
};

}  // namespace springlatch::test
