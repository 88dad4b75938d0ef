"""P6: no credential and no body in anything that we write: event log, store, summary, metrics, API, the processes' own output.

A capture full of credentials in every place where clients put them goes through the real programs; then every file and every answer is searched
for them, plain and in the encodings in which they could have been copied. forwarded.pcap is the traffic itself, asked for by the operator, and the
only file left out.
"""
import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
import wire  # noqa: E402
from wire import ACK, FIN, PSH, SYN  # noqa: E402

BIN = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin"))
SERVER = wire.address("198.51.100.10")
POLICY = {
    "version": 1, "mode": "enforce", "zones": {"everyone": ["0.0.0.0/0", "::/0"]},
    "services": {"lab": {"protocol": "elasticsearch", "addresses": ["198.51.100.10"], "ports": [9200]}},
    "rules": [{"id": "with-credentials", "from": ["everyone"], "to": ["lab"], "credentials": "present", "action": "allow"}],
    "default": {"action": "reject"},
}
# One secret a place, so that a find tells where it came from. No two begin alike.
SECRETS = {place: f"{number:02d}kT9vQw{place.replace('-', '')}Zr4" for number, place in enumerate([
    "basic", "bearer", "apikey", "malformed", "second", "spaced", "folded", "other-scheme", "proxy", "cookie", "header", "query", "query-token",
    "query-dashed", "query-encoded", "userinfo", "userinfo-relative", "body", "chunk", "trailer", "answer-header", "answer-body", "denied-body"], 10)}


def basic(place):
    return base64.b64encode(b"elastic:" + SECRETS[place].encode()).decode()


def requests():
    """[(client bytes, server bytes or None)], each on a connection of its own."""
    ok = f"HTTP/1.1 200 OK\r\nSet-Cookie: sid={SECRETS['answer-header']}\r\nContent-Length: {len(SECRETS['answer-body'])}\r\n\r\n{SECRETS['answer-body']}"
    s, good = SECRETS, f"Authorization: Basic {basic('basic')}\r\n"
    heads = [
        f"GET /allowed HTTP/1.1\r\nHost: x\r\n{good}\r\n",
        f"GET /bearer HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {s['bearer']}\r\n\r\n",
        f"GET /apikey HTTP/1.1\r\nHost: x\r\nAuthorization: ApiKey {basic('apikey')}\r\n\r\n",
        f"GET /malformed HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {s['malformed']} {basic('malformed')}\r\n\r\n",
        f"GET /twice HTTP/1.1\r\nHost: x\r\n{good}Authorization: Basic {basic('second')}\r\n\r\n",
        f"GET /spaced HTTP/1.1\r\nHost: x\r\nAuthorization : Basic {basic('spaced')}\r\n\r\n",
        f"GET /folded HTTP/1.1\r\nHost: x\r\nAuthorization:\r\n Basic {basic('folded')}\r\n\r\n",
        f"GET /digest HTTP/1.1\r\nHost: x\r\nAuthorization: Digest response={s['other-scheme']}\r\n\r\n",
        f"GET /proxy HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic {basic('proxy')}\r\n{good}\r\n",
        f"GET /cookie HTTP/1.1\r\nHost: x\r\nCookie: sid={s['cookie']}\r\nX-Api-Key: {s['header']}\r\n{good}\r\n",
        f"GET /query?q=*&api_key={s['query']}&size=1 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /token?access_token={s['query-token']} HTTP/1.1\r\nHost: x\r\n{good}\r\n",
        f"GET /dashed?x-api-key={s['query-dashed']}&client_secret={s['query-dashed']} HTTP/1.1\r\nHost: x\r\n{good}\r\n",
        f"GET /encoded?pass%77ord={s['query-encoded']} HTTP/1.1\r\nHost: x\r\n{good}\r\n",
        f"GET http://elastic:{s['userinfo']}@db:9200/userinfo HTTP/1.1\r\nHost: x\r\n{good}\r\n",
        f"GET //elastic:{s['userinfo-relative']}@db:9200/userinfo HTTP/1.1\r\nHost: x\r\n{good}\r\n",
        f"POST /body/_search HTTP/1.1\r\nHost: x\r\n{good}Content-Length: {len(s['body'])}\r\n\r\n{s['body']}",
        f"POST /chunked/_search HTTP/1.1\r\nHost: x\r\n{good}Transfer-Encoding: chunked\r\n\r\n{len(s['chunk']):x}\r\n{s['chunk']}\r\n0\r\n"
        f"X-T: {s['trailer']}\r\n\r\n",
        f"POST /denied/_search HTTP/1.1\r\nHost: x\r\nContent-Length: {len(s['denied-body'])}\r\n\r\n{s['denied-body']}",
    ]
    return [(head.encode(), ok.encode()) for head in heads]


def capture(path):
    frames = []
    for number, (asked, answer) in enumerate(requests()):
        client, port = wire.address("192.0.2.1"), 40000 + number

        def out(at, flags, data=b"", ack=5001, client=client, port=port):
            frames.append(wire.tcp_frame(client, port, SERVER, 9200, at, ack, flags, data))

        def back(at, flags, data=b"", ack=1001, client=client, port=port):
            frames.append(wire.tcp_frame(SERVER, 9200, client, port, at, ack, flags, data))

        out(1000, SYN, ack=0)
        back(5000, SYN | ACK)
        out(1001, ACK)
        out(1001, ACK | PSH, asked)
        end = 1001 + len(asked)
        back(5001, ACK | PSH, answer, end)
        out(end, ACK | FIN, ack=5001 + len(answer))
        back(5001 + len(answer), ACK | FIN, ack=end + 1)
    wire.write_pcap(path, frames)


def spellings(secret):
    """How a secret could have been copied: as it is, in base64 at any offset (cut to what does not depend on its neighbours), in hexadecimal, reversed."""
    raw = secret.encode()
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    for before in (b"", b"x", b"xx"):
        encoded = base64.b64encode(before + raw).rstrip(b"=")
        yield encoded[4 if before else 0:-2]
    yield base64.b64encode(b"elastic:" + raw)
    yield urllib.parse.quote(base64.b64encode(b"elastic:" + raw)).encode()


def found_in(name, data):
    return [f"{place} in {name}" for place, secret in SECRETS.items() if any(spelling in data for spelling in spellings(secret))]


def everything_under(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "forwarded.pcap"]


def verified(policy):
    """The same with credentials that the programs themselves check: of the good requests' user, of a key and of a token."""
    def identity(secret, *options):
        done = subprocess.run([BIN / "springlatch", "secret", *options, "--memory", "4096", "--passes", "1"], input=secret, capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    rule = {**policy["rules"][0], "credentials": "verified"}
    return {**policy, "rules": [rule], "identities": {"elastic": identity(SECRETS["basic"], "--user", "elastic"),
                                                      "other": identity("one that nobody sends", "--api-key", "elastic")}}


@pytest.fixture(params=["present", "verified"])
def inputs(tmp_path, request):
    traffic, policy = tmp_path / "traffic.pcap", tmp_path / "policy.json"
    capture(traffic)
    policy.write_text(json.dumps(verified(POLICY) if request.param == "verified" else POLICY))
    return traffic, policy


def test_the_search_sees_every_secret_in_the_traffic_itself(inputs):
    assert len(found_in("traffic", inputs[0].read_bytes())) == len(SECRETS)


@pytest.mark.parametrize("mode", [[], ["--observe"]], ids=["enforce", "observe"])
def test_a_replay_writes_no_secret(inputs, tmp_path, mode):
    out = tmp_path / "out"
    done = subprocess.run([BIN / "springlatch", "replay", inputs[0], "--policy", inputs[1], "--out", out, *mode], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    events = (out / "events.ndjson").read_text()
    for path in ("/allowed", "/malformed", "/query", "/body/_search", "/denied/_search"):
        assert f'"{path}"' in events, f"{path} is told, so there was something to hide"
    written = everything_under(out)
    assert {"events.ndjson", "summary.json"} <= {path.name for path in written} and any(path.suffix == ".sqlite" for path in written)
    finds = found_in("standard output", done.stdout) + found_in("standard error", done.stderr)
    for path in written:
        finds += found_in(path.name, path.read_bytes())
    assert finds == []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_daemon_stores_and_serves_no_secret(inputs, tmp_path):
    traffic, policy = inputs
    port, folder = free_port(), tmp_path / "daemon"
    folder.mkdir()
    channel = folder / "run" / "control.sock"
    with (folder / "control.log").open("wb") as log:
        daemon = subprocess.Popen([BIN / "springlatchd", "--policy", policy, "--socket", channel, "--store", folder / "store", "--listen",
                                   f"127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        until(channel.exists, "the daemon listens")
        plane = subprocess.run([BIN / "springlatch-dataplane", "--policy", policy, "--replay", traffic, "--forwarded", tmp_path / "forwarded.pcap",
                                "--control", channel, "--huge", "no"], capture_output=True, timeout=120)
        assert plane.returncode == 0, plane.stderr
        served = until(lambda: ask(port, "/api/v1/events?limit=1000") if b"/denied/_search" in ask(port, "/api/v1/events?limit=1000") else None,
                       "the last event is stored")
        answers = {"events": served, "status": ask(port, "/api/v1/status"), "metrics": ask(port, "/metrics")}
    finally:
        daemon.send_signal(signal.SIGTERM)
        code = daemon.wait(timeout=20)
    assert code == 0
    assert b"/allowed" in answers["events"] and b"springlatch_" in answers["metrics"]
    finds = found_in("the data plane's output", plane.stdout + plane.stderr)
    for name, data in answers.items():
        finds += found_in(name, data)
    for path in everything_under(folder):
        finds += found_in(path.name, path.read_bytes())
    assert finds == []


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read()


def until(condition, what):
    """Polls; the bound is for a broken product, not a measure of speed."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within 30 s: {what}")
