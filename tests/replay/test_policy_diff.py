"""`policy diff` and `reach` as an operator runs them: exit codes, real traffic under both policies, bad input."""
import json
import os
import pathlib
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPRINGLATCH = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin")) / "springlatch"
DEMO = ROOT / "config" / "policies" / "demo.json"
CAPTURE = ROOT / "tests" / "captures" / "demo-mixed.pcap"


def springlatch(*arguments):
    return subprocess.run([SPRINGLATCH, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def changed(tmp_path, change):
    policy = json.loads(DEMO.read_text())
    change(policy)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(policy))
    return path


@pytest.fixture
def opened(tmp_path):
    """The mistake of 2019: everybody may read without credentials."""
    return changed(tmp_path, lambda policy: policy["rules"].append(
        {"id": "oops", "from": ["internet"], "to": ["support-cases"], "credentials": "any", "operations": ["info", "read"], "action": "allow"}))


def test_the_mistake_of_2019_is_told_and_its_requests_are_named(opened):
    done = springlatch("policy", "diff", DEMO, opened, "--capture", CAPTURE)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("+ OPENS   internet (all but 198.51.100.20/32) to support-cases")
    assert "without credentials" in done.stdout
    assert "x GET / from 198.51.100.66 to support-cases; was denied: no_credentials, now allowed" in done.stdout
    assert not list(pathlib.Path(os.environ.get("TMPDIR", "/tmp")).glob("springlatch-diff-*")), "a temporary folder was left"


def test_stored_events_are_decided_as_the_capture_is(opened, tmp_path):
    out = tmp_path / "out"
    assert springlatch("replay", CAPTURE, "--policy", DEMO, "--out", out, "--quiet").returncode == 0
    stored = json.loads(springlatch("policy", "diff", DEMO, opened, "--json", "--since", "7d", "--at", "2019-12-06", "--store", out / "store").stdout)["traffic"]
    replayed = json.loads(springlatch("policy", "diff", DEMO, opened, "--json", "--capture", CAPTURE).stdout)["traffic"]
    assert stored["differences"] == replayed["differences"]
    assert stored["differences"]


def test_the_other_way_round_closes(opened):
    done = springlatch("policy", "diff", opened, DEMO, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert not told["widens"] and not told["opens"] and len(told["closes"]) == 1
    assert "GET /_search" in told["calls"][told["closes"][0]["calls"]]


def test_another_text_with_the_same_effect_is_the_same(tmp_path):
    def other_text(policy):
        policy["zones"]["world"] = ["128.0.0.0/1", "0.0.0.0/1", "::/0"]
        del policy["zones"]["internet"]
        for rule in policy["rules"]:
            rule["from"] = ["world" if zone == "internet" else zone for zone in rule["from"]]
            rule["id"] = "renamed-" + rule["id"]
        policy["rules"].reverse()

    done = springlatch("policy", "diff", DEMO, changed(tmp_path, other_text))
    assert (done.returncode, done.stdout) == (0, "The two policies have the same effect.\n")


def test_a_service_that_is_no_longer_protected_opens(tmp_path):
    done = springlatch("policy", "diff", DEMO, changed(tmp_path, lambda policy: policy["services"]["support-cases"].update(ports=[9200, 9210])))
    assert done.returncode == 1
    assert "+ OPENS" in done.stdout and "support-cases → (not protected) (198.51.100.10/32 port 9201)" in done.stdout


def test_one_more_identity_and_another_secret_are_told(tmp_path):
    def verified(*tokens):
        return changed(tmp_path, lambda policy: policy.update(
            identities={name: {"bearer": {"sha256": digit * 64}} for name, digit in tokens},
            rules=[{"id": "known", "from": ["internet"], "to": ["support-cases"], "credentials": "verified", "action": "allow"}]))

    before = verified(("ops", "1")).rename(tmp_path / "before.json")
    more = springlatch("policy", "diff", before, verified(("ops", "1"), ("eve", "2")))
    assert more.returncode == 1
    assert more.stdout.count("OPENS") == 1 and "every request, identity eve; was denied by default" in more.stdout
    other = springlatch("policy", "diff", before, verified(("ops", "3"))).stdout
    assert "+ OPENS" in other and "identity ops (with the new secret)" in other
    assert "- CLOSES" in other and "identity ops (with the secret before)" in other
    assert springlatch("policy", "diff", before, verified(("staff", "1"))).returncode == 0, "a new name for the same secret opens nothing"


@pytest.mark.parametrize("arguments, told", [
    ((DEMO, "README.md"), "README.md:1:1: error:"),
    (("nowhere.json", DEMO), "nowhere.json: error: cannot be opened"),
    ((DEMO, DEMO, "--at", "yesterday"), "--at: yesterday is no time"),
    ((DEMO, DEMO, "--since", "24"), "--since"),
    ((DEMO, DEMO, "--since", "24", "--store", "."), "--since: 24 is no duration"),
    ((DEMO, DEMO, "--since", "24h", "--store", "tests"), "tests"),
    ((DEMO, DEMO, "--capture", "README.md"), "README.md"),
])
def test_bad_input_is_told_and_is_no_difference(arguments, told):
    done = subprocess.run([SPRINGLATCH, "policy", "diff", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert told in done.stderr and done.stdout == ""


EXAMPLES = sorted(path for path in (ROOT / "config" / "policies").glob("*.json") if not path.name.endswith(".tests.json"))


@pytest.mark.parametrize("policy", EXAMPLES, ids=lambda path: path.stem)
def test_the_drawing_of_every_example_is_well_formed_and_complete(policy):
    done = springlatch("reach", policy, "--format", "svg", "--at", "2026-11-24T12:00:00Z")
    assert done.returncode == 0, done.stderr
    drawing = ElementTree.fromstring(done.stdout.encode())
    texts = {element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")}
    document = json.loads(policy.read_text())
    assert set(document["zones"]) | set(document["services"]) <= texts
    assert not list(drawing.iter("{http://www.w3.org/2000/svg}script"))
    assert done.stdout == springlatch("reach", policy, "--format", "svg", "--at", "2026-11-24T12:00:00Z").stdout


def test_reach_names_what_there_is_when_a_name_is_wrong():
    done = springlatch("reach", DEMO, "--service", "suport-cases")
    assert done.returncode == 2 and 'did you mean "support-cases"?' in done.stderr
    done = springlatch("reach", DEMO, "--from", "nowhere")
    assert done.returncode == 2 and "neither an address nor a zone" in done.stderr
    assert "owner-works" in springlatch("reach", DEMO, "--from", "198.51.100.20").stdout
