"""The calls that Segment's and RudderStack's Python SDKs have in common."""

import json
import time


def make(analytics, events):
    """Tracks so many events and makes one of each other kind of call; prints what failed."""
    failures = []
    analytics.on_error = lambda error, batch: failures.append(f"{len(batch)} events: {error}")
    for n in range(events):
        analytics.track(f"user {n % 7}", "Order Completed", {"n": n, "plan": "pro"})
        time.sleep(0.001)
    analytics.identify("ada", {"plan": "pro"})
    analytics.page("ada", name="Home", properties={"path": "/"})
    analytics.screen("ada", name="Home", properties={"value": 2})
    analytics.group("ada", "engineers", {"size": 3})
    analytics.alias("anonymous", "ada")
    analytics.shutdown()
    print(json.dumps(failures), flush=True)
