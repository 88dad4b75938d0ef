"""scripts/lab --attacks: its parts hold together everywhere; with the databases at hand (scripts/setup lab), one family for real."""
import pathlib
import subprocess

import pytest

from lab import ROOT, why_impossible

JARS = ROOT / "build" / "lab" / "elasticsearch" / "jars" / ".complete"
IMPOSSIBLE = why_impossible() or (None if pathlib.Path(JARS).exists() else "the databases are not here; scripts/setup lab brings them")


def lab(*options, seconds):
    return subprocess.run([ROOT / "scripts" / "lab", "--attacks", *options], capture_output=True, text=True, timeout=seconds)


def test_the_attacks_can_be_composed():
    done = lab("--list", seconds=120)
    assert done.returncode == 0, done.stderr
    assert {"TCP overlaps", "HTTP smuggling", "elasticdump"} <= set(done.stdout.splitlines())


def test_a_family_that_is_not_there_is_named():
    done = lab("--family", "TCP overlap", "--family", "nonesuch", seconds=120)
    assert done.returncode == 2 and "nonesuch" in done.stderr


@pytest.mark.skipif(IMPOSSIBLE is not None, reason=str(IMPOSSIBLE))
def test_overlaps_and_forbidden_deletions_are_executed_over_a_wire_and_not_through_the_appliance():
    done = lab("--server", "elasticsearch", "--family", "TCP overlaps", "--family", "readers who delete indices", "--family", "curl", seconds=400)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
