#pragma once
// A small model of the client's byte stream: heads, bodies of known length and chunks, as the inspector
// strings them together. It knows nothing of TCP and policy; it lists the requests it saw.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/protocol/http/request_body.h"
#include "dataplane/protocol/http/request_head.h"
#include "tests/unit/http/drive.h"

namespace springlatch::http {

struct SeenRequest {
    std::string method;
    std::string target;
    std::uint64_t body_bytes = 0;
    Credentials credentials = Credentials::none;
    bool ended = false;  ///< head and body
    bool operator==(const SeenRequest&) const = default;
};

class StreamModel {
  public:
    void feed(std::string_view bytes) {
        while (!refused_ && !bytes.empty()) bytes.remove_prefix(take(bytes));
    }

    [[nodiscard]] bool refused() const { return refused_; }
    [[nodiscard]] HeadFault fault() const { return fault_; }
    /// Bytes before the first refused one.
    [[nodiscard]] std::size_t accepted() const { return accepted_; }
    [[nodiscard]] const std::vector<SeenRequest>& requests() const { return requests_; }
    [[nodiscard]] std::size_t ended() const {
        return static_cast<std::size_t>(std::count_if(
            requests_.begin(), requests_.end(), [](const SeenRequest& request) { return request.ended; }));
    }

  private:
    enum class Phase { head, final_lf, body, chunks, chunk_data, last_seen };

    std::size_t take(std::string_view bytes) {
        switch (phase_) {
            case Phase::head:
                return take_head(bytes);
            case Phase::final_lf:
                return take_lf(bytes);
            case Phase::body:
                return take_body(bytes, Phase::head);
            case Phase::chunk_data:
                return take_body(bytes, Phase::chunks);
            case Phase::chunks:
                return take_chunks(bytes);
            case Phase::last_seen:
                break;
        }
        return refuse(HeadFault::malformed, 0);
    }

    std::size_t refuse(HeadFault fault, std::size_t good) {
        refused_ = true;
        fault_ = fault;
        accepted_ += good;
        return good;
    }
    std::size_t accept(std::size_t bytes) {
        accepted_ += bytes;
        return bytes;
    }

    std::size_t take_head(std::string_view bytes) {
        const std::size_t before = head_.size();
        head_ += bytes;
        const HeadResult result = advance_head(state_, exact(head_).span(), {});
        if (result.status == HeadStatus::need_more) return accept(bytes.size());
        if (result.status == HeadStatus::refused) return refuse(result.fault, result.bytes - before);
        requests_.push_back({std::string(name_of(state_.method)),
                             head_.substr(state_.target.offset, state_.target.bytes), 0, state_.credentials,
                             false});
        after_lf_ = state_.framing == BodyFraming::none      ? end_request()
                    : state_.framing == BodyFraming::chunked ? Phase::chunks
                                                             : begin_body();
        phase_ = result.lf_pending ? Phase::final_lf : after_lf_;
        return accept(result.bytes - before);
    }

    Phase begin_body() {
        left_ = state_.content_length;
        return left_ == 0 ? end_request() : Phase::body;
    }

    Phase end_request() {
        requests_.back().ended = true;
        const bool last = state_.closes;
        state_ = {};
        chunk_state_ = {};
        head_.clear();
        return last ? Phase::last_seen : Phase::head;
    }

    std::size_t take_lf(std::string_view bytes) {
        if (bytes.front() != '\n') return refuse(HeadFault::malformed, 0);
        phase_ = after_lf_;
        return accept(1);
    }

    std::size_t take_body(std::string_view bytes, Phase next) {
        const auto taken = std::min<std::uint64_t>(left_, bytes.size());
        left_ -= taken;
        requests_.back().body_bytes += taken;
        if (left_ == 0) phase_ = next == Phase::head ? end_request() : next;
        return accept(taken);
    }

    std::size_t take_chunks(std::string_view bytes) {
        const ChunkResult result = advance_chunks(chunk_state_, exact(bytes).span(), {});
        switch (result.status) {
            case ChunkStatus::refused:
                return refuse(result.fault, result.bytes);
            case ChunkStatus::need_more:
                break;
            case ChunkStatus::data:
                left_ = chunk_state_.left;
                chunk_state_.phase = ChunkPhase::data_cr;
                phase_ = Phase::chunk_data;
                break;
            case ChunkStatus::complete:
                after_lf_ = end_request();
                phase_ = result.lf_pending ? Phase::final_lf : after_lf_;
                break;
        }
        return accept(result.bytes);
    }

    Phase phase_ = Phase::head;
    Phase after_lf_ = Phase::head;
    HeadState state_;
    ChunkState chunk_state_;
    std::string head_;
    std::uint64_t left_ = 0;
    std::size_t accepted_ = 0;
    bool refused_ = false;
    HeadFault fault_ = HeadFault::none;
    std::vector<SeenRequest> requests_;
};

}  // namespace springlatch::http
