"""Deploys Weir on an emulated AWS and requires of it the answers that one machine gives.

Usage: deploy.py [--release]

It builds the functions, lints and transforms the template, deploys it by CloudFormation with the functions' own
binaries, makes the first clients with `weir --aws`, and puts the same sequence of requests to the deployed API and to
`weir serve`. Every answer must be the same, but for what compare.py names.

With --arm64 it only builds one function for arm64 with cargo lambda, which cannot be run here.
"""

import argparse
import collections
import concurrent.futures
import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

import arm64
import checks
import collectors
import pendo
from compare import apart, differences
from emulator import Emulator
from places import Deployed, OneMachine
from sequence import Sequence
from stack import FUNCTIONS, TEMPLATE, Stack, transformed

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "third-parties"))

from third_parties import ThirdParties  # noqa: E402

# The crates of functions that are not called like them.
CRATES = {name: "weir-collect" for name in ("collect-ga", "collect-pendo", "collect-pingdom")}
PARAMETERS = {"Architecture": "x86_64", "CompactRate": "rate(1 minute)"}
# Answers that differ that are shown, places in them, and how much of what stands there.
ANSWERS, SHOWN, WIDTH = 20, 5, 300
# Log lines that are shown of a function when something is wrong, and how much of each.
LOG_LINES, LOG_WIDTH = 60, 600


def main():
    arguments = read_arguments()
    if arguments.arm64:
        return arm64.build(ROOT)
    start = time.monotonic()

    def step(what):
        print(f"-- {what} ({time.monotonic() - start:.0f} s)", flush=True)

    step("building")
    target = build(arguments.release)
    step("linting and transforming the template")
    lint()
    transformed()
    with (
        tempfile.TemporaryDirectory() as directory,
        Emulator(directory) as emulator,
        ThirdParties(target / "weir-third-parties", *pendo.arguments()) as others,
    ):
        step("deploying")
        binaries = {name: target / f"weir-{name}" for name in FUNCTIONS}
        stack = Stack(emulator, binaries, PARAMETERS | collectors.parameters(others) | pendo.parameters(others))
        with OneMachine(target / "weir", directory, emulator.environment()) as one_machine:
            checks.permissions(stack)
            deployed = Deployed(target / "weir", emulator, stack)
            step("asking both")
            try:
                compare(deployed, one_machine)
                step("checking the deployed one")
                checks.verification(deployed)
                checks.spoiled(deployed)
                collectors.collected(deployed, others, directory)
                pendo.collected(deployed, others, directory)
                checks.upgrade(deployed)
                checks.logs(deployed, one_machine)
            except Exception:
                traceback.print_exc()
                show_logs(stack, one_machine, emulator)
                raise SystemExit("the deployed Weir is not what it should be") from None
    step("done")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true", help="build and test what would be deployed")
    parser.add_argument("--arm64", action="store_true", help="build one function for arm64, and nothing else")
    return parser.parse_args()


def build(release):
    """Builds what is deployed and the command line; gives where it is.

    A debug build is that of `cargo test --workspace`, to the letter: with other targets, dependencies have other
    features, and all of them are compiled and kept once more.
    """
    crates = {"weir", "weir-third-parties", *(CRATES.get(name, f"weir-{name}") for name in FUNCTIONS)}
    packages = [word for name in sorted(crates) for word in ("--package", name)]
    what = ["--bins", "--release", *packages] if release else ["--workspace", "--all-targets"]
    subprocess.run(["cargo", "build", "--locked", *what], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / ("release" if release else "debug")


def lint():
    command = [pathlib.Path(sys.executable).parent / "cfn-lint", "--non-zero-exit-code", "informational", TEMPLATE]
    subprocess.run(command, check=True)


def compare(deployed, one_machine):
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(Sequence(place).run) for place in (deployed, one_machine)]
        records = [run.result() for run in runs]
    found = differences(*records)
    print_table(records[0], found)
    show(found)
    for record in records:
        if record.broken:
            raise AssertionError(f"{record.place.title}: the sequence broke off") from record.broken
    assert not found, f"{len(found)} answers differ"
    print(f"   compacted by the schedule after {deployed.compacted_seconds:.0f} s of waiting")


def print_table(record, found):
    compared = collections.Counter(chapter for chapter, _ in record.answers)
    differ = collections.Counter(key[0] for key, _, _ in found)
    print(f"\n{'chapter':<20}{'answers':>8}{'differ':>8}")
    for chapter, count in compared.items():
        print(f"{chapter:<20}{count:>8}{differ[chapter]:>8}")
    print(f"{'all':<20}{sum(compared.values()):>8}{len(found):>8}\n")


def show(found):
    for key, left, right in found[:ANSWERS]:
        print(f"\n{' / '.join(key)}")
        for where, one, other in itertools.islice(apart(left, right), SHOWN):
            print(f"   {where}\n      deployed:    {repr(one)[:WIDTH]}\n      one machine: {repr(other)[:WIDTH]}")


def show_logs(stack, one_machine, emulator):
    for function in FUNCTIONS:
        lines = stack.log(function)
        print(f"\n== the end of the log of {function}, {len(lines)} lines")
        print(*(line[:LOG_WIDTH] for line in lines[-LOG_LINES:]), sep="\n")
    print("\n== one machine", one_machine.written()[-4_000:], sep="\n")
    print("\n== the emulator", emulator.log.read_text()[-4_000:], sep="\n")


if __name__ == "__main__":
    main()
