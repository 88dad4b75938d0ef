"""The corpus beside the checkout (SPRINGLATCH_SHARED, else ../shared) as connections through the data plane.

    python3 tests/oracle/corpus.py http [--every N]     each request whole and cut at every N-th position, scored by the corpus' README
    python3 tests/oracle/corpus.py pcap [--every N]     each N-th capture replayed, by one worker and by four, enforcing and observing: no crash, no leak, no
                                                        violation of the oracle
"""
import argparse
import base64
import collections
import copy
import json
import os
import pathlib
import struct
import sys
import tempfile

import checker
import generate
import readers
import tcp_cases
import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("SPRINGLATCH_SHARED", ROOT.parent / "shared")) / "corpus"
CREDENTIALS = b"Authorization: Basic YTpi\r\n"
CONNECTIONS_MAX = 15_000  # of one capture, well below the policy's limit of flows
ANY = copy.deepcopy(tcp_cases.POLICY)
ANY["rules"][0]["credentials"] = "any"


def load(name):
    with open(CORPUS / "http" / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def executed(observed):
    """Requests a database executed; the cases about Expect say it in other words."""
    return observed["executed"] if "executed" in observed else 1 + observed["smuggled_executed"]


def with_credentials(text, everywhere):
    """Credentials in the first head, or in every head of well-formed requests."""
    if not everywhere:
        at = text.lstrip(b"\r\n").find(b"\n") + 1 + len(text) - len(text.lstrip(b"\r\n"))
        return text[:at] + CREDENTIALS + text[at:] if at else text
    result = b""
    while text:
        leading = len(text) - len(text.lstrip(b"\r\n"))
        line, end = text.find(b"\r\n", leading) + 2, text.find(b"\r\n\r\n") + 4
        if line < 2 or end < 4:
            return result + text
        head = text[:end].lower()
        if b"\r\ntransfer-encoding:" in head:
            while True:
                size_end = text.index(b"\r\n", end) + 2
                size = int(text[end:size_end].split(b";")[0], 16)
                end = size_end + size + 2
                if size == 0:
                    while text[end - 2:end] != b"\r\n":
                        end = text.index(b"\r\n", end) + 2
                    break
        elif b"\r\ncontent-length:" in head:
            end += int(head.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        result += text[:line] + (b"" if b"\r\nauthorization:" in head else CREDENTIALS) + text[line:end]
        text = text[end:]
    return result


def connection(stream, places):
    """`stream` in segments that end at `places`; the server acknowledges each and says 100 where it is asked for."""
    import random
    builder = tcp_cases.Builder(random.Random(0), "never")
    builder.handshake()
    edges = [0, *places, len(stream)]
    for start, end in zip(edges, edges[1:]):
        for at in range(start, end, 1400):
            builder.client(at, stream[at:min(at + 1400, end)])
    if b"100-continue" in stream.lower():
        builder.edge = 0
        builder.answer(b"HTTP/1.1 100 Continue\r\n\r\n", acked=False)
        for at in range(0, len(stream), 1400):  # the body behind a head in the same segment is taken off it, and TCP sends it again
            builder.client(at, stream[at:at + 1400])
    return tcp_cases.Case("corpus", False, builder.ops, stream)


def whole_and_cut(every):
    """Whole, and cut at every `every`-th position."""
    return lambda index, stream: [()] + ([(place,) for place in range(1, len(stream), every)] if every else [])


def outcomes(streams, policy, folder, cuts):
    """[{(bytes that left, refused?)}] of each stream, cut in each of the ways of `cuts(index, stream)`: lists of places."""
    work = [(index, connection(stream, places)) for index, stream in enumerate(streams) for places in cuts(index, stream)]
    results = [set() for _ in streams]
    for start in range(0, len(work), CONNECTIONS_MAX):
        part = work[start:start + CONNECTIONS_MAX]
        frames, own = [], {}
        for number, (_, case) in enumerate(part):
            mine = case.frames(number)
            own[case.client_address(number)] = set(mine)
            frames += mine
        left = generate.replay(frames, policy, folder)
        found, odd = checker.connections(left, tcp_cases.SERVICES)
        assert not odd
        addresses = {key[0][0]: value for key, value in found.items()}
        for number, (index, case) in enumerate(part):
            mine = addresses.get(case.client_address(number))
            if mine is None:
                results[index].add((b"", True))
                continue
            made = any(s.frame not in own[case.client_address(number)] and s.flags & wire.RST for _, s in mine.to_server)
            text = max((stream for stream, _ in checker.streams(mine)), key=len, default=b"")
            results[index].add((text, made))
    return results


def readings(texts):
    """{text: {reader: [Request]}} and the lenient reader's set."""
    texts = sorted(texts)
    everybody, _ = readers.available()
    tables = {name: dict(zip(texts, reader(texts))) for name, reader in everybody.items()} if texts else {}
    return {text: {name: table[text] for name, table in tables.items()} for text in texts}


def score_http(folder, every, report=print):
    """Prints the score; the number of mistakes."""
    cases = load("requests.jsonl")
    raw = [base64.b64decode(case["request_b64"]) for case in cases]
    mistakes = []
    # 1. Credentials are demanded: no reading of what leaves holds a request without them.
    plain = outcomes(raw, tcp_cases.POLICY, folder, whole_and_cut(every))
    mistakes += slips("demanding policy", cases, plain)
    # 2. The product's own question.
    hidden = load("authorised-outer-hidden-inner.jsonl")
    inner = outcomes([base64.b64decode(case["request_b64"]) for case in hidden], tcp_cases.POLICY, folder, whole_and_cut(every))
    mistakes += slips("authorised outer", hidden, inner)
    mistakes += [f"authorised outer {case['id']}: left whole although {case['hidden_executed_by']} ran the hidden request" for case, results in zip(hidden, inner)
                 if case["hidden_executed_by"] and any(text == base64.b64decode(case["request_b64"]) for text, _ in results)]
    # 3. Everything is allowed that has credentials, and then that has not: refused, or read as the databases read it.
    armed = [with_credentials(text, case["class"] == "must_forward") for case, text in zip(cases, raw)]
    safe = collections.Counter()
    useful = 0
    for name, policy, streams in (("present", tcp_cases.POLICY, armed), ("any", ANY, raw)):
        results = outcomes(streams, policy, folder, whole_and_cut(every))
        told = readings({text for result in results for text, refused in result if not refused})
        for case, stream, result in zip(cases, streams, results):
            wrong = []
            for text, refused in result:
                if refused or text != stream or case["class"] == "must_forward":  # all implementations read those alike
                    continue
                counts = {reader: len(requests) for reader, requests in told[text].items()}
                for database in ("elasticsearch", "opensearch"):
                    expected = executed(case["observed"][database])
                    if expected and counts and set(counts.values()) != {expected}:
                        wrong.append(f"{name} {case['id']} ({case['class']}): left whole; {database} executed {expected}, readers see {counts}: {text[:200]!r}")
            mistakes += wrong[:1]
            safe[name] += not wrong
            if name == "present" and case["class"] == "must_forward":
                good = all(text == stream and not refused for text, refused in result)
                useful += good
                if not good:
                    mistakes.append(f"must_forward {case['id']} did not leave: {stream[:300]!r}")
    wanted = sum(case["class"] == "must_forward" for case in cases)
    for mistake in mistakes[:40]:
        report(mistake)
    report(f"SAFE {safe['present']} of {len(cases)} (present), {safe['any']} of {len(cases)} (any); USEFUL {useful} of {wanted}; "
           f"{len(hidden)} authorised-outer cases; {len(mistakes)} mistakes")
    return len(mistakes)


def slips(name, cases, results):
    found = []
    texts = {text for result in results for text, _ in result if text}
    told = readings(texts)
    for case, result in zip(cases, results):
        for text, _ in result:
            seen = {"lenient": readers.lenient(text, False, b"100-continue" in text.lower()), **told.get(text, {})}
            bad = [f"{name} {case['id']}: {reader} sees {r.method!r} {r.target!r} without credentials in {text[:300]!r}" for reader, requests in seen.items() for r in requests if not r.authorised]
            if bad:
                found.append(bad[0])
                break
    return found


# ---- captures ----

def frames_of(path):
    """Frames of a classic pcap or a pcapng file with Ethernet, or None."""
    data = path.read_bytes()
    if data[:4] != b"\x0a\x0d\x0d\x0a":
        try:
            records = wire.read_pcap(path)
        except (ValueError, struct.error):
            return None
        order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        return [frame for _, frame in records] if struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF == 1 else None
    order, at, frames, links = "<", 0, [], []
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">", []
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind == 1:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6:
            if links[struct.unpack_from(order + "I", data, at + 8)[0]] != 1:
                return None
            size = struct.unpack_from(order + "I", data, at + 20)[0]
            frames.append(data[at + 28:at + 28 + size])
        if length < 12:
            break
        at += length
    return frames


def services_of(frames):
    """Who is asked: destinations of SYNs, sources of SYN-ACKs; without any, the lower port."""
    found, guessed = set(), set()
    for segment in map(wire.parse_tcp, frames):
        if segment is None:
            continue
        if segment.flags & wire.SYN:
            found.add(segment.source if segment.flags & wire.ACK else segment.destination)
        guessed.add(min(segment.source, segment.destination, key=lambda end: end[1]))
    mapped = bytes(10) + b"\xff\xff"  # IPv4 in IPv6 form, which a policy does not take
    return {end for end in found or guessed if end[1] and any(end[0]) and not end[0].startswith(mapped)}


def policy_for(services):
    import ipaddress
    policy = copy.deepcopy(tcp_cases.POLICY)
    del policy["limits"]
    by_ports = collections.defaultdict(set)
    for host, port in services:
        by_ports[host].add(port)
    policy["services"] = {f"s{number}": {"protocol": "elasticsearch", "addresses": [str(ipaddress.ip_address(host))], "ports": sorted(ports)}
                          for number, (host, ports) in enumerate(sorted(by_ports.items()))} or {"s0": {"protocol": "elasticsearch", "addresses": ["192.0.2.1"], "ports": [9200]}}
    policy["rules"][0]["to"] = sorted(policy["services"])
    return policy


SURROUNDINGS = ((), ("--observe",), ("--workers", "4"), ("--workers", "4", "--observe"))
FRAME_BYTES_MAX = 65_000  # larger ones were made by the sender's or receiver's offload; no port carries them


def carried(path, frames):
    """The frames as libpcap gives them to a port: no longer than the capture says they may be."""
    data = path.read_bytes()[:20]
    kept = 0 if data[:4] == b"\x0a\x0d\x0d\x0a" else int.from_bytes(data[16:20], "little" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else "big")
    return [frame[:kept or None] for frame in frames if len(frame) <= FRAME_BYTES_MAX]


def run_captures(folder, every, report=print, all_surroundings=True):
    """Number of runs of captures that went wrong: a crash, a frame not given back, a violation; in observe mode a frame that does not leave as it came."""
    files = sorted(path for path in (CORPUS / "pcap").rglob("*") if path.suffix in (".pcap", ".pcapng", ".cap"))[::every]
    wrong, unread, services_seen, runs = 0, 0, 0, 0
    for number, path in enumerate(files):
        frames = frames_of(path)
        unread += frames is None
        services = services_of(frames or ())
        services_seen += len(services)
        (pathlib.Path(folder) / "policy.json").write_text(json.dumps(policy_for(services)))
        for options in SURROUNDINGS if all_surroundings else SURROUNDINGS[number % 4:][:1]:
            runs += 1
            try:
                left = generate.replay_file(path, folder, "--ignore-checksums", *options)  # many were taken on a sender with checksum offload
            except generate.Crash as crash:
                if frames is None and "ended with 1:" in str(crash) and "mbufs" not in str(crash):
                    continue  # another link type, refused in words
                report(f"{path.relative_to(CORPUS)} {options}: {crash}")
                wrong += 1
                continue
            if "--observe" not in options:
                complaints = checker.check(left, services, only=("h11",))
            else:
                expected = carried(path, frames)
                complaints = [] if left == expected else [f"{len(left)} frames left of {len(expected)}, or not as they came"]
            if complaints:
                report(f"{path.relative_to(CORPUS)} {options}: {complaints[0]}")
                wrong += 1
    report(f"{len(files)} captures with {services_seen} services in {runs} runs, {unread} of another link type or format, {wrong} went wrong")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("http", "pcap"))
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.part == "http":
            return 1 if score_http(pathlib.Path(folder), options.every) else 0
        return 1 if run_captures(pathlib.Path(folder), options.every) else 0


if __name__ == "__main__":
    sys.exit(main())
