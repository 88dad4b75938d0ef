"""Random compositions of evasions and of odd but legal traffic: nothing slips, nothing legal is cut, whatever the surroundings."""
import dataclasses
import time

import pytest

import checker
import generate
import http_cases
import tcp_cases
import wire

CASES = {"always": 800, "another each time": 400}
SEEDS = {"always": 20261124, "another each time": int(time.time())}  # in the test's name, so that a failure can be repeated


@pytest.mark.parametrize("when, seed", SEEDS.items())
def test_no_composition_slips_and_no_legal_stream_is_cut(when, seed):
    said = []
    assert generate.run(CASES[when], seed, batch=400, report=said.append) == 0, "\n".join(said)


def test_a_case_that_goes_wrong_is_shrunk_and_kept_as_a_capture(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "replay", lambda frames, *_: frames)
    said = []
    assert generate.run(30, 1, legal_share=0, keep=tmp_path, report=said.append, failures_max=1) > 10
    (capture,) = tmp_path.glob("*.pcap")
    kept = [frame for _, frame in wire.read_pcap(capture)]
    assert checker.check(kept, tcp_cases.SERVICES, only=())
    assert len(kept) <= 6 and f"springlatch replay {capture}" in "\n".join(said)


@pytest.mark.parametrize("coat", tcp_cases.COATS)
def test_the_checker_sees_a_request_in_every_coat(coat):
    for v6 in False, True:
        builder = tcp_cases.Builder(http_cases.random_for(0, 0), "never")
        builder.handshake()
        builder.client(0, http_cases.hidden(http_cases.random_for(0, 1)), coat=coat)
        case = tcp_cases.Case("", False, builder.ops, b"", v6=v6)
        assert checker.check(case.frames(0), tcp_cases.SERVICES, only=())


@pytest.mark.parametrize("pieces", [8, -16, 64])
def test_the_checker_sees_a_request_in_fragments(pieces):
    for v6 in False, True:
        builder = tcp_cases.Builder(http_cases.random_for(0, 0), "never")
        builder.handshake()
        builder.client(0, http_cases.hidden(http_cases.random_for(0, 1)), pieces=pieces)
        assert checker.check(tcp_cases.Case("", False, builder.ops, b"", v6=v6).frames(0), tcp_cases.SERVICES, only=())


def test_each_kind_of_legal_connection_is_composed():
    """Of 800 connections some have each of what must pass."""
    cases = [tcp_cases.legal_case(http_cases.random_for(7, number)) for number in range(800)]
    ops = [op for case in cases for op in case.ops]
    tricks = [dict(op.tricks) for op in ops]
    assert {"too_big", "options", "isn", "window", "stamp"} <= {name for trick in tricks for name in trick}
    assert any(b"HTTP/1.0\r\n" in case.stream for case in cases) and any(b"\r\nX-Checksum: abc\r\n" in case.stream for case in cases)
    assert any(b"100-continue" in case.stream.lower() for case in cases) and any(case.stream.count(b"GET /_cat/health ") == 50 for case in cases)
    assert any(op.flags & wire.FIN and not op.client for op in ops) and any(op.flags & wire.RST for op in ops)
    assert {dataclasses.replace(case, ops=[]).vlan for case in cases} == {(), (0,), (5, 6)}
