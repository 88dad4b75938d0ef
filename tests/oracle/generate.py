"""Composes evasions and odd but legal connections at random, runs the data plane over them, and asks the oracle: 0 slipped, 0 legal ones cut.

    python3 tests/oracle/generate.py --cases 10000 --seed 1 [--legal 0.4] [--batch 1000] [--keep FOLDER]

SPRINGLATCH_BIN names the folder of the programs (build/release/bin). A failing case is shrunk and printed.
"""
import argparse
import collections
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


def judge(cases, folder, only=None):
    """{index: [what is wrong]} of a list of cases, run in one capture."""
    sent = {}
    frames = []
    for index, case in enumerate(cases):
        mine = case.frames(index)
        sent[case.client_address(index)] = (index, mine)
        frames += mine
    left = replay(frames, tcp_cases.POLICY, folder)
    wrong = collections.defaultdict(list)
    for violation in checker.check(left, tcp_cases.SERVICES, only):
        index = sent[violation.client[0]][0] if violation.client[0] in sent else -1
        wrong[index].append("slipped: " + str(violation))
    passed = collections.defaultdict(list)
    for frame in left:
        segment = wire.parse_tcp(frame)
        if segment is None:
            continue
        if segment.destination in tcp_cases.SERVICES:
            passed[segment.source[0]].append(frame)
        else:
            passed[segment.destination[0]].append(frame)
    for client, (index, mine) in sent.items():
        if not cases[index].legal:
            continue
        before, after = collections.Counter(mine), collections.Counter(passed[client])
        if cases[index].strict and mine != passed[client]:
            wrong[index].append(f"cut: {sum((before - after).values())} frames did not leave, {sum((after - before).values())} were made, or the order changed{_told(after - before)}")
        elif after - before:
            wrong[index].append(f"cut: {sum((after - before).values())} frames were made{_told(after - before)}")
        elif not any(stream == cases[index].stream for stream in _client_streams(passed[client])):
            wrong[index].append("cut: the client's stream did not leave whole")
    return wrong


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
    import dataclasses
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


def run(count, seed, legal_share=0.4, batch=1000, keep=None, report=print, failures_max=10):
    """Number of cases that went wrong."""
    failed, totals = 0, collections.Counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or temporary
        for start in range(0, count, batch):
            cases = [compose(seed, number, legal_share) for number in range(start, min(count, start + batch))]
            totals.update("legal" if case.legal else "attacks" for case in cases)
            for index, complaints in sorted(judge(cases, folder).items()):
                failed += 1
                if failed > failures_max:
                    continue
                report(f"case {start + index} of seed {seed}: {complaints[0]}")
                if index >= 0:
                    small = shrink(cases[index], temporary) if complaints[0].startswith("slipped: ") else cases[index]
                    report(show(small))
    report(f"{totals['attacks']} attacks and {totals['legal']} legal connections, {failed} went wrong")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--legal", type=float, default=0.4, help="share of legal connections")
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the last captures")
    options = parser.parse_args()
    return 1 if run(options.cases, options.seed, options.legal, options.batch, options.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
