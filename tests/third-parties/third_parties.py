"""The stand-ins for Google and Pingdom, for tests in Python."""

import contextlib
import json
import subprocess
import urllib.request


class ThirdParties(contextlib.AbstractContextManager):
    """Running stand-ins; they end with this."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.urls = json.loads(self.process.stdout.readline())

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=20)

    def credentials(self, vendor):
        """What lets a collector in."""
        return self.ask(vendor, "_credentials")

    def requests(self, vendor):
        """What was asked so far."""
        return self.ask(vendor, "_requests")

    def fail(self, vendor, plan):
        """Has answers go wrong: {"at": part of a path, "after": 2, "times": 1, "failure": "truncated"}."""
        request = urllib.request.Request(f"{self.urls[vendor]}/_control", json.dumps(plan).encode(), method="POST")
        urllib.request.urlopen(request).close()

    def ask(self, vendor, path):
        with urllib.request.urlopen(f"{self.urls[vendor]}/{path}") as answer:
            return json.load(answer)
