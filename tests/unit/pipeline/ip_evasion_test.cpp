// How attackers hide a request below TCP.
#include <gmock/gmock.h>

#include "tests/support/wire.h"

namespace springlatch::test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

struct IpEvasion : ::testing::Test {
    Wire wire;
    Connection c{wire};
    void SetUp() override { c.open(); }
    void refused(const Bytes& frame, Reason reason) {
        const std::uint64_t before = wire.dropped(reason);
        wire.send(Side::outside, frame);
        EXPECT_THAT(wire.to_server(), IsEmpty());
        EXPECT_EQ(wire.dropped(reason), before + 1) << name_of(reason);
    }
    void passes(const Bytes& frame) {
        wire.send(Side::outside, frame);
        const auto left = wire.to_server();
        ASSERT_THAT(left, SizeIs(1));
        EXPECT_EQ(left[0].bytes, frame);
    }
};

// 1, 2, 5
TEST_F(IpEvasion, FragmentsTowardsAProtectedAddressAreRefused) {
    refused(c.client_frame().fragment_word(0x2000).payload(with_credentials).build(), Reason::fragment);
    refused(c.client_frame().fragment_word(0x0001).payload(with_credentials).build(), Reason::fragment);
    refused(c.client_frame().fragment_word(0x00b9).payload(with_credentials).build(), Reason::fragment);
}
// 3, 4, 6
TEST_F(IpEvasion, OverlappingAndUnfinishedFragmentsNeitherPassNorStay) {
    const std::size_t memory = wire.memory_bytes();
    for (const std::string_view text : {"same bytes twice", "same bytes twice", "this time others"}) {
        refused(c.client_frame().fragment_word(0x2000).payload(text).build(), Reason::fragment);
        refused(c.client_frame().fragment_word(0x2001).payload(text).build(), Reason::fragment);
    }
    for (std::uint16_t i = 0; i < 2000; ++i)
        wire.send(Side::outside,
                  c.client_frame().identification(i).fragment_word(0x2000).payload("and no end").build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::fragment), 2006U);
    EXPECT_EQ(wire.counters().frames_held, 0U);
    EXPECT_EQ(wire.memory_bytes(), memory);
}
TEST_F(IpEvasion, FragmentsOfOthersPass) {
    TcpFrame other;
    passes(
        other.from("192.0.2.1", 1).to("198.51.100.99", 80).ack(1).fragment_word(0x2000).payload("x").build());
}
// 7, 8
TEST(IpEvasionV6, ExtensionHeadersTowardsAServiceAreRefused) {
    Wire wire;
    for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{0, 43, 44, 60}) {
        TcpFrame frame;
        frame.from("2001:db8:1::5", 40000).to("2001:db8::10", 9200).seq(1).ack(2).payload("x");
        frame.extension(kind, {0, 0, 0, 0, 0, 0, 0});
        wire.send(Side::outside, frame.build());
        EXPECT_THAT(wire.to_server(), IsEmpty()) << "header " << int{kind};
    }
    EXPECT_EQ(wire.dropped(Reason::fragment), 1U) << "the atomic fragment";
    EXPECT_GE(wire.dropped(Reason::extension_headers), 2U);
}
// 9
TEST(IpEvasionV6, MoreThanEightExtensionHeadersAreDropped) {
    Wire wire;
    TcpFrame frame;
    frame.from("2001:db8:1::5", 40000).to("2001:db8::10", 9200).seq(1).ack(2).payload("x");
    for (int i = 0; i < 9; ++i) frame.extension(60, {0, 0, 0, 0, 0, 0, 0});
    wire.send(Side::outside, frame.build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::malformed_ip), 1U);
}
// 10, 11
TEST_F(IpEvasion, Ipv4OptionsTowardsAServiceAreRefused) {
    refused(c.client_frame().ip_options(raw({1, 1, 1, 1})).payload(with_credentials).build(),
            Reason::ip_options);
    refused(c.client_frame().ip_options(raw({131, 7, 4, 192, 0, 2, 9, 0})).payload(with_credentials).build(),
            Reason::ip_options);
}
// 12
TEST_F(IpEvasion, LengthsThatContradictTheFrameAreDropped) {
    refused(c.client_frame().ip_total(2000).payload(with_credentials).build(), Reason::malformed_ip);
    refused(c.client_frame().ip_total(10).payload(with_credentials).build(), Reason::malformed_ip);
}
TEST_F(IpEvasion, PaddingIsNotPayload) {
    passes(c.client_frame().pad_to(90, 'G').build());
    c.client(with_credentials);
    EXPECT_EQ(stream_of(wire.to_server(), c.base), with_credentials);
}
// 13
TEST_F(IpEvasion, BadIpChecksumIsDropped) {
    refused(c.client_frame().bad_ip_checksum().payload(with_credentials).build(), Reason::bad_checksum);
}
// 15
TEST_F(IpEvasion, TunnelsTowardsAProtectedAddressAreRefused) {
    for (const std::uint8_t protocol : std::initializer_list<std::uint8_t>{4, 41, 47, 50, 51}) {
        TcpFrame frame;
        refused(frame.from("192.0.2.1", 0)
                    .to("198.51.100.10", 0)
                    .layer4(protocol, to_bytes("some inner packet"))
                    .build(),
                Reason::tunnel_not_allowed);
    }
    Bytes vxlan = raw({0x12, 0x34, 0x12, 0xb5, 0, 16, 0, 0});
    put(vxlan, to_bytes("12345678"));
    TcpFrame frame;
    refused(frame.from("192.0.2.1", 0).to("198.51.100.10", 0).layer4(17, vxlan).build(),
            Reason::tunnel_not_allowed);
}
TEST(IpEvasionTunnel, TunnelsPassWherePolicyNamesThem) {
    PolicyParts parts;
    parts.tunnels_allowed = true;
    Wire wire(std::move(parts));
    TcpFrame frame;
    wire.send(
        Side::outside,
        frame.from("192.0.2.1", 0).to("198.51.100.10", 0).layer4(47, to_bytes("some inner packet")).build());
    EXPECT_THAT(wire.to_server(), SizeIs(1));
}
// 16
TEST_F(IpEvasion, TwoVlanTagsAreReadDeeperOnesRefused) {
    wire.send(Side::outside, c.client_frame().vlan(100, 0x88a8).vlan(5).payload(without_credentials).build());
    const auto left = wire.to_server();
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_TRUE(left[0].has(tcp_flag::rst));
    EXPECT_EQ(left[0].tcp.vlan_tags, 2) << "a reset carries the tags of the frame it answers";
    Connection d(wire, "192.0.2.2");
    d.open();
    refused(d.client_frame().vlan(1).vlan(2).vlan(3).payload(with_credentials).build(),
            Reason::tunnel_not_allowed);
}
TEST_F(IpEvasion, MplsPppoeAndSnapThatCarryIpAreRefused) {
    for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0x8847, 0x8864})
        refused(c.client_frame().ether_type(type).build(), Reason::tunnel_not_allowed);
    Bytes snap(12);
    put(snap, raw({0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0}));
    snap.resize(74);
    refused(snap, Reason::tunnel_not_allowed);
}
TEST_F(IpEvasion, TaggedMplsIsRefusedAndOtherFramesOf8023Pass) {
    refused(c.client_frame().vlan(5, 0x9100).ether_type(0x8848).build(), Reason::tunnel_not_allowed);
    for (const int inner : {0x0800, 0x86dd, 0x0806}) {  // LLC/SNAP: IPv4, IPv6, ARP
        Bytes snap(12);
        put(snap, raw({0, 60, 0xaa, 0xaa, 3, 0, 0, 0, inner >> 8, inner & 0xff}));
        snap.resize(74);
        if (inner == 0x0806) {
            passes(snap);
        } else {
            refused(snap, Reason::tunnel_not_allowed);
        }
    }
    Bytes runt(12);
    put(runt, raw({0, 4, 0xaa, 0xaa}));  // ends before it says what it carries
    passes(runt);
    Bytes endless_tags(12);
    put(endless_tags, raw({0x81, 0, 0, 1, 0x81, 0}));
    refused(endless_tags, Reason::malformed_ip);
}
TEST_F(IpEvasion, ATcpHeaderThatIsNoneConcernsOnlyProtectedAddresses) {
    TcpFrame others;
    passes(others.from("192.0.2.1", 1).to("198.51.100.99", 80).data_offset(4).build());
    TcpFrame from_it;
    from_it.from("198.51.100.10", 9200).to("192.0.2.1", 40000).data_offset(4);
    wire.send(Side::inside, from_it.build());
    EXPECT_THAT(wire.to_client(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::malformed_tcp), 1U);
}
TEST_F(IpEvasion, MappedIpv6AddressesAreNoIpv4Addresses) {
    TcpFrame frame;
    refused(frame.from("::ffff:192.0.2.1", 40000)
                .to("::ffff:198.51.100.10", 9200)
                .as_v6()
                .seq(1)
                .ack(1)
                .payload("x")
                .build(),
            Reason::malformed_ip);
}

TEST_F(IpEvasion, TheRestOfTheNetworkIsNotTouched) {
    Bytes arp = raw({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6});
    arp.resize(60);
    passes(arp);
    Bytes lldp = raw({1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc, 2, 7});
    lldp.resize(60);
    passes(lldp);
    Bytes spanning_tree = raw({1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 38, 0x42, 0x42, 3});
    spanning_tree.resize(60);
    passes(spanning_tree);
    Bytes lacp = raw({1, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0x09, 1, 1});
    lacp.resize(124);
    passes(lacp);
    TcpFrame bfd;
    Bytes bfd_packet = raw({0xc0, 0, 0x0e, 0xc8, 0, 32, 0, 0, 0x20, 0xc0, 3, 24});
    bfd_packet.resize(32);
    passes(bfd.from("192.0.2.1", 0).to("198.51.100.10", 0).ttl(255).layer4(17, bfd_packet).build());
    TcpFrame neighbour;
    Bytes solicitation = raw({135, 0, 0, 0, 0, 0, 0, 0});
    solicitation.resize(24);
    passes(
        neighbour.from("2001:db8:1::5", 0).to("2001:db8::10", 0).ttl(255).layer4(58, solicitation).build());
    TcpFrame ping;
    passes(ping.from("192.0.2.1", 0).to("198.51.100.10", 0).layer4(1, raw({8, 0, 0, 0, 0, 1, 0, 1})).build());
    TcpFrame fragmentation_needed;
    passes(fragmentation_needed.from("192.0.2.254", 0)
               .to("198.51.100.10", 0)
               .layer4(1, raw({3, 4, 0, 0, 0, 0, 5, 0, 0x45, 0, 5, 220}))
               .build());
    TcpFrame too_big;
    passes(too_big.from("2001:db8:1::5", 0)
               .to("2001:db8::10", 0)
               .layer4(58, raw({2, 0, 0, 0, 0, 0, 5, 0}))
               .build());
    TcpFrame ssh;
    passes(ssh.from("198.18.0.1", 50000).to("198.51.100.10", 22).seq(1).ack(1).payload("SSH").build());
    TcpFrame spoiled;
    passes(spoiled.from("198.18.0.1", 50000)
               .to("198.51.100.99", 80)
               .seq(1)
               .ack(1)
               .bad_tcp_checksum()
               .payload("x")
               .build());
}

TEST(IpTransit, TransitDropStillLetsNeighboursBeFound) {
    PolicyParts parts;
    parts.transit_forward = false;
    Wire wire(std::move(parts));
    TcpFrame ssh;
    wire.send(Side::outside,
              ssh.from("198.18.0.1", 50000).to("198.51.100.99", 22).seq(1).ack(1).payload("SSH").build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    Bytes arp = raw({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6});
    arp.resize(60);
    wire.send(Side::outside, arp);
    EXPECT_THAT(wire.to_server(), SizeIs(1));
    TcpFrame udp;
    wire.send(
        Side::outside,
        udp.from("192.0.2.1", 0).to("198.51.100.10", 0).layer4(17, raw({0, 53, 0, 53, 0, 8, 0, 0})).build());
    EXPECT_THAT(wire.to_server(), IsEmpty());
    EXPECT_EQ(wire.dropped(Reason::transit_not_allowed), 2U);
    TcpFrame unreachable;
    wire.send(Side::outside, unreachable.from("192.0.2.1", 0)
                                 .to("198.51.100.10", 0)
                                 .layer4(1, raw({3, 4, 0, 0, 0, 0, 5, 0}))
                                 .build());
    TcpFrame solicitation;
    wire.send(Side::outside, solicitation.from("2001:db8:1::5", 0)
                                 .to("2001:db8::10", 0)
                                 .layer4(58, raw({135, 0, 0, 0, 0, 0, 0, 0}))
                                 .build());
    EXPECT_THAT(wire.to_server(), SizeIs(2)) << "path MTU and neighbours";
    Connection c(wire);
    c.open();
    c.client(with_credentials);
    EXPECT_THAT(wire.to_server(), SizeIs(1)) << "and what the services are there for";
}

}  // namespace
}  // namespace springlatch::test
