"""Bad input gives one clear line and loses nothing that was there."""
import json
import struct

import pytest
from conftest import CAPTURES, PRESENT, captured_frames, run

import capture

NAME = "curl-basic.pcap"


@pytest.fixture
def earlier(replay):
    """A folder with the results of a good replay, and a function that says whether they are still the same."""
    result = replay(NAME, PRESENT)
    assert result.code == 0, result.err
    before = {path.name: path.read_bytes() for path in result.folder.iterdir() if path.suffix in (".pcap", ".ndjson", ".json")}

    def untouched():
        return before == {name: (result.folder / name).read_bytes() for name in before}

    return result.folder, untouched


def refused(result, code, *words):
    assert result.code == code, (result.out, result.err)
    lines = [line for line in result.err.splitlines() if line.strip()]
    assert len(lines) == 1, f"one clear line, not: {result.err!r}"
    for word in words:
        assert word in lines[0], lines[0]


DATA = (CAPTURES / NAME).read_bytes()
BAD_CAPTURES = {
    "empty": b"",
    "a-text": b"this is no capture\n" * 10,
    "cut-in-its-header": DATA[:20],
    "cut-in-a-record-header": DATA[: 24 + 16 + struct.unpack_from("<I", DATA, 32)[0] + 7],
    "cut-in-a-frame": DATA[:-5],
    "a-record-longer-than-the-file": DATA[:32] + struct.pack("<I", 0x7FFFFFFF) + DATA[36:],
    "another-link-type": DATA[:20] + struct.pack("<I", 113) + DATA[24:],
}


@pytest.mark.parametrize("kind", BAD_CAPTURES)
def test_a_bad_capture_is_named_and_earlier_results_stay(replay, earlier, tmp_path, kind):
    folder, untouched = earlier
    bad = tmp_path / f"{kind}.pcap"
    bad.write_bytes(BAD_CAPTURES[kind])
    refused(replay(bad, PRESENT, out=folder), 1, bad.name)
    assert untouched()


def test_a_missing_capture_is_named(replay, earlier, tmp_path):
    folder, untouched = earlier
    refused(replay(tmp_path / "nothing-here.pcap", PRESENT, out=folder), 1, "nothing-here.pcap")
    assert untouched()


@pytest.mark.parametrize("write", [capture.pcapng_bytes, lambda records: capture.pcap_bytes(records, order=">")], ids=["pcapng", "big-endian"])
def test_other_capture_formats_are_read_alike(replay, tmp_path, write):
    other = tmp_path / "other.pcap"
    other.write_bytes(write(capture.read_pcap(CAPTURES / NAME)))
    result = replay(other, PRESENT)
    assert result.code == 0, result.err
    assert result.frames == captured_frames(NAME)


BAD_POLICIES = {
    "unknown-key": (json.dumps({**PRESENT, "rulez": []}), ["rulez"]),
    "another-version": (json.dumps({**PRESENT, "version": 2}), ["/version"]),
    "no-json": ("{", []),
    "duplicate-key": ('{"version": 1, "version": 1}', ["version"]),
    "an-open-default": (json.dumps({**PRESENT, "default": {"action": "allow"}}), ["/default/action"]),
}


@pytest.mark.parametrize("kind", BAD_POLICIES)
def test_a_bad_policy_is_shown_with_its_place_and_earlier_results_stay(replay, earlier, tmp_path, kind):
    folder, untouched = earlier
    text, words = BAD_POLICIES[kind]
    path = tmp_path / "bad.json"
    path.write_text(text)
    result = replay(NAME, path, out=folder)
    assert result.code == 1, (result.out, result.err)
    lines = [line for line in result.err.splitlines() if line.strip()]
    assert lines and all(": error: " in line and line.split(":")[0].endswith("bad.json") for line in lines), result.err
    assert all(any(word in line for line in lines) for word in words), result.err
    assert untouched()


def test_a_missing_policy_is_named(replay, earlier, tmp_path):
    folder, untouched = earlier
    refused(replay(NAME, tmp_path / "no-policy.json", out=folder), 1, "no-policy.json")
    assert untouched()


def test_an_output_folder_that_is_a_file_is_refused_and_kept(replay, tmp_path):
    out = tmp_path / "results"
    out.write_text("mine")
    refused(replay(NAME, PRESENT, out=out), 1, "results")
    assert out.read_text() == "mine"


@pytest.mark.parametrize("arguments", [[], ["replay"], ["replay", "--no-such-option"], ["no-such-command"],
                                       ["replay", CAPTURES / NAME, "--out", "somewhere"]])
def test_usage_mistakes_end_with_2(arguments):
    code, out, err = run(arguments)
    assert code == 2, (out, err)
    assert err.strip()


@pytest.mark.parametrize("workers", ["0", "-1", "33", "many"])
def test_a_number_of_workers_out_of_range_is_a_usage_mistake(replay, workers):
    result = replay(NAME, PRESENT, "--workers", workers)
    assert result.code == 2 and "workers" in result.err
    assert not result.folder.exists()
