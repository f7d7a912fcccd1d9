"""Tracks by `segment-analytics-python`. Usage: with_segment.py ADDRESS KEY EVENTS; one of each other kind follows."""

import json
import sys
import time

import segment.analytics as analytics

failures = []
analytics.host, analytics.write_key = sys.argv[1], sys.argv[2]
analytics.on_error = lambda error, batch: failures.append(f"{len(batch)} events: {error}")
for n in range(int(sys.argv[3])):
    analytics.track(f"user {n % 7}", "Order Completed", {"n": n, "plan": "pro"})
    time.sleep(0.001)
analytics.identify("ada", {"plan": "pro"})
analytics.page("ada", name="Home", properties={"path": "/"})
analytics.screen("ada", name="Home", properties={"value": 2})
analytics.group("ada", "engineers", {"size": 3})
analytics.alias("anonymous", "ada")
analytics.shutdown()
print(json.dumps(failures), flush=True)
