#include "control/cli/replay.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "config/load.h"
#include "control/api/ecs.h"
#include "control/cli/child.h"
#include "control/cli/outcome.h"
#include "control/credentials/check_pool.h"
#include "control/ingest/ingest.h"
#include "control/store/hit_store.h"
#include "control/store/store.h"

namespace springlatch::control {
namespace {

namespace fs = std::filesystem;

constexpr int idle_wait_ms = 2;
/// After its end the data plane's last messages lie in the socket: some steps fetch them.
constexpr int steps_after_end = 64;

volatile std::sig_atomic_t interrupted = 0;

/// SIGINT and SIGTERM end the replay, not this process, so that nothing half-made stays behind.
class CatchSignals {
  public:
    CatchSignals() {
        struct sigaction action {};
        action.sa_handler = [](int) { interrupted = 1; };
        sigaction(SIGINT, &action, &before_[0]);
        sigaction(SIGTERM, &action, &before_[1]);
    }
    ~CatchSignals() {
        sigaction(SIGINT, &before_[0], nullptr);
        sigaction(SIGTERM, &before_[1], nullptr);
    }
    CatchSignals(const CatchSignals&) = delete;
    CatchSignals& operator=(const CatchSignals&) = delete;

  private:
    std::array<struct sigaction, 2> before_{};
};

/// A folder of a random name that is gone at the end.
class TemporaryFolder {
  public:
    /// `prefix`: the path so far. Error: errno.
    [[nodiscard]] static tl::expected<std::unique_ptr<TemporaryFolder>, int> make(const std::string& prefix) {
        std::string path = prefix + "XXXXXX";
        if (mkdtemp(path.data()) == nullptr) {
            return tl::unexpected(errno);
        }
        return std::make_unique<TemporaryFolder>(std::move(path));
    }
    explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
};

/// The folder of the results: made if it is missing, and then removed again unless keep() was called.
class OutFolder {
  public:
    [[nodiscard]] static tl::expected<std::unique_ptr<OutFolder>, std::string> open(const std::string& path) {
        auto folder = std::make_unique<OutFolder>();
        std::error_code error;
        fs::path whole = fs::absolute(path, error).lexically_normal();
        if (!whole.has_filename()) {
            whole = whole.parent_path();
        }
        folder->path_ = whole.string();
        const fs::file_status status = fs::status(whole, error);
        if (fs::exists(status) && !fs::is_directory(status)) {
            return tl::unexpected(path + ": is no folder; give another --out");
        }
        std::vector<fs::path> missing;
        for (fs::path part = whole; !fs::exists(part, error); part = part.parent_path()) {
            missing.push_back(part);
        }
        std::reverse(missing.begin(), missing.end());
        for (const fs::path& part : missing) {
            if (mkdir(part.c_str(), 0777) != 0) {
                return tl::unexpected(path + ": the folder cannot be made: " + std::strerror(errno));
            }
            folder->made_.push_back(part);
        }
        return folder;
    }
    OutFolder() = default;
    ~OutFolder() {
        std::for_each(made_.rbegin(), made_.rend(), [](const fs::path& part) { rmdir(part.c_str()); });
    }
    OutFolder(const OutFolder&) = delete;
    OutFolder& operator=(const OutFolder&) = delete;
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    void keep() { made_.clear(); }

  private:
    std::string path_;
    std::vector<fs::path> made_;
};

constexpr std::array<const char*, 5> result_files = {"forwarded.pcap", "events.ndjson", "store/events.sqlite",
                                                     "store/hits.sqlite", "summary.json"};

[[nodiscard]] int fail(const std::string& text) {
    std::fprintf(stderr, "error: %s\n", text.c_str());
    return 1;
}

/// What stands in the way of putting results into this folder; found before anything is done.
[[nodiscard]] std::optional<std::string> obstacle(const std::string& out) {
    std::error_code error;
    if (const fs::file_status store = fs::symlink_status(out + "/store", error);
        fs::exists(store) && !fs::is_directory(store)) {
        return out + "/store: is no folder; give another --out";
    }
    for (const char* name : result_files) {
        const std::string path = out + "/" + name;
        const fs::file_status status = fs::symlink_status(path, error);
        if (fs::exists(status) && !fs::is_regular_file(status)) {
            return path + ": is no file that a replay has written; give another --out";
        }
    }
    return store_problem(out + "/store");
}

/// What the data plane told until its end, or the exit code of the failure.
[[nodiscard]] tl::expected<Snapshot, int> run_data_plane(const ReplayOptions& options,
                                                         const LoadedPolicy& policy, const std::string& work,
                                                         Store& store) {
    const char* base = std::getenv("TMPDIR");
    const std::string prefix =
        std::string(base == nullptr || *base == '\0' ? "/tmp" : base) + "/springlatch-";
    const auto socket_folder = TemporaryFolder::make(prefix);
    if (!socket_folder) {
        return tl::unexpected(
            fail(prefix + ": no temporary folder can be made: " + std::strerror(socket_folder.error())));
    }
    const std::string socket = (*socket_folder)->path() + "/control.sock";
    CheckPool checks(policy.identities, CheckTime::request);
    const auto hits = HitStore::open(work + "/store");
    if (!hits) {
        return tl::unexpected(fail(hits.error()));
    }
    auto ingest = Ingest::listen(socket, Names(policy.policy, policy.sha256), store, &checks, hits->get());
    if (!ingest) {
        return tl::unexpected(fail(ingest.error()));
    }
    std::vector<std::string> arguments = {
        options.data_plane.empty() ? sibling_program("springlatch-dataplane") : options.data_plane,
        "--replay",
        options.capture,
        "--forwarded",
        work + "/forwarded.pcap",
        "--policy",
        options.policy,
        "--control",
        socket,
        "--workers",
        std::to_string(options.workers)};
    if (options.observe) {
        arguments.emplace_back("--observe");
    }
    if (options.ignore_checksums) {
        arguments.emplace_back("--ignore-checksums");
    }
    const CatchSignals signals;
    auto child = Child::start(arguments);
    if (!child) {
        return tl::unexpected(fail(child.error()));
    }
    std::optional<int> code;
    std::size_t taken = 0;
    while (!(code = child->poll())) {
        if (interrupted != 0) {
            child->terminate();
        }
        taken = (*ingest)->step(taken > 0 ? 0 : idle_wait_ms);
    }
    for (int quiet = 0; quiet < steps_after_end;) {
        quiet = (*ingest)->step(0) > 0 ? 0 : quiet + 1;
    }
    if (interrupted != 0) {
        return tl::unexpected(fail("interrupted"));
    }
    if (*code >= 128) {
        return tl::unexpected(fail(arguments[0] + ": was killed by signal " + std::to_string(*code - 128)));
    }
    if (*code != 0) {
        return tl::unexpected(*code);
    }
    Snapshot told = (*ingest)->snapshot();
    const bool finished =
        told.known && std::all_of(told.workers.begin(), told.workers.end(),
                                  [](const auto& w) { return w.told && w.status.finished == 1; });
    if (!finished) {
        return tl::unexpected(fail(arguments[0] + ": ended without telling its final numbers"));
    }
    return told;
}

/// Writes through `fill` and to the disk. Error: one line.
template <class Fill>
[[nodiscard]] tl::expected<void, std::string> write_file(const std::string& path, Fill fill) {
    std::FILE* file = std::fopen(path.c_str(), "wxe");
    tl::expected<void, std::string> result;
    if (file == nullptr) {
        return tl::unexpected(path + ": cannot be written: " + std::strerror(errno));
    }
    result = fill(file);
    const bool good = std::ferror(file) == 0 && std::fflush(file) == 0;
    const int error = errno;
    if (std::fclose(file) != 0 || !good) {
        return tl::unexpected(path + ": cannot be written: " + std::strerror(error));
    }
    return result;
}

[[nodiscard]] tl::expected<void, std::string> write_events(const std::string& work, std::uint32_t workers,
                                                           StoppedTable& table) {
    auto reader = StoreReader::open(work + "/store");
    if (!reader) {
        return tl::unexpected(reader.error());
    }
    const EventOrder order = workers == 1 ? EventOrder::by_sequence : EventOrder::by_time;
    return write_file(work + "/events.ndjson", [&](std::FILE* file) {
        return reader->each({}, order, 0, [&](const Event& event) {
            const std::string line = ecs_json(event) + "\n";
            table.add(event);
            return std::fwrite(line.data(), 1, line.size(), file) == line.size();
        });
    });
}

/// Moves the results in. Nothing can fail here but the file system itself.
[[nodiscard]] tl::expected<void, std::string> publish(const std::string& work, const std::string& out) {
    if (mkdir((out + "/store").c_str(), 0700) != 0 && errno != EEXIST) {
        return tl::unexpected(out + "/store: cannot be made: " + std::strerror(errno));
    }
    // Of an earlier store, and poison for the new one.
    for (const char* companion :
         {"/events.sqlite-wal", "/events.sqlite-shm", "/hits.sqlite-wal", "/hits.sqlite-shm"}) {
        unlink((out + "/store" + companion).c_str());
    }
    for (const char* name : result_files) {
        const std::string to = out + "/" + name;
        if (std::rename((work + "/" + name).c_str(), to.c_str()) != 0) {
            return tl::unexpected(to + ": cannot be replaced: " + std::strerror(errno));
        }
    }
    return {};
}

}  // namespace

int replay(const ReplayOptions& options) {
    LoadOptions loading;
    if (options.observe) {
        loading.mode = Mode::observe;
    }
    const auto policy = load_policy(options.policy, loading);
    if (!policy) {
        std::fputs(lines_of(policy.error()).c_str(), stderr);
        return 1;
    }
    const auto out = OutFolder::open(options.out);
    if (!out) {
        return fail(out.error());
    }
    if (const auto problem = obstacle((*out)->path())) {
        return fail(*problem);
    }
    const auto work = TemporaryFolder::make((*out)->path() + "/.replay-");
    if (!work) {
        return fail(options.out + ": cannot be written: " + std::strerror(work.error()));
    }
    const std::string& folder = (*work)->path();
    auto store = Store::open(folder + "/store");
    if (!store) {
        return fail(store.error());
    }
    const auto told = run_data_plane(options, *policy, folder, **store);
    if (!told) {
        return told.error();
    }
    if (!(*store)->seal() || (*store)->state().failures > 0) {
        return fail(options.out + ": the events cannot be stored: " + (*store)->state().error +
                    "; earlier results are unchanged");
    }
    store->reset();
    StoppedTable table;
    auto written = write_events(folder, options.workers, table);
    if (written) {
        written =
            write_file(folder + "/summary.json", [&](std::FILE* file) -> tl::expected<void, std::string> {
                std::fputs(summary_json(*told, options.observe).c_str(), file);
                return {};
            });
    }
    if (written) {
        written = publish(folder, (*out)->path());
    }
    if (!written) {
        return fail(written.error());
    }
    (*out)->keep();
    if (!options.quiet) {
        std::fputs(table.text().c_str(), stdout);
    }
    return 0;
}

}  // namespace springlatch::control
