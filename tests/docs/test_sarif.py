"""`policy lint --format sarif` is SARIF 2.1.0, so that code hosts and editors can show findings."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SPRINGLATCH_BIN", ROOT / "build" / "release" / "bin"))
SCHEMA_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"  # carries the schema of OASIS unchanged
SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"


@pytest.fixture
def sarif(tmp_path):
    """What is said of every example policy, and of a file that is none, with a name that a URI must escape."""
    broken = tmp_path / "no policy.json"
    broken.write_text('{"version": 1,\n "servises": {}}')
    files = [*sorted((ROOT / "config" / "policies").glob("*.json")), broken, tmp_path / "missing.json"]
    done = subprocess.run([BIN / "springlatch", "policy", "lint", *files, "--format", "sarif"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and not done.stderr
    return json.loads(done.stdout)


def test_every_finding_names_a_rule_of_the_tool_and_a_place(sarif):
    assert sarif["version"] == "2.1.0" and len(sarif["runs"]) == 1
    run = sarif["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert len(run["results"]) > 10
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error") and result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert " " not in place["artifactLocation"]["uri"]
        assert all(number >= 1 for number in place.get("region", {}).values())


def test_it_meets_the_official_schema(sarif, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    if not shutil.which("npm"):
        pytest.skip("no npm to get the schema with")
    got = subprocess.run(["npm", "pack", "--silent", SCHEMA_PACKAGE], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    if got.returncode != 0:
        pytest.skip("the schema's package cannot be fetched: " + got.stderr.strip()[-200:])
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as package:
        schema = json.load(package.extractfile(SCHEMA))
    mistakes = [f"{list(error.path)}: {error.message}" for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(sarif)]
    assert not mistakes, mistakes[:5]
