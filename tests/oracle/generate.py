"""Composes evasions and odd but legal connections at random, runs the data plane over them, and asks the oracle: 0 slipped, 0 legal ones cut.

    python3 tests/oracle/generate.py --cases 10000 --seed 1 [--legal 0.4] [--batch 1000] [--keep FOLDER]

Each batch has a surrounding of its own: one worker or several, connections one after the other or interleaved, pools that suffice or overflow (then
legal ones may be cut, and still nothing may slip). Every third batch is also run in observe mode: every frame leaves as it came, and whoever was
denied is reported as `would_deny`.

SPRINGLATCH_BIN names the folder of the programs (build/release/bin). A failing case is shrunk, printed and kept in FOLDER (build/oracle) as a capture
with its policy; `springlatch replay` and checker.py repeat it.
"""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import checker
import http_cases
import tcp_cases
import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin"))
SHRINK_ROUNDS_MAX = 12


class Crash(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Surrounding:
    workers: int = 1
    interleave: int = 1  # connections at a time
    limits: tuple = ()   # ((name, value), …): pools that overflow, so that legal connections may be cut

    @property
    def policy(self):
        return {**tcp_cases.POLICY, "limits": dict(self.limits)} if self.limits else tcp_cases.POLICY


PLAIN = Surrounding()


def surrounding(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return PLAIN
    if kind < 3:
        return Surrounding(rng.choice((2, 3, 4)), rng.choice((8, 64)))
    return Surrounding(rng.choice((1, 2)), 64, (("flows", rng.choice((16, 64))), ("held_segments", 16), ("held_segments_per_flow", rng.choice((1, 4))), ("retained_bytes", 65536),
                                                ("open_heads", rng.choice((1, 4))), ("requests_in_flight", rng.choice((1, 2)))))


def interleaved(groups, width, rng):
    """Frames of `width` connections at a time in any order, each connection's own order kept."""
    if width == 1:
        return [frame for group in groups for frame in group]
    result, waiting, running = [], list(reversed(groups)), []
    while waiting or running:
        while waiting and len(running) < width:
            running.append(iter(waiting.pop()))
        at = rng.randrange(len(running))
        for _ in range(rng.choice((1, 1, 2, 5))):
            frame = next(running[at], None)
            if frame is None:
                running.pop(at)
                break
            result.append(frame)
    return result


def replay(frames, policy, folder, *options):
    """Frames that left. Raises Crash if the data plane ended with anything but success (a frame it did not give back included)."""
    folder = pathlib.Path(folder)
    (folder / "policy.json").write_text(json.dumps(policy))
    wire.write_pcap(folder / "in.pcap", frames)
    return replay_file(folder / "in.pcap", folder, *options)


def replay_file(capture, folder, *options, policy=None):
    out = pathlib.Path(folder) / "out.pcap"
    out.unlink(missing_ok=True)
    done = subprocess.run([BIN / "springlatch-dataplane", "--replay", capture, "--forwarded", out, "--policy", policy or pathlib.Path(folder) / "policy.json",
                           "--huge", "no", *options], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Crash(f"springlatch-dataplane ended with {done.returncode}: {done.stderr[-500:]}")
    return [frame for _, frame in wire.read_pcap(out)]


def judge(cases, folder, only=None, around=PLAIN, observe=False):
    """{index: [what is wrong]} of a list of cases, run in one capture; -1 for what belongs to none."""
    own = [case.frames(index) for index, case in enumerate(cases)]
    owner = {case.client_address(index): index for index, case in enumerate(cases)}
    frames = interleaved(own, around.interleave, http_cases.random_for(len(cases), around.workers))
    wrong = collections.defaultdict(list)
    if observe:
        left, denied = replay_with_events(frames, around, folder)
        watched, would_deny = replay_with_events(frames, around, folder, "--observe")
        if watched != frames:
            at = next((place for place, (a, b) in enumerate(zip(watched, frames)) if a != b), min(len(watched), len(frames)))
            wrong[-1].append(f"observe mode: {len(watched)} of {len(frames)} frames left, the first difference is at {at}")
        for client in denied["denied"] - would_deny["would_deny"] if not around.limits else ():  # full pools give up other connections
            wrong[owner.get(client, -1)].append("observe mode did not report what is denied")
        for client in would_deny["denied"]:
            wrong[owner.get(client, -1)].append("observe mode reported a denial")
    else:
        left = replay(frames, around.policy, folder, "--workers", str(around.workers))
    for violation in checker.check(left, tcp_cases.SERVICES, only, sent=set(frames)):
        wrong[owner.get(violation.client[0], -1)].append("slipped: " + str(violation))
    passed = collections.defaultdict(list)
    for frame in left:
        ends = [end for end in wire.addresses(frame) if end in owner]
        if ends:
            passed[ends[0]].append(frame)
    for client, index in owner.items():
        case, mine = cases[index], own[index]
        if not case.legal or around.limits:
            continue
        before, after = collections.Counter(mine), collections.Counter(passed[client])
        if case.strict and mine != passed[client]:
            wrong[index].append(f"cut: {sum((before - after).values())} frames did not leave, {sum((after - before).values())} were made, or the order changed{_told(after - before)}")
        elif after - before:
            wrong[index].append(f"cut: {sum((after - before).values())} frames were made{_told(after - before)}")
        elif not any(stream == case.stream for stream in _client_streams(passed[client])):
            wrong[index].append("cut: the client's stream did not leave whole")
    return wrong


def replay_with_events(frames, around, folder, *options):
    """What left, and {action: {client addresses}} of the events."""
    folder = pathlib.Path(folder)
    (folder / "policy.json").write_text(json.dumps(around.policy))
    wire.write_pcap(folder / "in.pcap", frames)
    done = subprocess.run([BIN / "springlatch", "replay", folder / "in.pcap", "--policy", folder / "policy.json", "--out", folder / "events", "--workers", str(around.workers), *options],
                          capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Crash(f"springlatch replay ended with {done.returncode}: {done.stderr[-500:]}")
    told = collections.defaultdict(set)
    for line in (folder / "events" / "events.ndjson").read_text().splitlines():
        event = json.loads(line)
        told[event["event"]["action"]].add(wire.address(event["source"]["ip"]))
    return [frame for _, frame in wire.read_pcap(folder / "events" / "forwarded.pcap")], told


def _told(made):
    """What the appliance's own replies say."""
    said = [segment.payload for segment in map(wire.parse_tcp, made) if segment and segment.payload and segment.source in tcp_cases.SERVICES]
    return ": " + repr(said[0]) if said else ""


def _client_streams(frames):
    found, _ = checker.connections(frames, tcp_cases.SERVICES)
    return [stream for connection in found.values() for stream, _ in checker.streams(connection)]


def shrink(case, folder):
    """Fewer frames that still go wrong. A legal case stays legal only while the whole handshake and every byte are there, so it is not shrunk."""
    if case.legal:
        return case
    for _ in range(SHRINK_ROUNDS_MAX):
        candidates = []
        size = max(1, len(case.ops) // 2)
        while size:
            for start in range(0, len(case.ops), size):
                ops = case.ops[:start] + case.ops[start + size:]
                if ops:
                    candidates.append(dataclasses.replace(case, ops=ops))
            size //= 2
        candidates += [dataclasses.replace(case, **change) for change in ({"stamps": False}, {"v6": False}, {"vlan": ()}, {"isn": 1000, "server_isn": 5000})
                       if any(getattr(case, name) != value for name, value in change.items())]
        wrong = judge(candidates[:900], folder, only=())
        better = [candidates[index] for index in wrong if index >= 0]
        if not better:
            break
        best = min(better, key=lambda c: (len(c.ops), c.stamps, c.v6, len(c.vlan), c.isn))
        case = best
    return case


def compose(seed, number, legal_share, streams=None):
    rng = http_cases.random_for(seed, number)
    return tcp_cases.legal_case(rng) if rng.random() < legal_share else tcp_cases.attack_case(rng, streams)


def show(case):
    return "\n".join([f"    {case.kind} isn={case.isn} stamps={case.stamps} v6={case.v6} vlan={case.vlan}"] + [f"    {op}" for op in case.ops])


def keep_case(case, name, around, folder):
    """Writes a capture, its policy and its words; the command that repeats it."""
    folder.mkdir(parents=True, exist_ok=True)
    wire.write_pcap(folder / f"{name}.pcap", case.frames(0))
    (folder / f"{name}.json").write_text(json.dumps(around.policy, indent=1))
    (folder / f"{name}.txt").write_text(show(case) + "\n")
    return f"    springlatch replay {folder / name}.pcap --policy {folder / name}.json --out OUT && python3 tests/oracle/checker.py OUT/forwarded.pcap --service 198.51.100.10:9200 --service [2001:db8::10]:9200"


def run(count, seed, legal_share=0.4, batch=1000, keep=None, report=print, failures_max=10):
    """Number of cases that went wrong."""
    failed, totals = 0, collections.Counter()
    keep = keep or ROOT / "build" / "oracle"
    with tempfile.TemporaryDirectory() as folder:
        for place, start in enumerate(range(0, count, batch)):
            cases = [compose(seed, number, legal_share) for number in range(start, min(count, start + batch))]
            around = surrounding(http_cases.random_for(seed + 1, place))
            totals.update("legal" if case.legal else "attacks" for case in cases)
            totals["surroundings with " + ("full pools" if around.limits else f"{around.workers} workers")] += 1
            for index, complaints in sorted(judge(cases, folder, around=around, observe=place % 3 == 1).items()):
                failed += 1
                if failed > failures_max:
                    continue
                report(f"case {start + index if index >= 0 else '?'} of seed {seed} in {around}: {complaints[0]}")
                if index >= 0:
                    alone = judge([cases[index]], folder, only=())
                    small = shrink(cases[index], folder) if alone and complaints[0].startswith("slipped: ") else cases[index]
                    report(show(small))
                    report(keep_case(small, f"{seed}-{start + index}", around, pathlib.Path(keep)))
                    if not alone:
                        report("    alone it does not go wrong: it takes the whole batch")
    report(f"{totals.pop('attacks', 0)} attacks and {totals.pop('legal', 0)} legal connections ({dict(totals)}), {failed} went wrong")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--legal", type=float, default=0.4, help="share of legal connections")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for what fails (build/oracle)")
    options = parser.parse_args()
    return 1 if run(options.cases, options.seed, options.legal, options.batch, options.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
