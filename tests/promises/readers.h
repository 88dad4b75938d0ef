#pragma once
// Lenient readers of HTTP/1.x: every way in which a server is known to read a client's bytes, as switches.
// Shares no code with the product.
//
//   requests_of(stream, ended, reading) lists the requests that such a server would run, in order, and for
//   each whether it carries credentials: exactly one Authorization header of a known scheme with a value.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/promises/random.h"

namespace springlatch::test {

struct Reading {
    bool lf_ends_line = true;
    bool cr_ends_line = false;
    bool folds = true;                     ///< a line that begins with a blank continues the one before
    bool skips_prefix = true;              ///< blanks, control bytes and empty lines in front of a request
    bool simple_requests = false;          ///< HTTP/0.9: `GET /path` without a version runs at its line end
    bool end_completes_head = false;       ///< a FIN inside a head ends it
    bool length_first = false;             ///< Content-Length beats Transfer-Encoding
    bool last_length = false;              ///< of several Content-Length headers the last counts
    bool loose_length = true;              ///< strtol: sign, blanks in front, anything behind the digits
    bool loose_coding = true;              ///< any Transfer-Encoding that has `chunked` somewhere
    bool loose_names = true;               ///< a blank or control byte between name and colon
    bool strange_expect_runs_body = true;  ///< measured: both databases
    bool continue_is_refused = false;  ///< a final status in place of the 100: the body is the next request
    bool loose_chunks = true;          ///< sign, 0x, blanks around the size; LF alone

    static Reading any(Random& random) {
        const auto coin = [&] { return random.chance(50); };
        return {.lf_ends_line = random.chance(80),
                .cr_ends_line = coin(),
                .folds = coin(),
                .skips_prefix = random.chance(80),
                .simple_requests = coin(),
                .end_completes_head = coin(),
                .length_first = coin(),
                .last_length = coin(),
                .loose_length = coin(),
                .loose_coding = coin(),
                .loose_names = coin(),
                .strange_expect_runs_body = coin(),
                .loose_chunks = coin()};
    }
};

struct ReadRequest {
    std::string head;
    bool credentials = false;
    std::size_t end = 0;  ///< position behind its head
};

class LenientReader {
  public:
    LenientReader(std::string_view stream, bool ended, const Reading& reading)
        : stream_(stream), ended_(ended), reading_(reading) {}

    std::vector<ReadRequest> all() {
        std::vector<ReadRequest> found;
        while (at_ < stream_.size()) {
            std::optional<ReadRequest> request = head();
            if (!request) break;
            found.push_back(*request);
            if (!skip_body()) break;
        }
        return found;
    }

  private:
    static std::string lower(std::string_view text) {
        std::string result(text);
        std::transform(result.begin(), result.end(), result.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return result;
    }
    static bool blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }
    static std::string trimmed(std::string_view text) {
        while (!text.empty() && (blank(text.front()) || text.front() == '\r')) text.remove_prefix(1);
        while (!text.empty() && (blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
        return std::string(text);
    }

    /// The next line without its end; nothing if its end has not come.
    std::optional<std::string_view> line() {
        for (std::size_t i = at_; i < stream_.size(); ++i) {
            const char c = stream_[i];
            if (c == '\r' && i + 1 < stream_.size() && stream_[i + 1] == '\n') return take(i, i + 2);
            if (c == '\r' && reading_.cr_ends_line) return take(i, i + 1);
            if (c == '\n' && reading_.lf_ends_line) return take(i, i + 1);
        }
        return std::nullopt;
    }
    std::string_view take(std::size_t end, std::size_t next) {
        const std::string_view found = stream_.substr(at_, end - at_);
        at_ = next;
        return found;
    }

    std::optional<ReadRequest> head() {
        if (reading_.skips_prefix) {
            while (at_ < stream_.size() && static_cast<unsigned char>(stream_[at_]) <= ' ') ++at_;
        } else {
            if (stream_.substr(at_).starts_with("\r\n")) at_ += 2;
        }
        const std::size_t start = at_;
        const auto first = line();
        if (!first) return std::nullopt;
        std::vector<std::string> words;
        std::string word;
        for (const char c : *first) {
            if (blank(c)) {
                if (!word.empty()) words.push_back(word);
                word.clear();
            } else {
                word += c;
            }
        }
        if (!word.empty()) words.push_back(word);
        if (words.size() < 2 || words[0].empty() ||
            std::isalpha(static_cast<unsigned char>(words[0][0])) == 0)
            return std::nullopt;
        if (words.size() == 2) {
            if (!reading_.simple_requests) return std::nullopt;
            return ReadRequest{std::string(stream_.substr(start, at_ - start)), false, at_};
        }
        headers_.clear();
        while (true) {
            const auto text = line();
            if (!text) {
                if (ended_ && reading_.end_completes_head) {
                    at_ = stream_.size();
                    break;
                }
                return std::nullopt;
            }
            if (text->empty()) break;
            if (blank(text->front())) {
                if (reading_.folds && !headers_.empty()) headers_.back().second += " " + trimmed(*text);
                continue;
            }
            const std::size_t colon = text->find(':');
            if (colon == std::string_view::npos) continue;
            std::string name = lower(text->substr(0, colon));
            if (reading_.loose_names) {
                while (!name.empty() && static_cast<unsigned char>(name.back()) <= ' ') name.pop_back();
            }
            headers_.emplace_back(std::move(name), trimmed(text->substr(colon + 1)));
        }
        ReadRequest request{std::string(stream_.substr(start, at_ - start)), false, at_};
        const auto values = of("authorization");
        if (values.size() == 1) {
            const std::string value = lower(values[0]);
            for (const std::string scheme : {"basic ", "bearer ", "apikey "})
                request.credentials =
                    request.credentials || (value.starts_with(scheme) && value.size() > scheme.size());
        }
        return request;
    }

    std::vector<std::string> of(std::string_view name) const {
        std::vector<std::string> values;
        for (const auto& [key, value] : headers_)
            if (key == name) values.push_back(value);
        return values;
    }

    /// False: the connection can bring no further request.
    bool skip_body() {
        const auto expect = of("expect");
        if (reading_.strange_expect_runs_body && !expect.empty() &&
            !(expect.size() == 1 && lower(expect[0]) == "100-continue"))
            return true;
        if (reading_.continue_is_refused && !expect.empty()) return true;
        const auto codings = of("transfer-encoding");
        const auto lengths = of("content-length");
        bool chunked = false;
        for (const std::string& coding : codings) {
            const std::string text = lower(coding);
            chunked = chunked ||
                      (reading_.loose_coding ? text.find("chunked") != std::string::npos : text == "chunked");
        }
        if (chunked && !(reading_.length_first && !lengths.empty())) return skip_chunks();
        if (lengths.empty()) return true;
        const std::string& text = reading_.last_length ? lengths.back() : lengths.front();
        std::size_t i = 0;
        if (reading_.loose_length) {
            while (i < text.size() && blank(text[i])) ++i;
            if (i < text.size() && text[i] == '+') ++i;
        }
        std::uint64_t value = 0;
        const std::size_t digits = i;
        while (i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0 && i < digits + 18)
            value = value * 10 + static_cast<std::uint64_t>(text[i++] - '0');
        if (i < text.size() && !reading_.loose_length) return false;
        if (value > stream_.size() - at_) return false;
        at_ += value;
        return true;
    }

    bool skip_chunks() {
        while (true) {
            const auto text = line();
            if (!text) return false;
            std::string size = lower(text->substr(0, text->find(';')));
            if (reading_.loose_chunks) {
                size = trimmed(size);
                if (size.starts_with("+")) size.erase(0, 1);
                if (size.starts_with("0x")) size.erase(0, 2);
            }
            std::uint64_t value = 0;
            std::size_t i = 0;
            while (i < size.size() && i < 15 && std::isxdigit(static_cast<unsigned char>(size[i])) != 0) {
                const char c = size[i++];
                value = value * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
            }
            if (i == 0 || (i < size.size() && !reading_.loose_chunks)) return false;
            if (value == 0) break;
            if (value > stream_.size() - at_) return false;
            at_ += value;
            if (stream_.substr(at_).starts_with("\r\n")) {
                at_ += 2;
            } else if (reading_.loose_chunks && stream_.substr(at_).starts_with("\n")) {
                ++at_;
            } else {
                return false;
            }
        }
        while (true) {  // trailers
            const auto text = line();
            if (!text) return false;
            if (text->empty()) return true;
        }
    }

    std::string_view stream_;
    bool ended_;
    Reading reading_;
    std::size_t at_ = 0;
    std::vector<std::pair<std::string, std::string>> headers_;
};

[[nodiscard]] inline std::vector<ReadRequest> requests_of(std::string_view stream, bool ended,
                                                          const Reading& reading) {
    return LenientReader(stream, ended, reading).all();
}

}  // namespace springlatch::test
