"""The published tap-pendo and `weir tap pendo` read one stand-in for Pendo with one configuration, catalog and state: catalogs
and records are equal but for the differences that docs/PENDO.md lists.

Usage: pendo.py PATH-TO-WEIR PATH-TO-THIRD-PARTIES, by the Python of an environment with requirements-pendo.txt

A difference that is not listed fails, and so does a listed one that is not seen any more.
"""

import inspect
import pathlib
import sys
import tempfile

import pendocases
from pendolab import Lab


def main(weir, program):
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(weir, program, pathlib.Path(directory))
        cases = [case for _, case in inspect.getmembers(pendocases, inspect.isfunction) if case.__module__ == "pendocases"]
        for case in sorted(cases, key=lambda case: case.__code__.co_firstlineno):
            if not case.__name__.startswith("_"):
                case(lab)
                print(f"pendo: {case.__name__.replace('_', ' ')}", flush=True)
        lab.has_seen_all_that_is_listed()
    print(f"pendo: {lab.compared} records are equal, but for {len(lab.seen)} listed differences, each of which was seen")


if __name__ == "__main__":
    main(*sys.argv[1:])
