"""Every example of control/cli/MANUAL.md that is marked as one is run, and must print what stands there.

A ```console block is a session at the root of the checkout with the programs in PATH: a line that begins with `$ ` is a command (a trailing backslash continues it),
the lines behind it are what it prints on standard output and error together. `…` in a line stands for anything (times, hashes), a line of `…` alone for any lines.
`[exit 1]` is the exit code, where it is not 0.
"""
import contextlib
import os
import pathlib
import re
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin"))
MANUAL = (ROOT / "control" / "cli" / "MANUAL.md").read_text()
SESSIONS = re.findall(r"^```console\n(.*?)^```$", MANUAL, re.MULTILINE | re.DOTALL)


def steps(session):
    """[(command, expected output)] of a session."""
    found = []
    lines = iter(session.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command + "\n" + next(lines)
            found.append((command, []))
        else:
            assert found, f"a session begins with a command, not with {line!r}"
            found[-1][1].append(line)
    return [(command, "\n".join(output)) for command, output in found]


def pattern(expected):
    """A regular expression for an output in which `…` stands for anything."""
    parts = []
    for line in expected.splitlines():
        parts.append(r"(?:.*\n)*" if line.strip() == "…" else ".*".join(re.escape(part) for part in line.split("…")) + r"\n")
    return "".join(parts)


def run(command, folder, groups):
    """What the command prints. `groups` takes its process group: what it leaves running behind it is the caller's to stop."""
    shell = subprocess.Popen(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                             env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"})
    groups.append(shell.pid)
    output, _ = shell.communicate(timeout=120)
    output = output if output.endswith("\n") or not output else output + "\n"
    return output + (f"[exit {shell.returncode}]\n" if shell.returncode != 0 else "")


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.splitlines()[0][2:62])
def test_the_example_prints_what_stands_there(session, tmp_path):
    groups = []
    try:
        for command, expected in steps(session):
            printed = run(command, tmp_path, groups)
            assert re.fullmatch(pattern(expected), printed), f"$ {command}\n{printed}\nexpected:\n{expected}"
    finally:
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def commands_of(*path):
    """Every command that --help names, with those below it."""
    text = subprocess.run([BIN / "springlatch", *path, "--help"], capture_output=True, text=True, timeout=60).stdout
    listed = text.split("Subcommands:\n")[1] if "Subcommands:\n" in text else ""
    names = re.findall(r"^  ([a-z][\w-]*)", listed, re.MULTILINE)
    return [found for name in names for found in commands_of(*path, name)] if names else [path]


def test_every_command_has_its_page():
    pages = re.findall(r"^## springlatch (.*)$", MANUAL, re.MULTILINE)
    assert sorted(pages) == sorted(" ".join(command) for command in commands_of()), "a page for each command, and no other"


def test_every_option_is_on_its_page():
    for command in commands_of():
        page = re.search(rf"^## springlatch {re.escape(' '.join(command))}\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL).group(1)
        text = subprocess.run([BIN / "springlatch", *command, "--help"], capture_output=True, text=True, timeout=60).stdout
        for option in re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.MULTILINE):
            assert option == "--help" or option in page, f"{option} of springlatch {' '.join(command)}"


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", MANUAL):
        assert target.startswith("https://") or (ROOT / "control" / "cli" / target).exists(), target


def test_the_tables_beside_the_example_policies_hold():
    assert len(list((ROOT / "config" / "policies").glob("*.tests.json"))) >= 6
    done = subprocess.run([BIN / "springlatch", "policy", "test", ROOT / "config" / "policies"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_example_policy_has_an_error_that_lint_sees():
    files = [path for path in (ROOT / "config" / "policies").glob("*.json") if not path.name.endswith(".tests.json")]
    done = subprocess.run([BIN / "springlatch", "policy", "lint", *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
