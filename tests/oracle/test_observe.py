"""Observe mode never drops: whatever policy says that nothing may pass, every frame leaves as it came, in the order in which it came."""
import copy
import ipaddress
import json
import pathlib
import time

import pytest

import corpus
import generate

CAPTURES = sorted((pathlib.Path(__file__).resolve().parents[1] / "captures").glob("*.pcap"))
CORPUS = sorted(path for path in (corpus.CORPUS / "pcap").rglob("*") if path.suffix in (".pcap", ".pcapng", ".cap"))[3::29]
CORPUS_SECONDS = 60  # further ones are left out on a slow machine

# Everything is forbidden, in every way that a policy knows, and every table is as small as it may be.
FORBIDDING = {
    "version": 1, "zones": {"all": ["0.0.0.0/0", "::/0"]}, "identities": {"nobody": {"bearer": {"sha256": "ab" * 32}}}, "groups": {"nobodies": ["nobody"]},
    "patches": ["all"], "transit": {"default": "forward", "tunnels": "refuse"}, "fragments": "reassemble",
    "limits": {"head_bytes": 1024, "line_bytes": 128, "headers": 1, "body_bytes": 0, "flows": 16, "held_segments": 16, "held_segments_per_flow": 1,
               "retained_bytes": 65536, "open_heads": 1, "requests_in_flight": 1, "idle_seconds": 10, "credential_values": 64, "credential_checks_per_minute": 1,
               "fragments": 64},
}
LIMITS = [{"per": "source", "of": "requests", "most": 1, "within": "1d", "quarantine": "7d"},
          {"per": "source", "of": "bytes_given", "most": 1, "within": "1d", "quarantine": "7d"}]


def forbidding(services, way):
    """A policy for these services that only observes, by its own mode or by that of each service."""
    policy = copy.deepcopy(FORBIDDING)
    if way == "policy":
        policy["mode"] = "observe"
    policy["services"] = corpus.policy_for(services)["services"]
    to = sorted(policy["services"])
    if way == "services":
        for service in policy["services"].values():
            service["mode"] = "observe"
    policy["rules"] = [
        {"id": "limited", "from": ["all"], "to": to, "credentials": "present", "methods": ["GET"], "limits": LIMITS, "action": "allow"},
        {"id": "gone", "from": ["all"], "to": to, "credentials": "any", "expires": "1999-12-31T23:59:59Z", "owner": "nobody", "reason": "none", "action": "allow"},
        {"id": "no-paths", "from": ["all"], "to": to, "credentials": "any", "paths": ["/.*search.*", "/_cat(/.*)?"], "action": "drop"},
        {"id": "no-apis", "from": ["all"], "to": to, "credentials": "any", "apis": ["info", "bulk"], "action": "reset"},
        {"id": "no-flags", "from": ["all"], "to": to, "credentials": "any", "flags": ["destructive", "returns_documents"], "action": "reject"},
        {"id": "nobody", "from": ["all"], "to": to, "credentials": "verified", "identities": ["nobodies"], "action": "allow"}]
    policy["health_checks"] = [{"id": "probe", "from": ["all"], "to": to, "method": "GET", "path": "/", "per_minute": 1}]
    return policy


def leaves(path, way, workers, folder):
    frames = corpus.frames_of(path)
    if frames is None:
        return None  # another link type
    (folder / "policy.json").write_text(json.dumps(forbidding(corpus.services_of(frames), way)))
    options = ["--ignore-checksums", "--workers", str(workers)] + (["--observe"] if way == "command line" else [])
    return generate.replay_file(path, folder, *options), corpus.carried(path, frames)


@pytest.mark.parametrize("way", ["policy", "services", "command line"])
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_frame_of_every_capture_leaves_as_it_came(path, way, tmp_path):
    left, came = leaves(path, way, 1, tmp_path)
    assert left == came


@pytest.mark.skipif(not CORPUS, reason=f"no corpus at {corpus.CORPUS} (SPRINGLATCH_SHARED names the folder above it)")
def test_captures_of_public_test_suites_leave_as_they_came(tmp_path):
    late, wrong, checked = time.monotonic() + CORPUS_SECONDS, [], 0
    for number, path in enumerate(CORPUS):
        if time.monotonic() > late:
            break
        way, workers = ("policy", "services", "command line")[number % 3], (1, 4)[number % 2]
        try:
            result = leaves(path, way, workers, tmp_path)
        except generate.Crash as crash:
            wrong.append(f"{path.name}, {way}, {workers} workers: {crash}")
            continue
        if result is not None:
            checked += 1
            if result[0] != result[1]:
                wrong.append(f"{path.name}, {way}, {workers} workers: {len(result[0])} frames left of {len(result[1])}, or not as they came")
    assert not wrong, "\n".join(wrong)
    assert checked > 0


def test_the_policy_of_these_tests_lets_nothing_pass_that_is_enforced(tmp_path):
    """Guards the witness: the same policy, enforcing, changes what leaves."""
    path = next(path for path in CAPTURES if path.stem == "curl-search")
    (tmp_path / "policy.json").write_text(json.dumps(forbidding({(ipaddress.ip_address("198.51.100.10").packed, 9200)}, "enforce")))
    assert generate.replay_file(path, tmp_path, "--ignore-checksums") != corpus.frames_of(path)
