"""A Weir of its own on a free port of 127.0.0.1, and questions to it."""

import base64
import json
import subprocess
import urllib.parse
import urllib.request

CLIENT, SECRET = "peer", "a-secret-for-the-peer-test-alone"


class Server:
    """Starts with its data below a directory; may be killed, and starts again on its port."""

    def __init__(self, weir, directory, *options):
        self.weir, self.data, self.options = weir, f"{directory}/data", options
        self.listen, self.address, self.process = "127.0.0.1:0", None, None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        status = self.process.wait(timeout=40)
        assert kind or status == 0, "the server did not stop cleanly"

    def start(self):
        arguments = ["serve", "--data", self.data, "--listen", self.listen, *self.options]
        arguments += ["--client-id", CLIENT, "--client-secret", SECRET, "--log", "warn"]
        self.process = subprocess.Popen([self.weir, *arguments], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "http://127.0.0.1:" in line:
                self.listen = line.split("http://")[1].split()[0].rstrip("/")
                self.address = "http://" + self.listen
                return
        raise SystemExit("the server did not say its address")

    def kill(self):
        """Ends it as a crash does: nothing is finished, nothing is closed."""
        self.process.kill()
        self.process.wait()

    def key(self, label):
        """A new write key."""
        arguments = ["key", "create", "--label", label, "--json", "--data", self.data]
        made = subprocess.run([self.weir, *arguments], check=True, capture_output=True, text=True)
        return json.loads(made.stdout)["key"]

    def token(self):
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.address}/o/token/", body) as answer:
            return json.load(answer)["access_token"]

    def ask(self, path, **parameters):
        """What a path answers, parsed, with its headers."""
        url = f"{self.address}{path}?{urllib.parse.urlencode(parameters)}"
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {self.token()}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer), answer.headers

    def daily(self, namespace, name, aggregation):
        """An aggregate of a series by day."""
        points, _ = self.ask("/api/events", namespace=namespace, name=name, granularity="day", aggregationType=aggregation)
        return {point["aggregatedTimestamp"][:10]: point["value"] for point in points}

    def count(self, namespace, name):
        return sum(self.daily(namespace, name, "count").values())

    def events(self, namespace, name):
        """All events of a series."""
        found, cursor = [], {}
        while True:
            page, headers = self.ask("/api/raw", namespace=namespace, name=name, format="json", limit=1000, **cursor)
            found += page
            link = headers.get("link")
            if not link:
                return found
            query = urllib.parse.urlsplit(link[link.index("<") + 1 : link.index(">")]).query
            cursor = {"cursor": urllib.parse.parse_qs(query)["cursor"][0]}

    def namespaces(self):
        return self.ask("/api/namespaces")[0]

    def rejected(self):
        """Events that were refused of late."""
        return self.ask("/api/rejected", format="json")[0]


def basic(user, password=""):
    """The value of Authorization (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
