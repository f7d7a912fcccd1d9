"""What is asked of both places, chapter by chapter. Each call's answer goes into the record under a label."""

import base64
import concurrent.futures
import gzip
import itertools
import json
import urllib.parse

import events
from asking import FORM, JSON
from compare import same
from data_sets import DataSets
from doors import Doors
from places import REVOKED_SECONDS, until

# What is not UTF-8 goes as lines: API Gateway hands JSON to a function as text, which spoils it (docs/API.md, "Bodies on
# AWS").
NDJSON = {"content-type": "application/x-ndjson"}
GZIP = {"content-encoding": "gzip"}

GRANULARITIES = ["none", "minute", "hour", "day", "week", "month", "year"]
AGGREGATIONS = ["avg", "max", "min", "sum", "count", "first", "last", "stddev"]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu"]

# The schedule runs every minute, and a debug build takes its time.
COMPACTED_SECONDS = 150


class Sequence(Doors, DataSets):
    """The sequence at one place."""

    def run(self):
        """Gives the record, also when the sequence broke off: what was answered until then tells why."""
        try:
            self.play()
        except Exception as error:
            self.record.broken = error
        return self.record

    def play(self):
        for chapter in (
            self.discovery,
            self.tokens_issued,
            self.tracking,
            self.bad_input,
            self.repeats,
            self.ids,
            self.many,
            self.names,
            self.aggregates,
            self.compaction,
            self.raw,
            self.catalogue,
            self.time_of_receipt,
            self.write_keys,
            self.focuslab,
            self.alooma,
            self.segment,
            self.pages_of_others,
            self.rejected,
            self.records_stored,
            self.records_asked_for,
            self.records_changed,
            self.key_rotation,
            self.revocation,
            self.keys_revoked,
        ):
            self.chapter = chapter.__name__.replace("_", " ")
            chapter()

    # The chapters.

    def discovery(self):
        self.ask("health", "GET", "/healthz")
        self.ask("description", "GET", "/openapi.json")
        self.ask("metadata", "GET", "/.well-known/oauth-authorization-server")
        for path in ["/nope", "/api", "/api/nope", "/api/events/", "/api/events/one", "/api/track/x", "/o/nope/"]:
            self.ask(f"unknown {path}", "GET", path)
        for method, path in [
            ("GET", "/api/track/"),
            ("PUT", "/api/track"),
            ("POST", "/api/events"),
            ("DELETE", "/api/namespaces"),
            ("GET", "/o/token/"),
            ("POST", "/healthz"),
            ("HEAD", "/healthz"),
        ]:
            self.ask(f"{method} {path}", method, path)

    def tokens_issued(self):
        name, secret = self.writer
        self.record.add(self.chapter, "by HTTP Basic", self.token(self.writer))
        self.record.add(self.chapter, "fewer scopes", self.token(self.reader, scope="read"))
        self.record.add(self.chapter, "a scope of others", self.token(self.reader, scope="read write"))
        self.record.add(self.chapter, "a wrong secret", self.token((name, "wrong")))
        self.record.add(self.chapter, "nobody", self.token(("nobody", secret)))
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
        for path in ("/o/token/", "/o/token"):
            self.ask(f"by form at {path}", "POST", path, FORM, urllib.parse.urlencode(form))
        self.ask("another grant", "POST", "/o/token/", FORM, urllib.parse.urlencode(form | {"grant_type": "password"}))
        self.ask("no form", "POST", "/o/token/", JSON, b"{}")
        good = {"token": self.bearer("read")["authorization"].split()[1], "client_id": name, "client_secret": secret}
        self.ask("introspection", "POST", "/o/introspect/", FORM, urllib.parse.urlencode(good))
        bad = good | {"token": "nonsense"}
        self.ask("introspection of nonsense", "POST", "/o/introspect/", FORM, urllib.parse.urlencode(bad))

    def tracking(self):
        one = events.event("Shop", "order", 0, 60, 12.5, actor="anna", properties={"lines": [1, 2], "note": "☃"})
        self.track("one event", one)
        self.ask(
            "without a final slash",
            "POST",
            "/api/track",
            self.bearer("write") | JSON,
            json.dumps(events.event("Shop", "order", 0, 61, 1)),
        )
        self.track("a list", [events.event("Shop", "order", 0, 62 + i, i) for i in range(3)])
        self.track("an object of events", {"events": [events.event("Shop", "order", 1, i, i) for i in range(3)]})
        self.track("lines", events.lines(events.visits()), NDJSON)
        form = urllib.parse.urlencode(
            {"namespace": "Shop", "name": "order", "value": "7", "timestamp": events.time(1, 9)}
        )
        self.track("a form", form.encode(), FORM)
        zipped = gzip.compress(events.lines(events.event("Shop", "order", 1, 20 + i, i) for i in range(5)))
        self.track("gzip", zipped, NDJSON | GZIP)

    def bad_input(self):
        good = events.event("Bad", "x", 0, 0, 1)
        self.track("no namespace", {"name": "x", "value": 1})
        self.track("several bad of a list", [good, good | {"value": "many"}, good | {"name": ""}])
        self.track("no JSON", b"{")
        self.track("no gzip", b"{}", JSON | GZIP)
        self.track("no UTF-8", b'{"namespace": "\xff"}', NDJSON)
        self.track("an unknown type", b"<x/>", {"content-type": "application/xml"})
        self.track("nothing", b"")
        # Packed, because one machine answers without reading a body that is too large as sent, and closes.
        self.track("too large", gzip.compress(b"x" * (33 << 20)), NDJSON | GZIP)
        self.track("too many", [good] * 10_001)
        self.ask("no token", "POST", "/api/track/", JSON, json.dumps(good))
        self.ask("a bad token", "POST", "/api/track/", JSON | {"authorization": "Bearer abc"}, json.dumps(good))
        self.ask("the wrong scope to write", "POST", "/api/track/", JSON | self.bearer("read"), json.dumps(good))
        self.ask("the wrong scope to count", "GET", "/api/events/Bad/x", self.bearer("write"))
        self.ask("the wrong scope to read", "GET", "/api/raw/Bad/x", self.bearer("write"))
        self.get("nothing of it stored", "/api/events/Bad/x", aggregationType="count")
        self.get("a bad granularity", "/api/events/Bad/x", granularity="fortnight")
        self.get("an unknown parameter", "/api/events/Bad/x", form="json")
        self.get("a bad zone", "/api/events/Bad/x", tz="Mars/Olympus")

    def repeats(self):
        key = JSON | {"idempotency-key": "order-17"}
        one = events.event("Repeats", "one", 0, 0, 5)
        first = self.track("with a key", one, key)
        again = self.track("again", one, key)
        self.record.note(self.chapter, "the same answer", first.body == again.body)
        self.track("another body", one | {"value": 6}, key)
        several = [events.event("Repeats", "several", day, 0, day) for day in range(5)]
        for label in ("several days with a key", "several days again"):
            self.track(label, several, JSON | {"idempotency-key": "order-18"})
        for label in ("a large request with a key", "a large request again"):
            self.track(label, events.scattered(), JSON | {"idempotency-key": "order-19"})
        for name in ("one", "several"):
            self.get(
                f"counted once: {name}", f"/api/events/Repeats/{name}", granularity="year", aggregationType="count"
            )
        self.get(
            "counted once: scattered", "/api/events/Scattered/series-7", granularity="year", aggregationType="count"
        )

    def ids(self):
        with_id = [events.event("Ids", "x", 0, i, i, id=f"id-{i}") for i in range(4)]
        self.track("new ids", with_id[:3])
        self.track("two of them again, and one new", with_id[1:])
        self.track("twice in a request", [with_id[0] | {"id": "twin"}] * 2)
        self.track("one event again", with_id[0])
        self.get("counted once", "/api/events/Ids/x", granularity="day", aggregationType="count")

    def many(self):
        self.track("a busy hour", events.busy())
        singles = [events.event("Busy", "singles", 0, i, i) for i in range(80)]
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            statuses = sorted(answer.status for answer in threads.map(self.post, singles))
        self.record.note(self.chapter, "80 requests from 8 clients", statuses)
        for name in ("hour", "singles"):
            self.get(f"all counted: {name}", f"/api/events/Busy/{name}", granularity="day", aggregationType="count")

    def names(self):
        """The emulator's API Gateway decodes a path as AWS's does, but for two signs: AWS's also spoils `?` and `%`
        (docs/API.md, "Names in paths on AWS"), so that those two are alike here says nothing about AWS."""
        for index, name in enumerate(events.NAMES):
            self.track(f"event of {name}", events.event("Näme & Co?", name, 0, index, index))
        for name in events.NAMES:
            path = "/".join(urllib.parse.quote(part, safe="") for part in ("Näme & Co?", name))
            self.get(f"as a parameter: {name}", "/api/events", namespace="Näme & Co?", name=name)
            if "/" in name:
                answer = self.place.call("GET", f"/api/events/{path}", self.bearer("read"))
                self.record.note(self.chapter, "a slash in a name", answer.status == self.place.encoded_slash)
                continue
            self.get(f"in the path: {name}", f"/api/events/{path}")
            self.get(f"raw, in the path: {name}", f"/api/raw/{path}")

    def aggregates(self):
        for granularity, aggregation, zone in itertools.product(GRANULARITIES, AGGREGATIONS, ZONES):
            label = f"{granularity} {aggregation} {zone}"
            self.get(label, "/api/events/Shop/visit", granularity=granularity, aggregationType=aggregation, tz=zone)
        window = {"tsMin": events.time(0, 40_000), "tsMax": events.time(2, 7_777)}
        for granularity in GRANULARITIES:
            self.get(f"{granularity} of a window", "/api/events/Shop/visit", granularity=granularity, **window)
            self.get(
                f"{granularity} of a busy hour", "/api/events/Busy/hour", granularity=granularity, limit=500, **window
            )
        self.get("filled", "/api/events/Shop/visit", granularity="hour", fill="zero", aggregationType="sum", **window)
        for format in ("csv", "ndjson"):
            self.get(f"as {format}", "/api/events/Shop/visit", granularity="day", format=format)
        self.pages("in pages", "/api/events/Shop/visit", granularity="none", limit=9)
        self.get("an unknown series", "/api/events/Shop/never")

    def compaction(self):
        # The busy hours lie in two days, and are enough for each to be folded in.
        seconds = until("two compacted days", COMPACTED_SECONDS, lambda: self.verified()["days"] >= 2)
        self.place.compacted_seconds = seconds
        verified = self.verified()
        self.record.note(self.chapter, "differences found by verify", verified["differences"])
        # The same questions again, now answered from manifests and chunks.
        before = {label: answer for (chapter, label), answer in self.record.answers.items() if chapter == "aggregates"}
        self.aggregates()
        after = {label: answer for (chapter, label), answer in self.record.answers.items() if chapter == self.chapter}
        changed = [label for label, answer in before.items() if not same(label, answer, after[label])]
        assert not changed, f"{self.place.title}: compaction changed the answers to {changed}"

    def verified(self):
        return json.loads(self.place.run("verify", "--json"))

    def raw(self):
        for order in ("oldest", "newest"):
            self.pages(order, "/api/raw/Shop/visit", order=order, limit=15, format="json")
        self.get("as lines", "/api/raw/Shop/order", format="ndjson")
        self.get("of an actor", "/api/raw/Shop/order", actor="anna", format="json")
        self.get("by a property", "/api/raw/Shop/order", **{"property.note": "☃", "format": "json"})
        self.get("by an id", "/api/raw/Ids/x", id="id-2", format="json")
        self.get("of a compacted hour", "/api/raw/Busy/hour", tsMax=events.time(0, 3_000), format="json")

    def catalogue(self):
        self.get("namespaces", "/api/namespaces")
        self.pages("namespaces in pages", "/api/namespaces", limit=3)
        for namespace in ("Shop", "Busy", "Repeats", "Ids", "Näme & Co?"):
            self.get(f"names of {namespace}", f"/api/namespaces/{urllib.parse.quote(namespace, safe='')}")
        self.get("names of nothing", "/api/namespaces/Nothing")

    def time_of_receipt(self):
        """Last of what is stored, because no two places receive at the same time."""
        self.track("without a time", {"namespace": "Now", "name": "here", "value": 1}, drawn=["timestamp"])
        self.ask("read back", "GET", "/api/events/Now/here", self.bearer("read"), drawn=["aggregatedTimestamp"])

    def key_rotation(self):
        old = self.bearer("read")
        self.place.run("signing-key", "rotate")
        self.place.renew_token_function()
        self.ask("the old token", "GET", "/api/events/Ids/x", old)
        answer = self.token(self.reader)
        new = {"authorization": f"Bearer {answer.json()['access_token']}"}
        keys = [header(token)["kid"] for token in (old, new)]
        self.record.note(self.chapter, "signed by another key", keys[0] != keys[1])
        until("the new token is accepted", REVOKED_SECONDS, lambda: self.status(new) == 200)
        self.ask("the new token", "GET", "/api/events/Ids/x", new)
        self.ask("the old token afterwards", "GET", "/api/events/Ids/x", old)

    def revocation(self):
        name, secret = self.writer
        spare = self.place.client("SPARE", "aggregation")
        revoked = self.token(self.reader).json()["access_token"]
        of_client = self.token(spare).json()["access_token"]
        form = {"token": revoked, "client_id": self.reader[0], "client_secret": self.reader[1]}
        self.ask("a token", "POST", "/o/revoke_token/", FORM, urllib.parse.urlencode(form))
        self.place.run("client", "revoke", spare[0])
        for label, token in [("of a token", revoked), ("of a client", of_client)]:
            bearer = {"authorization": f"Bearer {token}"}
            until(f"revocation {label}", REVOKED_SECONDS, lambda bearer=bearer: self.status(bearer) == 401)
            self.ask(f"refused: {label}", "GET", "/api/events/Ids/x", bearer)
        self.record.add(self.chapter, "no new token", self.token(spare))
        form = {"token": revoked, "client_id": name, "client_secret": secret}
        self.ask("introspection", "POST", "/o/introspect/", FORM, urllib.parse.urlencode(form))
        self.get("others go on", "/api/events/Ids/x")


def header(bearer):
    """The head of a token, which names its key."""
    head = bearer["authorization"].split()[1].split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
