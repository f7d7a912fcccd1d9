"""Tracks orders and asks for them, with `requests`.

    pip install requests
    WEIR_URL=http://127.0.0.1:8080 WEIR_CLIENT_ID=… WEIR_CLIENT_SECRET=… WEIR_WRITE_KEY=… python events.py

A write key can write and nothing else, so it suits programs that only report.
"""

import json
import os
import time
import uuid

import requests

URL = os.environ.get("WEIR_URL", "http://127.0.0.1:8080")
NAMESPACE, NAME = "example-python", "order"


def main():
    client = os.environ["WEIR_CLIENT_ID"], os.environ["WEIR_CLIENT_SECRET"]
    bearer = {"Authorization": f"Bearer {token(client)}"}

    # One event.
    event = {"namespace": NAMESPACE, "name": NAME, "value": 12.5, "actor": "ada", "properties": {"plan": "pro"}}
    print("stored:", send("/api/track/", headers=bearer, json=event))

    # Many at once. With an Idempotency-Key the same request may be sent again, whatever became of
    # its answer, and is counted once.
    batch = [{"namespace": NAMESPACE, "name": NAME, "value": value} for value in (1, 2, 3)]
    named = bearer | {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        print("stored:", send("/api/track/", headers=named, json=batch))

    # With a write key as the user and no password, no token is needed.
    key = os.environ["WEIR_WRITE_KEY"], ""
    print("stored:", send("/api/track/", auth=key, json=event | {"value": 4}))

    for aggregation in ("count", "sum"):
        question = {"namespace": NAMESPACE, "name": NAME, "granularity": "day", "aggregationType": aggregation}
        answer = requests.get(f"{URL}/api/events", headers=bearer, params=question, timeout=30)
        answer.raise_for_status()
        print(aggregation, "by day:", json.dumps(answer.json()))


def token(client):
    """A token, by OAuth2 client credentials. It is good for an hour: keep it and use it again."""
    return send("/o/token/", auth=client, data={"grant_type": "client_credentials"})["access_token"]


def send(path, **request):
    """Posts, and again after what a busy or restarting Weir asks for."""
    for attempt in range(6):
        try:
            answer = requests.post(URL + path, timeout=30, **request)
        except requests.ConnectionError:
            wait = 2**attempt / 4
        else:
            if answer.status_code not in (429, 503):
                answer.raise_for_status()
                return answer.json()
            wait = float(answer.headers.get("Retry-After", 1))
        time.sleep(wait)
    raise SystemExit(f"{URL} could not be reached or had too much to do")


if __name__ == "__main__":
    main()
