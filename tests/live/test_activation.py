"""A policy is changed while traffic runs: no frame is lost, who is no longer allowed is cut, who is goes on."""
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lab import BIN, OWNER, SERVER, STRANGER, wait_until, why_impossible  # noqa: E402
from server import pattern  # noqa: E402
from test_live import CREDENTIALS, POLICY, Appliance, field, request  # noqa: E402

IMPOSSIBLE = why_impossible()
pytestmark = pytest.mark.skipif(IMPOSSIBLE is not None, reason=str(IMPOSSIBLE))

THIRD = "198.51.100.77"


def policy(owners, shift=0, **more):
    """`owners` may work; `shift` unused zones and services stand before the others, so that every index is another one."""
    zones = {f"a-spare-{number}": [f"203.0.113.{number}/32"] for number in range(shift)}
    services = {f"a-spare-{number}": {**POLICY["services"]["support-cases"], "addresses": [f"203.0.113.{100 + number}/32"]} for number in range(shift)}
    rule = {**POLICY["rules"][0], "id": f"shift-{shift}", "from": ["owners"]}
    return {**POLICY, "zones": {**zones, "owners": [f"{address}/32" for address in owners], "others": ["0.0.0.0/0", "::/0"]},
            "services": {**services, **POLICY["services"]}, "rules": [rule], **more}


class Activated(Appliance):
    """Both processes by the state of springlatchd."""

    def __init__(self, folder, first):
        super().__init__(folder, first)
        self.state, self.operators = folder / "state", folder / "operators.sock"

    def start_control(self):
        self.control = self.lab.start(self.lab.gateway, BIN / "springlatchd", "--socket", self.socket, "--store", self.store, "--listen",
                                      "127.0.0.1:9600", "--policy", self.policy, "--state", self.state, "--operators", self.operators,
                                      log=self.control_log)
        self.processes.append(self.control)
        wait_until(lambda: self.alive(self.control, self.control_log) and self.api("/api/v1/status", check=False), 20, "springlatchd answers")

    def start_dataplane(self):
        first, self.policy = self.policy, self.state / "active.json"
        super().start_dataplane()
        self.policy = first
        wait_until(lambda: self.status()["data_plane"]["connected"], 10, "the data plane is connected")

    def status(self):
        return json.loads(self.api("/api/v1/status"))

    def springlatch(self, *words):
        return subprocess.run([BIN / "springlatch", "policy", *map(str, words), "--socket", self.operators], capture_output=True, text=True, timeout=120)

    def activate(self, content, *options):
        file = self.folder / "next.json"
        file.write_text(json.dumps(content))
        # What the spare services of policy() open is meant.
        return self.springlatch("activate", file, "--widen", "a test", *options)

    def curl_alone(self, path, *options, source):
        """(curl's exit code, status); several at once do not share files."""
        done = self.lab.run(self.lab.outside, "curl", "-s", "-m", 20, "--interface", source, "-o", "/dev/null", "-w", "%{http_code}", *options,
                            f"http://{SERVER}:9200{path}")
        return done.returncode, int(done.stdout)

    def settled(self):
        """Counters when nothing is on its way any more."""
        def still():
            before = self.status()["counters"]
            threading.Event().wait(1.2)
            after = self.status()["counters"]
            return after if before["frames_in"] == after["frames_in"] else None
        return wait_until(still, 30, "the counters stand still")


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    lab = Activated(tmp_path_factory.mktemp("activation"), policy([OWNER, STRANGER, THIRD]))
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


def test_under_load_no_frame_is_lost_and_no_request_fails_over_twenty_swaps(appliance):
    failures, done, stop = [], [], threading.Event()

    def work():
        while not stop.is_set():
            result = appliance.curl_alone("/page", "-u", CREDENTIALS, source=THIRD)
            (done if result == (0, 200) else failures).append(result)

    def download():
        code, status, _, body = appliance.curl("/big/60000000", "-u", CREDENTIALS, seconds=110)
        (done if (code, status, body) == (0, 200, pattern(60_000_000)) else failures).append(("download", code, status, len(body)))

    before = appliance.settled()
    threads = [threading.Thread(target=target) for target in (work, work, download)]
    with appliance.connect() as client:
        assert client.send(request("/before"))[0] == "open"
        for thread in threads:
            thread.start()
        for swap in range(20):
            told = appliance.activate(policy([OWNER, STRANGER, THIRD], shift=swap % 3 + 1), "--reason", f"swap {swap}")
            assert told.returncode == 0, told.stderr
            if swap % 5 == 0:
                state, answer = client.send(request(f"/swap-{swap}"))
                assert state == "open" and b"200 OK" in answer
        stop.set()
        for thread in threads:
            thread.join()
    after = appliance.settled()
    assert not failures and len(done) > 3, (failures[:5], len(done))
    assert after["frames_dropped"] == before["frames_dropped"], "no frame was dropped for any reason"
    assert sum(after["frames_in"].values()) == sum(after["frames_forwarded"].values()) + sum(after["frames_dropped"].values())
    assert after["requests_allowed"] - before["requests_allowed"] >= len(done)


def test_events_around_a_swap_bear_the_names_of_the_policy_that_judged_them(appliance):
    for swap in (1, 2):
        assert appliance.activate(policy([OWNER, STRANGER, THIRD], shift=swap)).returncode == 0
        assert appliance.curl(f"/named-{swap}", "-u", CREDENTIALS)[:2] == (0, 200)
    for swap in (1, 2):
        event = wait_until(lambda: next((e for e in appliance.events() if field(e, "url.path") == f"/named-{swap}"), None), 10, "the event is stored")
        assert field(event, "rule.id") == f"shift-{swap}" and field(event, "springlatch.zone") == "owners"
        assert field(event, "springlatch.service") == "support-cases"
    assert {field(event, "rule.id") for event in appliance.events() if field(event, "event.action") == "allowed"} <= {
        "with-credentials", *(f"shift-{number}" for number in range(4))}


def test_who_is_no_longer_allowed_is_cut_and_who_is_goes_on(appliance):
    with appliance.connect() as owner, appliance.connect(source=STRANGER) as stranger:
        assert owner.send(request("/owner"))[0] == "open"
        assert stranger.send(request("/stranger"))[0] == "open"
        told = appliance.activate(policy([OWNER, THIRD]), "--reason", "the stranger is one")
        assert told.returncode == 0, told.stderr
        before = len(appliance.requests_seen())
        assert stranger.send(request("/stranger-again"))[0] == "reset"
        state, answer = owner.send(request("/owner-again"))
        assert state == "open" and b"200 OK" in answer
    assert appliance.requests_seen()[before:] == [f"{OWNER} GET /owner-again"]
    wait_until(lambda: any(field(e, "event.reason") == "source_not_allowed" and field(e, "source.ip") == STRANGER for e in appliance.events()), 10,
               "the cut is told")
    assert appliance.curl("/page", "-u", CREDENTIALS, "--connect-timeout", "3", source=STRANGER, seconds=15)[0] != 0


def test_what_the_running_data_plane_cannot_take_is_refused_with_its_key_and_the_old_policy_stays(appliance):
    before = appliance.status()["policy"]["sha256"]
    told = appliance.activate(policy([OWNER], limits={"flows": 1000}))
    assert told.returncode == 1
    assert "needs a restart of the data plane" in told.stderr and "/limits/flows" in told.stderr
    assert appliance.status()["policy"]["sha256"] == before
    assert appliance.activate({"version": 2}).returncode == 1
    assert appliance.curl("/page", "-u", CREDENTIALS)[:2] == (0, 200)


def test_a_killed_springlatchd_and_a_killed_data_plane_come_back_with_the_active_policy(appliance):
    active = appliance.status()["policy"]["sha256"]
    appliance.control.send_signal(signal.SIGKILL)
    appliance.control.wait()
    appliance.start_control()
    appliance.dataplane.send_signal(signal.SIGKILL)
    appliance.dataplane.wait()
    appliance.start_dataplane()
    told = appliance.status()["policy"]
    assert told["sha256"] == active and told["same"]
    assert appliance.curl("/page", "-u", CREDENTIALS)[:2] == (0, 200)


def test_a_rollback_lets_the_stranger_in_again_and_the_history_tells_all(appliance):
    history = [json.loads(line) for line in appliance.springlatch("history", "--json").stdout.splitlines()]
    active = next(one for one in history if one["standing"] == "active")
    assert active["reason"] == "the stranger is one" and active["uid"] == os.geteuid()
    assert [one["standing"] for one in history].count("failed") == 1
    assert appliance.springlatch("rollback", "--reason", "was none").returncode == 0
    assert appliance.curl("/page", "-u", CREDENTIALS, source=STRANGER)[:2] == (0, 200)
    assert appliance.springlatch("rollback", "--to", "1").returncode == 0


def test_an_unconfirmed_policy_returns_by_itself(appliance):
    before = appliance.status()["policy"]["sha256"]
    told = appliance.activate(policy([OWNER, THIRD]), "--confirm", "2s")
    assert told.returncode == 0 and "springlatch policy confirm" in told.stdout
    assert appliance.status()["policy"]["sha256"] != before
    wait_until(lambda: appliance.status()["policy"]["sha256"] == before, 15, "the policy before is back")
