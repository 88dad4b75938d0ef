"""Every command in README.md is run as it stands there.

```sh blocks run with bash -e at the root of the checkout. What cannot be run in a test is marked in the block's first line, where readers see it too:
`# long: …` (runs for minutes, or is this very test) or `# hardware: …` (needs two network ports): of these, syntax and programs are checked.
"""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def is_run(block):
    return not re.match(r"# (long|hardware): ", block)


def label(block):
    return next(line for line in block.splitlines() if not line.startswith("#"))[:60]


def bash(*arguments, text, seconds):
    return subprocess.run(["bash", *arguments], input=text, cwd=ROOT, capture_output=True, text=True, timeout=seconds)


def test_every_block_of_commands_says_that_it_is_one():
    fences = re.findall(r"^```(.*)$", README, re.MULTILINE)[::2]
    assert set(fences) <= {"sh", "text", "json"}, "a block without a language would not be run"
    assert len(BLOCKS) == fences.count("sh") >= 3


@pytest.mark.parametrize("block", filter(is_run, BLOCKS), ids=label)
def test_the_command_works(block):
    done = bash("-e", text=block, seconds=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("block", [block for block in BLOCKS if not is_run(block)], ids=label)
def test_the_command_that_is_not_run_here_at_least_exists(block):
    done = bash("-n", text=block, seconds=10)
    assert done.returncode == 0, done.stderr
    for program in re.findall(r"(?:^|\s)((?:scripts|build/release/bin)/[\w-]+)", block):
        assert (ROOT / program).exists(), program


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_policy_shown_is_the_one_shipped():
    shown = re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert shown == [(ROOT / "config/policies/demo.json").read_text()]
