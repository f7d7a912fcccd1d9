"""Builds one function for arm64, as a deployment does, with cargo lambda and zig from PyPI."""

import pathlib
import shutil
import subprocess
import sys

FUNCTION = "weir-track"
# e_machine of an ELF header: AArch64.
MACHINE_OFFSET, AARCH64 = 18, 183


def build(root):
    """Needs `pip install -r arm64-requirements.txt` and `rustup target add aarch64-unknown-linux-gnu`."""
    cargo_lambda = pathlib.Path(sys.executable).parent / "cargo-lambda"
    if not cargo_lambda.exists() and not shutil.which("cargo-lambda"):
        raise SystemExit("cargo lambda is missing: pip install cargo-lambda ziglang")
    command = [cargo_lambda, "lambda", "build", "--release", "--arm64", "--package", FUNCTION]
    subprocess.run(command, cwd=root, check=True)
    binary = root / "target" / "lambda" / FUNCTION / "bootstrap"
    head = binary.open("rb").read(20)
    assert int.from_bytes(head[MACHINE_OFFSET : MACHINE_OFFSET + 2], "little") == AARCH64, "it is not for arm64"
    print(f"{binary}: {binary.stat().st_size / 1e6:.1f} MB for arm64; built, not run")
