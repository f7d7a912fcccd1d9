"""Runs two taps on a stand-in for Pendo and compares what they say."""

import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "third-parties"))

from third_parties import ThirdParties  # noqa: E402

PUBLISHED = [sys.executable, pathlib.Path(__file__).with_name("publishedtap.py")]

# How records are told from each other where Weir's keys are not enough: not at all.
NO_KEY = ()


@dataclasses.dataclass
class Difference:
    """In one record of a stream, or in a place of a document."""

    stream: str
    # "missing": only the published tap tells it; "more": only Weir does; "value": both do, with other values.
    kind: str
    field: str
    old: object
    new: object
    record: object = None


class Lab:
    """What is run, where, and which of the listed differences have been seen."""

    def __init__(self, weir, program, directory):
        self.weir, self.program, self.directory = pathlib.Path(weir).resolve(), program, directory
        self.listed, self.seen, self.compared = listed(), set(), 0

    @contextlib.contextmanager
    def pendo(self, fixture):
        """A stand-in with what the fixture holds, and the taps on it."""
        file = self.directory / "fixture.json"
        file.write_text(json.dumps(fixture.document()))
        with ThirdParties(self.program, "--pendo", str(file)) as others:
            yield Taps(self, others, fixture)

    def show(self, id):
        """Notes that a listed difference was seen."""
        assert id in self.listed, f"docs/PENDO.md lists no difference {id!r}"
        self.seen.add(id)

    def explain(self, what, differences, **known):
        """Fails if a difference is not known, or a known one is not there. Known are predicates by id, with _ for -."""
        rules = {id.replace("_", "-"): rule for id, rule in known.items()}
        unknown, met = [], set()
        for difference in differences:
            of = [id for id, rule in rules.items() if rule(difference)]
            met.update(of)
            unknown += [] if of else [difference]
        assert not unknown, f"{what}: {len(unknown)} differences are not listed, like {unknown[:5]}"
        assert met == set(rules), f"{what}: not seen any more: {sorted(set(rules) - met)}"
        for id in met:
            self.show(id)

    def has_seen_all_that_is_listed(self):
        unseen = sorted(self.listed - self.seen)
        assert not unseen, f"docs/PENDO.md lists differences that were not seen: {unseen}"


def listed():
    """The ids of the differences in the table of docs/PENDO.md."""
    text = (ROOT / "docs" / "PENDO.md").read_text()
    ids = re.findall(r"^\| `([a-z][a-z-]+)` \|", text.split("\n## Differences")[1].split("\n## ")[0], re.MULTILINE)
    assert ids and len(ids) == len(set(ids)), ids
    return set(ids)


class Taps:
    """The two taps on one stand-in."""

    def __init__(self, lab, others, fixture):
        self.lab, self.others, self.fixture = lab, others, fixture
        self.environment = os.environ | {"PENDO_BASE_URL": others.urls["pendo"], "WEIR_BACKOFF_BASE_MS": "1"}

    def old(self, *arguments, **files):
        return self.run(PUBLISHED, *arguments, **files)

    def new(self, *arguments, **files):
        return self.run([self.lab.weir, "tap", "pendo"], *arguments, **files)

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

    def both(self, config=None, catalog=None, states=(None, None), only=None):
        """Runs of the published tap and of Weir with one catalog: the published tap's, if nothing else is said."""
        catalog = catalog or selected(self.old("--discover", config=config).succeeded().catalog, only)
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


def differences(lab, old, new):
    """How the records of two runs differ, by stream and by Weir's keys."""
    found = []
    for stream in sorted({*old.records, *new.records}):
        keys = tuple(new.schemas.get(stream, old.schemas.get(stream))["key_properties"]) or NO_KEY
        groups = [grouped(run.records[stream], keys) for run in (old, new)]
        for key in {*groups[0], *groups[1]}:
            before, after = (group.get(key, []) for group in groups)
            lab.compared += sum(left == right for left, right in zip(before, after, strict=False))
            for left, right in zip(before, after, strict=False):
                found += [Difference(stream, "value", *each, record=right) for each in unequal(left, right)]
            found += [Difference(stream, "missing", "", left, None, left) for left in before[len(after) :]]
            found += [Difference(stream, "more", "", None, right, right) for right in after[len(before) :]]
    return found


def grouped(records, keys):
    groups = collections.defaultdict(list)
    for record in records:
        groups[json.dumps([record.get(key) for key in keys])].append(record)
    return {key: sorted(group, key=lambda record: json.dumps(record, sort_keys=True)) for key, group in groups.items()}


MISSING = "(missing)"


def unequal(old, new, path=""):
    """The places in which two documents differ: (path, old, new). Numbers are equal by their value."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from unequal(old.get(key, MISSING), new.get(key, MISSING), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for n, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from unequal(left, right, f"{path}[{n}]")
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, old, new
