#pragma once
// What must hold for any bytes whatever, shared by property tests and fuzz targets: each check_… returns ""
// or what is wrong.
//
// Segmentation: the same bytes in other segments give the same answer. `seed` chooses the segments.
// Oracle: an accepted head is read again, slowly, by code that shares nothing with the product's.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/protocol/http/request_body.h"
#include "dataplane/protocol/http/request_head.h"
#include "dataplane/protocol/http/response.h"

namespace springlatch::http::checks {

/// Calls `use` with a copy of `text` that ends at the end of its heap block, so that the address sanitizer
/// sees a read of one byte too far.
template <typename Use>
auto with_exact_copy(std::string_view text, Use use) {
    const std::unique_ptr<std::byte[]> copy(new std::byte[text.size()]);
    if (!text.empty()) std::memcpy(copy.get(), text.data(), text.size());
    return use(std::span<const std::byte>(copy.get(), text.size()));
}

/// Lengths of segments: mostly short, sometimes long, never 0.
class Segments {
  public:
    explicit Segments(std::uint64_t seed) : state_(seed * 2 + 1) {}
    std::size_t next() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        const auto roll = static_cast<std::size_t>(state_ >> 40U);
        return roll % 4 != 0 ? 1 + roll / 4 % 5 : 1 + roll / 4 % 97;
    }

  private:
    std::uint64_t state_;
};

// Heads

inline bool operator==(const Piece& a, const Piece& b) {
    return a.offset == b.offset && a.bytes == b.bytes;
}

inline bool same(const HeadResult& a, const HeadResult& b) {
    return a.status == b.status && a.fault == b.fault && a.lf_pending == b.lf_pending && a.bytes == b.bytes;
}

inline bool same_facts(const HeadState& a, const HeadState& b) {
    return a.method == b.method && a.version_minor == b.version_minor && a.framing == b.framing &&
           a.credentials == b.credentials && a.expects_continue == b.expects_continue &&
           a.closes == b.closes && a.content_length == b.content_length && a.header_lines == b.header_lines &&
           a.target == b.target && a.authorization == b.authorization && a.user_agent == b.user_agent;
}

inline std::string lower(std::string_view text) {
    std::string out(text);
    for (char& byte : out) {
        if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte + 32);
    }
    return out;
}

inline std::string trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

constexpr std::string_view token_bytes = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";  // lower case

struct SlowHeader {
    std::string name;  ///< lower case
    std::string value;
};

/// Reads an accepted head (final CRLF included) again; returns what it should never have been accepted with.
inline std::string check_accepted(std::string_view head, const HeadState& state) {
    if (head.starts_with("\r\n")) head.remove_prefix(2);
    if (!head.ends_with("\r\n\r\n")) return "does not end in an empty line";
    std::vector<std::string> lines;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        lines.emplace_back(head.substr(0, end));
        head.remove_prefix(end + 2);
    }
    lines.pop_back();
    for (const std::string& line : lines) {
        if (line.empty()) return "an empty line inside";
        for (const char byte : line) {
            const auto value = static_cast<unsigned char>(byte);
            if ((value < 0x20 && value != '\t') || value == 0x7f) return "a control byte inside";
        }
    }

    const std::string& first = lines.front();
    const std::size_t blank = first.find(' ');
    const std::size_t blank2 = first.find(' ', blank + 1);
    if (blank == std::string::npos || blank2 == std::string::npos)
        return "a request line of less than three words";
    const std::string target = first.substr(blank + 1, blank2 - blank - 1);
    const std::string version = first.substr(blank2 + 1);
    constexpr std::array<std::string_view, 7> methods = {"GET",    "HEAD",    "POST", "PUT",
                                                         "DELETE", "OPTIONS", "PATCH"};
    if (std::count(methods.begin(), methods.end(), first.substr(0, blank)) != 1) return "another method";
    if (name_of(state.method) != first.substr(0, blank)) return "a wrong method";
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return "another version";
    if (state.version_minor != version.back() - '0') return "a wrong version";
    if (target.empty() || target.find_first_of("\t#") != std::string::npos) return "a bad target";
    if (state.target.bytes != target.size()) return "a wrong target";

    std::vector<SlowHeader> headers;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t colon = lines[i].find(':');
        if (colon == std::string::npos || colon == 0) return "a header line without a name";
        const std::string name = lower(std::string_view(lines[i]).substr(0, colon));
        if (name.find_first_not_of(token_bytes) != std::string::npos) return "a bad header name";
        headers.push_back({name, trimmed(std::string_view(lines[i]).substr(colon + 1))});
    }
    if (state.header_lines != headers.size()) return "a wrong number of headers";
    const auto count = [&headers](std::string_view name) {
        return std::count_if(headers.begin(), headers.end(),
                             [name](const SlowHeader& h) { return h.name == name; });
    };
    const auto value = [&headers](std::string_view name) {
        const auto found = std::find_if(headers.begin(), headers.end(),
                                        [name](const SlowHeader& h) { return h.name == name; });
        return found == headers.end() ? std::string() : found->value;
    };
    if (count("host") > 1 || (version == "HTTP/1.1" && count("host") == 0)) return "not one Host";
    if (count("upgrade") + count("http2-settings") != 0) return "an upgrade";
    if (count("content-length") + count("transfer-encoding") > 1) return "two framings";
    if (count("transfer-encoding") == 1) {
        if (version == "HTTP/1.0" || lower(value("transfer-encoding")) != "chunked")
            return "a bad Transfer-Encoding";
        if (state.framing != BodyFraming::chunked) return "a chunked body unseen";
    } else if (count("content-length") == 1) {
        std::string digits = value("content-length");
        if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
            return "a bad Content-Length";
        digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
        if (digits != std::to_string(state.content_length) || state.framing != BodyFraming::length)
            return "a wrong Content-Length";
    } else if (state.framing != BodyFraming::none) {
        return "a body without framing";
    }
    if (count("expect") > 1 || (count("expect") == 1 && lower(value("expect")) != "100-continue"))
        return "a bad Expect";
    if (state.expects_continue != (count("expect") == 1)) return "an Expect unseen";
    if (count("authorization") > 1 && state.credentials != Credentials::malformed) return "two Authorization";
    if (count("authorization") == 0 && state.credentials != Credentials::none) return "invented credentials";
    return "";
}

inline std::string check_head(std::string_view bytes, std::uint64_t seed, const HeadLimits& limits = {}) {
    HeadState whole_state;
    const HeadResult whole =
        with_exact_copy(bytes, [&](auto span) { return advance_head(whole_state, span, limits); });
    if (whole.bytes > bytes.size()) return "more consumed than given";
    if (whole.status == HeadStatus::need_more && whole.bytes != bytes.size())
        return "need_more before all is read";
    if ((whole.status == HeadStatus::refused) != (whole.fault != HeadFault::none))
        return "refused without a fault, or the reverse";
    if (whole.bytes > limits.head_bytes) return "more than head_bytes";

    HeadState state;
    HeadResult result;
    Segments segments(seed);
    bool was_complete = false;
    for (std::size_t given = 0; given < bytes.size();) {
        given = std::min(bytes.size(), given + segments.next());
        const HeadResult last = result;
        result = with_exact_copy(bytes.substr(0, given),
                                 [&](auto span) { return advance_head(state, span, limits); });
        if (last.status == HeadStatus::refused && !same(last, result)) return "refused, and then not";
        if (result.status == HeadStatus::refused && result.bytes < last.bytes)
            return "refused before what was accepted";
        was_complete = was_complete || result.status == HeadStatus::complete;
    }
    if (!bytes.empty() && !same(whole, result)) return "another answer in other segments";
    if (whole.status == HeadStatus::complete && !same_facts(whole_state, state))
        return "other facts in other segments";
    if (was_complete && whole.status == HeadStatus::need_more) return "complete, and then not";
    if (whole.status != HeadStatus::complete) return "";
    return check_accepted(std::string(bytes.substr(0, whole.bytes)) + (whole.lf_pending ? "\n" : ""),
                          whole_state);
}

// Chunks

struct ChunkOutcome {
    ChunkStatus status = ChunkStatus::need_more;
    HeadFault fault = HeadFault::none;
    bool lf_pending = false;
    std::size_t bytes = 0;
    std::uint64_t data = 0;
    bool operator==(const ChunkOutcome&) const = default;
};

/// A slow second reading of a complete chunked body: what is wrong with it, or nothing.
inline std::string wrong_in_body(std::string_view body) {
    while (true) {
        const std::size_t line = body.find("\r\n");
        if (line == 0 || line > 8) return "complete with a bad size line";
        const std::uint64_t size = std::stoull(std::string(body.substr(0, line)), nullptr, 16);
        body.remove_prefix(line + 2);
        if (size == 0) break;
        if (size > body.size() || !body.substr(size).starts_with("\r\n"))
            return "complete with a chunk of another size";
        body.remove_prefix(size + 2);
    }
    if (!body.ends_with("\r\n")) return "complete without an empty line";
    body.remove_suffix(2);
    if (body.size() > 8192) return "complete with a long trailer";
    for (int fields = 1; !body.empty(); ++fields) {
        if (fields > 64) return "complete with a trailer of many fields";
        const std::size_t end = body.find("\r\n");
        const std::size_t colon = body.find(':');
        if (end == std::string_view::npos || colon == 0 || colon >= end)
            return "complete with a trailer that is no field";
        const std::string name = lower(body.substr(0, colon));
        if (name.find_first_not_of(token_bytes) != std::string::npos)
            return "complete with a bad trailer name";
        for (const std::string_view barred :
             {"authorization", "proxy-authorization", "content-length", "transfer-encoding",
              "content-encoding", "host", "connection", "expect", "upgrade", "http2-settings", "te",
              "trailer", "cookie", "keep-alive", "proxy-connection", "x-http-method-override",
              "x-http-method", "x-method-override"}) {
            if (name == barred) return "complete with a trailer that names " + name;
        }
        for (const char byte : body.substr(colon + 1, end - colon - 1)) {
            const auto value = static_cast<unsigned char>(byte);
            if (value != '\t' && (value < 0x20 || value == 0x7f)) return "complete with a bad trailer value";
        }
        body.remove_prefix(end + 2);
    }
    return "";
}

/// Reads a chunked body; `next` gives the size of the next segment. `wrong` is set if a call breaks its
/// contract.
template <typename Next>
ChunkOutcome read_chunks(std::string_view bytes, const HeadLimits& limits, Next next, std::string& wrong) {
    ChunkState state;
    ChunkOutcome outcome;
    while (outcome.bytes < bytes.size()) {
        const std::string_view segment = bytes.substr(outcome.bytes, next());
        const ChunkResult result =
            with_exact_copy(segment, [&](auto span) { return advance_chunks(state, span, limits); });
        if (result.bytes > segment.size()) wrong = "more consumed than given";
        outcome.status = result.status;
        outcome.fault = result.fault;
        outcome.lf_pending = result.lf_pending;
        outcome.bytes += result.bytes;
        if (result.status == ChunkStatus::refused) {
            const ChunkResult again = advance_chunks(state, {}, limits);
            if (again.status != ChunkStatus::refused) wrong = "refused, and then not";
            return outcome;
        }
        if (result.status == ChunkStatus::complete && !result.lf_pending) return outcome;
        if (result.status == ChunkStatus::need_more && result.bytes != segment.size())
            wrong = "need_more before all is read";
        if (result.status == ChunkStatus::data) {
            if (state.left == 0) wrong = "an empty chunk with data";
            const auto skipped = std::min<std::uint64_t>(state.left, bytes.size() - outcome.bytes);
            outcome.data += skipped;
            outcome.bytes += skipped;
            state.phase = ChunkPhase::data_cr;
            if (outcome.data > limits.body_bytes) wrong = "more data than body_bytes";
        }
        // Of a trailer a flow keeps no more than this.
        if (state.phase >= ChunkPhase::trailer_name || state.phase == ChunkPhase::trailer_line)
            state = {.left = state.left, .phase = state.phase, .digits = state.digits};
    }
    return outcome;
}

inline std::string check_chunks(std::string_view bytes, std::uint64_t seed, const HeadLimits& limits = {}) {
    std::string wrong;
    const ChunkOutcome whole = read_chunks(
        bytes, limits, [&bytes] { return bytes.size(); }, wrong);
    Segments segments(seed);
    const ChunkOutcome cut = read_chunks(
        bytes, limits, [&segments] { return segments.next(); }, wrong);
    if (!wrong.empty()) return wrong;
    // A segment may end right behind a size line or not: `data` and `need_more` at the end are the same
    // answer.
    const auto open = [](const ChunkOutcome& o) {
        return o.status == ChunkStatus::need_more || o.status == ChunkStatus::data;
    };
    if (open(whole) && open(cut))
        return whole.bytes == cut.bytes && whole.data == cut.data ? "" : "other data in other segments";
    if (whole != cut) return "another answer in other segments";
    if (whole.status == ChunkStatus::complete && !whole.lf_pending)
        return wrong_in_body(bytes.substr(0, whole.bytes));
    return "";
}

// Responses

/// The events of a stream with their numbers, then how it stands at the end.
template <typename Next>
std::string read_responses(std::string_view bytes, bool to_head, bool skip, Next next, std::string& wrong) {
    ResponseState state;
    std::string events;
    std::size_t at = 0;
    std::size_t idle_events = 0;
    while (idle_events < 3) {
        std::string_view segment = bytes.substr(at, at < bytes.size() ? next() : 0);
        if (skip) {
            const auto skipped =
                static_cast<std::size_t>(std::min<std::uint64_t>(skippable_bytes(state), segment.size()));
            skip_bytes(state, skipped);
            at += skipped;
            segment.remove_prefix(skipped);
        }
        const ResponseResult result =
            with_exact_copy(segment, [&](auto span) { return advance_response(state, span, to_head); });
        if (result.bytes > segment.size()) wrong = "more consumed than given";
        if (result.event == ResponseEvent::none && result.bytes != segment.size())
            wrong = "nothing happened before all is read";
        if (state.given > bytes.size()) wrong = "more given than sent";
        at += result.bytes;
        if ((result.event == ResponseEvent::lost) != is_lost(state))
            wrong = "lost without saying so, or the reverse";
        if (result.event == ResponseEvent::complete && !is_idle(state)) wrong = "complete but not idle";
        if (result.event == ResponseEvent::lost) return events + "lost";
        if (result.event == ResponseEvent::none && at >= bytes.size()) break;
        if (result.event == ResponseEvent::none) continue;
        idle_events = at >= bytes.size() ? idle_events + 1 : 0;
        events += std::to_string(static_cast<int>(result.event)) + " " + std::to_string(state.status) + " " +
                  std::to_string(state.given) + ";";
    }
    events += is_idle(state) ? "idle" : "open " + std::to_string(state.given);
    return events + (response_closed(state) ? " closed" : "");
}

inline std::string check_responses(std::string_view bytes, std::uint64_t seed, bool to_head) {
    std::string wrong;
    const std::string whole = read_responses(
        bytes, to_head, false, [&bytes] { return bytes.size(); }, wrong);
    Segments segments(seed);
    const auto next = [&segments] { return segments.next(); };
    if (read_responses(bytes, to_head, false, next, wrong) != whole) return "other events in other segments";
    if (read_responses(bytes, to_head, true, next, wrong) != whole)
        return "other events if bodies are skipped";
    return wrong;
}

}  // namespace springlatch::http::checks
