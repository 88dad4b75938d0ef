#pragma once
// EAL start, the mbuf pool and the ports.
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "dataplane/dpdk/options.h"

namespace springlatch {

/// A device as the operator names it.
struct PortName {
    std::string device;     ///< what DPDK calls it: "0000:01:00.0", "net_af_packet0"
    std::string arguments;  ///< of a vdev, "" for PCI: "iface=o0"
    bool is_pci = false;
    /// What two names of the same thing have in common: the interface of a vdev that sits on one, else the
    /// device.
    [[nodiscard]] std::string hardware() const;
    /// Frames of this many bytes or more may have been cut by the driver, which does not say so (af_packet:
    /// what does not fit into its ring). UINT32_MAX where a driver cuts nothing.
    [[nodiscard]] std::uint32_t frame_bytes_end() const;
    /// Mbufs must have room for this many bytes.
    [[nodiscard]] std::uint32_t frame_room_bytes() const;
};

/// Held while a port is in use, so that no second data plane takes it (an abstract unix socket: gone with the
/// process).
class PortLock {
  public:
    [[nodiscard]] static tl::expected<PortLock, std::string> take(const PortName& name);
    PortLock(PortLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    PortLock& operator=(PortLock&&) = delete;
    ~PortLock();

  private:
    explicit PortLock(int fd) noexcept : fd_(fd) {}
    int fd_;
};

/// Error: one line that says what was found and what is allowed.
[[nodiscard]] tl::expected<PortName, std::string> parse_port(const std::string& text);
/// The same port with a ring that has room for what its interface's MTU allows: by default af_packet (22.11)
/// cuts frames behind 1,982 bytes. What the operator said about the ring stays.
[[nodiscard]] PortName fitted_to_interface(PortName name);

struct PoolNeeds {
    std::uint32_t frames = 0;           ///< mbufs
    std::uint32_t frame_bytes_max = 0;  ///< so that a frame of this size is contiguous
};
/// What make_pool() takes where memory comes in pages of `page_bytes`: no frame lies across two pages.
[[nodiscard]] std::uint64_t pool_bytes(const PoolNeeds& needs, std::uint64_t page_bytes) noexcept;

struct EalNeeds {
    std::vector<PortName> ports;
    std::uint32_t workers = 1;  ///< lcores beside the main one
    PoolNeeds pool = {};
    std::uint64_t memory_bytes = 0;  ///< of anything else, beside the pool
    HugePages huge_pages = HugePages::automatic;
    std::string more_arguments;
};

/// The EAL while it lives; cleans up behind itself.
class Eal {
  public:
    [[nodiscard]] static tl::expected<Eal, std::string> start(const EalNeeds& needs);
    Eal(Eal&& other) noexcept;
    Eal& operator=(Eal&&) = delete;
    ~Eal();

  private:
    Eal() = default;
    bool owner_ = true;
};

[[nodiscard]] tl::expected<rte_mempool*, std::string> make_pool(const PoolNeeds& needs);

struct PortSetup {
    std::uint16_t queues = 1;  ///< receive queues wanted; rss says whether they could be had
    bool offer_checksums = true;
};

/// A configured, started Ethernet device. Stopped and closed at the end.
class Port {
  public:
    [[nodiscard]] static tl::expected<Port, std::string> open(const PortName& name, rte_mempool* pool,
                                                              const PortSetup& setup);
    Port(Port&& other) noexcept;
    Port& operator=(Port&&) = delete;
    ~Port();

    /// True if the device can spread connections over that many queues, both directions of one to the same.
    [[nodiscard]] static bool can_spread(const PortName& name, std::uint16_t queues) noexcept;

    [[nodiscard]] std::uint16_t id() const noexcept { return id_; }
    [[nodiscard]] std::uint16_t receive_queues() const noexcept { return receive_queues_; }
    [[nodiscard]] std::uint16_t transmit_queues() const noexcept { return transmit_queues_; }
    /// The longest IP packet that the port takes.
    [[nodiscard]] std::uint32_t packet_bytes_max() const noexcept;
    [[nodiscard]] bool link_up() const noexcept;
    /// Takes the link down or up; false where the device cannot.
    [[nodiscard]] bool set_link(bool up) noexcept;

  private:
    Port() = default;
    std::string interface_;  ///< of the kernel, below a vdev that does not tell its link's state; else ""
    std::uint16_t id_ = 0xffff;
    std::uint16_t receive_queues_ = 1;
    std::uint16_t transmit_queues_ = 1;
};

/// Descriptors a queue; part of the pool's size.
inline constexpr std::uint16_t ring_descriptors = 1024;

}  // namespace springlatch
