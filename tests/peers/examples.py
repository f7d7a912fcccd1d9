"""Runs each example as its page says, and recounts what it has stored.

Usage: examples.py PATH-TO-WEIR [PATH-TO-THE-RUST-EXAMPLE]
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


def main(weir, rust=None):
    commands = COMMANDS | ({"example-rust": [rust]} if rust else {})
    with tempfile.TemporaryDirectory() as directory, Server(weir, directory) as server:
        access = {"WEIR_CLIENT_ID": CLIENT, "WEIR_CLIENT_SECRET": SECRET, "WEIR_WRITE_KEY": server.key("examples")}
        environment = os.environ | access | {"WEIR_URL": server.address}
        for namespace, command in commands.items():
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            counts = list(server.daily(namespace, "order", "count").values())
            sums = list(server.daily(namespace, "order", "sum").values())
            assert (sum(counts), sum(sums)) == (COUNT, SUM), (namespace, counts, sums)
            # It has seen the same, and shows no secret.
            assert f'"value":{counts[-1]}' in done.stdout.replace(" ", ""), done.stdout
            assert not any(secret in done.stdout + done.stderr for secret in access.values() if secret != CLIENT)
    print(f"{len(commands)} examples passed, 0 failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
