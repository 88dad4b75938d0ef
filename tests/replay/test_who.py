"""`springlatch who`: the stranger is named, with the bytes of the bodies that the capture shows, and nothing is called complete that is not."""
import json

import capture
import pytest
from conftest import ANY, CAPTURES, PORTS, PRESENT, SERVER, run

SINCE = ("--from", "2019-12-01", "--to", "2026-12-31")


def who(folder, *options):
    return run(["who", "--store", folder / "store", "--service", "support-cases", *options])


def body_bytes(name):
    """{client address: bytes of all bodies it was sent}, read from the capture by Content-Length and chunk sizes alone."""
    given = {}
    for (source, destination), stream in capture.streams([record.frame for record in capture.read_pcap(CAPTURES / name)]).items():
        if source[0] == SERVER and source[1] in PORTS:
            given[destination[0]] = given.get(destination[0], 0) + bodies_of(stream.data())
    return given


def bodies_of(data):
    total = 0
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        head = head.lower()
        if b"transfer-encoding: chunked" in head:
            size = -1
            while size != 0:
                line, _, data = data.partition(b"\r\n")
                size = int(line.split(b";")[0], 16)
                total, data = total + size, data[size + 2:]
        else:
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0]) if b"content-length: " in head else 0
            total, data = total + len(data[:length]), data[length:]  # a client may leave in the middle
    return total


@pytest.mark.parametrize("name", ["curl-bulk-basic.pcap", "curl-chunked-basic.pcap", "py-opensearch-auth.pcap"])
def test_each_reader_is_named_with_the_exact_bytes_of_the_bodies(replay, name):
    result = replay(name, PRESENT)
    code, out, _ = who(result.folder, *SINCE, "--json")
    assert code == 0
    readers = json.loads(out)["readers"]
    assert {reader["source"]: reader["bytes_given"] for reader in readers} == body_bytes(name)
    assert all(reader["unfinished"] == 0 for reader in readers)
    assert sum(reader["requests"] for reader in readers) == len(result.requests("allowed")) > 0


def test_whoever_was_only_denied_was_given_nothing(replay):
    result = replay("elasticdump-open.pcap", PRESENT)
    code, out, _ = who(result.folder, *SINCE)
    assert code == 0 and "Nobody was given anything" in out
    (reader,) = json.loads(who(result.folder, *SINCE, "--json")[1])["readers"]
    assert (reader["requests"], reader["denied"], reader["bytes_given"]) == (0, 1, 0)


def test_in_observe_mode_what_would_have_been_denied_was_given(replay):
    result = replay("elasticdump-open.pcap", PRESENT, "--observe")
    (reader,) = json.loads(who(result.folder, *SINCE, "--json")[1])["readers"]
    assert reader["bytes_given"] == sum(body_bytes("elasticdump-open.pcap").values())
    assert reader["requests"] == len(result.requests("would_deny"))


def test_of_a_capture_nothing_is_called_complete(replay):
    result = replay("elasticdump-open.pcap", ANY)
    answer = json.loads(who(result.folder, *SINCE, "--json")[1])
    assert answer["completeness"]["complete"] is False and answer["completeness"]["seconds_covered"] == 0
    assert "as far as is known" in who(result.folder, *SINCE)[1]


def test_a_misspelt_service_is_not_answered_with_nobody_alone(replay):
    result = replay("elasticdump-open.pcap", ANY)
    code, _, err = run(["who", "--store", result.folder / "store", "--service", "suport-cases", *SINCE])
    assert code == 0 and 'did you mean "support-cases"?' in err


@pytest.mark.parametrize("options, said", [
    (("--from", "yesterday"), "--from: yesterday is no time"),
    (("--from", "-1h", "--to", "tomorrow"), "--to: tomorrow is no time"),
    (("--from", "now", "--to", "-1h"), "--from: now is not before --to -1h"),
])
def test_times_that_are_none_are_named(tmp_path, options, said):
    code, out, err = who(tmp_path, *options)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1


def test_a_missing_store_is_named(tmp_path):
    code, _, err = who(tmp_path, *SINCE)
    assert code == 1 and "there is no event store here" in err and err.count("\n") == 1
