"""scripts/demo --serve leaves the control process running with what the demo judged, and nothing after Ctrl-C."""
import json
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, process):
    for _ in range(600):
        assert process.poll() is None, "scripts/demo --serve ended by itself"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(f"{url} does not answer")


def test_serve_shows_what_the_demo_judged_until_it_is_interrupted(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen([ROOT / "scripts/demo", "--serve", address], stdout=log, stderr=subprocess.STDOUT)
    try:
        events = json.loads(get(f"http://{address}/api/v1/events?limit=1000", process))
        stolen = [event for event in events if event["source"]["ip"] == "198.51.100.66"]
        assert [event["event"]["reason"] for event in stolen] == ["no_credentials"]
        assert b"springlatch_" in get(f"http://{address}/metrics", process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
