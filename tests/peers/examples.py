"""Runs each example as its page says, and recounts what it has stored.

Usage: examples.py PATH-TO-WEIR PATH-TO-THE-RUST-EXAMPLE
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from server import CLIENT, SECRET, Server

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
# One event, a batch of three sent twice, and one by a write key.
COUNT, SUM = 5, 12.5 + 1 + 2 + 3 + 4

COMMANDS = {
    "example-python": [sys.executable, EXAMPLES / "python/events.py"],
    "example-javascript": ["node", EXAMPLES / "javascript/events.mjs"],
    "example-curl": [EXAMPLES / "curl/events.sh"],
}


# What the one in Rust reports at each run.
RUST = {("shop", "order"): 1, ("shop", "complaint"): 1, ("blog post", "viewed"): 1}


def main(weir, rust):
    with tempfile.TemporaryDirectory() as directory, Server(weir, directory) as server:
        access = {"WEIR_CLIENT_ID": CLIENT, "WEIR_CLIENT_SECRET": SECRET, "WEIR_WRITE_KEY": server.key("examples")}
        environment = os.environ | access | {"WEIR_URL": server.address}
        for namespace, command in COMMANDS.items():
            said = run(command, access, environment)
            counts = list(server.daily(namespace, "order", "count").values())
            sums = list(server.daily(namespace, "order", "sum").values())
            assert (sum(counts), sum(sums)) == (COUNT, SUM), (namespace, counts, sums)
            # It has seen the same.
            assert f'"value":{counts[-1]}' in said.replace(" ", ""), said
        for times, who in enumerate([(CLIENT, SECRET), (access["WEIR_WRITE_KEY"],)], start=1):
            run([rust, server.address, *who], access, environment)
            counts = {series: server.count(*series) for series in RUST}
            assert counts == {series: times * each for series, each in RUST.items()}, counts
    print(f"{len(COMMANDS) + 1} examples passed, 0 failed")


def run(command, access, environment):
    """What it says, which must not be anything secret."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{command[0]}: {said}"
    assert not any(access[name] in said for name in ("WEIR_CLIENT_SECRET", "WEIR_WRITE_KEY")), said
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
