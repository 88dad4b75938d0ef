#pragma once
// A compiled policy for tests, made without a policy file.
#include "dataplane/policy/compiled.h"
#include "tests/support/frames.h"

namespace springlatch::test {

/// The policy most tests use: 198.51.100.10 and 2001:db8::10, ports 9200 and 9201 are Elasticsearch, 6379 is
/// a `tcp` service; 192.0.2.0/24 and 2001:db8:1::/64 ("known") may do anything with credentials;
/// 203.0.113.0/24 ("probe") may ask `info` without any; everybody else ("internet") nothing.
struct PolicyParts : CompiledPolicy::Parts {
    PolicyParts() {
        generation = 1;
        zone_names = {"internet", "known", "probe"};
        zones = RangeMap({{ip("0:0:0:0:0:fffe::"), ip("::ffff:192.0.1.255"), 0},
                          {IpAddress::v4(0xc0000200), IpAddress::v4(0xc00002ff), 1},
                          {IpAddress::v4(0xc0000300), IpAddress::v4(0xcb0070ff), 0},
                          {IpAddress::v4(0xcb007100), IpAddress::v4(0xcb0071ff), 2},
                          {ip("2001:db8:1::"), ip("2001:db8:1::ffff:ffff:ffff:ffff"), 1}});
        Service search;
        search.name = "support-cases";
        search.addresses = {{ip("198.51.100.10"), ip("198.51.100.10"), 0},
                            {ip("2001:db8::10"), ip("2001:db8::10"), 0}};
        search.ports = {9200, 9201};
        Service redis;
        redis.name = "cache";
        redis.protocol = ServiceProtocol::tcp;
        redis.addresses = {{ip("198.51.100.10"), ip("198.51.100.10"), 0}};
        redis.ports = {6379};
        services = {search, redis};
        Rule known;
        known.id = "known-with-credentials";
        known.zones = {1};
        known.services = {0};
        known.credentials = CredentialNeed::present;
        Rule probe;
        probe.id = "probe-health";
        probe.zones = {2};
        probe.services = {0};
        probe.credentials = CredentialNeed::any;
        Rule cache;
        cache.id = "known-cache";
        cache.zones = {1};
        cache.services = {1};
        cache.credentials = CredentialNeed::any;
        rules = {known, probe, cache};
        limits.flows = 1024;
        limits.held_segments = 1024;
        limits.held_segments_per_flow = 512;
        limits.open_heads = 16;
        limits.retained_bytes = 1U << 20U;
    }
};

}  // namespace springlatch::test
