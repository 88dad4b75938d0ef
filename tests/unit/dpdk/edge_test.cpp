// The edge, as far as it goes without a device.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "dataplane/dpdk/options.h"
#include "dataplane/dpdk/ports.h"
#include "dataplane/dpdk/worker.h"

namespace springlatch {
namespace {

using ::testing::HasSubstr;

[[nodiscard]] std::variant<DataplaneOptions, int> options_of(std::vector<std::string> words) {
    words.insert(words.begin(), "springlatch-dataplane");
    std::vector<char*> raw;
    for (std::string& word : words) raw.push_back(word.data());
    return read_options(static_cast<int>(raw.size()), raw.data());
}

TEST(Options, APortNeedsItsCounterpartAndExcludesAReplay) {
    EXPECT_EQ(std::get<int>(options_of({"--policy", "p", "--outside", "net_null0"})), 2);
    EXPECT_EQ(std::get<int>(options_of({"--policy", "p", "--replay", "c.pcap"})), 2);
    EXPECT_EQ(std::get<int>(options_of({"--policy", "p"})), 2);
    EXPECT_EQ(std::get<int>(options_of({"--outside", "a", "--inside", "b"})), 2) << "no policy";
    EXPECT_EQ(
        std::get<int>(options_of({"--policy", "p", "--outside", "a", "--inside", "b", "--workers", "0"})), 2);
    EXPECT_EQ(std::get<int>(options_of({"--version"})), 0);
    const auto live = options_of({"--policy", "p", "--outside", "net_af_packet0,iface=o0", "--inside",
                                  "0000:01:00.0", "--huge", "no"});
    ASSERT_TRUE(std::holds_alternative<DataplaneOptions>(live));
    EXPECT_EQ(std::get<DataplaneOptions>(live).huge_pages, HugePages::none);
}

TEST(ParsePort, PciAddressesAndVdevStrings) {
    const auto vdev = parse_port("net_af_packet0,iface=lo,qpairs=2");
    ASSERT_TRUE(vdev.has_value());
    EXPECT_EQ(vdev->device, "net_af_packet0");
    EXPECT_EQ(vdev->arguments, "iface=lo,qpairs=2");
    EXPECT_FALSE(vdev->is_pci);
    const auto pci = parse_port("01:00.1");
    ASSERT_TRUE(pci.has_value());
    EXPECT_EQ(pci->device, "0000:01:00.1");
    EXPECT_TRUE(pci->is_pci);
    for (const char* bad : {"", "eth0", "net", "0000:01:00.9", "net_af_packet0 --no-huge", "/dev/net"}) {
        const auto refused = parse_port(bad);
        ASSERT_FALSE(refused.has_value()) << bad;
        EXPECT_THAT(refused.error(), HasSubstr("neither a PCI address"));
    }
}

TEST(ParsePort, AnInterfaceThatIsNotThereIsNamed) {
    const auto refused = parse_port("net_af_packet0,iface=nope0");
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error(), HasSubstr("there is no interface nope0"));
}

TEST(PortLock, APortHasOneOwner) {
    const auto name = parse_port("net_af_packet0,iface=lo");
    const auto other = parse_port("net_af_packet7,iface=lo");
    ASSERT_TRUE(name.has_value() && other.has_value());
    {
        const auto first = PortLock::take(*name);
        ASSERT_TRUE(first.has_value());
        EXPECT_THAT(PortLock::take(*other).error(), HasSubstr("another springlatch-dataplane has it"));
    }
    EXPECT_TRUE(PortLock::take(*other).has_value());
}

TEST(CounterMailbox, GivesWholeCountersBetweenTwoThreads) {
    // Each copy must be of one moment: the mailbox hands over, it does not peek.
    CounterMailbox mailbox;
    Counters counters;
    std::atomic<bool> stop{false};
    std::thread worker([&] {
        while (!stop) {
            ++counters.frames_in[0];
            ++counters.frames_forwarded[1];
            mailbox.serve([&] { return counters; });
        }
    });
    int taken = 0;
    std::uint64_t before = 0;
    while (taken < 200) {
        Counters seen;
        if (!mailbox.take(seen)) continue;
        ++taken;
        ASSERT_EQ(seen.frames_in[0], seen.frames_forwarded[1]);
        ASSERT_GE(seen.frames_in[0], before);
        before = seen.frames_in[0];
    }
    stop = true;
    worker.join();
}

}  // namespace
}  // namespace springlatch
