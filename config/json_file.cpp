#include "config/json_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

namespace springlatch {
namespace {

constexpr std::size_t file_bytes_max = 16U << 20U;

using Errors = std::vector<PolicyError>;

Errors whole_file(const std::string& file, std::string text) {
    return {{file, 0, 0, "", std::move(text)}};
}

}  // namespace

std::string lines_of(const std::vector<PolicyError>& errors) {
    std::string lines;
    for (const PolicyError& error : errors) {
        lines += error.str() + '\n';
    }
    return lines;
}

std::string PolicyError::str() const {
    const std::string where =
        line == 0 ? printable(file)
                  : printable(file) + ':' + std::to_string(line) + ':' + std::to_string(column);
    return where + ": error: " + (pointer.empty() ? "" : printable(pointer) + ": ") + text;
}

Errors unreadable(std::string_view text, const std::string& name, std::string_view what) {
    if (text.size() > file_bytes_max) {
        return whole_file(name, "larger than " + std::to_string(file_bytes_max) +
                                    " bytes, which is the most " + std::string(what) + " may have");
    }
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return whole_file(name, "is empty; " + std::string(what) + " is a JSON object");
    }
    if (text.starts_with("\xef\xbb\xbf")) {
        return whole_file(name, "starts with a byte order mark (EF BB BF); save it as UTF-8 without one");
    }
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return whole_file(name, "is UTF-16; save it as UTF-8");
    }
    return {};
}

void add_mistakes(std::string_view text, const JsonPositions& positions, std::vector<Mistake> mistakes,
                  std::vector<JsonProblem>& problems) {
    for (Mistake& mistake : mistakes) {
        std::size_t offset = positions.offset_of(mistake.pointer, mistake.at_key);
        if (mistake.inside) {
            offset = offset_in_string(text, offset, *mistake.inside);
        }
        problems.push_back({offset, std::move(mistake.pointer), std::move(mistake.text)});
    }
}

Errors located(const std::string& file, const JsonPositions& positions, std::vector<JsonProblem> problems) {
    std::stable_sort(problems.begin(), problems.end(),
                     [](const JsonProblem& a, const JsonProblem& b) { return a.offset < b.offset; });
    Errors errors;
    std::set<std::pair<std::string, std::string>> said;
    for (JsonProblem& problem : problems) {
        const LineColumn at = positions.line_column(problem.offset);
        if (said.emplace(problem.pointer, problem.text).second) {
            errors.push_back({file, at.line, at.column, std::move(problem.pointer), std::move(problem.text)});
        }
    }
    return errors;
}

tl::expected<std::string, Errors> read_json_file(const std::string& path, std::string_view what) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
    if (!file) {
        return tl::unexpected(
            whole_file(path, "cannot be opened: " + std::generic_category().message(errno)));
    }
    struct stat before {};
    if (fstat(fileno(file.get()), &before) == 0 && S_ISDIR(before.st_mode)) {
        return tl::unexpected(whole_file(path, "is a directory; " + std::string(what) + " is a JSON file"));
    }
    std::string text(file_bytes_max + 1, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    if (std::ferror(file.get()) != 0) {
        return tl::unexpected(whole_file(path, "cannot be read: " + std::generic_category().message(errno)));
    }
    struct stat after {};
    const bool comparable = S_ISREG(before.st_mode) && fstat(fileno(file.get()), &after) == 0;
    if (comparable && (before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                       before.st_mtim.tv_nsec != after.st_mtim.tv_nsec)) {
        return tl::unexpected(
            whole_file(path, "changed while it was read; load it again when it has been written"));
    }
    return text;
}

}  // namespace springlatch
