"""`credentials: "verified"` live: the owner is delayed once, a guesser gets nowhere, and a dead control process locks nobody in or out at once."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lab import BIN, OWNER, ROOT, SERVER, STRANGER, wait_until, why_impossible  # noqa: E402
from test_live import POLICY, SERVICE, Appliance, field  # noqa: E402

IMPOSSIBLE = why_impossible()
pytestmark = pytest.mark.skipif(IMPOSSIBLE is not None, reason=str(IMPOSSIBLE))

USER, PASSWORD = "shipper", "not-a-real-secret"
OTHER, OTHER_PASSWORD = "second", "neither-is-this-one"
FAILURES = 20  # of one source, then it is shut out
GUESSES = int(os.environ.get("SPRINGLATCH_GUESSES", "2000"))  # 100,000 take some minutes


def identity(user, password):
    done = subprocess.run([BIN / "springlatch", "secret", "--user", user], input=password, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def appliance(tmp_path_factory):
    limit = {"per": "source", "of": "failed_credentials", "most": FAILURES, "within": "10m", "quarantine": "1h"}
    rule = {**POLICY["rules"][0], "credentials": "verified", "limits": [limit]}
    identities = {"the-shipper": identity(USER, PASSWORD), "the-second": identity(OTHER, OTHER_PASSWORD)}
    lab = Appliance(tmp_path_factory.mktemp("verified"), {**POLICY, "rules": [rule], "identities": identities})
    try:
        lab.up()
        wait_until(lambda: status(lab)["credential_checks"]["possible"], 10, "the control process can check credentials")
        yield lab
    finally:
        lab.down()


def status(appliance):
    return json.loads(appliance.api("/api/v1/status"))


def page(appliance, user=USER, password=PASSWORD, path="/page", source=OWNER):
    return appliance.curl(path, "-u", f"{user}:{password}", source=source)[:2]


def test_the_right_password_passes_at_its_first_retransmission_and_then_at_once(appliance):
    assert page(appliance) == (0, 200)
    assert appliance.requests_seen()[-1] == f"{OWNER} GET /page"
    told = wait_until(lambda: (counters := status(appliance)["counters"])["requests_allowed"] == 1 and counters, 5, "the first request is counted")
    waited = told["frames_dropped"]["credentials_pending"]
    assert waited >= 1, "the first segment waited"
    for _ in range(5):
        assert page(appliance) == (0, 200)
    wait_until(lambda: status(appliance)["counters"]["requests_allowed"] >= 6, 5, "all six are counted")
    assert status(appliance)["counters"]["frames_dropped"]["credentials_pending"] == waited, "a known value waits for nothing"
    event = next(e for e in appliance.events() if field(e, "url.path") == "/page")
    assert field(event, "user.name") == "the-shipper"
    assert PASSWORD not in json.dumps(appliance.events())


def test_a_wrong_password_gets_401_and_the_server_sees_nothing(appliance):
    before = appliance.requests_seen()
    assert page(appliance, password="wrong") == (0, 401)
    assert page(appliance, user="nobody") == (0, 401)
    assert appliance.requests_seen() == before
    wait_until(lambda: any(field(e, "event.reason") == "bad_credentials" for e in appliance.events()), 10, "the denial is told")


def test_an_upload_with_new_credentials_arrives_whole(appliance):
    code, answer, _, body = appliance.curl("/upload", "-u", f"{OTHER}:{OTHER_PASSWORD}", "--data-binary", "x" * 50_000, "-H", "Expect:")
    assert (code, answer, len(body)) == (0, 200, 64)


def test_of_many_guesses_none_arrives_the_guesser_is_shut_out_and_the_owner_works_on(appliance):
    before = len(appliance.requests_seen())
    guesser = subprocess.Popen(["ip", "netns", "exec", appliance.lab.outside, sys.executable, str(ROOT / "tests/live/guess.py"), SERVER,
                                str(SERVICE), STRANGER, USER, str(GUESSES)], stdout=subprocess.PIPE, text=True)
    reader = threading.Thread(target=lambda: setattr(guesser, "told", guesser.stdout.read()))
    reader.start()
    owned = 0
    while guesser.poll() is None:
        assert page(appliance, path="/owner") == (0, 200)
        owned += 1
    reader.join()
    answers = json.loads(guesser.told)
    assert sum(answers.values()) == GUESSES and owned > 0
    assert "200" not in answers, answers
    assert answers["401"] == FAILURES and answers["429"] >= 1, answers
    assert answers["none"] > GUESSES * 9 // 10, "most of them do not even get a connection"
    assert set(appliance.requests_seen()[before:]) == {f"{OWNER} GET /owner"}
    assert page(appliance, source=STRANGER, path="/owner") == (7, 0), "nothing comes from the guesser's address any more, not even what is right"

    def told_of_it():  # workers tell their counts once a second
        now = status(appliance)
        refused = now["counters"]["connections_refused"].get("quarantined", 0)
        return now["quarantines"]["held"] == 1 and refused > GUESSES * 9 // 10 and now

    told = wait_until(told_of_it, 10, "the status tells of the quarantine and of the connections that it refused")
    assert told["quarantines"]["begun"] == 1
    assert told["counters"]["requests_denied"]["quarantined"] >= 1
    shut_out = json.loads(appliance.api(f"/api/v1/events?limit=1000&reason=quarantined&source={STRANGER}"))
    assert shut_out and all(field(e, "event.action") == "denied" for e in shut_out)


def hits(appliance):
    told = subprocess.run(["ip", "netns", "exec", appliance.lab.gateway, BIN / "springlatch", "policy", "hits", "--json"],
                          capture_output=True, text=True, timeout=30)
    assert told.returncode == 0, told.stderr
    return {rule["rule"]: rule for rule in json.loads(told.stdout)["rules"]}


def test_the_rules_hits_are_what_passed_and_survive_both_processes(appliance):
    allowed = status(appliance)["counters"]["requests_allowed"]
    time.sleep(3)  # both are told once a second
    before = hits(appliance)["with-credentials"]
    assert before["hits"] >= allowed
    assert before["limited"] >= 1 and "last" in before
    appliance.control.send_signal(signal.SIGKILL)
    appliance.control.wait()
    assert page(appliance) == (0, 200)
    appliance.start_control()
    after = wait_until(lambda: (now := hits(appliance)["with-credentials"]) and now["hits"] > before["hits"] and now, 15, "what came meanwhile is told")
    assert after["hits"] == before["hits"] + 1
    assert after["since"] == before["since"]


def test_without_the_control_process_known_values_pass_and_unknown_ones_get_503(appliance):
    assert page(appliance) == (0, 200)
    appliance.control.send_signal(signal.SIGKILL)
    appliance.control.wait()
    before = len(appliance.requests_seen())
    wait_until(lambda: page(appliance, password="unknown") == (0, 503), 10, "an unknown value is denied")
    assert page(appliance) == (0, 200)
    assert len(appliance.requests_seen()) == before + 1
    told = subprocess.run(["ip", "netns", "exec", appliance.lab.gateway, BIN / "springlatch", "status"], capture_output=True, text=True)
    assert told.returncode == 1 and "unknown ones are denied" in told.stderr
    appliance.start_control()
    wait_until(lambda: page(appliance, password="unknown") == (0, 401), 15, "the new control process checks again")
    assert any(field(e, "event.reason") == "credentials_unchecked" for e in appliance.events())
