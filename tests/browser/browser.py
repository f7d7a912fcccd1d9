"""A browser visits pages of another origin than Weir's; what they report is counted exactly.

Usage: browser.py PATH-TO-WEIR DIRECTORY-WITH-NODE_MODULES PATH-TO-CHROMIUM
"""

import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "browser" / "index.html"
sys.path.append(str(HERE.parent / "peers"))

from server import Server  # noqa: E402: the peers' server is beside this directory

# What the browser program says: every answer as it should be, and nothing left on the machine.
SEEN = {
    "errors": [],
    "first": 200,
    "answersLost": 1,
    "trigger": 201,
    "triggerWithBadKey": 401,
    "kept": ["", 0, 0],
    "cookies": [],
    "asked": [200, True],
    "askedFromElsewhere": "TypeError",
}

# Each series, and how often its event happened.
COUNTS = {
    ("web", "page"): 5,
    ("web", "early"): 1,
    ("web", "signup"): 2,
    ("web", "unsaid"): 0,
    ("web", "long"): 25,
    ("web", "repeated"): 1,
    ("web", "left"): 45,
    ("web", "quiet"): 1,
    ("blog post", "viewed"): 1,
}


# Where the views were, in their order.
PLACES = ["/shop.html?from=mail", "/shop.html?step=2", "/shop.html?from=mail", "/example.html", "/example.html?step=2"]


def main(weir, node_modules, chromium):
    with tempfile.TemporaryDirectory() as directory, Pages() as pages:
        options = ["--allowed-origins", pages.address, "--snippet-path", "/js/t.js"]
        with Server(weir, directory, *options) as server:
            key = server.key("web")
            pages.values = {"weir": server.address, "key": key}
            assert visit(directory, node_modules, chromium, pages, server, key) == SEEN
            check(server)
    print(f"{len(COUNTS)} series of a browser passed, 0 failed")


def visit(directory, node_modules, chromium, pages, server, key):
    # Node looks for packages above the program's own place.
    program = shutil.copy(HERE / "visit.mjs", directory)
    pathlib.Path(f"{directory}/node_modules").symlink_to(pathlib.Path(node_modules).resolve())
    arguments = [chromium, f"{directory}/profile", pages.address, server.address, key, server.token()]
    done = subprocess.run(["node", program, *arguments], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(server):
    # Nobody waits for a beacon's answer, and what comes twice has come by then.
    time.sleep(2)
    counts = {series: server.count(*series) for series in COUNTS}
    assert counts == COUNTS, counts
    views = sorted(server.events("web", "page"), key=lambda event: event["timestamp"])
    places = [view["properties"]["path"] + view["properties"]["search"] for view in views]
    assert places == PLACES, places
    assert all(view["actor"] == "ada" and view["properties"]["title"] == "Shop" for view in views[:3]), views
    assert views[1]["properties"]["referrer"].endswith(PLACES[0]), views[1]
    # Who is not named is told apart by the load of the page, and no further.
    assert views[3]["actor"] == views[4]["actor"] != "ada", views
    values = [(event["value"], event["properties"]["plan"]) for event in server.events("web", "signup")]
    assert values == [(3, "pro")] * 2, values
    assert server.events("web", "early")[0]["value"] == 2
    left = sorted(event["properties"]["n"] for event in server.events("web", "left"))
    assert left == list(range(45)), left
    assert server.rejected() == [], server.rejected()


class Pages:
    """Serves `pages/` on a port of its own, which makes it another origin."""

    def __init__(self):
        self.values = {}
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = pages.text(pathlib.Path(self.path.split("?")[0]).name)
                self.send_response(200 if text else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def text(self, name):
        """A page with the address and the key filled in; nothing if there is none."""
        if name == "example.html":
            text = EXAMPLE.read_text().replace("http://127.0.0.1:8080/weir.js", "{{weir}}/js/t.js")
            text = text.replace("WRITE KEY", "{{key}}")
        else:
            file = HERE / "pages" / name
            text = file.read_text() if file.is_file() else ""
        for field, value in self.values.items():
            text = text.replace("{{" + field + "}}", value)
        return text

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
