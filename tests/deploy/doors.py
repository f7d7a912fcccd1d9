"""What old clients and web pages send, each in its own way, and how it is read back."""

import base64
import json
import urllib.parse

from asking import JSON, Asking
from places import REVOKED_SECONDS, until

# The key that an old client has had for years.
OLD_KEY = "0a1b2c3d4e5f67890a1b2c3d4e5f6789"
NOBODYS = "nobodys-key-nobody-has-made"

PAGE = {"origin": "https://shop.example"}
TEXT = {"content-type": "text/plain"}
# Of events that have no time of their own, which no two places receive at the same time.
RECEIVED = ("timestamp", "aggregatedTimestamp")

TRIGGER = {
    "actor_id": "7",
    "action": "viewed",
    "object": "page",
    "captured_identities": {"email": ["anna@example.org", "a@example.org"]},
    "captured_attributes": {"plan": "pro", "age": 41},
    "variables": {"price": 9.5},
}


class Doors(Asking):
    """The doors of FocusLab's, Alooma's and Segment's clients, of web pages, and of whoever has a write key."""

    def knock(self, label, status, method, path, headers=None, body=None):
        """Asks as an old client, which has no token, and acts on the status. No answer may tell a key."""
        if isinstance(body, (dict, list)):
            headers, body = JSON | (headers or {}), json.dumps(body)
        answer = self.ask(label, method, path, headers, body)
        assert answer.status == status, f"{self.place.title}: {label}: {answer}"
        assert not any(key.encode() in answer.body for key in self.place.keys.values()), f"{label} tells a key"

    # The chapters.

    def write_keys(self):
        self.web = self.place.key("WEB", "web")
        self.app = self.place.key("APP", "app", namespace="Mobile")
        self.old = self.place.key("OLD", "old", existing=OLD_KEY)
        event = {"namespace": "Keys", "name": "x", "timestamp": 1_774_600_000, "value": 2}
        basic = basic_of(self.web)
        self.knock("track with a key", 201, "POST", "/api/track/", basic, event)
        self.knock("a bad event", 400, "POST", "/api/track/", basic, event | {"value": "much"})
        self.knock("nobody's key", 401, "POST", "/api/track/", basic_of(NOBODYS), event)
        for path in ("/api/events/Keys/x", "/api/raw/Keys/x", "/api/namespaces", "/api/rejected"):
            self.knock(f"a key reads nothing: {path}", 403, "GET", path, basic)
        self.get("counted", "/api/events/Keys/x", granularity="day", aggregationType="sum")
        listed = json.loads(self.place.run("key", "list", "--json"))
        facts = [(key["label"], key["namespace"], key["revoked"] is None) for key in listed]
        self.record.note(self.chapter, "listed", facts)
        self.place.refuses("key", "create", "--label", "again", "--existing-file", "-", input=OLD_KEY)

    def focuslab(self):
        def trigger(label, status, body, key=self.old, path="/api/v1/trigger/", **more):
            self.knock(label, status, "POST", path, {"x-fl-api-key": key} | more, body)

        trigger("recorded", 201, TRIGGER)
        for path in ("/api/v1/trigger", "/api/v1/triggers/", "/api/v1/triggers"):
            trigger(f"recorded at {path}", 201, TRIGGER | {"actor_id": 8}, path=path)
        trigger("from a page", 201, TRIGGER | {"variables": {"user_agent": "Browser/1.0"}}, **PAGE)
        for label, change in [
            ("an object among identities", {"captured_identities": {"email": {"is": "an object"}}}),
            ("a flag among attributes", {"captured_attributes": {"pro": True}}),
            ("an empty action", {"action": ""}),
            ("no actor", {"actor_id": None}),
        ]:
            trigger(label, 400, TRIGGER | change)
        trigger("no JSON", 400, b"no JSON")
        trigger("nobody's key", 401, TRIGGER, key=NOBODYS)
        trigger("nobody's key from a page", 401, TRIGGER, key=NOBODYS, **PAGE)
        self.knock("no key", 401, "POST", "/api/v1/trigger/", None, TRIGGER)
        self.knock("no POST", 405, "GET", "/api/v1/trigger/")
        self.counted("page", "viewed", 5, drawn=RECEIVED)
        for parameters in ({}, {"identity.email": "a@example.org"}, {"attribute.plan": "pro"}, {"actor": "8"}):
            self.read("page", "viewed", RECEIVED, **parameters)
        self.read("page", "viewed", RECEIVED, **{"identity.email": "nobody@example.org"})

    def alooma(self):
        def send(label, body, token=self.app, status=200):
            self.knock(label, status, "POST", f"/pysdk/{token}", JSON, body)

        self.knock("is anybody there", 200, "GET", "/", JSON, "{}")
        self.knock("is the token good", 200, "GET", f"/verify/{self.app}")
        self.knock("nobody's token", 400, "GET", f"/verify/{NOBODYS}")
        first = [wrapped(n, {"value": n, "color": "blue"}) for n in range(4)]
        send("a batch", first)
        # As the client queues again what was not answered: one by one, in other company.
        send("regrouped", [first[3], wrapped(4, {"value": 4})])
        send("one by one", [first[0]])
        send("a text", [wrapped(5, "just a text", event_type=None, host="h1")])
        send("nothing", [])
        send("good and bad", [wrapped(6, {"value": 6}), wrapped(7, {"n": 1}, event_type="n" * 121)])
        send("not an event", [17, wrapped(8, {"value": 8})])
        send("no list", {"message": {}})
        send("no JSON", "[{")
        send("a large message", [wrapped(9, {"text": "x" * 2_000_000})])
        send("an unknown token", first, NOBODYS, status=400)
        self.counted("Mobile", "clicked", 7)
        self.read("Mobile", "clicked")
        self.get("names", "/api/namespaces/Mobile")

    def segment(self):
        basic = basic_of(self.web)
        for kind, more in [
            ("track", {"event": "Signed Up", "properties": {"plan": "pro", "value": 3}}),
            ("identify", {"traits": {"email": "anna@example.org"}}),
            ("page", {"name": "Home", "properties": {"url": "https://shop.example/"}}),
            ("screen", {"name": "Start"}),
            ("group", {"groupId": "g1", "traits": {"size": 12}}),
            ("alias", {"previousId": "a-1"}),
        ]:
            self.knock(kind, 200, "POST", f"/v1/{kind}", basic, message(kind, **more))
        several = [message(f"b{n}", type="track", event="Bought", properties={"revenue": n}) for n in range(3)]
        batch = {"batch": several, "context": {"library": {"name": "test"}}}
        self.knock("a batch", 200, "POST", "/v1/batch", basic, batch)
        self.knock("a batch again", 200, "POST", "/v1/batch", basic, batch)
        skewed = message("late", originalTimestamp="2026-03-27T10:00:00Z", sentAt="2026-03-27T10:00:05Z", event="Late")
        self.knock("a wrong clock", 200, "POST", "/v1/track", basic, skewed)
        beacon = json.dumps({"batch": [message("beacon", type="track", event="Left")], "writeKey": self.web})
        self.knock("a beacon", 200, "POST", "/v1/batch", TEXT | PAGE, beacon)
        self.knock("a pixel", 200, "GET", pixel(message("pixel", event="Opened", writeKey=self.web)))
        self.knock("good and bad", 200, "POST", "/v1/batch", basic, {"batch": [message("m", type="x"), several[0]]})
        self.knock("no JSON", 400, "POST", "/v1/track", basic | JSON, "{")
        self.knock("nobody's key", 401, "POST", "/v1/track", basic_of(NOBODYS), message("n", event="n"))
        self.knock("no key", 401, "POST", "/v1/track", None, message("n", event="n"))
        self.knock("no such call", 404, "POST", "/v1/nothing", basic, message("n"))
        for name, count in [("Signed Up", 1), ("Bought", 3), ("page: Home", 1), ("Left", 1), ("Opened", 1)]:
            self.counted("web", name, count)
            self.read("web", name)
        for name in ("identify", "screen: Start", "group", "alias"):
            self.read("web", name)
        self.counted("web", "Late", 1, RECEIVED)
        self.ask("names", "GET", "/api/namespaces/web", self.bearer("read"), drawn=("first", "last"))

    def pages_of_others(self):
        """What a browser asks before a page of another origin may send something, and for the snippet."""
        for path, header in [("/api/v1/trigger/", "x-fl-api-key"), ("/v1/batch", "authorization"), ("/api/track/", "")]:
            asked = PAGE | {"access-control-request-method": "POST", "access-control-request-headers": header}
            self.record.add(self.chapter, f"may it: {path}", self.place.preflight("track", path, asked))
        asked = PAGE | {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
        for function, path in [("query", "/api/events/Keys/x"), ("token", "/o/token/")]:
            self.record.add(self.chapter, f"may it: {path}", self.place.preflight(function, path, asked))
        self.ask("a query from a page", "GET", "/api/events/Keys/x", self.bearer("read") | PAGE)
        snippet = self.ask("the snippet", "GET", "/weir.js", PAGE)
        assert snippet.status == 200 and b"writeKey" in snippet.body, snippet
        again = {"if-none-match": snippet.headers["etag"]}
        self.ask("the snippet again", "GET", "/weir.js", again)
        self.ask("the snippet packed", "HEAD", "/weir.js", {"accept-encoding": "gzip"})

    def rejected(self):
        self.ask("of the last day", "GET", "/api/rejected", self.bearer("read"), drawn=["time"])
        # As many as the chapters before have sent.
        for alias, events in [("WEB", 3), ("APP", 5), ("OLD", 5)]:
            path = f"/api/rejected?key={self.place.ids[alias]}&since=2026-03-27T00:00:00Z"
            answer = self.ask(f"of the key {alias}", "GET", path, self.bearer("read"), drawn=["time"])
            assert len(answer.json()) == events, f"{self.place.title}: {alias}: {answer}"
        self.ask("without the scope", "GET", "/api/rejected", self.bearer("write"))
        self.ask("of tomorrow", "GET", "/api/rejected?since=4102444800", self.bearer("read"))

    def keys_revoked(self):
        self.place.run("key", "revoke", self.place.ids["APP"])
        path = f"/verify/{self.app}"
        until("the key is refused", REVOKED_SECONDS, lambda: self.place.call("GET", path).status != 200)
        self.knock("refused: Alooma", 400, "POST", f"/pysdk/{self.app}", None, [wrapped(99, {})])
        self.knock("refused: FocusLab", 401, "POST", "/api/v1/trigger/", {"x-fl-api-key": self.app}, TRIGGER)
        self.knock("refused: Segment", 401, "POST", "/v1/track", basic_of(self.app), message("n", event="n"))
        self.knock("refused: Tracking API", 401, "POST", "/api/track/", basic_of(self.app), {})
        self.knock("others go on", 200, "GET", f"/verify/{self.web}")

    # How to read back.

    def counted(self, namespace, name, expected, drawn=()):
        path = f"/api/events?{urllib.parse.urlencode({'namespace': namespace, 'name': name})}"
        path += "&granularity=year&aggregationType=count"
        answer = self.ask(f"counted: {name}", "GET", path, self.bearer("read"), drawn=drawn)
        counts = [point["value"] for point in answer.json()]
        assert counts == [expected], f"{self.place.title}: {namespace} {name} is counted {counts}, not {expected}"

    def read(self, namespace, name, drawn=(), **parameters):
        query = {"namespace": namespace, "name": name, "format": "json", **parameters}
        label = f"raw: {name} {' '.join(parameters.values())}"
        self.ask(label, "GET", f"/api/raw?{urllib.parse.urlencode(query)}", self.bearer("read"), drawn=drawn)


def basic_of(key):
    return {"authorization": f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"}


def wrapped(number, message, **more):
    """An event as Alooma's client wraps it."""
    return {
        "report_time": f"2026-03-27T10:00:{number % 60:02}.5",
        "calling_file": "shop.py",
        "calling_line": 12,
        "@uuid": f"00000000-0000-4000-8000-{number:012}",
        "event_type": "clicked",
        "message": message,
    } | more


def message(id, **more):
    return {"messageId": f"message-{id}", "userId": "u-1", "timestamp": "2026-03-27T11:00:00Z"} | more


def pixel(message):
    data = base64.b64encode(json.dumps(message).encode()).decode()
    return f"/v1/pixel/track?{urllib.parse.urlencode({'data': data})}"
