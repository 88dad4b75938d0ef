"""Runs `springlatch replay` and reads what it wrote. SPRINGLATCH_BIN names another folder of programs than build/release/bin."""
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPTURES = ROOT / "tests" / "captures"
sys.path.insert(0, str(ROOT / "tests" / "support"))
import capture  # noqa: E402

BIN = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin"))
MANIFEST = {entry["file"]: entry for entry in json.loads((CAPTURES / "manifest.json").read_text())}
SERVER = "198.51.100.10"
PORTS = (9200, 9201, 9210)


def policy(rules, mode="enforce", default="reject", zones=None):
    return {
        "version": 1, "mode": mode,
        "zones": zones or {"everyone": ["0.0.0.0/0", "::/0"]},
        "services": {"support-cases": {"protocol": "elasticsearch", "addresses": [SERVER + "/32"], "ports": list(PORTS)}},
        "rules": rules, "default": {"action": default},
    }


PRESENT = policy([{"id": "with-credentials", "from": ["everyone"], "to": ["support-cases"], "credentials": "present", "action": "allow"}])
PRESENT_OR_RESET = {**PRESENT, "default": {"action": "reset"}}
PRESENT_OR_DROP = {**PRESENT, "default": {"action": "drop"}}
ANY = policy([{"id": "public", "from": ["everyone"], "to": ["support-cases"], "credentials": "any", "action": "allow"}])
OWNER_ONLY = policy([{"id": "owner", "from": ["owner"], "to": ["support-cases"], "credentials": "present", "action": "allow"}],
                    zones={"owner": ["198.51.100.20/32"], "internet": ["0.0.0.0/0"]})


def field(event, name):
    """The value at `name`, written with dots, in an event's nested objects; None if it is not there."""
    for part in name.split("."):
        if not isinstance(event, dict) or part not in event:
            return None
        event = event[part]
    return event


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str
    folder: pathlib.Path

    def __post_init__(self):
        self.frames, self.segments, self.events, self.summary = [], [], [], None
        if self.code == 0:
            self.frames = [record.frame for record in capture.read_pcap(self.folder / "forwarded.pcap")]
            self.segments = [segment for segment in map(capture.parse_tcp, self.frames) if segment]
            self.events = [json.loads(line) for line in (self.folder / "events.ndjson").read_text().splitlines()]
            self.summary = json.loads((self.folder / "summary.json").read_text())

    def requests(self, action=None):
        """Events of judged requests, in order."""
        found = [event for event in self.events if field(event, "http.request.method") is not None]
        return [event for event in found if action is None or field(event, "event.action") == action]

    def to_server(self):
        return [segment for segment in self.segments if segment.destination[0] == SERVER and segment.destination[1] in PORTS]

    def to_client(self):
        return [segment for segment in self.segments if segment.source[0] == SERVER and segment.source[1] in PORTS]


def run(arguments):
    """Exit code, standard output and error of the command line program."""
    done = subprocess.run([BIN / "springlatch", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def replay(tmp_path):
    """replay(capture, policy, *options): a capture by name or path, a policy as a dict or path; each call has a folder of its own unless `out` is given."""
    calls = 0

    def go(name, rules, *options, out=None):
        nonlocal calls
        calls += 1
        if isinstance(rules, dict):
            path = tmp_path / f"policy-{calls}.json"
            path.write_text(json.dumps(rules, indent=2))
            rules = path
        out = out or tmp_path / f"out-{calls}"
        source = name if isinstance(name, pathlib.Path) else CAPTURES / name
        result = Result(*run(["replay", source, "--policy", rules, "--out", out, *options]), out)
        check_every_frame(result)
        return result

    return go


def check_every_frame(result):
    """Whatever leaves has right lengths and checksums, made and shortened frames included."""
    for number, segment in enumerate(result.segments, 1):
        assert segment.mistakes == (), f"TCP frame {number} of forwarded.pcap: {segment.mistakes}"


def captured_frames(name):
    return [record.frame for record in capture.read_pcap(CAPTURES / name)]


def client_requests(frames):
    """[(source, destination, [request bytes, …])] of the connections to the service, cut up by an own reading of RFC 9112."""
    result = []
    for (source, destination), stream in capture.streams(frames).items():
        if destination[0] == SERVER and destination[1] in PORTS:
            result.append((source, destination, split_requests(stream.data())))
    return result


def split_requests(data):
    """Requests of well-formed client bytes; what is not HTTP comes as one piece."""
    requests = []
    while data:
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            return requests + [data]
        head, end = data[:head_end].lower(), head_end + 4
        if b"\r\ntransfer-encoding: chunked" in head:
            while (size := int(data[end : data.index(b"\r\n", end)], 16)) > 0:
                end = data.index(b"\r\n", end) + 2 + size + 2
            end = data.index(b"\r\n", end) + 4
        elif b"\r\ncontent-length:" in head:
            end += int(head.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
        requests.append(data[:end])
        data = data[end:]
    return requests
