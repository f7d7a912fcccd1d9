"""The published tap-pendo and `weir tap pendo` read one stand-in for Pendo with one configuration, catalog and state: catalogs
and records are equal but for the differences that docs/PENDO.md lists.

Usage: compare.py PATH-TO-WEIR PATH-TO-THIRD-PARTIES, by the Python of an environment with requirements-pendo.txt

A difference that is not listed fails, and so does a listed one that is not seen any more.
"""

import inspect
import pathlib
import sys
import tempfile

import faults
import later
import losses
import ordinary
import values
import wrong
from lab import Lab


def main(weir, program):
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(weir, program, pathlib.Path(directory))
        for module in (ordinary, values, later, losses, faults, wrong):
            for name, case in cases(module):
                case(lab)
                print(f"pendo: {name.replace('_', ' ')}", flush=True)
        lab.has_seen_all_that_is_listed()
    print(f"pendo: {lab.compared} records are equal, but for {len(lab.seen)} listed differences, each of which was seen")


def cases(module):
    """Its functions that are no helpers."""
    found = inspect.getmembers(module, inspect.isfunction)
    return [(name, case) for name, case in found if case.__module__ == module.__name__ and not name.startswith("_")]


if __name__ == "__main__":
    main(*sys.argv[1:])
