// Fragments in any order and with any contradictions: what becomes whole is what a plain model of the strict
// rules makes of them, every frame comes back once, and nothing is written beyond a frame's room.
//
// Input: a byte for the family, then records of four bytes: what to do and with which identification, where
// the bytes come from, where they are said to belong, and how many there are.
#include "tests/support/fragments.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>

#include "dataplane/flow/reassembly.h"

namespace {

using namespace springlatch;
using namespace springlatch::test;

constexpr std::size_t packet_bytes_max = 1500;

void require(bool holds) {
    if (!holds) std::abort();
}

[[nodiscard]] std::size_t tcp_header_bytes(const std::string& segment) {
    return (static_cast<std::uint8_t>(segment[12]) >> 4U) * std::size_t{4};
}

class Datagrams {
  public:
    explicit Datagrams(bool v6) : ip_header_bytes_(v6 ? 40 : 20) {
        TcpFrame frame;
        frame.seq(1).ack(2);
        if (v6) frame.from("2001:db8:1::5", 1).to("2001:db8::10", 2);
        std::string text;
        for (std::size_t i = 0; i < 3000; ++i) text += static_cast<char>('a' + i / 8 % 26);
        source_ = frame.payload(text).build();
    }
    ~Datagrams() {
        for (LostFragments lost = reassembler_.take_any(); lost.frames != 0; lost = reassembler_.take_any()) {
            give_back(lost.handle);
        }
        require(live_.empty());
    }
    Datagrams(const Datagrams&) = delete;
    Datagrams& operator=(const Datagrams&) = delete;

    void add(std::size_t from, std::size_t offset, std::size_t bytes, bool more, std::uint32_t id) {
        const bool v6 = ip_header_bytes_ == 40;
        if (offset == 0 && !more && !v6) return;  // no fragment
        const Bytes frame = fragment_at(source_, from, bytes, more, id, offset);
        auto* box = new Bytes(frame);
        box->resize(std::max(14 + packet_bytes_max, frame.size()));
        live_.insert(box);
        const auto in = std::span{*box}.first(frame.size());
        DecodedFrame decoded;
        require(decode(in, VerifyTcpChecksum::no, decoded) == DecodeOutcome::fragment);
        const Reassembler::Result result = reassembler_.add(decoded, {in, box->size(), box}, 0, seconds_);
        if (result.lost.frames != 0) give_back(result.lost.handle);
        const std::string text = to_text(std::span{frame}.last(bytes));
        const std::size_t end = offset + bytes;
        const bool is_long = ip_header_bytes_ + end > packet_bytes_max;
        if (offset == 0 && !more) {  // atomic
            require((result.outcome == FragmentOutcome::complete) == !is_long);
            require(is_long || to_text(result.whole.bytes.last(bytes)) == text);
            give_back(box);
            return;
        }
        const bool splits_header =
            offset < 20 && (offset != 0 || bytes < 20 || tcp_header_bytes(text) > bytes);
        const bool is_bad = is_long || splits_header || bytes == 0 || (more && bytes % 8 != 0);
        FragmentModel& model = models_[id];
        compare(result, is_bad ? model.refuse() : model.add(offset, text, more), model.whole, box);
    }

    void let_time_pass() {
        seconds_ += fragment_seconds_max + 1;
        models_.clear();
        const LostFragments lost = reassembler_.expire(16, seconds_);
        if (lost.frames != 0) give_back(lost.handle);
    }

  private:
    void give_back(void* handle) {
        require(live_.erase(static_cast<Bytes*>(handle)) == 1);
        delete static_cast<Bytes*>(handle);
    }

    void compare(const Reassembler::Result& result, FragmentModel::Answer answer, const std::string& whole,
                 Bytes* box) {
        using Answer = FragmentModel::Answer;
        switch (answer) {
            case Answer::waits:
            case Answer::duplicate:
                require(result.outcome == FragmentOutcome::kept || result.outcome == FragmentOutcome::merged);
                if (result.outcome == FragmentOutcome::merged) give_back(box);
                return;
            case Answer::complete: {
                require(result.outcome == FragmentOutcome::complete);
                DecodedFrame decoded;
                const DecodeOutcome outcome = decode(result.whole.bytes, VerifyTcpChecksum::no, decoded);
                require(outcome == DecodeOutcome::tcp || outcome == DecodeOutcome::bad_tcp_header ||
                        outcome == DecodeOutcome::bad_tcp_options);
                require(to_text(result.whole.bytes.subspan(14 + ip_header_bytes_)) == whole);
                if (result.whole.handle != box) give_back(box);
                give_back(result.whole.handle);
                return;
            }
            case Answer::overlap:
                require(result.outcome == FragmentOutcome::overlap);
                break;
            case Answer::malformed:
                require(result.outcome == FragmentOutcome::malformed ||
                        result.outcome == FragmentOutcome::header_split ||
                        result.outcome == FragmentOutcome::too_large);
                break;
            case Answer::spoiled:
                require(result.repeated);
                break;
        }
        give_back(box);
    }

    std::size_t ip_header_bytes_;
    Bytes source_;
    Reassembler reassembler_{64, packet_bytes_max, HashSecret{{1, 2, 3, 4}}};
    std::map<std::uint32_t, FragmentModel> models_;  // by identification
    std::set<Bytes*> live_;
    std::uint32_t seconds_ = 1'700'000'000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    Datagrams datagrams((data[0] & 1U) != 0);
    for (std::size_t at = 1; at + 4 <= size; at += 4) {
        const std::uint8_t what = data[at];
        if (what == 0xff) {
            datagrams.let_time_pass();
            continue;
        }
        const std::size_t from = data[at + 1] * std::size_t{8};
        const std::size_t offset = (what & 8U) != 0 ? data[at + 2] * std::size_t{8} : from;
        const std::size_t bytes = data[at + 3] * std::size_t{4} + ((what & 16U) != 0 ? 1U : 0U);
        if (from + bytes > 3000) continue;
        datagrams.add(from, offset, bytes, (what & 4U) != 0, what & 3U);
    }
    return 0;
}
