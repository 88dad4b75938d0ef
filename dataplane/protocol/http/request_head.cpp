// Overview
//   HeadReader walks through phases; each takes as many bytes as it can and leaves `scanned` behind the last
//   good one. Bytes are judged by class as they come (ByteSet), lines by meaning at their CR, the whole at
//   the CR of the empty line. A line's start and the length of its name are kept, so that no byte is searched
//   more than twice whatever the segmentation: once by the short cuts (…_at_once) for what is there whole and
//   good, which leave everything else as it was, and once by the phases.
#include "dataplane/protocol/http/request_head.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "dataplane/protocol/http/byte_set.h"
#include "dataplane/protocol/http/request_target.h"

namespace springlatch::http {
namespace {

enum Phase : std::uint8_t {
    first_byte,
    tls_version,  // behind 0x16
    ssl2_length,  // behind 0x80..0xff
    ssl2_type,
    leading_lf,  // behind the one CR that may come before the request line
    method_token,
    target_start,
    target_path,
    target_query,
    version_text,
    line_lf,  // behind the CR of the request line or of a header line
    line_begin,
    header_name,
    header_value,
    finished,
    refused,
};

enum Seen : std::uint8_t {
    seen_host = 1,
    seen_content_length = 2,
    seen_transfer_encoding = 4,
    seen_authorization = 8,
    seen_expect = 16,
    seen_close = 32,
    seen_keep_alive = 64,
};

struct MethodName {
    std::string_view text;
    Method method;
};

constexpr std::array known_methods = {
    MethodName{"GET", Method::get},         MethodName{"POST", Method::post},
    MethodName{"PUT", Method::put},         MethodName{"HEAD", Method::head},
    MethodName{"DELETE", Method::delete_},  MethodName{"OPTIONS", Method::options},
    MethodName{"PATCH", Method::patch},     MethodName{"TRACE", Method::trace},
    MethodName{"CONNECT", Method::connect},
};

// The IANA method registry and four methods in wide use, so that a refusal says "method" where HTTP was
// spoken. PRI begins the preface of HTTP/2 (RFC 9113 §3.4).
constexpr std::string_view http2_preface = "PRI";
constexpr std::array<std::string_view, 38> other_methods = {
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    http2_preface,
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
    "M-SEARCH",
    "NOTIFY",
    "PURGE",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "MKDIR",
    "SOURCE",
};

/// A method and its blank as the first bytes of a little-endian word.
struct MethodWord {
    constexpr MethodWord(std::string_view name, Method what)
        : bytes(static_cast<std::uint32_t>(name.size()) + 1), method(what) {
        for (std::size_t i = 0; i <= name.size(); ++i) {
            const char byte = i < name.size() ? name[i] : ' ';
            text |= std::uint64_t{static_cast<unsigned char>(byte)} << (8 * i);
            mask |= std::uint64_t{0xff} << (8 * i);
        }
    }
    std::uint64_t text = 0;
    std::uint64_t mask = 0;
    std::uint32_t bytes;
    Method method;
};
static_assert(std::endian::native == std::endian::little);

constexpr std::array method_words = {
    MethodWord{"GET", Method::get},        MethodWord{"POST", Method::post},
    MethodWord{"PUT", Method::put},        MethodWord{"HEAD", Method::head},
    MethodWord{"DELETE", Method::delete_}, MethodWord{"OPTIONS", Method::options},
    MethodWord{"PATCH", Method::patch},
};

bool begins_some_method(std::string_view token) noexcept {
    return std::any_of(known_methods.begin(), known_methods.end(),
                       [token](const MethodName& known) { return known.text.starts_with(token); }) ||
           std::any_of(other_methods.begin(), other_methods.end(),
                       [token](std::string_view other) { return other.starts_with(token); });
}

Method method_of(std::string_view token) noexcept {
    const auto* const found = std::find_if(known_methods.begin(), known_methods.end(),
                                           [token](const MethodName& known) { return known.text == token; });
    return found == known_methods.end() ? Method::unknown : found->method;
}

constexpr ByteSet path_bytes(
    [](unsigned char b) { return is_visible(b) && b != '#' && b != '\\' && b != '?'; }, false);
constexpr ByteSet query_bytes([](unsigned char b) { return is_visible(b) && b != '#'; }, true);
// RFC 9110 §11.2 token68 without its padding; base64 of RFC 4648 §4 is the narrower set that Basic takes.
constexpr ByteSet token68_bytes(
    [](unsigned char b) {
        return is_alpha(b) || is_digit(b) || b == '-' || b == '.' || b == '_' || b == '~' || b == '+' ||
               b == '/';
    },
    false);
constexpr ByteSet base64_bytes(
    [](unsigned char b) { return is_alpha(b) || is_digit(b) || b == '+' || b == '/'; }, false);

template <typename Predicate>
std::string_view trimmed(std::string_view text, Predicate is_margin) noexcept {
    const char* from = text.data();
    const char* to = from + text.size();
    while (from != to && is_margin(static_cast<unsigned char>(*from))) ++from;
    while (from != to && is_margin(static_cast<unsigned char>(to[-1]))) --to;
    return {from, static_cast<std::size_t>(to - from)};
}
/// Without optional white space (RFC 9110 §5.6.3) at both ends.
std::string_view without_blanks(std::string_view text) noexcept {
    return trimmed(text, [](unsigned char byte) { return is_blank(byte); });
}
/// For the values that decide where a request ends, a tab is no white space: llhttp stumbles over it, the
/// databases do not.
std::string_view without_spaces(std::string_view text) noexcept {
    return trimmed(text, [](unsigned char byte) { return byte == ' '; });
}

constexpr ByteSet scheme_bytes([](unsigned char b) { return !is_blank(b); }, true);

/// A token in an Authorization value: how many bytes of the set, and how many `=` behind them.
struct Token68 {
    std::size_t digits;
    std::size_t padding;
};

/// What stands at `from` up to the end of `value`; no digits if that is not a token and its padding.
Token68 token68_at(std::string_view value, std::uint32_t from, const ByteSet& set) noexcept {
    const auto end = static_cast<std::uint32_t>(value.size());
    const std::uint32_t behind = set.skip(reinterpret_cast<const unsigned char*>(value.data()), from, end);
    for (std::uint32_t at = behind; at < end; ++at) {
        if (value[at] != '=') return {0, 0};
    }
    return {behind - from, end - behind};
}

/// RFC 4648 §4, whose padding may be missing but not wrong.
bool is_base64(Token68 token) noexcept {
    const std::size_t last = token.digits % 4;
    return token.digits != 0 && last != 1 &&
           (token.padding == 0 || (token.padding <= 2 && (last + token.padding) % 4 == 0));
}

/// `value` has no surrounding blanks. Between scheme and token stand spaces only: no database takes a tab
/// there.
Credentials credentials_of(std::string_view value) noexcept {
    if (value.empty()) return Credentials::none;
    const auto end = static_cast<std::uint32_t>(value.size());
    std::uint32_t at = scheme_bytes.skip(reinterpret_cast<const unsigned char*>(value.data()), 0, end);
    const std::string_view scheme = value.substr(0, at);
    while (at < end && value[at] == ' ') ++at;
    if (equals_ignoring_case(scheme, "basic")) {
        return is_base64(token68_at(value, at, base64_bytes)) ? Credentials::basic : Credentials::malformed;
    }
    const auto known = [value, at](Credentials credentials) {
        return token68_at(value, at, token68_bytes).digits != 0 ? credentials : Credentials::malformed;
    };
    if (equals_ignoring_case(scheme, "bearer")) return known(Credentials::bearer);
    if (equals_ignoring_case(scheme, "apikey")) return known(Credentials::api_key);
    return Credentials::other;
}

/// The positions of `byte` among 16, as bits.
std::uint32_t places_of(char byte, __m128i among) noexcept {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(among, _mm_set1_epi8(byte))));
}

constexpr std::uint64_t crlf = '\r' | '\n' << 8;

class HeadReader {
  public:
    HeadReader(HeadState& state, std::span<const std::byte> head, const HeadLimits& limits) noexcept
        : state_(state),
          limits_(limits),
          bytes_(reinterpret_cast<const unsigned char*>(head.data())),
          given_(static_cast<std::uint32_t>(
              std::min<std::size_t>(head.size(), std::numeric_limits<std::uint32_t>::max()))),
          end_(std::min(given_, limits.head_bytes)) {}

    HeadResult read() noexcept {
        while (state_.scanned < end_ && state_.phase < finished) step();
        if (state_.phase == finished) return completed();
        if (state_.phase != refused && state_.scanned < given_ && state_.scanned == end_) {
            refuse(HeadFault::head_too_large);
        }
        if (state_.phase == refused) return {HeadStatus::refused, state_.fault, false, state_.scanned};
        return {HeadStatus::need_more, HeadFault::none, false, state_.scanned};
    }

  private:
    /// Reads at least one byte, or refuses it.
    void step() noexcept {
        switch (state_.phase) {
            case first_byte:
                return read_first_byte();
            case tls_version:
                return refuse(byte() == 0x03 ? HeadFault::tls : HeadFault::not_http);
            case ssl2_length:
                return accept(ssl2_type);
            case ssl2_type:
                return refuse(byte() == 0x01 ? HeadFault::tls : HeadFault::not_http);
            case leading_lf:
                return read_leading_lf();
            case method_token:
                return read_method();
            case target_start:
                return read_target_start();
            case target_path:
                return read_target(path_bytes);
            case target_query:
                return read_target(query_bytes);
            case version_text:
                return read_version();
            case line_lf:
                return read_line_lf();
            case line_begin:
                return read_lines();
            case header_name:
                return read_name();
            default:
                return read_value();
        }
    }

    [[nodiscard]] unsigned char byte() const noexcept { return bytes_[state_.scanned]; }
    [[nodiscard]] std::string_view text(std::uint32_t from, std::uint32_t to) const noexcept {
        return {reinterpret_cast<const char*>(bytes_) + from, to - from};
    }
    void accept(Phase next) noexcept {
        ++state_.scanned;
        state_.phase = next;
    }
    void refuse(HeadFault fault) noexcept {
        state_.fault = fault;
        state_.phase = refused;
    }

    void read_first_byte() noexcept {
        // A TLS record is 0x16 0x03; an SSLv2 hello is a length with its highest bit set, then type 1.
        if (byte() == 0x16) return accept(tls_version);
        if (byte() >= 0x80) return accept(ssl2_length);
        if (byte() == '\r') return accept(leading_lf);
        state_.phase = method_token;
    }

    void read_leading_lf() noexcept {
        if (byte() != '\n') return refuse(HeadFault::malformed);
        accept(method_token);
        state_.line_start = state_.scanned;
    }

    // The request line

    /// Request lines are bounded: no byte but the CR may stand at line_start + line_bytes.
    [[nodiscard]] std::uint32_t line_end() const noexcept {
        const std::uint64_t limit = std::uint64_t{state_.line_start} + limits_.line_bytes;
        return limit < end_ ? static_cast<std::uint32_t>(limit) : end_;
    }
    [[nodiscard]] bool line_is_full() const noexcept {
        return state_.scanned - state_.line_start >= limits_.line_bytes;
    }

    void read_method() noexcept {
        if (state_.scanned == state_.line_start && read_method_at_once()) return;
        const std::string_view token = text(state_.line_start, state_.scanned);
        if (byte() == ' ' && !token.empty()) return judge_method(token);
        if (!begins_some_method(text(state_.line_start, state_.scanned + 1))) return refuse_method(token);
        accept(method_token);
    }

    /// The common case: the methods that pass, with their blank, out of one word. Changes nothing if it is
    /// none of them.
    bool read_method_at_once() noexcept {
        if (end_ - state_.scanned < sizeof(std::uint64_t)) return false;
        std::uint64_t word = 0;
        std::memcpy(&word, bytes_ + state_.scanned, sizeof word);
        for (const MethodWord& method : method_words) {
            if ((word & method.mask) != method.text) continue;
            state_.method = method.method;
            state_.scanned += method.bytes;
            state_.phase = target_start;
            return true;
        }
        return false;
    }

    /// The byte behind `token` neither ends it nor leads to a method. Behind a whole method it is HTTP gone
    /// wrong.
    void refuse_method(std::string_view token) noexcept {
        const bool broken_line = method_of(token) != Method::unknown && !is_tchar(byte());
        refuse(broken_line ? HeadFault::malformed : HeadFault::not_http);
    }

    void judge_method(std::string_view token) noexcept {
        state_.method = method_of(token);
        if (token == http2_preface) return refuse(HeadFault::version);
        if (state_.method == Method::unknown || state_.method == Method::trace ||
            state_.method == Method::connect) {
            return refuse(HeadFault::method);
        }
        accept(target_start);
    }

    void read_target_start() noexcept {
        state_.target.offset = state_.scanned;
        if (is_blank(byte()) || byte() < 0x20 || byte() == 0x7f) return refuse(HeadFault::malformed);
        if (byte() != '/' && byte() != '*' && to_lower(byte()) != 'h') return refuse(HeadFault::target);
        if (byte() == '/' && read_target_at_once()) return;
        state_.phase = target_path;
    }

    /// The common case, an origin-form that is there whole and whose path is evidently plain. Changes nothing
    /// if it is not.
    bool read_target_at_once() noexcept {
        const std::uint32_t start = state_.scanned;
        const std::uint32_t limit = line_end();
        if (limit <= start) return false;
        std::uint32_t behind = end_of_plain_path(start, limit);
        if (bytes_[behind] == '?') behind = query_bytes.skip(bytes_, behind + 1, limit);
        if (behind == limit || bytes_[behind] != ' ') return false;
        state_.target.bytes = behind - start;
        state_.scanned = behind + 1;
        state_.phase = version_text;
        return true;
    }

    /// Where the path that begins at `start` with a slash ends; `start` if that is not within the 16 bytes at
    /// a time that there are before `limit`, or if is_plain_target() has to look at it: there is a `%`, or a
    /// slash or a dot behind a slash.
    [[nodiscard]] std::uint32_t end_of_plain_path(std::uint32_t start, std::uint32_t limit) const noexcept {
        std::uint32_t slash_before = 0;
        for (std::uint32_t at = start; limit - at >= 16; at += 16) {
            const __m128i data = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes_ + at));
            const std::uint32_t ends = path_bytes.outside_mask(bytes_ + at);
            const std::uint32_t slashes = places_of('/', data);
            const std::uint32_t odd =
                places_of('%', data) | ((slashes << 1U | slash_before) & (slashes | places_of('.', data)));
            const std::uint32_t path = (ends - 1) & ~ends;  // the bits below the first end, or all
            if ((odd & path) != 0) return start;
            if (ends != 0) return at + static_cast<std::uint32_t>(std::countr_zero(ends));
            slash_before = slashes >> 15U;
        }
        return start;
    }

    void read_target(const ByteSet& set) noexcept {
        state_.scanned = set.skip(bytes_, state_.scanned, std::max(line_end(), state_.scanned));
        if (state_.scanned == end_) return;
        if (line_is_full()) return refuse(HeadFault::head_too_large);
        if (byte() == '?') return accept(target_query);
        if (byte() == ' ') return judge_target();
        if (byte() == '\r') return refuse(HeadFault::version);  // HTTP/0.9
        refuse(is_visible(byte()) || byte() >= 0x80 ? HeadFault::target : HeadFault::malformed);
    }

    void judge_target() noexcept {
        state_.target.bytes = state_.scanned - state_.target.offset;
        if (!is_plain_target(text(state_.target.offset, state_.scanned), state_.method)) {
            return refuse(HeadFault::target);
        }
        accept(version_text);
    }

    void read_version() noexcept {
        constexpr std::string_view expected = "HTTP/1.";
        const std::uint32_t at = state_.scanned - (state_.target.offset + state_.target.bytes + 1);
        if (at == 0 && read_version_at_once()) return;
        if (at == expected.size() + 1 && byte() == '\r') return accept(line_lf);
        if (line_is_full()) return refuse(HeadFault::head_too_large);
        if (at < expected.size() && byte() == static_cast<unsigned char>(expected[at])) {
            return accept(version_text);
        }
        if (at == expected.size() && (byte() == '0' || byte() == '1')) {
            state_.version_minor = static_cast<std::uint8_t>(byte() - '0');
            return accept(version_text);
        }
        refuse(byte() > ' ' && byte() < 0x7f ? HeadFault::version : HeadFault::malformed);
    }

    /// The common case, like read_method_at_once().
    bool read_version_at_once() noexcept {
        constexpr std::uint32_t length = 8;
        const unsigned char* const text = bytes_ + state_.scanned;
        if (line_end() - state_.scanned <= length || std::memcmp(text, "HTTP/1.", length - 1) != 0)
            return false;
        if ((text[length - 1] != '0' && text[length - 1] != '1') || text[length] != '\r') return false;
        state_.version_minor = static_cast<std::uint8_t>(text[length - 1] - '0');
        state_.scanned += length + 1;
        state_.phase = line_lf;
        return true;
    }

    void read_line_lf() noexcept {
        if (byte() != '\n') return refuse(HeadFault::malformed);
        accept(line_begin);
        state_.line_start = state_.scanned;
    }

    // Header lines

    void read_lines() noexcept {
        while (read_line_at_once()) {
        }
        if (state_.phase == line_begin && state_.scanned < end_) read_line_begin();
    }

    /// The common case, a good line that is there whole, line end included. Changes nothing if it is not;
    /// then the phases find out why.
    bool read_line_at_once() noexcept {
        const unsigned char* const bytes = bytes_;
        const std::uint32_t end = end_;
        const std::uint32_t start = state_.scanned;
        const std::uint32_t colon = name_bytes.skip(bytes, start, end);
        const std::uint32_t length = colon - start;
        if (length == 0 || length > std::numeric_limits<std::uint16_t>::max()) return false;
        if (colon == end || bytes[colon] != ':') return false;
        const std::uint32_t behind = value_bytes.skip(bytes, colon + 1, end);
        if (end - behind < 2 || word_at<std::uint16_t>(reinterpret_cast<const char*>(bytes + behind)) != crlf)
            return false;
        if (state_.header_lines == limits_.headers) return false;
        ++state_.header_lines;
        state_.scanned = behind;
        const HeadFault fault = judge_line(text(start, colon), text(colon + 1, behind));
        if (fault != HeadFault::none) {
            refuse(fault);
            return false;
        }
        state_.scanned = state_.line_start = behind + 2;
        return true;
    }

    void read_line_begin() noexcept {
        if (byte() == '\r') return judge_head();
        if (!name_bytes.contains(byte())) return refuse(HeadFault::malformed);
        if (state_.header_lines == limits_.headers) return refuse(HeadFault::head_too_large);
        ++state_.header_lines;
        accept(header_name);
        read_name();
    }

    void read_name() noexcept {
        state_.scanned = name_bytes.skip(bytes_, state_.scanned, end_);
        const std::uint32_t length = state_.scanned - state_.line_start;
        if (length > std::numeric_limits<std::uint16_t>::max()) {
            state_.scanned = state_.line_start + std::numeric_limits<std::uint16_t>::max();
            return refuse(HeadFault::head_too_large);
        }
        if (state_.scanned == end_) return;
        if (byte() != ':') return refuse(HeadFault::malformed);
        state_.name_bytes = static_cast<std::uint16_t>(length);
        accept(header_value);
        read_value();
    }

    void read_value() noexcept {
        state_.scanned = value_bytes.skip(bytes_, state_.scanned, end_);
        if (state_.scanned == end_) return;
        if (byte() != '\r') return refuse(HeadFault::malformed);
        const std::uint32_t colon = state_.line_start + state_.name_bytes;
        const HeadFault fault = judge_line(text(state_.line_start, colon), text(colon + 1, state_.scanned));
        if (fault != HeadFault::none) return refuse(fault);
        accept(line_lf);
    }

    /// Names are compared whole and without regard to case. What only resembles one of these
    /// (`Transfer_Encoding`) is no framing to any of the measured servers, and what has other than token
    /// bytes was refused before.
    ///
    /// Part of the loop over lines; what is done for a name that counts stays out of line, so that the many
    /// names that do not cost no more than the comparison.
    [[gnu::always_inline]] HeadFault judge_line(std::string_view name, std::string_view value) noexcept {
        const auto is = [name](const auto& lower) { return equals_ignoring_case(name, lower); };
        switch (name.size()) {
            case 4:
                return is("host") ? judge_host() : HeadFault::none;
            case 6:
                return is("expect") ? judge_expect(value) : HeadFault::none;
            case 7:
                return is("upgrade") ? HeadFault::upgrade : HeadFault::none;
            case 10:
                if (is("user-agent")) note_user_agent(value);
                return is("connection") ? judge_connection(value) : HeadFault::none;
            case 13:
                if (is("authorization")) note_authorization(value);
                return HeadFault::none;
            case 14:
                if (is("http2-settings")) return HeadFault::upgrade;
                return is("content-length") ? judge_content_length(value) : HeadFault::none;
            case 16:
                return is("content-encoding") ? judge_content_encoding(value) : HeadFault::none;
            case 17:
                return is("transfer-encoding") ? judge_transfer_encoding(value) : HeadFault::none;
            default:
                return HeadFault::none;
        }
    }

    [[nodiscard]] Piece piece_of(std::string_view value) const noexcept {
        const auto offset = static_cast<std::uint32_t>(value.data() - reinterpret_cast<const char*>(bytes_));
        return {offset, static_cast<std::uint32_t>(value.size())};
    }

    /// True the first time only.
    bool first_time(Seen header) noexcept {
        const bool first = (state_.seen & header) == 0;
        state_.seen = static_cast<std::uint8_t>(state_.seen | header);
        return first;
    }
    [[nodiscard]] bool has(Seen header) const noexcept { return (state_.seen & header) != 0; }

    /// The value does not matter to framing or to the databases; an empty one is what RFC 9112 §3.2 asks for
    /// where there is no authority.
    HeadFault judge_host() noexcept { return first_time(seen_host) ? HeadFault::none : HeadFault::host; }

    [[gnu::noinline]] HeadFault judge_expect(std::string_view value) noexcept {
        value = without_spaces(value);
        if (!first_time(seen_expect) || state_.version_minor == 0) return HeadFault::expectation;
        if (!equals_ignoring_case(value, "100-continue")) return HeadFault::expectation;
        state_.expects_continue = true;
        return HeadFault::none;
    }

    [[gnu::noinline]] void note_user_agent(std::string_view value) noexcept {
        state_.user_agent = piece_of(without_blanks(value));
    }

    [[gnu::noinline]] void note_authorization(std::string_view value) noexcept {
        value = without_blanks(value);
        if (!first_time(seen_authorization)) {
            state_.credentials = Credentials::malformed;
            return;
        }
        state_.credentials = credentials_of(value);
        state_.authorization = value.empty() ? Piece{} : piece_of(value);
    }

    [[gnu::noinline]] HeadFault judge_content_length(std::string_view value) noexcept {
        value = without_spaces(value);
        if (!first_time(seen_content_length) || has(seen_transfer_encoding)) return HeadFault::framing;
        if (value.empty()) return HeadFault::framing;
        std::uint64_t length = 0;
        bool fits = true;
        for (const char digit : value) {
            if (!is_digit(static_cast<unsigned char>(digit))) return HeadFault::framing;
            fits =
                fits && length < 1'000'000'000'000'000'000;  // 19 digits at most, leading zeros not counted
            if (fits) length = length * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        if (!fits) return HeadFault::framing;
        if (length > limits_.body_bytes) return HeadFault::body_too_large;
        state_.framing = BodyFraming::length;
        state_.content_length = length;
        return HeadFault::none;
    }

    [[gnu::noinline]] HeadFault judge_transfer_encoding(std::string_view value) noexcept {
        value = without_spaces(value);
        if (!first_time(seen_transfer_encoding) || has(seen_content_length)) return HeadFault::framing;
        if (state_.version_minor == 0 || !equals_ignoring_case(value, "chunked")) return HeadFault::framing;
        state_.framing = BodyFraming::chunked;
        return HeadFault::none;
    }

    /// What a coding hides cannot be inspected. `chunked` is none (it is a transfer coding), and all measured
    /// servers ignore it here.
    [[gnu::noinline]] static HeadFault judge_content_encoding(std::string_view value) noexcept {
        value = without_blanks(value);
        const bool plain = value.empty() || equals_ignoring_case(value, "identity") ||
                           equals_ignoring_case(value, "chunked");
        return plain ? HeadFault::none : HeadFault::encoded_body;
    }

    [[gnu::noinline]] HeadFault judge_connection(std::string_view value) noexcept {
        while (true) {
            const std::size_t comma = std::min(value.find(','), value.size());
            const HeadFault fault = judge_connection_option(without_spaces(value.substr(0, comma)));
            if (fault != HeadFault::none || comma == value.size()) return fault;
            value.remove_prefix(comma + 1);
        }
    }

    /// An option may name a header that is dropped by the next hop (RFC 9110 §7.6.1): never one that is
    /// judged here.
    HeadFault judge_connection_option(std::string_view option) noexcept {
        if (!name_bytes.covers(option)) return HeadFault::malformed;
        if (equals_ignoring_case(option, "close")) first_time(seen_close);
        if (equals_ignoring_case(option, "keep-alive")) first_time(seen_keep_alive);
        if (equals_ignoring_case(option, "upgrade") || equals_ignoring_case(option, "http2-settings")) {
            return HeadFault::upgrade;
        }
        const auto names = [option](const auto&... judged) {
            return (equals_ignoring_case(option, judged) || ...);
        };
        return names("authorization", "content-encoding", "content-length", "expect", "host",
                     "transfer-encoding")
                   ? HeadFault::framing
                   : HeadFault::none;
    }

    // The whole

    [[nodiscard]] HeadFault fault_of_head() const noexcept {
        if (state_.version_minor == 1 && !has(seen_host)) return HeadFault::host;
        const bool bodiless = state_.framing == BodyFraming::none ||
                              (state_.framing == BodyFraming::length && state_.content_length == 0);
        // RFC 9110 §10.1.1 forbids it, and the 100 that the databases give would be an answer to nothing.
        if (state_.expects_continue && bodiless) return HeadFault::expectation;
        // The LF that must follow has to fit, too.
        if (state_.scanned + 1 >= limits_.head_bytes) return HeadFault::head_too_large;
        return HeadFault::none;
    }

    void judge_head() noexcept {
        const HeadFault fault = fault_of_head();
        if (fault != HeadFault::none) return refuse(fault);
        state_.closes = has(seen_close) || (state_.version_minor == 0 && !has(seen_keep_alive));
        accept(finished);
    }

    /// `scanned` is behind the final CR.
    HeadResult completed() noexcept {
        if (state_.scanned >= given_) return {HeadStatus::complete, HeadFault::none, true, state_.scanned};
        if (byte() == '\n') return {HeadStatus::complete, HeadFault::none, false, state_.scanned + 1};
        refuse(HeadFault::malformed);
        return {HeadStatus::refused, state_.fault, false, state_.scanned};
    }

    HeadState& state_;
    const HeadLimits& limits_;
    const unsigned char* bytes_;
    std::uint32_t given_;
    std::uint32_t end_;  ///< bytes that may be looked at: given, and within head_bytes
};

}  // namespace

std::string_view name_of(Method method) noexcept {
    const auto* const found =
        std::find_if(known_methods.begin(), known_methods.end(),
                     [method](const MethodName& known) { return known.method == method; });
    return found == known_methods.end() ? std::string_view{} : found->text;
}

std::string_view name_of(Credentials credentials) noexcept {
    switch (credentials) {
        case Credentials::none:
            return "none";
        case Credentials::malformed:
            return "malformed";
        case Credentials::basic:
            return "basic";
        case Credentials::bearer:
            return "bearer";
        case Credentials::api_key:
            return "api_key";
        case Credentials::other:
            return "other";
    }
    return "";
}

HeadResult advance_head(HeadState& state, std::span<const std::byte> head,
                        const HeadLimits& limits) noexcept {
    return HeadReader(state, head, limits).read();
}

}  // namespace springlatch::http
