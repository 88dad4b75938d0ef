"""Random compositions of evasions and of odd but legal traffic: nothing slips, nothing legal is cut."""
import pytest

import generate

CASES = 1500


@pytest.mark.parametrize("seed", [20261124, 250_000_000])
def test_no_composition_slips_and_no_legal_stream_is_cut(seed, tmp_path):
    said = []
    assert generate.run(CASES, seed, keep=tmp_path, report=said.append) == 0, "\n".join(said)
