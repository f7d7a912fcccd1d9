"""Has Singer's own programs take what `weir tap` prints: singer-check-tap looks for what the specification forbids, and
target-jsonl and target-json load the records into files.

Usage: singer.py PATH-TO-WEIR PATH-TO-THIRD-PARTIES PATH-TO-TARGET-JSON, by the Python of an environment with
requirements-singer.txt
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "third-parties"))

from third_parties import ThirdParties  # noqa: E402

PROGRAMS = pathlib.Path(sys.executable).parent
HOURS = 48

QUERIES = {
    "pingdom": [
        {"entrypoint": "backdrop.collector.pingdom", "query": {"name": "govuk"}, "options": {"dataType": "uptime"}},
        {"entrypoint": "pingdom", "query": {"name": "govuk licensing"}, "options": {"dataType": "licensing"}},
    ],
    "ga": [
        {
            "entrypoint": "backdrop.collector.ga",
            "query": {
                "id": "ga:123",
                "metrics": ["visits", "avgSessionDuration"],
                "dimensions": ["country", "deviceCategory"],
                "frequency": "daily",
            },
            "options": {"property": "456", "dataType": "visits"},
        }
    ],
}
VENDOR = {"pingdom": "pingdom", "ga": "google", "pendo": "pendo"}


def main(weir, program, target_json):
    # Histories of visitors go back 180 days by this machine's clock.
    pendo = ("--pendo", "awkward", "--pendo-now", str(int(time.time() * 1000)))
    with ThirdParties(program, *pendo) as others, tempfile.TemporaryDirectory() as directory:
        checks_itself()
        taps = [Tap(weir, source, others, pathlib.Path(directory) / source) for source in QUERIES]
        pendo = PendoTap(weir, "pendo", others, pathlib.Path(directory) / "pendo")
        for tap in (*taps, pendo):
            tap.is_accepted()
            tap.is_loaded()
            tap.goes_on()
            tap.fails_aloud()
        pendo.goes_through_a_pipeline(pathlib.Path(target_json).resolve())
    print("singer: what `weir tap` prints is accepted and loaded")


class Tap:
    """A tap with its configuration."""

    def __init__(self, weir, source, others, directory):
        directory.mkdir()
        self.source, self.others, self.directory = source, others, directory
        self.config = directory / "config.json"
        start = "2026-01-01T00:00:00Z"
        self.config.write_text(json.dumps(self.configuration() | {"start_date": start}))
        self.command = [pathlib.Path(weir).resolve(), "tap", source]
        own = {"pingdom": "WEIR_PINGDOM_URL", "ga": "WEIR_GOOGLE_URL", "pendo": "PENDO_BASE_URL"}[source]
        self.environment = os.environ | {own: others.urls[VENDOR[source]], "WEIR_BACKOFF_BASE_MS": "1"}

    def configuration(self):
        return {"queries": QUERIES[self.source], "credentials": self.others.credentials(VENDOR[self.source])}

    def run(self, *arguments):
        """Runs the tap; gives its messages."""
        done = self.start(*arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *arguments):
        command = [*self.command, "--config", self.config, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)

    def is_accepted(self):
        """By its input: with --tap it does not wait for what it reads from a tap that has ended."""
        done = check(self.start().stdout)
        assert done.returncode == 0 and "The output is valid" in done.stdout, done.stdout + done.stderr
        print(done.stdout)

    def is_loaded(self):
        """Every record is in the file of its stream, with a catalog as without."""
        catalog = self.start("--discover")
        assert catalog.returncode == 0, catalog.stderr
        names = [stream["tap_stream_id"] for stream in json.loads(catalog.stdout)["streams"]]
        assert sorted(names) == sorted(query["options"]["dataType"] for query in QUERIES[self.source]), names
        (self.directory / "catalog.json").write_text(catalog.stdout)
        messages = self.run("--catalog", self.directory / "catalog.json")
        loaded = self.load(messages)
        for name in names:
            told = [message["record"] for message in messages if message["type"] == "RECORD" and message["stream"] == name]
            assert told and loaded[name] == told, (name, len(told), len(loaded.get(name, ())))
            assert len({record["_id"] for record in told}) == len(told), f"{name} tells an id twice"
            if self.source == "pingdom":
                assert len(told) >= HOURS, (name, len(told))

    def load(self, messages):
        """What target-jsonl writes, by stream."""
        files = self.directory / "loaded"
        files.mkdir(exist_ok=True)
        target = self.directory / "target.json"
        target.write_text(json.dumps({"destination_path": str(files), "do_timestamp_file": False}))
        lines = "".join(json.dumps(message) + "\n" for message in messages)
        done = subprocess.run([PROGRAMS / "target-jsonl", "-c", target], input=lines, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        states = [message["value"] for message in messages if message["type"] == "STATE"]
        assert json.loads(done.stdout.splitlines()[-1]) == states[-1], "the target gives another state back"
        return {file.stem: [json.loads(line) for line in file.read_text().splitlines()] for file in files.iterdir()}

    def goes_on(self):
        """From its last state it tells only what is new since, and at least that it has looked."""
        state = [message["value"] for message in self.run() if message["type"] == "STATE"][-1]
        (self.directory / "state.json").write_text(json.dumps(state))
        arguments = ("--state", self.directory / "state.json")
        assert check(self.start(*arguments).stdout).returncode == 0
        messages = self.run(*arguments)
        again = sum(message["type"] == "RECORD" for message in messages)
        # Each check's newest hour is read again, and another hour may have begun.
        assert again <= 2 * len(QUERIES[self.source]), again

    def fails_aloud(self):
        """What cannot be read is an error on standard error, without secrets, and no message on standard output."""
        # Where data is asked for: credentials that are refused are read again once.
        at = {"pingdom": "summary", "ga": "runReport"}[self.source]
        self.others.fail(VENDOR[self.source], {"at": at, "times": 1, "failure": {"status": {"status": 403, "body": "{}"}}})
        done = self.start()
        assert done.returncode != 0 and done.stderr.strip(), done
        told = done.stdout + done.stderr
        secrets = self.others.credentials(VENDOR[self.source])
        assert not any(secret in told for secret in (secrets.get("token"), secrets.get("private_key")) if secret), told
        assert all("type" in json.loads(line) for line in done.stdout.splitlines()), done.stdout


class PendoTap(Tap):
    """The tap whose streams and configuration are those of tap-pendo."""

    KEYS = {"features": ["id"], "visitors": ["visitor_id"], "events": ["visitor_id", "user_agent", "day"]}

    def configuration(self):
        return self.others.credentials("pendo") | {"period": "dayRange", "include_anonymous_visitors": "true"}

    def start(self, *arguments):
        """With a catalog, as tap-pendo needs one."""
        if not {"--catalog", "--discover"} & set(arguments):
            arguments = (*arguments, "--catalog", self.catalog())
        return super().start(*arguments)

    def catalog(self):
        """What it discovers, all of it selected."""
        file = self.directory / "catalog.json"
        if not file.exists():
            done = super().start("--discover")
            assert done.returncode == 0, done.stderr
            catalog = json.loads(done.stdout)
            for stream in catalog["streams"]:
                next(each["metadata"] for each in stream["metadata"] if not each["breadcrumb"])["selected"] = True
            file.write_text(json.dumps(catalog))
        return file

    def is_loaded(self):
        """Every record of every stream is in the file of its stream."""
        messages = self.run()
        loaded = self.load(messages)
        names = [stream["tap_stream_id"] for stream in json.loads(self.catalog().read_text())["streams"]]
        assert len(names) == 16, names
        for name in names:
            told = [message["record"] for message in messages if message["type"] == "RECORD" and message["stream"] == name]
            assert told and loaded[name] == told, (name, len(told), len(loaded.get(name, ())))
            keys = [json.dumps([record[key] for key in self.KEYS[name]]) for record in told if name in self.KEYS]
            assert len(set(keys)) == len(keys), f"{name} tells a key twice"

    def goes_on(self):
        first = self.run()
        state = [message["value"] for message in first if message["type"] == "STATE"][-1]
        (self.directory / "state.json").write_text(json.dumps(state))
        arguments = ("--state", self.directory / "state.json")
        assert check(self.start(*arguments).stdout).returncode == 0
        again, before = (sum(message["type"] == "RECORD" for message in run) for run in (self.run(*arguments), first))
        assert 0 < again < before / 2, (again, before)

    def fails_aloud(self):
        """For good at one place, and by a key that is not let in."""
        refused = {"status": {"status": 403, "body": "{}"}}
        self.others.fail("pendo", {"at": "aggregation/events", "times": 1, "failure": refused})
        done = self.start()
        self.others.heal("pendo")
        assert done.returncode != 0 and "403" in done.stderr, done
        assert self.others.credentials("pendo")["x_pendo_integration_key"] not in done.stdout + done.stderr
        assert all("type" in json.loads(line) for line in done.stdout.splitlines()), done.stdout

    def goes_through_a_pipeline(self, target_json):
        """As tap-pendo's page has it, with Weir under its name."""
        link = self.directory / "tap-pendo"
        link.symlink_to(self.command[0])
        tap = f"{link} --config {self.config} --catalog {self.catalog()}"
        state, runs = self.directory / "last.json", []
        for more in ("", f"--state {state}"):
            # It writes its files where it is.
            files = self.directory / f"loaded-{len(runs)}"
            files.mkdir()
            pipeline = f"{tap} {more} | {target_json} > {self.directory}/states && tail -1 {self.directory}/states > {state}"
            done = subprocess.run(["bash", "-o", "pipefail", "-c", pipeline], cwd=files, env=self.environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr[-3000:]
            assert "INFO METRIC: {" in done.stderr, done.stderr
            assert "bookmarks" in json.loads(state.read_text())
            runs.append(sum(len(documents(file.read_text())) for file in files.iterdir()))
        told = sum(message["type"] == "RECORD" for message in self.run())
        assert runs[0] == told and 0 < runs[1] < told / 2, (runs, told)


def documents(text):
    """JSON documents of which each begins where the last one ends."""
    found, place, decoder = [], 0, json.JSONDecoder()
    while place < len(text):
        document, place = decoder.raw_decode(text, place)
        found.append(document)
    return found


def checks_itself():
    """Whether singer-check-tap finds anything at all: a record that its schema forbids."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    lines = [
        {"type": "SCHEMA", "stream": "s", "schema": schema, "key_properties": []},
        {"type": "RECORD", "stream": "s", "record": {"n": "text"}},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert check(text).returncode != 0, "singer-check-tap accepts everything"


def check(text):
    # It leaves a directory where it runs.
    with tempfile.TemporaryDirectory() as place:
        return subprocess.run([PROGRAMS / "singer-check-tap"], input=text, cwd=place, capture_output=True, text=True, timeout=300)


if __name__ == "__main__":
    main(*sys.argv[1:])
