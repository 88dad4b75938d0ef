#include "dataplane/dpdk/ports.h"

#include <net/if.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <utility>

namespace springlatch {
namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

/// Free bytes in hugepages of every size.
[[nodiscard]] std::uint64_t free_huge_bytes() {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        const std::string name = entry.path().filename();
        std::uint64_t pages = 0;
        std::ifstream(entry.path() / "free_hugepages") >> pages;
        std::istringstream kibibytes(name.substr(name.find('-') + 1));
        std::uint64_t size = 0;
        kibibytes >> size;
        bytes += pages * size * 1024U;
    }
    return bytes;
}

/// One lcore for the main thread and one for each worker, spread over the processors this process may use,
/// the first left to the main thread where possible.
[[nodiscard]] std::string lcore_map(std::uint32_t workers) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    std::vector<int> cpus;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(static_cast<unsigned>(cpu), &allowed)) {
                cpus.push_back(cpu);
            }
        }
    }
    if (cpus.empty()) {
        cpus.push_back(0);
    }
    std::string map = "0@" + std::to_string(cpus[0]);
    for (std::uint32_t worker = 1; worker <= workers; ++worker) {
        map += "," + std::to_string(worker) + "@" + std::to_string(cpus[worker % cpus.size()]);
    }
    return map;
}

[[nodiscard]] std::string file_prefix() {
    return "springlatch" + std::to_string(getpid());
}

/// The same 16 bits over and over: both directions of a connection hash alike (Woo and Park, "Scalable TCP
/// session monitoring with symmetric RSS", 2012).
[[nodiscard]] std::array<std::uint8_t, 52> symmetric_key() {
    std::array<std::uint8_t, 52> key{};
    for (std::size_t i = 0; i < key.size(); ++i) {
        key[i] = i % 2 == 0 ? 0x6d : 0x5a;
    }
    return key;
}

/// Of a vdev that sits on a network interface; "" for others.
[[nodiscard]] std::string interface_of(const PortName& name) {
    static const std::regex argument("(^|,)iface=([^,]+)");
    std::smatch found;
    return std::regex_search(name.arguments, found, argument) ? found[2].str() : std::string{};
}

constexpr std::uint32_t af_packet_frame_bytes = 2048;  // the driver's default
/// In front of a frame in af_packet's ring: struct tpacket2_hdr, struct sockaddr_ll and alignment, so that
/// the network header lies on 16 bytes.
constexpr std::uint32_t af_packet_head_bytes = 66;

[[nodiscard]] bool is_af_packet(const PortName& name) {
    return name.device.starts_with("net_af_packet") || name.device.starts_with("eth_af_packet");
}

/// The driver's `framesz`; 0 where there is no such thing.
[[nodiscard]] std::uint32_t ring_frame_bytes(const PortName& name) {
    static const std::regex argument("(^|,)framesz=([0-9]{1,6})");
    if (!is_af_packet(name)) {
        return 0;
    }
    std::smatch found;
    return std::regex_search(name.arguments, found, argument)
               ? static_cast<std::uint32_t>(std::stoul(found[2].str()))
               : af_packet_frame_bytes;
}

/// The kernel's answer about an interface; false without one.
[[nodiscard]] bool ask_kernel(const std::string& interface, unsigned long question, ifreq& answer) noexcept {
    interface.copy(answer.ifr_name, IFNAMSIZ - 1);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool answered = fd >= 0 && ioctl(fd, question, &answer) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return answered;
}

/// Why a device is not there after the EAL has started.
[[nodiscard]] std::string why_missing(const PortName& name) {
    if (name.is_pci) {
        return "there is no such device, or it is not bound to a DPDK driver (dpdk-devbind.py --status)";
    }
    const int raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (raw < 0 && !interface_of(name).empty() && (errno == EPERM || errno == EACCES)) {
        return "this process may not open it; it must be root or have CAP_NET_ADMIN and CAP_NET_RAW";
    }
    if (raw >= 0) {
        close(raw);
    }
    return "its driver refuses the arguments '" + name.arguments +
           "' (complete is, for example, net_af_packet0,iface=eth1)";
}

/// Without hugepages DPDK leaves its runtime folder behind.
void remove_runtime_folder() {
    const std::filesystem::path folder = rte_eal_get_runtime_dir();
    if (folder.filename() == file_prefix()) {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
}

[[nodiscard]] std::uint32_t room_of(const PoolNeeds& needs) noexcept {
    return std::min<std::uint32_t>(
        std::max<std::uint32_t>(needs.frame_bytes_max, RTE_MBUF_DEFAULT_DATAROOM) + RTE_PKTMBUF_HEADROOM,
        UINT16_MAX);
}

constexpr std::uint64_t spread_fields = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP;

[[nodiscard]] bool spreads(const rte_eth_dev_info& info, std::uint16_t queues) noexcept {
    return info.max_rx_queues >= queues && info.max_tx_queues >= queues &&
           (info.flow_type_rss_offloads & spread_fields) == spread_fields &&
           info.hash_key_size <= std::tuple_size_v<decltype(symmetric_key())>;
}

}  // namespace

std::string PortName::hardware() const {
    const std::string interface = interface_of(*this);
    return interface.empty() ? device : interface;
}

PortName fitted_to_interface(PortName name) {
    ifreq answer{};
    if (!is_af_packet(name) || name.arguments.find("framesz=") != std::string::npos ||
        name.arguments.find("blocksz=") != std::string::npos ||
        !ask_kernel(interface_of(name), SIOCGIFMTU, answer)) {
        return name;
    }
    constexpr std::uint32_t link_bytes = 14 + 2 * 4;  // Ethernet and two VLAN tags
    constexpr std::uint32_t ring_bytes_max = 32'768;  // an mbuf holds 64 KB less its headroom
    const std::uint32_t mtu = answer.ifr_mtu < 0 ? 0U : static_cast<std::uint32_t>(answer.ifr_mtu);
    const std::uint32_t wanted = mtu > ring_bytes_max / 2
                                     ? ring_bytes_max
                                     : std::bit_ceil(mtu + link_bytes + af_packet_head_bytes + 1);
    if (wanted > af_packet_frame_bytes) {
        const std::string bytes = std::to_string(wanted);
        name.arguments += ",framesz=" + bytes + ",blocksz=" + bytes;
    }
    return name;
}

std::uint32_t PortName::frame_bytes_end() const {
    const std::uint32_t ring = ring_frame_bytes(*this);
    return ring > af_packet_head_bytes ? ring - af_packet_head_bytes : UINT32_MAX;
}

std::uint32_t PortName::frame_room_bytes() const {
    return ring_frame_bytes(*this);
}

tl::expected<PortLock, std::string> PortLock::take(const PortName& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string key = "springlatch/" + name.hardware();  // abstract: behind a zero byte
    std::memcpy(address.sun_path + 1, key.data(), std::min(key.size(), sizeof address.sun_path - 1));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                              std::min(key.size(), sizeof address.sun_path - 1));
    if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), bytes) != 0) {
        const int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return tl::unexpected("port " + name.hardware() + ": " +
                              (error == EADDRINUSE
                                   ? std::string{"another springlatch-dataplane has it; stop that one first"}
                                   : std::strerror(error)));
    }
    return PortLock(fd);
}

PortLock::~PortLock() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

bool Port::can_spread(const PortName& name, std::uint16_t queues) noexcept {
    std::uint16_t id = 0;
    rte_eth_dev_info info{};
    return rte_eth_dev_get_port_by_name(name.device.c_str(), &id) == 0 &&
           rte_eth_dev_info_get(id, &info) == 0 && spreads(info, queues);
}

tl::expected<PortName, std::string> parse_port(const std::string& text) {
    static const std::regex pci("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]");
    PortName name;
    const std::size_t comma = text.find(',');
    name.device = text.substr(0, comma);
    if (comma != std::string::npos) {
        name.arguments = text.substr(comma + 1);
    }
    if (std::regex_match(name.device, pci)) {
        name.is_pci = true;
        if (name.device.size() == 7) {
            name.device.insert(0, "0000:");
        }
        return name;
    }
    static const std::regex vdev("(net|eth)_[a-z0-9_]+");
    const std::string interface = interface_of(name);
    if (!interface.empty() && if_nametoindex(interface.c_str()) == 0) {
        return tl::unexpected("port '" + text + "': there is no interface " + interface +
                              " here (ip link shows those that there are)");
    }
    if (!std::regex_match(name.device, vdev)) {
        return tl::unexpected(
            "port '" + text +
            "': is neither a PCI address (0000:01:00.0) nor a vdev string (net_af_packet0,iface=eth1)");
    }
    return name;
}

tl::expected<Eal, std::string> Eal::start(const EalNeeds& needs) {
    std::vector<std::string> arguments = {"springlatch-dataplane",  "--no-telemetry", "--lcores",
                                          lcore_map(needs.workers), "--log-level",    "3"};
    bool any_pci = false;
    for (const PortName& port : needs.ports) {
        if (port.is_pci) {
            any_pci = true;
            arguments.insert(arguments.end(),
                             {"-a", port.device + (port.arguments.empty() ? "" : "," + port.arguments)});
        } else {
            arguments.push_back("--vdev=" + port.device +
                                (port.arguments.empty() ? "" : "," + port.arguments));
        }
    }
    if (!any_pci) {
        arguments.emplace_back("--no-pci");
    }
    constexpr std::uint64_t huge_page_bytes = 2 * mebibyte;
    constexpr std::uint64_t other_bytes = 64 * mebibyte;  // rings, ports, DPDK's own
    const std::uint64_t wanted = pool_bytes(needs.pool, huge_page_bytes) + needs.memory_bytes + other_bytes;
    const std::uint64_t huge = free_huge_bytes();
    const bool enough = huge >= wanted;
    if (needs.huge_pages == HugePages::required && !enough) {
        return tl::unexpected(
            "too few hugepages: " + std::to_string(wanted / mebibyte) + " MiB are needed, " +
            std::to_string(huge / mebibyte) + " MiB are free; reserve some (echo " +
            std::to_string(wanted / huge_page_bytes + 1) +
            " > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages) or start with --huge no");
    }
    if (enough && needs.huge_pages != HugePages::none) {
        arguments.emplace_back("--in-memory");
    } else {
        const std::uint64_t small =
            pool_bytes(needs.pool, static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))) + needs.memory_bytes +
            other_bytes;
        arguments.insert(arguments.end(), {"--no-huge", "-m", std::to_string(small / mebibyte),
                                           "--file-prefix", file_prefix()});
    }
    std::istringstream more(needs.more_arguments);
    for (std::string argument; more >> argument;) {
        arguments.push_back(argument);
    }
    std::vector<char*> raw;
    raw.reserve(arguments.size());
    for (std::string& argument : arguments) {
        raw.push_back(argument.data());
    }
    if (rte_eal_init(static_cast<int>(raw.size()), raw.data()) < 0) {
        remove_runtime_folder();
        std::string names;
        for (const PortName& port : needs.ports) {
            names += (names.empty() ? "" : ", ") + port.device +
                     (port.arguments.empty() ? "" : " (" + port.arguments + ")");
        }
        return tl::unexpected("DPDK does not start: " + std::string{rte_strerror(rte_errno)} +
                              "; check that the devices exist and are free (" + names +
                              "), that this process is root or has CAP_NET_ADMIN and CAP_NET_RAW, and --eal "
                              "'--log-level 8' for more");
    }
    return Eal();
}

Eal::Eal(Eal&& other) noexcept : owner_(std::exchange(other.owner_, false)) {}

Eal::~Eal() {
    if (!owner_) {
        return;
    }
    rte_eal_cleanup();
    remove_runtime_folder();
}

std::uint64_t pool_bytes(const PoolNeeds& needs, std::uint64_t page_bytes) noexcept {
    const std::uint64_t object =
        rte_mempool_calc_obj_size(static_cast<std::uint32_t>(sizeof(rte_mbuf)) + room_of(needs), 0, nullptr);
    if (object > page_bytes) {
        return needs.frames * ((object + page_bytes - 1) / page_bytes) * page_bytes;
    }
    const std::uint64_t per_page = page_bytes / object;
    return (needs.frames + per_page - 1) / per_page * page_bytes;
}

tl::expected<rte_mempool*, std::string> make_pool(const PoolNeeds& needs) {
    const std::uint32_t room = room_of(needs);
    rte_mempool* pool =
        rte_pktmbuf_pool_create("frames", needs.frames, RTE_MEMPOOL_CACHE_MAX_SIZE / 2, 0,
                                static_cast<std::uint16_t>(room), static_cast<int>(rte_socket_id()));
    if (pool == nullptr) {
        return tl::unexpected("no memory for " + std::to_string(needs.frames) + " frames of " +
                              std::to_string(room) + " bytes: " + rte_strerror(rte_errno));
    }
    return pool;
}

tl::expected<Port, std::string> Port::open(const PortName& name, rte_mempool* pool, const PortSetup& setup) {
    const auto failed = [&](const std::string& what, int error) -> tl::unexpected<std::string> {
        return tl::unexpected("port " + name.device + ": " + what +
                              (error != 0 ? std::string{": "} + rte_strerror(std::abs(error)) : ""));
    };
    Port port;
    if (rte_eth_dev_get_port_by_name(name.device.c_str(), &port.id_) != 0) {
        port.id_ = 0xffff;
        return failed(why_missing(name), 0);
    }
    rte_eth_dev_info info{};
    int result = rte_eth_dev_info_get(port.id_, &info);
    if (result != 0) {
        return failed("does not tell what it can do", result);
    }
    rte_eth_conf configuration{};
    auto key = symmetric_key();
    // Without receive-side scaling by all of addresses and ports a second queue would tear connections apart.
    if (setup.queues > 1 && spreads(info, setup.queues)) {
        port.receive_queues_ = setup.queues;
        configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        configuration.rx_adv_conf.rss_conf = {
            .rss_key = key.data(),
            .rss_key_len = info.hash_key_size != 0 ? info.hash_key_size : std::uint8_t{40},
            .rss_hf = info.flow_type_rss_offloads & spread_fields};
    }
    port.transmit_queues_ =
        std::min<std::uint16_t>(setup.queues, std::max<std::uint16_t>(info.max_tx_queues, 1));
    if (setup.offer_checksums) {
        configuration.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_CHECKSUM;
    }
    configuration.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    result = rte_eth_dev_configure(port.id_, port.receive_queues_, port.transmit_queues_, &configuration);
    if (result != 0) {
        return failed("cannot be configured", result);
    }
    std::uint16_t receive_descriptors = ring_descriptors;
    std::uint16_t transmit_descriptors = ring_descriptors;
    (void)rte_eth_dev_adjust_nb_rx_tx_desc(port.id_, &receive_descriptors, &transmit_descriptors);
    const auto socket = static_cast<unsigned>(std::max(rte_eth_dev_socket_id(port.id_), 0));
    for (std::uint16_t queue = 0; queue < port.receive_queues_ && result == 0; ++queue) {
        result = rte_eth_rx_queue_setup(port.id_, queue, receive_descriptors, socket, nullptr, pool);
    }
    for (std::uint16_t queue = 0; queue < port.transmit_queues_ && result == 0; ++queue) {
        result = rte_eth_tx_queue_setup(port.id_, queue, transmit_descriptors, socket, nullptr);
    }
    if (result != 0) {
        return failed("its queues cannot be set up", result);
    }
    result = rte_eth_dev_start(port.id_);
    if (result != 0) {
        return failed("does not start", result);
    }
    if (is_af_packet(name)) {
        port.interface_ = interface_of(name);  // the driver (22.11) calls every link up
    }
    (void)rte_eth_promiscuous_enable(port.id_);  // devices that cannot receive everything anyway
    return port;
}

Port::Port(Port&& other) noexcept
    : interface_(std::move(other.interface_)),
      id_(std::exchange(other.id_, 0xffff)),
      receive_queues_(other.receive_queues_),
      transmit_queues_(other.transmit_queues_) {}

Port::~Port() {
    if (id_ != 0xffff) {
        (void)rte_eth_dev_stop(id_);
        (void)rte_eth_dev_close(id_);
    }
}

std::uint32_t Port::packet_bytes_max() const noexcept {
    // What DPDK says of af_packet (22.11) is its own default, whatever the interface's.
    if (ifreq answer{}; !interface_.empty() && ask_kernel(interface_, SIOCGIFMTU, answer)) {
        return answer.ifr_mtu < 0 ? 0U : static_cast<std::uint32_t>(answer.ifr_mtu);
    }
    std::uint16_t mtu = 0;
    return rte_eth_dev_get_mtu(id_, &mtu) == 0 ? mtu : RTE_ETHER_MTU;
}

bool Port::link_up() const noexcept {
    if (ifreq answer{}; !interface_.empty()) {
        return ask_kernel(interface_, SIOCGIFFLAGS, answer) &&
               (static_cast<unsigned>(answer.ifr_flags) & IFF_RUNNING) != 0;
    }
    rte_eth_link link{};
    return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

bool Port::set_link(bool up) noexcept {
    return (up ? rte_eth_dev_set_link_up(id_) : rte_eth_dev_set_link_down(id_)) == 0;
}

}  // namespace springlatch
