"""How a place is asked, and how its answers go into the record."""

import base64
import itertools
import json
import urllib.parse

from compare import Record

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Asking:
    """Asks one place. Each answer goes into the record, under the chapter of the time and a label."""

    def __init__(self, place):
        self.place = place
        self.record = Record(place)
        self.chapter = "before"
        self.writer = place.client("WRITER", "write")
        self.reader = place.client("READER", "read", "aggregation")
        self.tokens = {}

    def ask(self, label, method, path, headers=None, body=None, drawn=()):
        return self.record.add(self.chapter, label, self.place.call(method, path, headers, body), drawn)

    def token(self, client, **form):
        credentials = base64.b64encode(":".join(client).encode()).decode()
        body = urllib.parse.urlencode({"grant_type": "client_credentials", **form})
        return self.place.call("POST", "/o/token/", FORM | {"authorization": f"Basic {credentials}"}, body)

    def bearer(self, role):
        """The header of whoever may write or read."""
        if role not in self.tokens:
            client = {"write": self.writer, "read": self.reader}[role]
            self.tokens[role] = self.token(client).json()["access_token"]
        return {"authorization": f"Bearer {self.tokens[role]}"}

    def post(self, body, headers=JSON):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.place.call("POST", "/api/track/", self.bearer("write") | headers, body)

    def track(self, label, body, headers=JSON, drawn=()):
        return self.record.add(self.chapter, label, self.post(body, headers), drawn)

    def get(self, label, path, **parameters):
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        return self.ask(label, "GET", path + query, self.bearer("read"))

    def status(self, bearer):
        """What a query with this token is answered, off the record."""
        return self.place.call("GET", "/api/events/Ids/x", bearer).status

    def pages(self, label, path, **parameters):
        """Follows the links of a listing to its end."""
        query = urllib.parse.urlencode(parameters)
        for page in itertools.count(1):
            answer = self.ask(f"{label}, page {page}", "GET", f"{path}?{query}", self.bearer("read"))
            link = answer.headers.get("link")
            if link is None:
                return
            query = link.split("?", 1)[1].split(">", 1)[0]
