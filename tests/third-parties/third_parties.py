"""The stand-ins for Google, Pendo and Pingdom, for tests in Python."""

import contextlib
import json
import subprocess
import urllib.request


class ThirdParties(contextlib.AbstractContextManager):
    """Running stand-ins; they end with this."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
        self.tell(vendor, "_control", plan)

    def heal(self, vendor):
        """Has nothing go wrong any more."""
        self.tell(vendor, "_heal", None)

    def change(self, vendor, change):
        """Changes what a vendor holds: {"add": {"source": "features", "rows": [...]}}, {"delay_ms": 50}."""
        self.tell(vendor, "_change", change)

    def tell(self, vendor, path, value):
        request = urllib.request.Request(f"{self.urls[vendor]}/{path}", json.dumps(value).encode(), method="POST")
        urllib.request.urlopen(request, timeout=20).close()

    def ask(self, vendor, path):
        with urllib.request.urlopen(f"{self.urls[vendor]}/{path}", timeout=20) as answer:
            return json.load(answer)
