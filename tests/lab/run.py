"""scripts/lab --attacks: attacks on a real database behind the appliance, and real clients that work through it.

  scripts/lab --attacks [--server elasticsearch|opensearch|both] [--family NAME]… [--scale 1.0] [--seed 1] [--policy FILE] [--list]

Each family of attacks runs twice: over a straight wire, to show that it can do harm, and through the appliance. The database decides what slipped: it writes down
every request that it hands to a handler, and loses a document when a hidden DELETE is executed. Exit 0 only if nothing slipped and every legitimate case passed.
"""
import argparse
import collections
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
for room in ("live", "oracle"):
    sys.path.insert(0, str(ROOT / "tests" / room))

import attacker  # noqa: E402
import attacks  # noqa: E402
import clients  # noqa: E402
import legal  # noqa: E402
import wire  # noqa: E402
from database import CACHE, NAMES, PORT, Database, Missing, prepare  # noqa: E402
from lab import BIN, SERVER, STRANGER, stop, wait_until, why_impossible  # noqa: E402
from net import Network, namespace  # noqa: E402

POLICY = ROOT / "tests" / "lab" / "policy.json"
KEPT_MAX = 100  # captures of slips, a server
SCAN = "nmap -sV"
LEGAL = 120  # connections made by hand
AGAIN = 6
WARMING = 300
METRICS_AGE = 2.5  # seconds until the counters say what happened


class Appliance:
    """The appliance between the wires; without it, a straight wire."""

    def __init__(self, network, folder, policy):
        self.network, self.folder, self.policy, self.processes = network, folder, policy.resolve(), []

    def __enter__(self):
        self.network.straight_wire(False)
        socket, store = self.folder / "control.sock", self.folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        self.processes = [self.network.start_control(self.policy, socket, store, self.folder / "control.log"),
                          self.network.start_dataplane(self.policy, socket, self.folder / "dataplane.log")]
        try:
            wait_until(self.passes, 120, f"a ping passes the data plane ({self.folder / 'dataplane.log'})")
        except BaseException:
            for process in self.processes:
                process.kill()
            raise
        return self

    def passes(self):
        self.alive()
        return self.network.run(self.network.outside, "ping", "-c1", "-W1", SERVER).returncode == 0

    def alive(self):
        for process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"a process of the appliance ended with {process.returncode}; see {self.folder}/*.log")

    def __exit__(self, kind, *_):
        codes = [stop(process) for process in reversed(self.processes)]
        self.network.straight_wire(True)
        if any(codes) and kind is None:
            raise RuntimeError(f"the appliance's processes ended with {codes}; see {self.folder}/*.log")


class Run:
    def __init__(self, server, options):
        self.server, self.options = server, options
        self.folder = CACHE / "run" / server
        self.lock = open(CACHE / f"{server}.lock", "w", encoding="ascii")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"lab: another run with {server} is going on in this checkout; wait for its end")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.network = Network(f"sla{os.getpid()}{server[0]}")
        self.database = Database(server, self.network, self.folder)
        self.index = 0
        self.rows, self.legal = [], []

    def all(self):
        chosen = {name: family for name, family in attacks.families(self.options.seed, self.options.scale).items() if self.wanted(name)}
        self.network.up()
        try:
            self.database.start()
            self.wire = self.on_the_wire()
            self.warm_up()
            before = {name: self.attack(family, "straight wire") for name, family in chosen.items()}
            scanned = self.scan("straight wire") if self.wanted(SCAN) else None
            expected = self.play_legal() if self.wanted("legal") else None
            with Appliance(self.network, self.folder, self.options.policy) as appliance:
                for name, family in chosen.items():
                    slipped = self.attack(family, "appliance")
                    appliance.alive()
                    self.rows.append({"family": name, "cases": len(family.attacks), "stopped": len(family.attacks) - len(slipped), "slipped": len(slipped),
                                      "executed without the appliance": len(before[name]), "which slipped": [f"{number}: {text}" for number, text in sorted(slipped.items())]})
                if scanned is not None:
                    slipped = self.scan("appliance")
                    self.rows.append({"family": SCAN, "cases": 1, "stopped": int(not slipped), "slipped": int(bool(slipped)), "executed without the appliance": int(bool(scanned)),
                                      "which slipped": slipped})
                if expected is not None:
                    different, refused = self.legal_through(expected)
                self.work_with(appliance)
            if expected is not None:
                self.judge_legal(expected, different, refused)
            return self
        finally:
            self.network.down()
            self.database.stop()

    def warm_up(self):
        """A node that has just started answers so late that an attacker has gone by then."""
        family = attacks.Family("warming up")
        for _ in range(WARMING):
            probe, text = attacks.delete(family)
            family.http("", text, probe)
            family.http("", text.replace(b"DELETE /probe/_doc/", b"GET /probe/_search?q="))
        for _ in range(3):
            if len(self.attack(family, "straight wire")) > 0.98 * len(family.attacks):
                break

    def wanted(self, name):
        return not self.options.family or any(name == family or name.startswith(family) for family in self.options.family)

    def on_the_wire(self):
        with namespace(self.network.outside):
            return attacker.open_wire("out0")

    def say(self, text):
        print(f"  {time.strftime('%H:%M:%S')} {self.server}: {text}", flush=True)

    # ---- attacks ----

    def attack(self, family, how):
        """{number of the attack: what the database executed}"""
        probes = [attack.probe for attack in family.attacks if attack.probe is not None]
        self.lay(probes)
        self.database.executions()
        self.network.sysctl(self.network.inside, "ipv4/tcp_syncookies", 2 if family.cookies else 1)
        outcomes = attacker.play([attack.case for attack in family.attacks], self.index + family.zone, self.wire)
        self.index += len(outcomes)
        time.sleep(0.5)
        executed, authorised, harm = self.database.executions(), set(), {}
        for requests in executed.values():
            authorised.update(request.uri for request in requests if not family.harmful(request))
        gone = self.missing(probes)
        for number, (attack, outcome) in enumerate(zip(family.attacks, outcomes)):
            bad = [request for request in executed.get(outcome.client, ()) if family.harmful(request)]
            if bad:
                harm[number] = f"{attack.name}: {bad[0].method} {bad[0].uri} {bad[0].credentials}"
            elif attack.probe in gone and not any(f"{attack.probe:07d}" in uri for uri in authorised):
                harm[number] = f"{attack.name}: document {attack.probe} is gone"
            if number in harm and how == "appliance" and sum(1 for _ in self.folder.glob("slip-*.pcap")) < KEPT_MAX:
                wire.write_pcap(self.folder / f"slip-{family.name.replace(' ', '-')}-{number}.pcap", outcome.frames)
        connected = sum(outcome.connected for outcome in outcomes)
        self.say(f"{how}: {family.name}: {len(harm)} of {len(outcomes)} executed ({connected} connected)")
        return harm

    def scan(self, how):
        """nmap's version scan, as a stranger: what the database executed for it."""
        if shutil.which("nmap") is None:
            raise Missing("there is no nmap; scripts/setup lab installs it")
        self.database.executions()
        done = self.network.run(self.network.outside, "nmap", "-Pn", "-n", "-S", STRANGER, "-e", "out0", "-p", PORT, "-sV", "--version-all", SERVER, timeout=400, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"nmap ended with {done.returncode}: {done.stderr[-300:]}")
        found = [f"{request.method} {request.uri}" for requests in self.database.executions().values() for request in requests if not request.authorised]
        line = next((line for line in done.stdout.splitlines() if line.startswith(f"{PORT}/")), "")
        self.say(f"{how}: {SCAN}: {len(found)} requests executed; it says: {line}")
        return found

    def lay(self, probes):
        """The documents that attacks want to delete."""
        self.database.ask("DELETE", "/probe")
        self.database.must("PUT", "/probe", {"settings": {"number_of_shards": 1, "number_of_replicas": 0}})
        if probes:
            lines = "".join(f'{{"index":{{"_id":"{probe:07d}"}}}}\n{{"there":true}}\n' for probe in probes)
            self.database.must("POST", "/probe/_bulk?refresh=true", lines)

    def missing(self, probes):
        if not probes:
            return set()
        status, answer = self.database.ask("POST", "/probe/_mget", {"ids": [f"{probe:07d}" for probe in probes]})
        if status != 200:  # the index itself is gone
            return set(probes)
        return {int(document["_id"]) for document in answer["docs"] if not document.get("found")}

    # ---- legitimate work ----

    def play_legal(self, numbers=None):
        """{number of the connection: what became of it}"""
        cases = legal.cases(self.options.seed, max(1, int(LEGAL * self.options.scale)))
        numbers = range(len(cases)) if numbers is None else numbers
        chosen = [cases[number] for number in numbers]
        self.lay([])
        self.database.executions()
        outcomes = attacker.play(chosen, self.index, self.wire, attacker.HONEST)
        self.index += len(outcomes)
        time.sleep(0.5)
        self.say(f"{len(chosen)} legal connections played")
        return dict(zip(numbers, legal.results(outcomes, self.database.executions())))

    def legal_through(self, expected):
        """({number: what became of it, where something is missing}, what the appliance refused)"""
        time.sleep(METRICS_AGE)
        before = self.denied()
        missing = {number: there for number, there in self.play_legal().items() if legal.lost(there, expected[number])}
        for _ in range(AGAIN):  # a hand-made SYN is sent once: a frame lost on a busy machine is no verdict, and a refusal is counted below
            if missing:
                missing = {number: there for number, there in self.play_legal(list(missing)).items() if legal.lost(there, expected[number])}
        time.sleep(METRICS_AGE)
        refused = {reason: count - before[reason] for reason, count in self.denied().items() if count > before[reason] and reason != "midstream"}
        return missing, refused

    def judge_legal(self, expected, different, refused):
        """A database does not always answer alike: what is missing is not the appliance's doing if it is missing over the straight wire too."""
        asked = dict(different)
        for _ in range(AGAIN):
            if asked:
                asked = {number: there for number, there in asked.items() if legal.lost(there, self.play_legal([number])[number])}
        said = [f"connection {number}: {there} instead of {expected[number]}" for number, there in asked.items()][:3] + [f"denied: {refused}"] * bool(refused)
        self.legal.insert(0, {"family": "legal connections made by hand", "cases": len(expected), "passed": max(0, len(expected) - max(len(asked), sum(refused.values()))),
                              "said": "; ".join(said)})

    def denied(self):
        """{reason: count} of all that the appliance refused so far; frames behind the end of a connection count as midstream."""
        text = self.network.run(self.network.gateway, "curl", "-s", "-m", "10", "http://127.0.0.1:9600/metrics", text=True).stdout
        found = collections.Counter()
        for reason, count in re.findall(r'^springlatch_(?:requests_denied|connections_refused)_total\{[^}]*reason="(\w+)"[^}]*\} (\d+)', text, re.MULTILINE):
            found[reason] += int(count)
        return found

    def work_with(self, appliance):
        for name, work in clients.WORK.items():
            if not self.wanted(name):
                continue
            started = time.monotonic()
            try:
                said = work(clients.Place(self.network, self.database, self.folder))
                result = {"case": name, "result": "passed", "said": said or ""}
            except clients.Skip as reason:
                result = {"case": name, "result": "skipped", "said": str(reason)}
            except Exception as error:  # a client that fails in whatever way has failed
                result = {"case": name, "result": "failed", "said": f"{type(error).__name__}: {error}"[-600:]}
            finally:
                self.network.make_good()
            appliance.alive()
            self.say(f"{name}: {result['result']} in {time.monotonic() - started:.0f} s {result['said']}")
            self.legal.append({"family": name, "cases": result["result"] != "skipped", "passed": result["result"] == "passed", "skipped": result["result"] == "skipped",
                               "said": result["said"]})


def table(run):
    lines = [f"{NAMES[run.server]}", f"  {'attacks':28}{'cases':>7}{'stopped':>9}{'slipped':>9}{'executed without the appliance':>32}"]
    for row in run.rows:
        lines.append(f"  {row['family']:28}{row['cases']:7}{row['stopped']:9}{row['slipped']:9}{row['executed without the appliance']:32}")
    total = collections.Counter()
    for row in run.rows:
        total.update({key: value for key, value in row.items() if isinstance(value, int)})
    lines.append(f"  {'all':28}{total['cases']:7}{total['stopped']:9}{total['slipped']:9}{total['executed without the appliance']:32}")
    lines.append(f"  {'legitimate':58}{'cases':>7}{'passed':>9}")
    for row in run.legal:
        lines.append(f"  {row['family']:58}{row['cases']:7}{row['passed']:9}  " + (f"skipped: {row['said']}" if row.get("skipped") else row["said"]))
    lines.append(f"  {'all':58}{sum(row['cases'] for row in run.legal):7}{sum(row['passed'] for row in run.legal):9}")
    for row in run.rows:
        lines += [f"  SLIPPED {row['family']}: {text}" for text in row["which slipped"][:20]]
        if not row["executed without the appliance"]:
            lines.append(f"  NO PROOF {row['family']}: none of it was executed over the straight wire, so that nothing slipped says nothing")
    return "\n".join(lines)


def good(run):
    """Nothing slipped, everything legitimate passed, and each family proved that it can do harm."""
    return all(row["slipped"] == 0 and row["executed without the appliance"] for row in run.rows) and all(row["cases"] == row["passed"] for row in run.legal)


def main(arguments):
    parser = argparse.ArgumentParser(prog="scripts/lab --attacks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=[*NAMES, "both"], default="both")
    parser.add_argument("--family", action="append", metavar="NAME", help="only families of this name or beginning with it (repeatable); --list names them")
    parser.add_argument("--scale", type=float, default=1.0, help="size of what is composed at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policy", type=pathlib.Path, default=POLICY, help="another than tests/lab/policy.json; its zones and service must be those")
    parser.add_argument("--list", action="store_true", help="names the families")
    parser.add_argument("--prepare", action="store_true", help="only brings the databases' jars and compiles their launchers")
    options = parser.parse_args(arguments)
    names = [*attacks.families(1, 0.01), SCAN, "legal", *clients.WORK]
    if options.list:
        print("\n".join(names))
        return 0
    for family in options.family or ():
        if not any(name.startswith(family) for name in names):
            parser.error(f"--family {family!r}: no family begins so; --list names them")
    servers = list(NAMES) if options.server == "both" else [options.server]
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        for server in servers:
            prepare(server)
    except Missing as missing:
        sys.exit(f"lab: {missing}")
    if options.prepare:
        return 0
    reason = why_impossible()
    if reason:
        sys.exit(f"lab: {reason}")
    if not (BIN / "springlatch-dataplane").exists():
        sys.exit("lab: there is no release build; run scripts/demo or: cmake --preset release && cmake --build --preset release")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the namespaces and the database go
    runs = []
    for server in servers:
        print(f"{NAMES[server]}", flush=True)
        try:
            runs.append(Run(server, options).all())
        except Missing as missing:
            sys.exit(f"lab: {missing}")
    print()
    for run in runs:
        print(table(run))
    (CACHE / "attacks.json").write_text(json.dumps({run.server: {"version": NAMES[run.server], "attacks": run.rows, "legitimate": run.legal} for run in runs}, indent=1))
    print(f"results are in {(CACHE / 'attacks.json').relative_to(ROOT)}")
    return 0 if all(map(good, runs)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
