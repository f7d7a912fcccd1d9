"""Runs of two taps on one stand-in for Pendo, and what they have said."""

import collections
import json
import os
import pathlib
import subprocess
import sys

import jsonschema

PUBLISHED = [sys.executable, pathlib.Path(__file__).with_name("publishedtap.py")]


class Taps:
    """The two taps on one stand-in."""

    def __init__(self, lab, others, fixture):
        self.lab, self.others, self.fixture = lab, others, fixture
        self.discovered = {}
        self.environment = os.environ | {"PENDO_BASE_URL": others.urls["pendo"], "WEIR_BACKOFF_BASE_MS": "1"}

    def old(self, *arguments, **files):
        return self.run(PUBLISHED, *arguments, **files)

    def new(self, *arguments, **files):
        run = self.run([self.lab.weir, "tap", "pendo"], *arguments, **files)
        run.has_records_that_fit()
        return run

    def run(self, program, *flags, config=None, catalog=None, state=None):
        """Runs a tap with these documents as its files."""
        command = [*program, *flags]
        documents = {"config": self.fixture.config() if config is None else config, "catalog": catalog, "state": state}
        for name, document in documents.items():
            if document is not None:
                file = self.lab.directory / f"{name}.json"
                file.write_text(document if isinstance(document, str) else json.dumps(document))
                command += [f"--{name}", file]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        return Run(done, "--discover" in flags)

    def catalogs(self, config=None):
        """What each discovers, everything in it selected."""
        taps = (self.old, self.new)
        return [selected(tap("--discover", config=config).succeeded().catalog) for tap in taps]

    def catalog(self, only=None, config=None):
        """What the published tap discovers, with all its streams selected, or only some."""
        of = json.dumps(config)
        if of not in self.discovered:
            self.discovered[of] = self.old("--discover", config=config).succeeded().text
        return selected(json.loads(self.discovered[of]), only)

    def both(self, config=None, catalog=None, states=(None, None), only=None):
        """Runs of the published tap and of Weir with one catalog: the published tap's, if nothing else is said."""
        catalog = catalog or self.catalog(only)
        taps = zip((self.old, self.new), states, strict=True)
        return [tap(config=config, catalog=catalog, state=state) for tap, state in taps]

    def asked(self):
        """The requests so far: [path, body]."""
        return [(request["path"], request.get("body")) for request in self.others.requests("pendo")]

    def fail(self, at, failure, times=1, after=0):
        self.others.fail("pendo", {"at": at, "after": after, "times": times, "failure": failure})

    def heal(self):
        self.others.heal("pendo")

    def change(self, **change):
        self.others.change("pendo", change)


class Run:
    """What a tap has said."""

    def __init__(self, done, discovers):
        self.code, self.errors, self.text = done.returncode, done.stderr, done.stdout
        self.catalog = json.loads(done.stdout) if discovers and not done.returncode else None
        lines = [] if discovers else done.stdout.splitlines()
        self.messages = [json.loads(line) for line in lines]
        self.records, self.states, self.schemas = collections.defaultdict(list), [], {}
        for message in self.messages:
            match message["type"]:
                case "RECORD":
                    self.records[message["stream"]].append(message["record"])
                case "SCHEMA":
                    self.schemas[message["stream"]] = message
                case "STATE":
                    self.states.append(message["value"])

    def succeeded(self):
        assert self.code == 0, self.errors[-3000:]
        return self

    def has_records_that_fit(self):
        """Each record is what the last SCHEMA before it says."""
        validators = {}
        for message in self.messages:
            if message["type"] == "SCHEMA":
                validators[message["stream"]] = jsonschema.Draft4Validator(message["schema"])
            if message["type"] == "RECORD":
                validators[message["stream"]].validate(message["record"])

    def failed(self, *words):
        """Ends with exit status 1 and says these words on standard error."""
        assert self.code == 1, (self.code, self.errors[-3000:])
        missing = [word for word in words if word not in self.errors]
        assert not missing, (missing, self.errors[-3000:])
        return self

    def does_not_say(self, secret):
        assert secret not in self.errors + self.text, "a secret is shown"

    @property
    def state(self):
        return self.states[-1]

    def all(self):
        return [(stream, record) for stream, records in self.records.items() for record in records]

    def after(self, *earlier):
        """Itself with what earlier runs have told before."""
        whole = Run(subprocess.CompletedProcess([], 0, "", ""), False)
        for run in (*earlier, self):
            whole.schemas |= run.schemas
            whole.states += run.states
            for stream, records in run.records.items():
                whole.records[stream] += records
        return whole


def selected(catalog, only=None):
    """The catalog with all its streams selected, or only some."""
    for entry in catalog["streams"]:
        root = next(each["metadata"] for each in entry["metadata"] if not each["breadcrumb"])
        root["selected"] = only is None or entry["tap_stream_id"] in only
    return catalog
