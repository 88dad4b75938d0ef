"""An open server behind the appliance: somebody hears of it, knows who was given what, and shuts it, whatever becomes of springlatchd meanwhile."""
import datetime
import json
import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lab import BIN, ROOT, SERVER, STRANGER, Lab, stop, wait_until, why_impossible  # noqa: E402

IMPOSSIBLE = why_impossible()
pytestmark = pytest.mark.skipif(IMPOSSIBLE is not None, reason=str(IMPOSSIBLE))

POLICY = {
    "version": 1, "mode": "observe",
    "zones": {"everyone": ["0.0.0.0/0"], "owner": ["198.51.100.20/32"]},
    "services": {"support-cases": {"protocol": "elasticsearch", "addresses": [SERVER + "/32"], "ports": [9200]}},
    "rules": [{"id": "owner-reads", "from": ["owner"], "to": ["support-cases"], "credentials": "present", "action": "allow"}],
    "default": {"action": "reject"},
}
SETTINGS = {"alerts": {"limits": {"mass_read_pages": 3}, "channels": {"hook": {"webhook": {"url": "http://127.0.0.1:9700/hook"}}}}}


class Site:
    def __init__(self, folder):
        self.folder, self.lab, self.processes = folder, Lab(f"slw{os.getpid()}"), []
        self.hook = folder / "hook.ndjson"
        self.hook.touch()
        for name, content in (("observe", POLICY), ("enforce", {**POLICY, "mode": "enforce"}), ("settings", SETTINGS)):
            (folder / f"{name}.json").write_text(json.dumps(content))

    def start(self, namespace, *command):
        process = self.lab.start(namespace, *command, log=self.folder / "log")
        self.processes.append(process)
        return process

    def start_control(self):
        self.control = self.start(self.lab.gateway, BIN / "springlatchd", "--state", self.folder / "state", "--policy", self.folder / "observe.json",
                                  "--socket", self.folder / "control.sock", "--operators", self.folder / "ops.sock", "--store", self.folder / "store",
                                  "--settings", self.folder / "settings.json")
        wait_until(lambda: self.status() is not None, 30, "springlatchd answers")

    def status(self):
        done = self.lab.run(self.lab.gateway, "curl", "-s", "http://127.0.0.1:9600/api/v1/status")
        return json.loads(done.stdout) if done.returncode == 0 else None

    def up(self):
        self.lab.up()
        self.start(self.lab.inside, sys.executable, ROOT / "tests/live/open_database.py", SERVER, 9200)
        self.start(self.lab.gateway, sys.executable, ROOT / "tests/live/webhook.py", 9700, self.hook)
        self.start_control()
        self.dataplane = self.start(self.lab.gateway, BIN / "springlatch-dataplane", "--policy", self.folder / "state/active.json", "--outside",
                                    "net_af_packet0,iface=o0", "--inside", "net_af_packet1,iface=i0", "--control", self.folder / "control.sock")
        wait_until(lambda: self.lab.run(self.lab.outside, "ping", "-c1", "-W1", SERVER).returncode == 0, 60, "a ping passes the data plane")
        wait_until(lambda: self.lab.run(self.lab.gateway, "curl", "-s", "http://127.0.0.1:9600/api/v1/status").stdout, 10, "a status")

    def down(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        self.lab.down()

    def read(self, path, source=STRANGER, body=None):
        """(curl's exit code, status, the answer's body bytes)"""
        out = self.folder / "body"
        out.unlink(missing_ok=True)
        options = ["-d", json.dumps(body), "-H", "Content-Type: application/json"] if body else []
        done = self.lab.run(self.lab.outside, "curl", "-s", "-o", out, "-w", "%{http_code}", "--max-time", "30", "--interface", source, *options,
                            f"http://{SERVER}:9200{path}", text=True)
        return done.returncode, int(done.stdout or 0), out.stat().st_size if out.exists() else 0

    def alerts(self, kind):
        return [line for line in map(json.loads, self.hook.read_text().splitlines()) if line["alert"]["kind"] == kind]

    def ask(self, *command):
        done = self.lab.run(self.lab.gateway, BIN / "springlatch", *command, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def who(self):
        return json.loads(self.ask("who", "--store", self.folder / "store", "--service", "support-cases", "--from", "-1h", "--json"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("watch"))
    try:
        site.up()
        yield site
    except AssertionError:
        print((site.folder / "log").read_text()[-4000:])
        raise
    finally:
        site.down()


def given_to_the_stranger(site):
    return sum(reader["bytes_given"] for reader in site.who()["readers"] if reader["source"] == STRANGER)


def test_an_open_server_is_told_of_shown_and_shut(site, record_property):
    began = time.time()
    given = 0
    for path, body in (("/cases/_search?scroll=1m&size=100", {"query": {"match_all": {}}}), *(("/_search/scroll", {"scroll_id": str(n)}) for n in (100, 200, 300, 400))):
        code, status, size = site.read(path, body=body)
        assert (code, status) == (0, 200)
        given += size

    told = wait_until(lambda: site.alerts("exposure"), 30, "the exposure reaches the webhook")
    seconds = told[0]["received"] - began
    record_property("seconds_from_request_to_webhook", seconds)
    print(f"from the stranger's first packet to the webhook: {seconds:.3f} s")
    assert told[0]["alert"]["server"] == f"{SERVER}:9200" and told[0]["alert"]["severity"] == "critical"
    wait_until(lambda: site.alerts("mass_read"), 30, "scroll pages beyond the limit are told")
    assert len(site.alerts("exposure")) == 1, "told once, however many documents left"

    servers = json.loads(site.ask("posture", "--store", site.folder / "store", "--json"))["servers"]
    assert [(server["server"], server["state"]) for server in servers] == [(SERVER, "open")]
    wait_until(lambda: given_to_the_stranger(site) == given, 20, f"who names the stranger and the {given} bytes that curl got")

    alert = told[0]["alert"]["id"]
    assert "is taken by" in site.ask("alerts", "ack", alert, "--owner", "duty", "--reason", "shutting it", "--until", "1h", "--socket", site.folder / "ops.sock")
    site.ask("policy", "activate", site.folder / "enforce.json", "--socket", site.folder / "ops.sock")
    assert site.read("/cases/_search")[1] != 200, "enforce mode stops the next query"

    stop(site.control, signal.SIGKILL)
    assert site.read("/cases/_search")[1] != 200, "springlatchd was killed, and nothing opened"
    site.start_control()
    assert site.read("/cases/_search")[1] != 200
    asked_last = time.time()
    assert given_to_the_stranger(site) == given

    def accounted_for():  # three queries were stopped: before the kill, while springlatchd was away, and after; what it had taken and not yet stored shows as lost
        told = site.who()
        stopped = sum(reader["denied"] for reader in told["readers"] if reader["source"] == STRANGER)
        known = stopped + sum(loss["events"] for loss in told["completeness"]["losses"])
        return known >= 3 and told["completeness"]["seconds_covered"] > asked_last - began and told

    told = wait_until(accounted_for, 20, "every stopped query is in the record or told to be missing, and the time is covered up to the queries")
    since = datetime.datetime.fromtimestamp(began, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert not [gap for gap in told["completeness"]["gaps"] if since < gap["from"] and gap["to"] < told["to"]], "the data plane lived, and its rings kept what was told"
    servers = json.loads(site.ask("posture", "--store", site.folder / "store", "--json"))["servers"]
    assert servers[0]["state"] == "open" and servers[0]["days_exposed"] > 0, "the book outlives kill -9"
    assert [line["owner"] for line in map(json.loads, site.ask("alerts", "--store", site.folder / "store", "--json").splitlines()) if line["kind"] == "exposure"] == ["duty"]
