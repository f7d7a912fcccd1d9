"""What the stand-in for Pendo holds when two taps read it: data that both can read, and then all of what tells them apart.

Times are in the last days, for the published tap goes by this machine's clock.
"""

import datetime
import time

FEATURES = ["features", "feature_events"]
VISITORS = ["visitors", "visitor_history"]

HOUR = 3_600_000
DAY = 24 * HOUR

# Sources of parents, how their ids begin, the source of their events and the field of the parent there.
FAMILIES = [
    ("features", "f", "featureEvents", "featureId"),
    ("pages", "p", "pageEvents", "pageId"),
    ("guides", "g", "guideEvents", "guideId"),
    ("trackTypes", "t", "trackEvents", "trackTypeId"),
]


def clock():
    """Now and the begin of today, in milliseconds since 1970."""
    now = int(time.time() * 1000)
    return now, now // DAY * DAY


def written(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pendo:
    """A fixture: rows by source, fields by kind. `back(n)` is midnight n days ago."""

    def __init__(self, records=True):
        self.now, self.today = clock()
        self.rows, self.metadata, self.broken, self.padding = {}, {"account": fields("account"), "visitor": fields("visitor")}, {}, 0
        if records:
            self.plain()

    def back(self, days, ms=0):
        return self.today - days * DAY + ms

    def add(self, source, *rows):
        self.rows.setdefault(source, []).extend(rows)
        return self

    def document(self):
        return {"now": self.now, "metadata": self.metadata, "rows": self.rows, "broken": self.broken, "padding": self.padding}

    def config(self, **changes):
        whole = {"start_date": written(self.back(9)), "x_pendo_integration_key": "planted-pendo-key", "period": "dayRange"}
        return whole | changes

    def plain(self):
        """A few rows of every source, as Pendo's documents show them."""
        self.add("accounts", *(account(f"a{n}", self.back(n)) for n in (1, 2, 3)))
        self.add("visitors", *(visitor(f"v{n}", self.back(n % 3 + 1, n)) for n in (1, 2, 3, 4)))
        self.add("reports", *(entity(f"r{n}", self.back(n)) for n in (1, 2)))
        self.add("events", *(self.count(n, days, hour) for n, (days, hour) in enumerate([(5, 0), (5, 3), (4, 22), (2, 1)])))
        self.add("pollEvents", *(self.single(n, days) | {"pollId": f"q{n}", "pollResponse": "é"} for n, days in enumerate([5, 4, 4])))
        for n in (1, 2, 3, 4):
            self.add("history", *self.visits(f"v{n}"))
        for source, prefix, events, field in FAMILIES:
            for n in (1, 2, 3):
                self.add(source, entity(f"{prefix}{n}", self.back(n)))
                self.add(events, *(self.event(events, k, 6 - k) | {field: f"{prefix}{n}"} for k in range(n + 1)))

    def event(self, source, n, days, hour=0):
        return self.single(n, days) if source == "guideEvents" else self.count(n, days, hour)

    def count(self, n, days, hour=0, **more):
        day = self.back(days)
        row = {"visitorId": f"v{n}", "accountId": "a1", "appId": n % 2 + 1, "day": day, "hour": day + hour * HOUR, "numEvents": n + 1}
        row |= {"numMinutes": 2, "server": "www.example.org", "remoteIp": "192.0.2.7", "userAgent": f"Browser/1.0 ({n})"}
        return row | {"parameters": None, "unknownField": [{"aB": 1}]} | more

    def single(self, n, days, **more):
        row = {"visitorId": f"v{n}", "accountId": "a1", "accountIds": ["a1", "a2"], "appId": n % 2 + 1, "loadTime": 250}
        row |= {"browserTime": self.back(days, 5 * HOUR + n), "type": "guideSeen", "guideStepId": "s1", "country": "GB"}
        row |= {"url": f"https://example.org/{n}?é", "latitude": 51, "longitude": 1, "remoteIp": "192.0.2.7"}
        return row | {"serverName": "www.example.org", "userAgent": "Browser/1.0"} | more

    def visits(self, visitor):
        """Every entry's change lies on the day of its begin; the published tap loses others."""
        of = {"visitorId": visitor, "duration": 3, "appId": 1, "uri": "https://example.org/é", "name": "told by no stream"}
        first = {"ts": self.back(4, 7), "lastTs": self.back(4, 9), "type": "page", "pageId": "p1"}
        return [of | first, of | {"ts": self.back(3), "type": "feature", "featureId": "f1"}, of | {"ts": self.back(3), "type": "page"}]


def field(kind):
    flags = ("Dirty", "isHidden", "isDeleted", "isCalculated", "isPerApp", "neverIndex")
    return {"Type": kind, "DisplayName": "A field", "ElementType": "", "ElementFormat": ""} | dict.fromkeys(flags, False)


CUSTOM = {"custString": "string", "custTime": "time", "custBoolean": "boolean", "custInteger": "integer", "custFloat": "float"}
CUSTOM |= {"Plan Name": "string", "isVIP": "boolean", "userID": "string", "HTTPServer": "string", "größe": "float"}


def fields(kind):
    auto = {"id": "string", "idhash": "integer", "firstvisit": "time", "lastvisit": "time", "lastupdated": "time"}
    groups = {"auto": auto, "custom": CUSTOM}
    if kind == "visitor":
        groups |= {"agent": {"language": "string"}, "pendo": {"donotprocess": "boolean"}}
    return {group: {name: field(type) for name, type in of.items()} for group, of in groups.items()}


def account(id, updated, **custom):
    auto = {"id": id, "idhash": 77, "lastupdated": updated, "firstvisit": updated - 30 * DAY, "lastvisit": updated}
    usual = {"custString": "ordinary", "custTime": updated, "custBoolean": True, "custInteger": 3, "custFloat": 2.5, "Plan Name": "gold"}
    usual |= {"isVIP": False, "userID": "u", "HTTPServer": "h", "größe": 7, "undeclared": 1}
    return {"accountId": id, "metadata": {"auto": auto, "custom": usual | custom}}


def visitor(id, updated, **custom):
    metadata = account(id, updated, **custom)["metadata"]
    metadata |= {"agent": {"language": "en_GB"}, "pendo": {"donotprocess": False}}
    return {"visitorId": id, "metadata": metadata}


def entity(id, updated, **more):
    user = {"id": "", "username": "someone@example.org", "userID": "u1", "first": "Sóme", "last": "One", "role": 8}
    whole = {"id": id, "name": f"The one called {id}", "appId": 1, "kind": "Feature", "isVIP": True, "createdAt": 1_700_000_000_000}
    whole |= {"lastUpdatedAt": updated, "createdByUser": user, "lastUpdatedByUser": user, "dirty": False, "color": "red"}
    whole |= {"group": {"id": "g", "name": "Group", "length": 2, "items": [{"aB": 1}]}, "rules": [{"rule": "r", "parsedRule": "p"}]}
    return whole | {"steps": [{"id": "s1", "guideId": id, "type": "lightbox"}], "elementPathRules": ["#a", ".b"]} | more


def throttled(headers=None):
    """An answer of the stand-in that may be planned."""
    return {"status": {"status": 429, "headers": headers or {}, "body": "{}"}}
