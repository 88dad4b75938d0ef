"""Requests and captures of public test suites, from the corpus beside the checkout."""
import pytest

import corpus
import mutate

pytestmark = pytest.mark.skipif(not corpus.CORPUS.is_dir(), reason=f"no corpus at {corpus.CORPUS} (SPRINGLATCH_SHARED names the folder above it)")
POSITIONS = 17  # every so many bytes a cut; `python3 tests/oracle/corpus.py http` takes every one
CAPTURES = 19  # each so many-th capture; `python3 tests/oracle/corpus.py pcap` takes all


def test_every_request_of_the_corpus_is_refused_or_read_as_the_databases_read_it(tmp_path):
    said = []
    assert corpus.score_http(tmp_path, POSITIONS, said.append) == 0, "\n".join(said)


def test_variants_of_the_corpus_slip_nothing_and_the_same_request_in_other_words_leaves(tmp_path):
    said = []
    assert mutate.run(2500, 20261124, tmp_path, said.append) == 0, "\n".join(said)


def test_captures_of_the_corpus_run_without_crash_leak_or_slip(tmp_path):
    said = []
    assert corpus.run_captures(tmp_path, CAPTURES, said.append, all_surroundings=False) == 0, "\n".join(said)
