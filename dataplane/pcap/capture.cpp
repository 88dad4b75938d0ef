#include "dataplane/pcap/capture.h"

#include <pcap/pcap.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace springlatch {
namespace {

struct CloseCapture {
    void operator()(pcap_t* capture) const noexcept { pcap_close(capture); }
};
using Capture = std::unique_ptr<pcap_t, CloseCapture>;

constexpr std::uint64_t ns_per_second = 1'000'000'000U;

[[nodiscard]] tl::expected<Capture, std::string> open_capture(const std::string& path) {
    std::error_code none;
    if (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none)) {
        return tl::unexpected(path + ": is no file");  // a pipe would be used up by the check
    }
    std::FILE* file = std::fopen(path.c_str(), "rbe");
    if (file == nullptr) {
        return tl::unexpected(path + ": cannot be opened: " + std::strerror(errno));
    }
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    Capture capture(pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error.data()));
    if (!capture) {
        std::fclose(file);
        return tl::unexpected(path + ": is not a readable capture: " + error.data() +
                              " (allowed: pcap and pcapng)");
    }
    return capture;
}

}  // namespace

tl::expected<CaptureSummary, std::string> check_capture(const std::string& path) {
    auto capture = open_capture(path);
    if (!capture) {
        return tl::unexpected(capture.error());
    }
    const int link_type = pcap_datalink(capture->get());
    if (link_type != DLT_EN10MB) {
        const char* name = pcap_datalink_val_to_name(link_type);
        return tl::unexpected(path + ": link type is " +
                              (name != nullptr ? name : std::to_string(link_type)) +
                              "; only Ethernet (EN10MB) can be replayed");
    }
    CaptureSummary summary;
    while (true) {
        pcap_pkthdr* header = nullptr;
        const unsigned char* data = nullptr;
        const int got = pcap_next_ex(capture->get(), &header, &data);
        if (got == PCAP_ERROR_BREAK) {
            break;
        }
        if (got != 1) {
            return tl::unexpected(path + ": is truncated or corrupt behind frame " +
                                  std::to_string(summary.frames) + ": " + pcap_geterr(capture->get()));
        }
        if (summary.frames == 0) {
            summary.first_ns = static_cast<std::uint64_t>(header->ts.tv_sec) * ns_per_second +
                               static_cast<std::uint64_t>(header->ts.tv_usec);
        }
        ++summary.frames;
        summary.bytes += header->caplen;
        summary.frame_bytes_max =
            std::max(summary.frame_bytes_max, static_cast<std::uint32_t>(header->caplen));
        if (header->caplen < header->len) {
            ++summary.frames_cut;
        }
    }
    if (summary.frames == 0) {
        return tl::unexpected(path + ": holds no frame");
    }
    return summary;
}

tl::expected<void, std::string> write_with_times(const std::string& from, const std::string& to,
                                                 const std::vector<std::uint64_t>& times_ns) {
    auto capture = open_capture(from);
    if (!capture) {
        return tl::unexpected(capture.error());
    }
    const std::string temporary = to + ".part";
    const auto fail = [&](const std::string& what) -> tl::unexpected<std::string> {
        unlink(temporary.c_str());
        return tl::unexpected(temporary + ": " + what);
    };
    std::FILE* file = std::fopen(temporary.c_str(), "wbe");
    if (file == nullptr) {
        return fail(std::string{"cannot be written: "} + std::strerror(errno));
    }
    // pcap_dump_fopen() takes the precision of its handle; microseconds are what every reader understands.
    const std::unique_ptr<pcap_t, CloseCapture> dead(pcap_open_dead(DLT_EN10MB, 262'144));
    pcap_dumper_t* dumper = pcap_dump_fopen(dead.get(), file);
    if (dumper == nullptr) {
        std::fclose(file);
        return fail(pcap_geterr(dead.get()));
    }
    std::size_t frames = 0;
    pcap_pkthdr* header = nullptr;
    const unsigned char* data = nullptr;
    while (pcap_next_ex(capture->get(), &header, &data) == 1 && frames < times_ns.size()) {
        pcap_pkthdr timed = *header;
        timed.ts.tv_sec = static_cast<time_t>(times_ns[frames] / ns_per_second);
        timed.ts.tv_usec = static_cast<suseconds_t>(times_ns[frames] % ns_per_second / 1000U);
        pcap_dump(reinterpret_cast<unsigned char*>(dumper), &timed, data);
        ++frames;
    }
    const bool written =
        pcap_dump_flush(dumper) == 0 && std::ferror(pcap_dump_file(dumper)) == 0 && fsync(fileno(file)) == 0;
    const int error = errno;
    pcap_dump_close(dumper);
    if (!written) {
        return fail(std::string{"cannot be written: "} + std::strerror(error));
    }
    if (frames != times_ns.size()) {
        return fail(std::to_string(times_ns.size()) + " frames were sent, but " + std::to_string(frames) +
                    " arrived in the file");
    }
    if (std::rename(temporary.c_str(), to.c_str()) != 0) {
        return fail(std::string{"cannot be renamed to "} + to + ": " + std::strerror(errno));
    }
    return {};
}

}  // namespace springlatch
