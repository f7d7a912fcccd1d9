"""Compares what two taps say of one Pendo, and holds the differences against those that docs/PENDO.md lists."""

import collections
import contextlib
import dataclasses
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[3]
sys.path.append(str(ROOT / "tests" / "third-parties"))

from runs import Taps  # noqa: E402
from third_parties import ThirdParties  # noqa: E402

# How records are told from each other where Weir's keys are not enough: not at all.
NO_KEY = ()


@dataclasses.dataclass
class Difference:
    """In one record of a stream, or in a place of a document."""

    stream: str
    # "missing": only the published tap tells it; "more": only Weir does; "value": both do, with other values; "key": Weir
    # says of a key that it is null, and the published tap nothing.
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
            if difference.kind == "key":
                self.show("missing-keys")
                continue
            of = [id for id, rule in rules.items() if rule(difference)]
            met.update(of)
            unknown += [] if of else [difference]
        assert not unknown, f"{what}: {len(unknown)} differences are not listed, like {unknown[:5]}"
        assert met == set(rules), f"{what}: not seen any more: {sorted(set(rules) - met)}"
        for id in met:
            self.show(id)

    def compare(self, runs, **known):
        """Explains how the records of two runs that have succeeded differ."""
        old, new = (run.succeeded() for run in runs)
        self.explain("records", differences(self, old, new), **known)
        return old, new

    def has_seen_all_that_is_listed(self):
        unseen = sorted(self.listed - self.seen)
        assert not unseen, f"docs/PENDO.md lists differences that were not seen: {unseen}"


def listed():
    """The ids of the differences in the table of docs/PENDO.md."""
    text = (ROOT / "docs" / "PENDO.md").read_text()
    ids = re.findall(r"^\| `([a-z][a-z-]+)` \|", text.split("\n## Differences")[1].split("\n## ")[0], re.MULTILINE)
    assert ids and len(ids) == len(set(ids)), ids
    return set(ids)


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
                found += [value(stream, keys, each, right) for each in unequal(left, right)]
            found += [Difference(stream, "missing", "", left, None, left) for left in before[len(after) :]]
            found += [Difference(stream, "more", "", None, right, right) for right in after[len(before) :]]
    return found


def value(stream, keys, place, record):
    field, old, new = place
    kind = "key" if field in keys and (old, new) == (MISSING, None) else "value"
    return Difference(stream, kind, field, old, new, record)


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
