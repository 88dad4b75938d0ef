"""The command line of an oracle that makes its cases from a seed."""
import argparse
import pathlib
import sys
import tempfile
import time


def run_by_hand(run, description):
    """`run(cases, seed, folder)` returns how many mistakes there were. Ends the process: 1 if there was one."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(1 if run(options.cases, options.seed, pathlib.Path(folder)) else 0)
