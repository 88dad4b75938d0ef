"""The lab's wires: outside, the appliance, a router and the inside, each in a network namespace of its own, joined by cables that can be made bad.

    outside 198.51.100.20 .66 .77, 2001:db8::20 --a-- o0 | gateway | i0 --b-- router 198.51.100.1 --- inside 198.51.100.10, 2001:db8::10

The router makes a low TTL mean something: what expires there has passed the appliance and never reaches the server. 10.0.0.0/8 and 2001:db8:ffff::/96 are
attackers that no kernel plays: their frames are made by hand (tests/lab/attacker.py) and the answers come back to the interface out0.
"""
import contextlib
import ctypes
import os
import subprocess
import sys

from lab import SERVER, Lab, run

SERVER_V6 = "2001:db8::10"
OUT_MAC, ROUTER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
CLONE_NEWNET = 0x40000000
# Data in a SYN is taken, without a cookie too and by listeners that did not ask for it: the worst a server can do.
FAST_OPEN = 0x603


@contextlib.contextmanager
def namespace(name):
    """Sockets opened by this thread in the body belong to the namespace, also afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if libc.setns(other, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"network namespace {name} cannot be entered")
        try:
            yield
        finally:
            if libc.setns(own, CLONE_NEWNET):
                os._exit(3)  # anything else would go on in the wrong network
    finally:
        os.close(own)
        os.close(other)


class Network(Lab):
    def __init__(self, prefix):
        super().__init__(prefix)
        self.router, self.cable = f"{prefix}-router", f"{prefix}-cable"
        self.bad_cable = None

    def up(self):
        try:
            for name in self.all():
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            for near, near_end, far, far_end in ((self.outside, "out0", self.cable, "a0"), (self.cable, "a1", self.gateway, "o0"), (self.gateway, "i0", self.cable, "b0"),
                                                 (self.cable, "b1", self.router, "r0"), (self.router, "r1", self.inside, "in0")):
                run("ip", "-n", near, "link", "add", "name", near_end, "type", "veth", "peer", "name", far_end, "netns", far)
                for name, end in ((near, near_end), (far, far_end)):
                    if name in (self.cable, self.gateway):  # a wire does not speak by itself
                        self.sysctl(name, f"ipv6/conf/{end}/disable_ipv6", 1)
                    # Segments as on a wire, with their checksums.
                    run("ip", "netns", "exec", name, "ethtool", "-K", end, *"tx off rx off tso off gso off gro off".split())
            run("ip", "-n", self.outside, "link", "set", "out0", "address", OUT_MAC)
            run("ip", "-n", self.router, "link", "set", "r0", "address", ROUTER_MAC)
            for name, end in ((self.outside, "out0"), (self.cable, "a0"), (self.cable, "a1"), (self.gateway, "o0"), (self.gateway, "i0"), (self.cable, "b0"), (self.cable, "b1"),
                              (self.router, "r0"), (self.router, "r1"), (self.inside, "in0")):
                run("ip", "-n", name, "link", "set", end, "up")
            self.addresses()
            self.sysctl(self.inside, "ipv4/tcp_fastopen", FAST_OPEN)
            self.sysctl(self.inside, "ipv4/tcp_max_syn_backlog", 4096)
            for name in ("brA", "a0", "a1"), ("brB", "b0", "b1"):
                self.bridge(self.cable, *name)
            self.bridge(self.gateway, "br0", "o0", "i0")
        except Exception:
            self.down()
            raise

    def all(self):
        return self.outside, self.gateway, self.inside, self.router, self.cable

    def addresses(self):
        def ip(name, *words):
            run("ip", "-n", name, *words)
        for last in (20, 66, 77):
            ip(self.outside, "addr", "add", f"198.51.100.{last}/24", "dev", "out0")
        ip(self.outside, "addr", "add", "2001:db8::20/64", "dev", "out0", "nodad")
        ip(self.router, "addr", "add", "198.51.100.1/24", "dev", "r0")
        ip(self.router, "addr", "add", "2001:db8::1/64", "dev", "r0", "nodad")
        ip(self.router, "addr", "add", "169.254.0.1/30", "dev", "r1")
        ip(self.router, "addr", "add", "fd00::1/64", "dev", "r1", "nodad")
        ip(self.inside, "addr", "add", "169.254.0.2/30", "dev", "in0")
        ip(self.inside, "addr", "add", "fd00::2/64", "dev", "in0", "nodad")
        ip(self.inside, "addr", "add", f"{SERVER}/32", "dev", "in0")
        ip(self.inside, "addr", "add", f"{SERVER_V6}/128", "dev", "in0", "nodad")
        self.sysctl(self.router, "ipv4/ip_forward", 1)
        self.sysctl(self.router, "ipv6/conf/all/forwarding", 1)
        ip(self.outside, "route", "add", f"{SERVER}/32", "via", "198.51.100.1")
        ip(self.outside, "-6", "route", "add", f"{SERVER_V6}/128", "via", "2001:db8::1")
        ip(self.router, "route", "add", f"{SERVER}/32", "via", "169.254.0.2")
        ip(self.router, "-6", "route", "add", f"{SERVER_V6}/128", "via", "fd00::2")
        ip(self.router, "route", "add", "10.0.0.0/8", "via", "198.51.100.20")
        ip(self.router, "-6", "route", "add", "2001:db8:ffff::/96", "via", "2001:db8::20")
        ip(self.inside, "route", "add", "default", "via", "169.254.0.1")
        ip(self.inside, "-6", "route", "add", "default", "via", "fd00::1")
        # Static, so that an attack does not wait for a resolution.
        ip(self.router, "neigh", "add", "198.51.100.20", "lladdr", OUT_MAC, "dev", "r0")
        ip(self.router, "neigh", "add", "2001:db8::20", "lladdr", OUT_MAC, "dev", "r0")

    @staticmethod
    def sysctl(name, key, value):
        run("ip", "netns", "exec", name, "sh", "-c", f"echo {value} > /proc/sys/net/{key}")

    @staticmethod
    def bridge(name, bridge, *ends):
        run("ip", "-n", name, "link", "add", "name", bridge, "type", "bridge")
        Network.sysctl(name, f"ipv6/conf/{bridge}/disable_ipv6", 1)
        for end in ends:
            run("ip", "-n", name, "link", "set", end, "master", bridge)
        run("ip", "-n", name, "link", "set", bridge, "up")

    def straight_wire(self, there):
        """A wire in the place of the appliance."""
        if there:
            self.bridge(self.gateway, "br0", "o0", "i0")
        else:
            run("ip", "-n", self.gateway, "link", "del", "br0")

    def make_bad(self, loss, reorder, log):
        """Both cables lose and reorder the given shares of frames until `make_good`."""
        for name in ("brA", "brB"):
            run("ip", "-n", self.cable, "link", "del", name)
        self.bad_cable = self.start(self.cable, sys.executable, os.path.join(os.path.dirname(__file__), "bad_cable.py"), loss, reorder, "a0:a1", "b0:b1", log=log)

    def make_good(self):
        if self.bad_cable:
            self.bad_cable.kill()
            self.bad_cable.wait()
            self.bad_cable = None
            self.bridge(self.cable, "brA", "a0", "a1")
            self.bridge(self.cable, "brB", "b0", "b1")

    def down(self):
        if self.bad_cable:
            self.bad_cable.kill()
            self.bad_cable.wait()
            self.bad_cable = None
        for name in self.all():
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
