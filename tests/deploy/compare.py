"""Compares what two places answered, and says what of an answer may differ."""

import csv
import io
import json
import re

# An id that the request did not bring: writer, request and index.
GENERATED_ID = re.compile(r"[0-9a-f]{24}\.\d+\.\d+")
# A cursor names a place by such an id.
CURSOR = re.compile(r"cursor=[\w-]+")
# Members of an answer that are drawn anew, or tell the time of the answer.
DRAWN = {"access_token", "jti", "exp", "iat"}
# Headers that are part of the answer. The others are the server's own: its date, its request id, how it keeps
# connections.
HEADERS = (
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-encoding",
    "content-type",
    "etag",
    "link",
    "location",
    "retry-after",
    "vary",
    "www-authenticate",
)
# A deviation is the root of a sum that is made in the order in which blocks were merged.
ROUNDED = "stddev"
RELATIVE = 1e-12


def comparable(answer, aliases, drawn=()):
    """An answer without what may differ. `drawn` are further members that may."""
    headers = {name: settled(answer.headers[name], aliases) for name in HEADERS if name in answer.headers}
    if drawn and "etag" in headers:
        headers["etag"] = "*"  # it is made of the body
    if not answer.body:
        headers.pop("content-type", None)  # API Gateway gives one even to nothing
    return answer.status, headers, body_of(answer, aliases, DRAWN | set(drawn))


def body_of(answer, aliases, drawn):
    if answer.headers.get("content-type", "").startswith("image/"):
        return answer.body.hex()
    text = answer.body.decode()
    if "csv" in answer.headers.get("content-type", ""):
        return [member(row, aliases, drawn) for row in csv.DictReader(io.StringIO(text))]
    if "json" not in answer.headers.get("content-type", "") or not text:
        return settled(text, aliases)
    if "ndjson" in answer.headers["content-type"]:
        return [member(json.loads(line), aliases, drawn) for line in text.splitlines()]
    return member(json.loads(text), aliases, drawn)


def member(value, aliases, drawn):
    if isinstance(value, dict):
        return {key: "*" if key in drawn else member(inner, aliases, drawn) for key, inner in value.items()}
    if isinstance(value, list):
        return [member(inner, aliases, drawn) for inner in value]
    return settled(value, aliases) if isinstance(value, str) else value


def settled(text, aliases):
    for own, alias in aliases.items():
        text = text.replace(own, alias)
    return CURSOR.sub("cursor=*", GENERATED_ID.sub("ID", text))


def same(label, one, other):
    """Whether two comparable answers are the same; of a deviation, up to rounding."""
    if ROUNDED not in label:
        return one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) or near(one, other)


def near(one, other):
    if isinstance(one, float) or isinstance(other, float):
        return abs(one - other) <= RELATIVE * max(abs(one), abs(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(near(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(near, one, other))
    return one == other


class Record:
    """What one place answered, in order, each under a chapter and a label."""

    def __init__(self, place):
        self.place = place
        self.answers = {}
        self.broken = None

    def add(self, chapter, label, answer, drawn=()):
        key = (chapter, label)
        assert key not in self.answers, key
        self.answers[key] = comparable(answer, self.place.aliases, drawn)
        return answer

    def note(self, chapter, label, fact):
        """Something that was found out by several calls."""
        assert (chapter, label) not in self.answers, label
        self.answers[chapter, label] = fact


def differences(one, other):
    """The labels under which two records differ, with both answers; as far as both go, when one has broken off."""
    keys = one.answers | other.answers
    if one.broken or other.broken:
        keys = [key for key in keys if key in one.answers and key in other.answers]
    found = []
    for key in keys:
        left, right = one.answers.get(key, "nothing"), other.answers.get(key, "nothing")
        if not same(key[1], left, right):
            found.append((key, left, right))
    return found


def apart(one, other, where=""):
    """Where two answers differ, and what stands there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys(), key=str):
            yield from apart(one.get(key, "nothing"), other.get(key, "nothing"), f"{where}.{key}")
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other)):
            yield from apart(left, right, f"{where}[{index}]")
    elif one != other:
        yield where, one, other
