"""The appliance between two network namespaces, over two af_packet ports, with a real server and real clients."""
import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lab import BIN, OWNER, ROOT, SERVER, STRANGER, Lab, stop, wait_until, why_impossible  # noqa: E402
from server import pattern  # noqa: E402

IMPOSSIBLE = why_impossible()
pytestmark = pytest.mark.skipif(IMPOSSIBLE is not None, reason=str(IMPOSSIBLE))

SERVICE, TRANSIT = 9200, 8080
CREDENTIALS = "shipper:not-a-real-secret"
AUTHORIZATION = b"Authorization: Basic " + base64.b64encode(CREDENTIALS.encode())
POLICY = {
    "version": 1, "mode": "enforce",
    "zones": {"everyone": ["0.0.0.0/0", "::/0"]},
    "services": {"support-cases": {"protocol": "elasticsearch", "addresses": [SERVER + "/32", "2001:db8::10/128"], "ports": [SERVICE]}},
    "rules": [{"id": "with-credentials", "from": ["everyone"], "to": ["support-cases"], "credentials": "present", "action": "allow"}],
    "default": {"action": "reject"},
}


class Appliance:
    """A lab with both processes and the servers running."""

    def __init__(self, folder, policy=POLICY):
        self.folder = folder
        self.lab = Lab(f"sl{os.getpid()}")
        self.policy, self.socket, self.store = folder / "policy.json", folder / "control.sock", folder / "store"
        self.dataplane_log, self.control_log, self.server_log = folder / "dataplane.log", folder / "control.log", folder / "requests.log"
        self.policy.write_text(json.dumps(policy))
        self.server_log.touch()
        self.processes = []
        self.dataplane = self.control = None

    def up(self):
        self.lab.up()
        for address, port in ((SERVER, SERVICE), ("2001:db8::10", SERVICE), (SERVER, TRANSIT)):
            self.processes.append(self.lab.start(self.lab.inside, sys.executable, ROOT / "tests/live/server.py", address, port, self.server_log,
                                                 log=self.folder / "server.log"))
        self.start_control()
        self.start_dataplane()

    def start_control(self):
        self.control = self.lab.start_control(self.policy, self.socket, self.store, self.control_log)
        self.processes.append(self.control)
        wait_until(lambda: self.alive(self.control, self.control_log) and self.api("/api/v1/status", check=False), 20, "springlatchd answers")

    def start_dataplane(self):
        self.dataplane = self.lab.start_dataplane(self.policy, self.socket, self.dataplane_log)
        self.processes.append(self.dataplane)
        # A ping is transit: it passes as soon as the ports do.
        wait_until(lambda: self.alive(self.dataplane, self.dataplane_log) and
                   self.lab.run(self.lab.outside, "ping", "-c1", "-W1", SERVER).returncode == 0, 40, "a ping passes the data plane")

    @staticmethod
    def alive(process, log):
        if process.poll() is not None:
            raise AssertionError(f"{log.name}: ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        return True

    def down(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.lab.down()

    def curl(self, path, *options, address=SERVER, port=SERVICE, source=OWNER, seconds=60):
        """(curl's exit code, status, head, body)"""
        body, head = self.folder / "body", self.folder / "head"
        for path_ in (body, head):
            path_.write_bytes(b"")
        host = f"[{address}]" if ":" in address else address
        interface = [] if ":" in address else ["--interface", source]
        done = self.lab.run(self.lab.outside, "curl", "-s", "-m", seconds - 5, *interface, "-o", body, "-D", head, "-w", "%{http_code}", *options,
                            f"http://{host}:{port}{path}", timeout=seconds)
        return done.returncode, int(done.stdout), head.read_text(), body.read_bytes()

    def requests_seen(self):
        return self.server_log.read_text().splitlines()

    def api(self, path, check=True):
        done = self.lab.run(self.lab.gateway, "curl", "-s", "-m", 10, "-f", f"http://127.0.0.1:9600{path}")
        if done.returncode != 0:
            assert not check, f"{path}: curl ended with {done.returncode}"
            return None
        return done.stdout.decode()

    def events(self):
        """All stored events, as the API gives them."""
        return json.loads(self.api("/api/v1/events?limit=1000"))

    def connect(self, source=OWNER, address=SERVER):
        return Client(subprocess.Popen(["ip", "netns", "exec", self.lab.outside, sys.executable, str(ROOT / "tests/live/client.py"), address,
                                        str(SERVICE), source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))


class Client:
    def __init__(self, process):
        self.process = process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def send(self, data):
        """(state, what came back)"""
        self.process.stdin.write(base64.b64encode(data).decode() + "\n")
        self.process.stdin.flush()
        state, received = self.process.stdout.readline().rstrip("\n").split(" ", 1)
        return state, base64.b64decode(received)


def request(path, credentials=True):
    return b"GET " + path.encode() + b" HTTP/1.1\r\nHost: " + SERVER.encode() + b"\r\n" + (AUTHORIZATION + b"\r\n" if credentials else b"") + b"\r\n"


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    lab = Appliance(tmp_path_factory.mktemp("live"))
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


def test_without_credentials_the_appliance_says_401_and_the_server_sees_nothing(appliance):
    before = appliance.requests_seen()
    code, status, head, body = appliance.curl("/page", source=STRANGER)
    assert (code, status) == (0, 401)
    assert "\nWWW-Authenticate: " in head
    assert b"the page" not in body
    assert appliance.requests_seen() == before


def test_with_credentials_the_page_comes(appliance):
    code, status, _, body = appliance.curl("/page", "-u", CREDENTIALS)
    assert (code, status, body) == (0, 200, b"the page\n")
    assert appliance.requests_seen()[-1] == f"{OWNER} GET /page"


def test_ipv6_is_guarded_alike(appliance):
    before = appliance.requests_seen()
    assert appliance.curl("/page", address="2001:db8::10")[:2] == (0, 401)
    assert appliance.requests_seen() == before
    assert appliance.curl("/page", "-u", CREDENTIALS, address="2001:db8::10")[:2] == (0, 200)


def test_pipelined_requests_with_credentials_are_all_answered(appliance):
    before = len(appliance.requests_seen())
    with appliance.connect() as client:
        state, answer = client.send(request("/one") + request("/two") + request("/three"))
    assert (state, answer.count(b"HTTP/1.1 200 ")) == ("open", 3)
    assert [line.split()[-1] for line in appliance.requests_seen()[before:]] == ["/one", "/two", "/three"]


def test_of_pipelined_requests_the_one_without_credentials_never_arrives(appliance):
    before = len(appliance.requests_seen())
    with appliance.connect() as client:
        state, _ = client.send(request("/first") + request("/second") + request("/hidden", credentials=False) + request("/behind"))
    assert state in ("reset", "closed")
    seen = [line.split()[-1] for line in appliance.requests_seen()[before:]]
    assert "/hidden" not in seen and "/behind" not in seen


def test_a_head_in_one_byte_segments_gets_the_same_verdict(appliance):
    before = len(appliance.requests_seen())
    with appliance.connect() as client:
        state, answer = "open", b""
        data = request("/slow", credentials=False)
        client.send(data[:-4])
        for byte in data[-4:]:
            if state == "open":
                state, answer = client.send(bytes([byte]))
    assert state in ("reset", "closed") and answer.startswith(b"HTTP/1.1 401 ")
    assert appliance.requests_seen()[before:] == []


def test_five_megabytes_upload_intact(appliance):
    upload = appliance.folder / "upload"
    upload.write_bytes(os.urandom(5_000_000))
    code, status, _, body = appliance.curl("/upload", "-u", CREDENTIALS, "--data-binary", f"@{upload}", "-H", "Content-Type: application/json")
    assert (code, status) == (0, 200)
    assert body.decode() == hashlib.sha256(upload.read_bytes()).hexdigest()


def test_twenty_megabytes_download_intact(appliance):
    code, status, _, body = appliance.curl("/big/20000000", "-u", CREDENTIALS)
    assert (code, status) == (0, 200)
    assert body == pattern(20_000_000)


def test_what_is_not_the_service_s_passes(appliance):
    assert appliance.lab.run(appliance.lab.outside, "ping", "-c2", "-i0.2", "-W2", SERVER).returncode == 0
    assert appliance.lab.run(appliance.lab.outside, "ping", "-c2", "-i0.2", "-W2", "2001:db8::10").returncode == 0
    assert appliance.curl("/page", port=TRANSIT, source=STRANGER)[:2] == (0, 200)


def test_the_control_process_tells_what_was_judged(appliance):
    appliance.curl("/told", source=STRANGER)
    event = wait_until(lambda: next((e for e in appliance.events() if field(e, "url.path") == "/told"), None), 10, "the event is stored")
    assert field(event, "event.action") == "denied" and field(event, "event.reason") == "no_credentials"
    assert field(event, "source.ip") == STRANGER and field(event, "destination.port") == SERVICE
    assert CREDENTIALS.split(":")[1] not in json.dumps(appliance.events())
    assert json.loads(appliance.api("/api/v1/status"))
    assert "# TYPE springlatch_" in appliance.api("/metrics")


def field(event, name):
    """The value at `name`, written with dots, in an event's nested objects; None if it is not there."""
    for part in name.split("."):
        if not isinstance(event, dict) or part not in event:
            return None
        event = event[part]
    return event


def test_enforcement_goes_on_without_the_control_process_and_its_events_arrive_later(appliance):
    appliance.control.send_signal(signal.SIGKILL)
    appliance.control.wait()
    before = len(appliance.requests_seen())
    for number in range(3):
        assert appliance.curl(f"/alone-{number}", source=STRANGER)[:2] == (0, 401)
    assert appliance.requests_seen()[before:] == []
    assert appliance.curl("/page", "-u", CREDENTIALS)[:2] == (0, 200)
    appliance.start_control()
    wanted = {f"/alone-{number}" for number in range(3)}
    wait_until(lambda: wanted <= {field(e, "url.path") for e in appliance.events()}, 15, "events of the time alone are stored")
    assert "events_lost" in appliance.api("/metrics")


def who(appliance, *options):
    done = subprocess.run([BIN / "springlatch", "who", "--store", appliance.store, "--service", "support-cases", "--json", *options],
                          capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def test_who_names_the_reader_with_the_exact_bytes_and_what_was_not_covered(appliance):
    time.sleep(1.5)  # the data plane has told that it lives
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    time.sleep(1.5)
    page = appliance.curl("/page", "-u", CREDENTIALS)
    assert page[:2] == (0, 200)
    time.sleep(1)  # it is in the store
    appliance.control.send_signal(signal.SIGKILL)
    appliance.control.wait()
    assert appliance.curl("/page", "-u", CREDENTIALS)[:2] == (0, 200), "given while nobody recorded"
    appliance.start_control()
    time.sleep(3)

    def covered():
        answer = who(appliance, "--from", begun, "--to", "-3s")
        return answer["completeness"]["complete"] and sum(reader["requests"] for reader in answer["readers"]) == 2 and answer

    answer = wait_until(covered, 20, "the ring has told what happened while the control process was away")
    (reader,) = [reader for reader in answer["readers"] if reader["requests"]]
    assert reader["source"] == OWNER and reader["bytes_given"] == 2 * len(page[3])
    assert who(appliance, "--from", "-1d")["completeness"]["complete"] is False, "nobody knows what was before the appliance"


def test_a_restarted_data_plane_cuts_what_it_did_not_see_begin(appliance):
    with appliance.connect() as client:
        assert client.send(request("/before"))[0] == "open"
        appliance.dataplane.send_signal(signal.SIGKILL)
        appliance.dataplane.wait()
        assert appliance.curl("/page", "-u", CREDENTIALS, "--connect-timeout", "2", seconds=10)[0] != 0, "nothing passes a dead appliance"
        appliance.start_dataplane()
        before = len(appliance.requests_seen())
        state = "open"
        for _ in range(10):
            if state == "open":
                state, answer = client.send(request("/after"))
                assert b"200 OK" not in answer
        assert state == "reset"
        assert appliance.requests_seen()[before:] == []
    assert appliance.curl("/page", "-u", CREDENTIALS)[:2] == (0, 200)
    assert appliance.curl("/page", source=STRANGER)[:2] == (0, 401)
    wait_until(lambda: any(field(e, "event.reason") == "midstream" for e in appliance.events()), 15, "the cut is reported")


def test_sigterm_ends_the_data_plane_with_all_its_buffers_back(appliance):
    """The last test: the appliance is gone afterwards."""
    time.sleep(0.5)
    assert stop(appliance.dataplane) == 0
    log = appliance.dataplane_log.read_text()
    accounted = re.search(r"^mbufs: (\d+) of (\d+) returned$", log, re.MULTILINE)
    assert accounted and accounted[1] == accounted[2] != "0", log[-2000:]
    assert stop(appliance.control) == 0
