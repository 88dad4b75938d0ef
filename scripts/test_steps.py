"""The steps of scripts/test: each builds or checks something and adds to one tally.

A step that cannot run is never silent: what it would have run is counted as skipped, with the reason, or as failed where a build broke.
Output of each step goes to build/test/<step>.log; the end of it is shown where something failed.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test"
BIN = ROOT / "build" / "release" / "bin"
CORES = os.cpu_count() or 2
FUZZ_SECONDS = 5  # a target; scripts/fuzz runs them for hours
THREADED_ROOMS = ("ipc", "control", "ingest", "store", "api", "dpdk")  # what the thread sanitizer looks at


class StepFailed(Exception):
    """The step could not do its work; str() says why."""


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed=0, failed=0, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped

    def skip(self, what, reason):
        self.add(skipped=1)
        print(f"  skipped: {what}: {reason}", flush=True)

    def fail(self, what):
        self.add(failed=1)
        print(f"  FAILED: {what}", flush=True)


tally = Tally()


class Step:
    """Runs commands with their output in one log."""

    def __init__(self, name):
        self.log = LOGS / f"{name}.log"
        self.log.write_text("")

    def run(self, command, **options):
        """Exit code. Prints ninja's progress every 20 seconds so that a long build does not look stuck."""
        last = time.monotonic()
        with self.log.open("a", buffering=1) as log:
            log.write("$ " + " ".join(map(str, command)) + "\n")
            log.flush()
            child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
            for line in child.stdout:
                log.write(line)
                if re.match(r"\s*\[?\s*\d+/\d+", line) and time.monotonic() - last > 20:
                    last = time.monotonic()
                    print("  " + line.strip()[:110], flush=True)
            return child.wait()

    def must(self, command, what, **options):
        if self.run(command, **options) != 0:
            raise StepFailed(what)

    def tail(self, lines=60):
        for line in self.log.read_text(errors="replace").splitlines()[-lines:]:
            print("  | " + line, flush=True)


def build(step, preset, targets=(), prefix=()):
    step.must([*prefix, "cmake", "--preset", preset], f"cmake --preset {preset} failed")
    command = [*prefix, "cmake", "--build", "--preset", preset, "--", "-k", "0"]
    step.must(command + list(targets), f"the {preset} build failed")


def read_junit(path, what):
    """Adds a JUnit file to the tally, names what failed and what was skipped. ctest and pytest both write it."""
    if not path.exists():
        raise StepFailed(f"{what}: no results were written")
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    if not cases:
        raise StepFailed(f"{what}: there is no test")
    for case in cases:
        name = case.get("name", "?")
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.fail(f"{what}: {name}")
        elif skip is not None and case.get("status", "") in ("", "notrun") and "SKIP" not in skip.get("message", "") and case.get("status"):
            tally.fail(f"{what}: {name}: {skip.get('message')}")  # ctest could not start it
        elif skip is not None:
            output = case.findtext("system-out") or ""
            said = re.search(r"Skipped\n(.*)", output)
            tally.skip(f"{what}: {name}", said.group(1).strip() if said else skip.get("message", "no reason given"))
        else:
            tally.add(passed=1)
    return len(cases)


def ctest(step, preset, rooms=(), prefix=(), environment=None):
    results = LOGS / f"ctest-{preset}.xml"
    results.unlink(missing_ok=True)
    command = [*prefix, "ctest", "--test-dir", f"build/{preset}", "-j", str(CORES), "--output-on-failure", "--timeout", "600",
               "--output-junit", str(results)]
    if rooms:
        command += ["-R", "^(" + "|".join(rooms) + r")\."]
    code = step.run(command, env={**os.environ, **(environment or {})})
    failed = tally.failed
    read_junit(results, preset)
    if code != 0 and tally.failed == failed:
        raise StepFailed(f"ctest ended with {code}")


def pytest(step, folder, *arguments, environment=None):
    results = LOGS / f"pytest-{folder.replace('/', '-')}.xml"
    results.unlink(missing_ok=True)
    failed = tally.failed
    code = step.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "junit_logging=no", "-rs", "-v",
                     f"--junitxml={results}", *arguments, folder], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})})
    read_junit(results, folder)
    if code != 0 and tally.failed == failed:
        raise StepFailed(f"pytest {folder} ended with {code}")


# ---- the steps, in the order in which they run ----

def includes(step):
    pytest(step, "tests/tools")
    step.must(["scripts/check-includes"], "includes against the order of the rooms")
    tally.add(passed=1)


def formatting(step):
    step.must(["scripts/check-format"], "files that clang-format would change (scripts/check-format --fix)")
    tally.add(passed=1)


def unit(step):
    build(step, "release")
    ctest(step, "release")


def replay(step):
    pytest(step, "tests/replay")


def promises(step):
    pytest(step, "tests/promises")  # P1 to P5 are a program of their own, which the steps unit and asan run


def oracle(step):
    pytest(step, "tests/oracle")


def docs(step):
    pytest(step, "tests/docs")


def live(step):
    pytest(step, "tests/live")


def asan(step):
    build(step, "asan")
    ctest(step, "asan", environment={"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"})


def tsan(step):
    # g++ 12's thread sanitizer stops at some kernels' address randomisation.
    prefix = ["setarch", "-R"] if subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL).returncode == 0 else []
    step.must([*prefix, "cmake", "--preset", "tsan"], "cmake --preset tsan failed")
    listed = subprocess.run(["ninja", "-C", "build/tsan", "-t", "targets", "all"], cwd=ROOT, capture_output=True, text=True).stdout
    rooms = [room for room in THREADED_ROOMS if f"\nunit_{room}: phony" in listed]
    if not rooms:
        raise StepFailed("there is no unit test of a room with threads")
    build(step, "tsan", [f"unit_{room}" for room in rooms], prefix)
    ctest(step, "tsan", rooms, prefix, {"TSAN_OPTIONS": "halt_on_error=1"})


def fuzz(step):
    sources = sorted((ROOT / "tests" / "fuzz").glob("*.cpp"))
    if not sources:
        raise StepFailed("there is no fuzz target")
    build(step, "fuzz", [f"fuzz_{source.stem}" for source in sources])
    for source in sources:
        name = source.stem
        found = ROOT / "build" / "fuzz-corpus" / f"smoke-{name}"
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir(parents=True)
        seeds = [str(path) for path in [ROOT / "tests" / "fuzz" / "corpus" / name] if path.is_dir()]
        code = step.run([f"build/fuzz/bin/fuzz_{name}", f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048",
                         f"-artifact_prefix={found}/crash-", str(found), *seeds])
        if code == 0:
            tally.add(passed=1)
        else:
            tally.fail(f"fuzz_{name}; the input is in {found.relative_to(ROOT)}")


def clang(step):
    build(step, "clang")
    tally.add(passed=1)


def tidy(step):
    step.must(["scripts/check-tidy"], "clang-tidy")
    tally.add(passed=1)


STEPS = {
    "includes": includes, "format": formatting, "unit": unit, "replay": replay, "promises": promises, "oracle": oracle, "docs": docs,
    "live": live, "asan": asan, "tsan": tsan, "fuzz": fuzz, "clang": clang, "tidy": tidy,
}
QUICK = ("includes", "unit", "replay", "promises")
ON_REQUEST = ("tidy",)  # an hour on two busy cores: scripts/test --only clang --only tidy
NEEDS = {"replay": "unit", "promises": "unit", "oracle": "unit", "docs": "unit", "live": "unit", "tidy": "clang"}  # a step without its build is skipped


# The pure core. The edges (dpdk, pcap, ipc) and config are tested too, but the promise is about these.
CORE = ("packet", "flow", "stream", "protocol", "policy", "credentials", "pipeline", "event")
COVERAGE = {"line": 95, "branch": 90}  # percent of the core that the suite must reach


def coverage(step):
    """Line and branch coverage of the core by unit tests, promises and replays, a room a line; fails below COVERAGE.

    Measured without optimisation, so that a branch is one of the source. Not counted are branches that only an exception takes (the core throws
    none: they belong to the standard library's calls in constructors), and those that gcov itself says no path leads to.
    """
    build_folder = ROOT / "build" / "coverage"
    step.must(["cmake", "-S", str(ROOT), "-B", str(build_folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
               "-DCMAKE_CXX_FLAGS=--coverage -fprofile-update=atomic", "-DCMAKE_EXE_LINKER_FLAGS=--coverage"], "cmake failed")
    step.must(["cmake", "--build", str(build_folder), "--", "-k", "0"], "the coverage build failed")
    for data in build_folder.rglob("*.gcda"):
        data.unlink()
    ctest(step, "coverage")
    for folder in ("tests/replay", "tests/promises"):
        pytest(step, folder, environment={"SPRINGLATCH_BIN": str(build_folder / "bin")})
    report_coverage(build_folder)


def report_coverage(build_folder):
    summary = LOGS / "coverage.json"
    report = subprocess.run(["gcovr", "-r", str(ROOT), "--filter", f"dataplane/({'|'.join(CORE)})/", "--exclude-throw-branches",
                             "--exclude-unreachable-branches", "--json-summary", str(summary), "--html-details", str(LOGS / "coverage.html"),
                             "--txt", str(LOGS / "coverage.txt"), str(build_folder)], cwd=ROOT, text=True, capture_output=True)
    if report.returncode != 0:
        raise StepFailed("gcovr: " + report.stderr.strip()[-300:])
    rooms = {room: {key: 0 for kind in COVERAGE for key in (f"{kind}_total", f"{kind}_covered")} for room in (*CORE, "total")}
    for file in json.loads(summary.read_text())["files"]:
        for room in (file["filename"].split("/")[1], "total"):
            for key in rooms[room]:
                rooms[room][key] += file[key]
    for room, counts in rooms.items():
        cells = [f"{percent(counts, kind):6.1f} % of {counts[f'{kind}_total']:5} {kind}{'s' if kind == 'line' else 'es'}" for kind in COVERAGE]
        print(f"  {room:12}" + "  ".join(cells), flush=True)
    print("  files: build/test/coverage.txt; lines: build/test/coverage.html")
    for kind, least in COVERAGE.items():
        reached = percent(rooms["total"], kind)
        if reached < least:
            tally.fail(f"coverage: {reached:.1f} % of the core's {kind} coverage; at least {least} % is asked for")
        else:
            tally.add(passed=1)


def percent(counts, kind):
    return 100 * counts[f"{kind}_covered"] / counts[f"{kind}_total"] if counts[f"{kind}_total"] else 100.0


def perform(name, function):
    """True if the step ran to its end."""
    started = time.monotonic()
    failed = tally.failed
    before = (tally.passed, tally.skipped)
    print(f"== {name}", flush=True)
    step = Step(name)
    complete = True
    try:
        function(step)
    except StepFailed as error:
        tally.fail(f"{name}: {error}")
        complete = False
    except Exception as error:  # a bug here must not hide the steps that follow
        tally.fail(f"{name}: {type(error).__name__}: {error}")
        complete = False
    if tally.failed > failed:
        step.tail()
        print(f"  all of it: {step.log.relative_to(ROOT)}")
    print(f"   {name}: {time.monotonic() - started:.0f} s, {tally.passed - before[0]} passed, {tally.failed - failed} failed, "
          f"{tally.skipped - before[1]} skipped", flush=True)
    return complete


def main():
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("--quick", action="store_true", help="release build, unit tests, replays, promises")
    parser.add_argument("--coverage", action="store_true", help="coverage of the core by unit tests, promises and replays")
    parser.add_argument("--only", action="append", choices=STEPS, metavar="STEP", help="one step; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the steps")
    options = parser.parse_args()
    if options.list:
        print("\n".join(STEPS))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    if options.coverage:
        perform("coverage", coverage)
    else:
        incomplete = set()
        for name in options.only or (QUICK if options.quick else [step for step in STEPS if step not in ON_REQUEST]):
            if NEEDS.get(name) in incomplete and not built(name):
                tally.skip(name, f"the build of step {NEEDS[name]} failed")
            elif not perform(name, STEPS[name]):
                incomplete.add(name)
    print(f"{time.monotonic() - started:.0f} s in all")
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


def built(name):
    """Whether what step `name` needs is there although the step that builds it failed elsewhere (in a test, say)."""
    if name == "tidy":
        return (ROOT / "build" / "clang" / "compile_commands.json").exists()
    return all((BIN / program).exists() for program in ("springlatch", "springlatchd", "springlatch-dataplane"))


if __name__ == "__main__":
    sys.exit(main())
