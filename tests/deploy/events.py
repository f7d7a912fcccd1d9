"""The events that the sequence sends: the same ones everywhere, at times of their own."""

import datetime
import json
import random

DAY = datetime.date(2026, 3, 27)  # two days before Berlin's clocks go forward

# Names that need care in a path. Query parameters take any.
NAMES = [
    "plain",
    "two words",
    "what?",
    "#1",
    "größe ✓",
    "a+b",
    "a&b=c",
    "semi;colon",
    "[brackets]",
    'quote"d',
    "per%cent",
    "looks%2Fencoded",
    "a/b",
    "back\\slash",
    "..",
]


def time(day, second):
    at = datetime.datetime.combine(DAY, datetime.time(), datetime.UTC)
    return (at + datetime.timedelta(days=day, seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(namespace, name, day, second, value, **more):
    return {"namespace": namespace, "name": name, "timestamp": time(day, second), "value": value, **more}


def visits():
    """Three days over a change of the clocks, one every 1.8 hours, integers and fractions."""
    draw = random.Random(1)
    return [event("Shop", "visit", 0, i * 6_491, draw.choice([1, 2.5, -3, 1e6, 0.1])) for i in range(40)]


def busy():
    """Enough on each of two days that its blocks are folded in at once: 64 KB that no packing makes smaller."""
    draw = random.Random(2)
    return [
        event("Busy", "hour", i % 2, 300 * (i // 2), i, properties={"noise": draw.randbytes(300).hex()})
        for i in range(500)
    ]


def scattered():
    """More series and days than fit into one transaction."""
    return [event("Scattered", f"series-{i % 40}", i // 40, i, i) for i in range(160)]


def lines(events):
    return "\n".join(map(json.dumps, events)).encode()
