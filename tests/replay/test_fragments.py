"""IP fragments through the real programs: refused by default, judged as the datagrams they make where the policy says so."""
import random
import struct

import pytest
from conftest import PRESENT, SERVER, captured_frames, field

import capture

REASSEMBLE = {**PRESENT, "fragments": "reassemble"}
REFUSE = {**PRESENT, "fragments": "refuse"}


def fragments(frame, size, identification, rng=None):
    """The IPv4 frame in fragments of `size` payload bytes (a multiple of 8), shuffled by `rng`; the checksum of each header is right."""
    header, payload = bytearray(frame[14:34]), frame[34 : 14 + struct.unpack_from("!H", frame, 16)[0]]
    parts = []
    for at in range(0, len(payload), size):
        part = payload[at : at + size]
        header[2:8] = struct.pack("!HHH", 20 + len(part), identification, at // 8 | (0x2000 if at + size < len(payload) else 0))
        header[10:12] = b"\0\0"
        header[10:12] = struct.pack("!H", capture.checksum(header))
        parts.append(frame[:14] + bytes(header) + part)
    if rng:
        rng.shuffle(parts)
    return parts


def fragmented(name, rng, both_ways=True):
    """The capture with every TCP segment that carries anything (towards the server only, or both ways) in fragments of some size."""
    records, clock = [], 1_577_000_000_000_000_000
    for number, frame in enumerate(captured_frames(name)):
        segment = capture.parse_tcp(frame)
        parts = [frame]
        if segment and segment.payload and (both_ways or segment.destination[0] == SERVER):
            parts = fragments(frame, rng.choice((64, 104, 512)), number, rng)
        for part in parts:
            clock += 10_000
            records.append(capture.Record(clock, part))
    return records


def write(path, records):
    path.write_bytes(capture.pcap_bytes(records))
    return path


def is_fragment(frame):
    return frame[12:14] == b"\x08\x00" and struct.unpack_from("!H", frame, 20)[0] & 0x3FFF != 0


def payloads(segments):
    return [(s.source, s.destination, s.seq, s.payload) for s in segments if s.payload]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", ["curl-basic.pcap", "curl-chunked-basic.pcap", "demo-mixed.pcap", "pipeline-third-open.pcap"])
def test_the_same_stream_in_fragments_gets_the_same_verdicts_and_leaves_as_the_same_segments(replay, tmp_path, name, workers):
    records = fragmented(name, random.Random(20261124))
    result = replay(write(tmp_path / "in.pcap", records), REASSEMBLE, "--workers", workers)
    assert result.code == 0, result.err
    assert not any(map(is_fragment, result.frames)), "a fragment left"
    whole = replay(name, PRESENT)
    assert payloads(result.segments) == payloads(whole.segments)
    told = [[(field(e, "event.action"), field(e, "event.reason"), field(e, "source.port"), field(e, "url.path")) for e in r.requests()]
            for r in (result, whole)]
    if workers > 1:
        told = list(map(sorted, told))
    assert told[0] == told[1]
    assert result.summary["frames_reassembled"] > 0
    counted = [sum(v.values()) if isinstance(v, dict) else v for v in map(result.summary.get, ("frames_in", "frames_forwarded", "frames_dropped",
                                                                                                "frames_held", "frames_reassembled"))]
    assert counted[0] == len(records) == sum(counted[1:])


def test_by_default_no_fragment_towards_a_service_leaves(replay, tmp_path):
    records = fragmented("curl-basic.pcap", random.Random(1), both_ways=False)
    for rules in (PRESENT, REFUSE):
        result = replay(write(tmp_path / "in.pcap", records), rules)
        assert result.code == 0, result.err
        assert [s for s in result.to_server() if s.payload] == []
        assert result.summary["frames_dropped"]["fragment"] > 1
        assert result.summary["frames_reassembled"] == 0


def test_of_overlapping_fragments_nothing_leaves(replay, tmp_path):
    """A request with credentials, and an overlap that would take them away under one policy or the other."""
    records = []
    for number, frame in enumerate(captured_frames("curl-basic.pcap")):
        segment = capture.parse_tcp(frame)
        parts = [frame]
        if segment and segment.destination[0] == SERVER and segment.payload:
            parts = fragments(frame, 64, number)
            other = bytearray(parts[1])
            other[34:42] = b"X: y\r\n\r\n"
            parts.insert(1, bytes(other))
        records += [capture.Record(1_577_000_000_000_000_000 + (len(records) + i) * 10_000, part) for i, part in enumerate(parts)]
    result = replay(write(tmp_path / "in.pcap", records), REASSEMBLE)
    assert result.code == 0, result.err
    assert [s for s in result.to_server() if s.payload] == []
    assert result.summary["frames_dropped"]["fragment_overlap"] >= 3
    assert {field(e, "event.reason") for e in result.events} >= {"fragment_overlap"}
