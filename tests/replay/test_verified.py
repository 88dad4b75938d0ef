"""`credentials: "verified"` in replays: the check is done at once, so that the first request already gets its final verdict."""
import hashlib
import json
import subprocess

import pytest
from conftest import BIN, captured_frames, field, policy

USER, PASSWORD = "ingest", "s3cret-Pass"
KEY_ID, KEY = "VuaCfGcBCdbkQm-e5aOx", "ui2lp2axTNmsyakw9tvNnw"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJpbmdlc3QifQ.YWJj"


def secret(text, *options):
    """(exit code, standard output, standard error) of `springlatch secret` that reads from a pipe."""
    done = subprocess.run([BIN / "springlatch", "secret", *options], input=text, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip(), done.stderr


def identity(text, *options):
    code, out, err = secret(text, *options)
    assert code == 0, err
    return json.loads(out)


def verified(identities, names=None):
    rule = {"id": "known", "from": ["everyone"], "to": ["support-cases"], "credentials": "verified", "action": "allow"}
    return {**policy([{**rule, "identities": names} if names else rule]), "identities": identities}


CHEAP = ("--memory", "4096", "--passes", "1")


@pytest.fixture(scope="module")
def identities():
    return {"shipper": identity(PASSWORD + "\n", "--user", USER, *CHEAP),
            "robot": identity(KEY, "--api-key", KEY_ID, "--sha256"),
            "board": identity(TOKEN, "--bearer")}


@pytest.mark.parametrize("name, who", [("curl-basic.pcap", "shipper"), ("curl-bulk-basic.pcap", "shipper"), ("curl-chunked-basic.pcap", "shipper"),
                                       ("py-opensearch-auth.pcap", "shipper"), ("curl-apikey.pcap", "robot"), ("curl-bearer.pcap", "board")])
def test_the_right_secret_passes_byte_for_byte_and_its_owner_has_a_name(replay, identities, name, who):
    result = replay(name, verified(identities))
    assert result.code == 0, result.err
    assert result.frames == captured_frames(name)
    assert result.requests("denied") == []
    assert {field(event, "user.name") for event in result.requests("allowed")} == {who}


@pytest.mark.parametrize("name", ["curl-basic.pcap", "curl-apikey.pcap", "curl-bearer.pcap", "py-opensearch-auth.pcap"])
def test_another_secret_gets_401_and_the_server_sees_nothing(replay, name):
    others = {"shipper": identity("another-password", "--user", USER, *CHEAP), "robot": identity("x" * 30, "--api-key", KEY_ID, *CHEAP),
              "board": identity("y" * 30, "--bearer")}
    result = replay(name, verified(others))
    assert result.code == 0, result.err
    assert [s for s in result.to_server() if s.payload] == []
    assert any(s.payload.startswith(b"HTTP/1.1 401 ") for s in result.to_client())
    assert {field(event, "event.reason") for event in result.requests("denied")} == {"bad_credentials"}
    assert all(field(event, "user.name") is None for event in result.events)


def test_somebody_else_s_right_secret_is_forbidden_where_a_rule_names_who_may(replay, identities):
    result = replay("curl-basic.pcap", verified(identities, ["robot"]))
    assert [s for s in result.to_server() if s.payload] == []
    (event, *_) = result.requests("denied")
    assert field(event, "event.reason") == "operation_not_allowed" and field(event, "user.name") == "shipper"


def test_observe_forwards_everything_and_knows_already_who_would_be_denied(replay, identities):
    only_robot = {"robot": identities["robot"]}
    result = replay("curl-basic.pcap", verified(only_robot), "--observe")
    assert result.frames == captured_frames("curl-basic.pcap")
    assert {field(event, "event.reason") for event in result.requests("would_deny")} == {"bad_credentials"}


@pytest.mark.parametrize("workers", ["1", "4"])
def test_two_replays_are_the_same_to_the_byte(replay, identities, workers):
    runs = [replay("demo-mixed.pcap", verified(identities), "--workers", workers) for _ in range(2)]
    for name in ("forwarded.pcap", "events.ndjson", "summary.json"):
        assert (runs[0].folder / name).read_bytes() == (runs[1].folder / name).read_bytes(), name


def test_no_secret_is_in_what_a_replay_writes(replay, identities):
    for name in ("curl-basic.pcap", "curl-apikey.pcap", "curl-bearer.pcap"):
        result = replay(name, verified(identities))
        for path in result.folder.rglob("*"):
            if path.is_file() and path.name != "forwarded.pcap":
                for value in (PASSWORD, KEY, TOKEN, "aW5nZXN0OnMzY3JldC1QYXNz"):
                    assert value.encode() not in path.read_bytes(), path


def test_secret_prints_hashes_and_identities():
    assert secret("0123456789abcdefghijkl\n", "--sha256")[:2] == (0, hashlib.sha256(b"0123456789abcdefghijkl").hexdigest())
    code, one, _ = secret("a good password")
    assert code == 0 and one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != secret("a good password")[1], "the salt is new each time"


@pytest.mark.parametrize("text, options, says", [
    ("", (), "empty"), ("changeme", ("--user", "elastic"), "well-known default"), ("admin", ("--user", "admin"), "well-known default"),
    ("short", ("--sha256",), "22 characters or more"), ("short", ("--bearer",), "22 characters or more")])
def test_a_secret_that_protects_nothing_is_refused(text, options, says):
    code, out, err = secret(text, *options)
    assert (code, out) == (1, "") and says in err


def test_wrong_use_of_secret_is_told():
    assert secret("x" * 30, "--user", "a", "--sha256")[0] == 2
    assert secret("x" * 30, "--user", "a:b")[0] == 2
    assert secret("x" * 30, "--user", "a", "--bearer")[0] == 2
