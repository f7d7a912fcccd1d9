"""An AWS of its own on a free port of 127.0.0.1: ministack, from PyPI.

It runs the functions' own binaries, as processes that stay warm between invocations, behind its API Gateway and its
schedules. With AUTH it checks signatures, and evaluates each function's role for every call that the function makes,
so a permission that is missing shows here. What it does not have: Lambda's time between invocations, in which nothing
runs; limits on the size of a payload; throttling by the stage.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import boto3
from botocore.config import Config

REGION = "eu-central-1"
# The emulator's owner, who may do everything.
KEY_ID, SECRET_KEY = "test", "test"
START_SECONDS = 60


class Emulator:
    """A running emulator. Its state is gone when it ends."""

    def __init__(self, directory):
        self.log = pathlib.Path(directory) / "emulator.log"
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=self.environment()
            | {
                "AUTH": "true",
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "LOG_LEVEL": "WARNING",
                "MINISTACK_REGION": REGION,
                "S3_DATA_DIR": f"{directory}/s3",
                "TMPDIR": str(directory),
            },
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that the functions' processes end with it
        )

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise SystemExit(f"the emulator did not start:\n{self.log.read_text()}")
            time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
                return True
        except OSError:
            return False

    def environment(self):
        """What an AWS program needs to find it, and nothing of this machine's own configuration."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service, key_id=KEY_ID, secret_key=SECRET_KEY):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
