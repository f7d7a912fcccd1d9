"""What is asked of data sets, by clients of Backdrop: records go in, and come out one by one or counted."""

import json
import urllib.parse

from asking import JSON, Asking

SET = "/data/licensing/journey"
# The token that a collector has had for years.
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
PAGE = {"origin": "https://shop.example"}
# Of records: when they were stored, and their id if they came without one.
STORED = ("_updated_at",)
MANY = 250

QUESTIONS = [
    {},
    {"limit": "2", "sort_by": "count:descending"},
    {"sort_by": "_timestamp:ascending", "start_at": "2026-03-02T00:00:00Z", "end_at": "2026-03-09T00:00:00Z"},
    {"start_at": "2026-03-02T00:00:00+00:00", "end_at": "2026-03-03T00:00:00Z", "inclusive": "true"},
    {"filter_by": "channel:web"},
    {"filter_by": "paid:true"},
    {"filter_by_prefix": "step:st"},
    {"group_by": "channel"},
    {"group_by": "channel", "collect": "count:sum"},
    {"group_by": "channel", "collect": "step"},
    {"group_by": "channel", "collect": "count:mean", "sort_by": "_count:descending", "limit": "1"},
    {"period": "day", "start_at": "2026-03-01T00:00:00Z", "end_at": "2026-03-11T00:00:00Z"},
    {"period": "hour", "duration": "5", "start_at": "2026-03-02T00:00:00Z"},
    {"period": "week", "duration": "3", "end_at": "2026-03-16T00:00:00Z", "group_by": "channel"},
    {"period": "week", "duration": "3", "end_at": "2026-03-16T00:00:00Z", "group_by": "channel", "flatten": "true"},
    {"period": "month", "duration": "2", "start_at": "2026-02-01T00:00:00Z", "collect": "count:sum"},
    {"period": "quarter", "duration": "1", "start_at": "2026-01-01T00:00:00Z"},
    {"period": "year", "duration": "1", "start_at": "2026-01-01T00:00:00Z", "group_by": "channel", "collect": "count:set"},
    {"group_by": "channel", "format": "csv"},
    {"format": "csv", "sort_by": "count:ascending", "limit": "3"},
]

REFUSED = [
    {"nonsense": "1"},
    {"start_at": "yesterday"},
    {"period": "fortnight", "duration": "1"},
    {"duration": "2"},
    {"period": "day"},
    {"period": "day", "duration": "0"},
    {"filter_by": "channel"},
    {"filter_by": "channel:web", "filter_by_prefix": "step:s"},
    {"group_by": "_internal"},
    {"sort_by": "count:sideways"},
    {"limit": "-1"},
    {"collect": "count:sum"},
    {"group_by": "channel", "collect": "count:median"},
    {"group_by": "channel", "collect": "step:sum"},
    {"period": "day", "duration": "3", "sort_by": "_count:ascending"},
]


def record(number):
    day, hour = number % 9 + 1, number % 24
    return {
        "_id": f"record-{number}",
        "_timestamp": f"2026-03-{day:02}T{hour:02}:00:00+00:00",
        "channel": ("web", "paper", "phone")[number % 3],
        "step": ("start", "stop")[number % 2],
        "count": number,
        "paid": number % 5 == 0,
    }


class DataSets(Asking):
    """Data sets, whose own token is all that a client of Backdrop has."""

    def with_token(self, more=JSON):
        return {"authorization": f"Bearer {TOKEN}"} | more

    def put_in(self, label, body, headers=JSON, method="POST", path=SET):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(label, method, path, self.with_token(headers), body)

    def question(self, label, parameters, headers=None):
        path = f"{SET}?{urllib.parse.urlencode(parameters)}" if parameters else SET
        return self.ask(label, "GET", path, headers or {}, drawn=STORED)

    # The chapters.

    def records_stored(self):
        self.place.data_set("licensing/journey", TOKEN)
        self.put_in("one record", record(1))
        self.put_in("a list", [record(number) for number in range(MANY)])
        self.put_in("the same again", record(2) | {"count": 2})
        for label, body in [
            ("keys and values that are not allowed", [record(1), {"a b": 1, "_mine": 2, "list": [1]}]),
            ("a time that is none", {"_timestamp": "yesterday"}),
            ("no record", 7),
            ("no JSON", b"{"),
            ("nothing", b""),
        ]:
            self.put_in(label, body)
        self.ask("no token", "POST", SET, JSON, json.dumps(record(1)))
        self.ask("a wrong token", "POST", SET, JSON | {"authorization": "Bearer wrong"}, json.dumps(record(1)))
        self.ask("a client may write", "POST", SET, self.bearer("write") | JSON, json.dumps(record(3)))
        self.ask("a client may only read", "POST", SET, self.bearer("read") | JSON, json.dumps(record(3)))
        self.put_in("no such data set", record(1), path="/data/licensing/nothing")

    def records_asked_for(self):
        for parameters in QUESTIONS:
            answer = self.question(f"asked {urllib.parse.unquote_plus(urllib.parse.urlencode(parameters))}", parameters)
            assert answer.status == 200, f"{self.place.title}: {parameters}: {answer}"
        counted = self.place.call("GET", f"{SET}?group_by=channel").json()["data"]
        assert sum(group["_count"] for group in counted) == MANY, counted
        etag = self.place.call("GET", f"{SET}?group_by=channel").headers["etag"]
        self.question("not changed since", {"group_by": "channel"}, {"if-none-match": etag})
        self.question("from a page", {"group_by": "channel"}, PAGE)
        for parameters in REFUSED:
            self.question(f"refused {urllib.parse.unquote_plus(urllib.parse.urlencode(parameters))}", parameters)
        self.ask("of no data set", "GET", "/data/licensing/nothing")
        self.ask("no such method", "TRACE", SET)
        self.ask("status", "GET", "/_status")
        self.ask("status of data sets", "GET", "/_status/data-sets")
        preflight = self.place.preflight("data", SET, PAGE | {"access-control-request-method": "GET"})
        self.record.add(self.chapter, "what a browser asks before", preflight)

    def records_changed(self):
        self.put_in("changed", {"count": 77}, method="PATCH", path=f"{SET}/record-7")
        self.put_in("changed to what is not allowed", {"a b": 1}, method="PATCH", path=f"{SET}/record-7")
        self.put_in("changed what is not there", {"count": 1}, method="PATCH", path=f"{SET}/nobody")
        self.ask("deleted", "DELETE", f"{SET}/record-8", self.with_token())
        self.ask("deleted again", "DELETE", f"{SET}/record-8", self.with_token())
        self.ask("deleted without a token", "DELETE", f"{SET}/record-9")
        self.question("after that", {"filter_by": "count:77"})
        self.place.run("dataset", "set", "licensing/journey", "--queryable", "false")
        self.question("closed", {})
        self.place.run("dataset", "set", "licensing/journey", "--queryable", "true", "--raw-queries-allowed", "false")
        self.question("no records one by one", {})
        self.question("counted all the same", {"group_by": "channel"})
        self.put_in("not emptied", [record(1)], method="PUT")
        self.put_in("emptied", [], method="PUT")
        self.question("empty", {"group_by": "channel"})
        listed = json.loads(self.place.run("dataset", "list", "--json"))
        self.record.note(self.chapter, "listed", [entry["name"] for entry in listed])
        self.place.run("dataset", "delete", "licensing/journey", "--yes")
        self.question("gone", {})
