"""Two hosts, the wire between them and the appliance in the wire; each host in a network namespace of its own.

    outside 198.51.100.20 .66 .77, 2001:db8::20  --- o0 | gateway | i0 ---  inside 198.51.100.10, 2001:db8::10

Used by the live tests and by scripts/lab. Names begin with the lab's prefix, so that several labs live beside each other.
"""
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin"))
SERVER = "198.51.100.10"
OWNER = "198.51.100.20"
STRANGER = "198.51.100.66"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def why_impossible():
    """None if this machine can hold a lab, else the reason."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"springlatch-probe-{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if done.returncode != 0:
        return f"network namespaces are not possible here: {done.stderr.strip()}"
    try:
        done = subprocess.run(["ip", "-n", probe, "link", "add", "name", "probe0", "type", "veth", "peer", "name", "probe1"], capture_output=True, text=True)
        return f"veth pairs are not possible here: {done.stderr.strip()}" if done.returncode != 0 else None
    finally:
        subprocess.run(["ip", "netns", "del", probe], capture_output=True)


class Lab:
    def __init__(self, prefix):
        self.outside, self.gateway, self.inside = (f"{prefix}-{part}" for part in ("outside", "gw", "inside"))

    def up(self):
        try:
            for name in (self.outside, self.gateway, self.inside):
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
            for host, host_end, gateway_end in ((self.outside, "out0", "o0"), (self.inside, "in0", "i0")):
                run("ip", "-n", host, "link", "add", host_end, "type", "veth", "peer", "name", gateway_end, "netns", self.gateway)
                # An interface of the gateway must not speak by itself: no router solicitations into the wire.
                run("ip", "netns", "exec", self.gateway, "sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{gateway_end}/disable_ipv6")
            for last in (20, 66, 77):
                run("ip", "-n", self.outside, "addr", "add", f"198.51.100.{last}/24", "dev", "out0")
            run("ip", "-n", self.inside, "addr", "add", f"{SERVER}/24", "dev", "in0")
            run("ip", "-n", self.outside, "addr", "add", "2001:db8::20/64", "dev", "out0", "nodad")
            run("ip", "-n", self.inside, "addr", "add", "2001:db8::10/64", "dev", "in0", "nodad")
            for name, device in ((self.outside, "out0"), (self.gateway, "o0"), (self.gateway, "i0"), (self.inside, "in0")):
                run("ip", "-n", name, "link", "set", device, "up")
                # Segments as on a wire, with their checksums: nothing is left to a card that is not there.
                run("ip", "netns", "exec", name, "ethtool", "-K", device, *"tx off rx off tso off gso off gro off".split())
        except Exception:
            self.down()
            raise

    def down(self):
        for name in (self.outside, self.gateway, self.inside):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def start(self, namespace, *command, log, **options):
        """A process in one of the namespaces, output to the file `log`."""
        with open(log, "ab") as out:
            return subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, command)], stdout=out, stderr=subprocess.STDOUT, **options)

    def run(self, namespace, *command, **options):
        """Waits for the end; the CompletedProcess."""
        options = {"timeout": 60, "capture_output": True, **options}
        return subprocess.run(["ip", "netns", "exec", namespace, *map(str, command)], **options)

    def start_dataplane(self, policy, socket, log):
        return self.start(self.gateway, BIN / "springlatch-dataplane", "--policy", policy, "--outside", "net_af_packet0,iface=o0",
                          "--inside", "net_af_packet1,iface=i0", "--control", socket, log=log)

    def start_control(self, policy, socket, store, log, listen="127.0.0.1:9600"):
        """In the gateway's namespace: its loopback is its own, so that labs do not meet on the port."""
        return self.start(self.gateway, BIN / "springlatchd", "--socket", socket, "--store", store, "--listen", listen, "--policy", policy, log=log)


def stop(process, how=signal.SIGTERM, seconds=15):
    """Ends a process and returns its exit code."""
    if process.poll() is None:
        process.send_signal(how)
    return process.wait(timeout=seconds)


def wait_until(condition, seconds, what):
    """Polls; the bound is for a broken product, not a measure of speed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")
