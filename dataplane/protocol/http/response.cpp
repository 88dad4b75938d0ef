// Overview
//   Lines of a head that are there whole and in the usual form are read at once. All else is read byte by
//   byte, because almost nothing of a head is kept; the rest of a line that does not matter is skipped to its
//   LF with memchr. `match` counts the bytes of the text that is being recognised, `left` holds the
//   body's length once it is known, and `given`, free until the head ends, the digits of the Content-Length
//   line being read.
#include "dataplane/protocol/http/response.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "dataplane/protocol/http/byte_set.h"

namespace springlatch::http {
namespace {

enum Phase : std::uint8_t {
    idle,
    version_text,
    version_minor,
    status_blank,
    status_digits,
    status_end,
    skip_line,  // the rest of a header line or of the status line
    line_begin,
    empty_line_lf,
    name_length,   // inside what may become Content-Length
    name_coding,   // inside what may become Transfer-Encoding
    colon_length,  // behind the whole name
    colon_coding,
    length_before,
    length_digits,
    length_after,
    coding_token,
    body_length,
    body_close,
    chunk_size,
    chunk_rest,  // behind the digits of a size line
    chunk_data,
    chunk_end,  // behind the data of a chunk
    trailer_begin,
    trailer_rest,
    trailer_lf,
    lost,
};

enum Flag : std::uint8_t {
    has_length = 1,
    has_coding = 2,
    ends_in_chunked = 4,
    framing_line = 8,  // the line before was one of the two: a folded continuation would belong to it
    digits_seen = 16,  // of the status code's field, Content-Length or chunk size being read
};

constexpr std::string_view version_start = "HTTP/1.";
constexpr std::string_view length_name = "content-length";
constexpr std::string_view coding_name = "transfer-encoding";
constexpr std::string_view chunked = "chunked";
constexpr std::uint8_t mismatch = 0xff;  // of `match`: the token is not `chunked`
constexpr std::uint64_t length_max = std::numeric_limits<std::int64_t>::max();

class ResponseReader {
  public:
    ResponseReader(ResponseState& state, std::span<const std::byte> bytes, bool to_head) noexcept
        : state_(state),
          bytes_(reinterpret_cast<const unsigned char*>(bytes.data())),
          end_(static_cast<std::uint32_t>(
              std::min<std::size_t>(bytes.size(), std::numeric_limits<std::uint32_t>::max()))),
          to_head_(to_head) {}

    ResponseResult read() noexcept {
        ResponseEvent event = ResponseEvent::none;
        while (event == ResponseEvent::none && (at_ < end_ || owes_event())) event = step();
        if (event == ResponseEvent::lost) at_ = end_;
        return {event, at_};
    }

  private:
    [[nodiscard]] bool has(Flag flag) const noexcept { return (state_.flags & flag) != 0; }
    void set(Flag flag) noexcept { state_.flags = static_cast<std::uint8_t>(state_.flags | flag); }
    void clear(Flag flag) noexcept { state_.flags = static_cast<std::uint8_t>(state_.flags & ~flag); }

    /// There is something to report without a further byte.
    [[nodiscard]] bool owes_event() const noexcept {
        return state_.phase == lost || (state_.phase == body_length && state_.left == 0);
    }

    ResponseEvent step() noexcept {
        switch (state_.phase) {
            case lost:
                return ResponseEvent::lost;
            case body_length:
                return pass_known();
            case body_close:
                state_.given += end_ - at_;
                at_ = end_;
                return ResponseEvent::none;
            case chunk_data:
                return pass_chunk();
            case chunk_size:
            case chunk_rest:
            case chunk_end:
            case trailer_begin:
            case trailer_rest:
            case trailer_lf:
                return read_chunk_framing(bytes_[at_++]);
            default:
                return read_head();
        }
    }

    ResponseEvent lose() noexcept {
        state_.phase = lost;
        return ResponseEvent::lost;
    }
    ResponseEvent go(Phase next) noexcept {
        state_.phase = next;
        return ResponseEvent::none;
    }
    ResponseEvent complete() noexcept {
        state_.phase = idle;
        return ResponseEvent::complete;
    }

    // Heads

    ResponseEvent read_head() noexcept {
        if (state_.phase == idle) return begin();
        if (state_.phase == line_begin) {
            read_lines_at_once();
            if (at_ == end_) return ResponseEvent::none;
        }
        const std::uint32_t before = at_;
        const ResponseEvent event = state_.phase == skip_line ? skip_to_lf() : read_head_byte(bytes_[at_++]);
        const std::uint32_t read = at_ - before;
        if (read > std::numeric_limits<std::uint16_t>::max() - std::uint32_t{state_.head_bytes})
            return lose();
        state_.head_bytes = static_cast<std::uint16_t>(state_.head_bytes + read);
        return event;
    }

    ResponseEvent begin() noexcept {
        const unsigned char byte = bytes_[at_];
        if (byte == '\r' || byte == '\n') {  // some servers end a body with one line end too many
            ++at_;
            return ResponseEvent::none;
        }
        state_ = ResponseState{};
        return read_status_at_once() ? ResponseEvent::none : go(version_text);
    }

    /// The common case: `HTTP/1.x NNN` and the blank behind it in one piece. Changes nothing if it is not
    /// there.
    bool read_status_at_once() noexcept {
        constexpr std::uint32_t length = 13;
        const unsigned char* const text = bytes_ + at_;
        if (end_ - at_ < length || std::memcmp(text, version_start.data(), version_start.size()) != 0)
            return false;
        if (!is_digit(text[7]) || text[8] != ' ' || text[9] < '1' || text[9] > '9') return false;
        if (!is_digit(text[10]) || !is_digit(text[11]) || text[12] != ' ') return false;
        state_.status =
            static_cast<std::uint16_t>((text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0'));
        state_.head_bytes = length;
        at_ += length;
        state_.phase = skip_line;
        return true;
    }

    /// Phase line_begin. The common case, lines that are there whole: a Content-Length as servers write it,
    /// or one that does not matter. Stops before any other line.
    void read_lines_at_once() noexcept {
        const std::uint32_t room =
            std::numeric_limits<std::uint16_t>::max() - std::uint32_t{state_.head_bytes};
        const std::uint32_t before = at_;
        const std::uint32_t end = end_ - before < room ? end_ : before + room;
        std::uint32_t at = before;
        while (const std::uint32_t bytes = line_at_once(at, end)) at += bytes;
        state_.head_bytes = static_cast<std::uint16_t>(state_.head_bytes + (at - before));
        at_ = at;
    }

    /// The length of such a line at `at`, up to `end`, its LF included; 0 if there is none.
    std::uint32_t line_at_once(std::uint32_t at, std::uint32_t end) noexcept {
        if (at == end) return 0;
        const unsigned char first = to_lower(bytes_[at]);
        if (first == 't' || first <= ' ') return 0;
        constexpr auto name_bytes = static_cast<std::uint32_t>(length_name.size());
        if (first == 'c') {
            if (end - at <= name_bytes) return 0;
            const std::string_view name(reinterpret_cast<const char*>(bytes_) + at, name_bytes);
            if (equals_ignoring_case(name, "content-length")) return length_at_once(at, end);
        }
        const void* const found = std::memchr(bytes_ + at, '\n', end - at);
        if (found == nullptr) return 0;
        clear(framing_line);
        return static_cast<std::uint32_t>(static_cast<const unsigned char*>(found) - (bytes_ + at)) + 1;
    }

    /// Likewise, for the first Content-Length: a colon, at most one blank, up to 18 digits, CRLF.
    std::uint32_t length_at_once(std::uint32_t line, std::uint32_t end) noexcept {
        std::uint32_t at = line + static_cast<std::uint32_t>(length_name.size());
        if (bytes_[at] != ':' || has(has_length)) return 0;
        ++at;
        if (at < end && bytes_[at] == ' ') ++at;
        const std::uint32_t digits = at;
        std::uint64_t value = 0;
        for (; at < end && is_digit(bytes_[at]); ++at) {
            if (at - digits == 18) return 0;
            value = value * 10 + static_cast<std::uint64_t>(bytes_[at] - '0');
        }
        if (at == digits || end - at < 2 || bytes_[at] != '\r' || bytes_[at + 1] != '\n') return 0;
        state_.left = value;
        state_.flags = static_cast<std::uint8_t>(state_.flags | framing_line | has_length | digits_seen);
        return at + 2 - line;
    }

    ResponseEvent skip_to_lf() noexcept {
        const void* const found = std::memchr(bytes_ + at_, '\n', end_ - at_);
        if (found == nullptr) {
            at_ = end_;
            return ResponseEvent::none;
        }
        at_ = static_cast<std::uint32_t>(static_cast<const unsigned char*>(found) - bytes_) + 1;
        return go(line_begin);
    }

    ResponseEvent read_head_byte(unsigned char byte) noexcept {
        switch (state_.phase) {
            case version_text:
                if (byte != static_cast<unsigned char>(version_start[state_.match])) return lose();
                return ++state_.match == version_start.size() ? go(version_minor) : ResponseEvent::none;
            case version_minor:
                return is_digit(byte) ? go(status_blank) : lose();
            case status_blank:
                state_.match = 0;
                return byte == ' ' ? go(status_digits) : lose();
            case status_digits:
                return read_status_digit(byte);
            case status_end:
                return is_blank(byte) || byte == '\r' || byte == '\n' ? end_line_or_skip(byte) : lose();
            case line_begin:
                return read_line_begin(byte);
            case empty_line_lf:
                return byte == '\n' ? end_head() : lose();
            case name_length:
                return read_name(byte, length_name, colon_length);
            case name_coding:
                return read_name(byte, coding_name, colon_coding);
            case colon_length:
                return read_colon(byte, length_before);
            case colon_coding:
                return read_colon(byte, coding_token);
            case coding_token:
                return read_coding(byte);
            default:
                return read_length(byte);
        }
    }

    ResponseEvent end_line_or_skip(unsigned char byte) noexcept {
        return go(byte == '\n' ? line_begin : skip_line);
    }

    ResponseEvent read_status_digit(unsigned char byte) noexcept {
        if (byte == ' ' && state_.match == 0) return ResponseEvent::none;
        if (!is_digit(byte)) return lose();
        state_.status = static_cast<std::uint16_t>(state_.status * 10 + (byte - '0'));
        if (++state_.match < 3) return ResponseEvent::none;
        return state_.status < 100 ? lose() : go(status_end);
    }

    ResponseEvent read_line_begin(unsigned char byte) noexcept {
        if (byte == '\n') return end_head();
        if (byte == '\r' && at_ < end_ && bytes_[at_] == '\n') {
            ++at_;
            return end_head();
        }
        if (byte == '\r') return go(empty_line_lf);
        if (is_blank(byte)) return has(framing_line) ? lose() : go(skip_line);
        clear(framing_line);
        state_.match = 1;
        if (to_lower(byte) == 'c') return go(name_length);
        if (to_lower(byte) == 't') return go(name_coding);
        return go(skip_line);
    }

    ResponseEvent read_name(unsigned char byte, std::string_view name, Phase next) noexcept {
        if (to_lower(byte) != static_cast<unsigned char>(name[state_.match])) return end_line_or_skip(byte);
        return ++state_.match == name.size() ? go(next) : ResponseEvent::none;
    }

    ResponseEvent read_colon(unsigned char byte, Phase next) noexcept {
        if (is_blank(byte)) return ResponseEvent::none;
        if (byte != ':') return end_line_or_skip(byte);
        set(framing_line);
        state_.match = 0;
        if (next == coding_token) {
            set(has_coding);
            clear(ends_in_chunked);
        } else if (has(has_length)) {
            return lose();
        } else {
            set(has_length);
        }
        return go(next);
    }

    /// 1*DIGIT with blanks around, once: a second length has no room beside the first, equal or not.
    ResponseEvent read_length(unsigned char byte) noexcept {
        if (byte == '\n') return has(digits_seen) ? go(line_begin) : lose();
        if (is_digit(byte) && state_.phase != length_after) {
            if (state_.left > (length_max - 9) / 10) return lose();
            state_.left = state_.left * 10 + static_cast<std::uint64_t>(byte - '0');
            set(digits_seen);
            return go(length_digits);
        }
        if (!is_blank(byte) && byte != '\r') return lose();
        return go(state_.phase == length_before && is_blank(byte) ? length_before : length_after);
    }

    /// The list's last token decides (RFC 9112 §6.3). `match`: bytes of `chunked` seen in this token.
    ResponseEvent read_coding(unsigned char byte) noexcept {
        if (byte == '\n') return go(line_begin);
        if (is_blank(byte) || byte == '\r') {
            // A blank ends a token; what follows without a comma makes it no plain `chunked`.
            if (state_.match != 0 && state_.match != chunked.size()) state_.match = mismatch;
            return ResponseEvent::none;
        }
        clear(ends_in_chunked);
        if (byte == ',') {
            state_.match = 0;
            return ResponseEvent::none;
        }
        const bool fits = state_.match < chunked.size() &&
                          to_lower(byte) == static_cast<unsigned char>(chunked[state_.match]);
        state_.match = fits ? static_cast<std::uint8_t>(state_.match + 1) : mismatch;
        if (state_.match == chunked.size()) set(ends_in_chunked);
        return ResponseEvent::none;
    }

    ResponseEvent end_head() noexcept {
        if (state_.status == 101) return lose();
        if (state_.status < 200) {
            state_.phase = idle;
            return ResponseEvent::interim;
        }
        begin_body();
        return ResponseEvent::head;
    }

    // Bodies

    /// RFC 9112 §6.3, in its order.
    void begin_body() noexcept {
        if (to_head_ || state_.status == 204 || state_.status == 304) {
            state_.left = 0;
            state_.phase = body_length;
        } else if (has(ends_in_chunked)) {
            begin_chunk();
        } else {
            state_.phase = has(has_length) && !has(has_coding) ? body_length : body_close;
        }
    }

    std::uint32_t pass() noexcept {
        const auto bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(state_.left, end_ - at_));
        state_.left -= bytes;
        state_.given += bytes;
        at_ += bytes;
        return bytes;
    }

    ResponseEvent pass_known() noexcept {
        pass();
        return state_.left == 0 ? complete() : ResponseEvent::none;
    }

    ResponseEvent pass_chunk() noexcept {
        pass();
        return state_.left == 0 ? go(chunk_end) : ResponseEvent::none;
    }

    void begin_chunk() noexcept {
        state_.left = 0;
        clear(digits_seen);
        state_.phase = chunk_size;
    }

    ResponseEvent read_chunk_framing(unsigned char byte) noexcept {
        switch (state_.phase) {
            case chunk_size:
                return read_chunk_size(byte);
            case chunk_rest:
                return byte == '\n' ? end_chunk_size() : ResponseEvent::none;
            case chunk_end:
                if (byte == '\n') begin_chunk();
                return byte == '\n' || byte == '\r' ? ResponseEvent::none : lose();
            case trailer_begin:
                if (byte == '\n') return complete();
                return go(byte == '\r' ? trailer_lf : trailer_rest);
            case trailer_rest:
                return byte == '\n' ? go(trailer_begin) : ResponseEvent::none;
            default:
                return byte == '\n' ? complete() : lose();
        }
    }

    ResponseEvent read_chunk_size(unsigned char byte) noexcept {
        const int value = hex_value(byte);
        if (value >= 0) {
            if (state_.left > length_max / 16) return lose();
            state_.left = state_.left * 16 + static_cast<std::uint64_t>(value);
            set(digits_seen);
            return ResponseEvent::none;
        }
        if (!has(digits_seen)) return lose();
        if (byte == '\n') return end_chunk_size();
        return byte == '\r' || byte == ';' || is_blank(byte) ? go(chunk_rest) : lose();
    }

    ResponseEvent end_chunk_size() noexcept { return go(state_.left == 0 ? trailer_begin : chunk_data); }

    ResponseState& state_;
    const unsigned char* bytes_;
    std::uint32_t end_;
    std::uint32_t at_ = 0;
    bool to_head_;
};

}  // namespace

ResponseResult advance_response(ResponseState& state, std::span<const std::byte> bytes,
                                bool to_head) noexcept {
    return ResponseReader(state, bytes, to_head).read();
}

std::uint64_t skippable_bytes(const ResponseState& state) noexcept {
    switch (state.phase) {
        case body_length:
        case chunk_data:
            return state.left;
        case body_close:
            return std::numeric_limits<std::uint64_t>::max();
        default:
            return 0;
    }
}

void skip_bytes(ResponseState& state, std::uint64_t bytes) noexcept {
    bytes = std::min(bytes, skippable_bytes(state));
    state.given += bytes;
    if (state.phase == body_close) return;
    state.left -= bytes;
    if (state.phase == chunk_data && state.left == 0) state.phase = chunk_end;
}

bool response_closed(ResponseState& state) noexcept {
    if (state.phase != body_close) return false;
    state.phase = idle;
    return true;
}

bool is_idle(const ResponseState& state) noexcept {
    return state.phase == idle;
}
bool is_lost(const ResponseState& state) noexcept {
    return state.phase == lost;
}

}  // namespace springlatch::http
