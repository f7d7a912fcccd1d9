"""Builds one function for arm64, as a deployment does: with cargo lambda, which brings zig to link.

Needs requirements-arm64.txt, and the target: `rustup target add aarch64-unknown-linux-gnu`. The program is built and not
run, because nothing here is an arm64 machine.
"""

import os
import pathlib
import subprocess
import sys

FUNCTION = "weir-track"
# An ELF header (System V ABI): the magic, and what e_machine says of AArch64.
MAGIC, MACHINE_OFFSET, AARCH64 = b"\x7fELF", 18, 183
# The largest program that the design allows.
MAX_BYTES = 15_000_000


def build(root):
    tools = pathlib.Path(sys.executable).parent
    command = [tools / "cargo-lambda", "lambda", "build", "--release", "--locked", "--arm64", "--package", FUNCTION]
    subprocess.run(command, cwd=root, check=True, env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"})
    binary = root / "target" / "lambda" / FUNCTION / "bootstrap"
    head, size = binary.open("rb").read(MACHINE_OFFSET + 2), binary.stat().st_size
    machine = int.from_bytes(head[MACHINE_OFFSET:], "little")
    assert head.startswith(MAGIC) and machine == AARCH64, f"{binary} is not for arm64"
    assert size < MAX_BYTES, f"{binary} has {size} bytes"
    print(f"{binary.relative_to(root)}: {size / 1e6:.1f} MB for arm64; built, not run")
