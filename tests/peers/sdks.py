"""Old clients' real SDKs send events to a Weir that is killed and started again in the middle.

Each is set up as its users do: the address, the key, and nothing else. The server is killed when
it has stored what an SDK sent and is about to say so, so that the SDK must send it again. Every
event must be counted once, and be there once among the raw ones. With a key that is not known nothing may be
counted, and the SDK must say what is wrong.

Usage: sdks.py PATH-TO-WEIR DIRECTORY-WITH-NODE_MODULES
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from between import Between
from server import Server

CLIENTS = pathlib.Path(__file__).parent / "clients"
EVENTS = 4000
# A restart that a supervisor does: long enough for SDKs to notice.
DOWN_S = 0.5
# Alooma's SDK sends every 5 s, and what it has to repeat after that.
PATIENCE_S = 120
# What comes twice has come by then.
AFTERWARDS_S = 6

# The SDK, its program, the name of its events (None: the key's label), and how it says that a key
# is not known.
SDKS = [
    ("alooma_pysdk", "with_alooma.py", None, "BadToken"),
    ("segment-analytics-python", "with_segment.py", "Order Completed", "401"),
    ("rudder-sdk-python", "with_rudder.py", "Order Completed", "401"),
    ("@segment/analytics-node", "with_segment.mjs", "Order Completed", "401"),
]

# What SDKs of Segment's kind send besides, once each: the name of the event, and its properties.
OTHERS = {
    "identify": [{"plan": "pro"}],
    "page: Home": [{"path": "/"}],
    "screen: Home": [{"value": 2}],
    "group": [{"size": 3}],
    "alias": [{}],
}


def main(weir, node_modules):
    for sdk, program, name, refusal in SDKS:
        with tempfile.TemporaryDirectory() as directory:
            # Node looks for packages above the program's own place.
            shutil.copytree(CLIENTS, f"{directory}/clients")
            pathlib.Path(f"{directory}/node_modules").symlink_to(pathlib.Path(node_modules).resolve())
            program = f"{directory}/clients/{program}"
            with Server(weir, directory) as server:
                through_a_restart(server, sdk, program, name)
                with_an_unknown_key(server, sdk, program, refusal)
    print(f"{len(SDKS)} SDKs passed, 0 failed")


def through_a_restart(server, sdk, program, name):
    label = "shop"
    series = (label, name or label)
    began = time.monotonic()
    between = Between(server)
    client = start(program, between.address, server.key(label), EVENTS)
    answered = wait_for(server, series, EVENTS // 4)
    between.kill_during_an_answer(PATIENCE_S)
    time.sleep(DOWN_S)
    server.start()
    at_the_kill = server.count(*series)
    assert answered < at_the_kill < EVENTS, f"{sdk}: {at_the_kill} of {EVENTS} were stored at the kill"
    between.open()
    wait_for(server, series, EVENTS)
    failures = ended(client)
    time.sleep(AFTERWARDS_S)
    events = server.events(*series)
    counted = server.count(*series)
    seen = sorted(event["properties"]["n"] for event in events)
    ids = {event["id"] for event in events}
    assert not failures, (sdk, failures[:3])
    assert counted == EVENTS, f"{sdk}: {counted} counted of {EVENTS}"
    assert seen == list(range(EVENTS)), f"{sdk}: not each event is there once"
    assert len(ids) == EVENTS, f"{sdk}: {len(ids)} ids"
    assert name is None or others(server, label) == OTHERS, (sdk, others(server, label))
    assert server.rejected() == [], f"{sdk}: events were refused"
    took = time.monotonic() - began - AFTERWARDS_S
    print(f"{sdk}: {EVENTS} events counted once, {at_the_kill} of them before kill -9, in {took:.0f} s", flush=True)


def others(server, label):
    """What is stored of each kind of call beside track, without what only says how it came."""
    stored = {}
    for kind in OTHERS:
        events = server.events(label, kind)
        assert all(event["actor"] == "ada" for event in events), events
        for event in events:
            del event["properties"]["_metadata"]
        stored[kind] = [event["properties"] for event in events]
    return stored


def with_an_unknown_key(server, sdk, program, refusal):
    before = server.namespaces()
    client = start(program, server.address, "wk_nobody-has-this-one", 10)
    failures = ended(client)
    assert failures and refusal in failures[0], (sdk, failures)
    assert server.namespaces() == before, f"{sdk}: something was stored"
    print(f"{sdk}: an unknown key is reported: {failures[0]}", flush=True)


def start(program, *arguments):
    interpreter = "node" if program.endswith(".mjs") else sys.executable
    command = [interpreter, program, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, text=True, **pipes)


def ended(client):
    """What it says has failed."""
    said, _ = client.communicate("", timeout=PATIENCE_S)
    assert client.returncode == 0, f"{client.args} ended with {client.returncode}"
    return json.loads(said.splitlines()[-1])


def wait_for(server, series, count):
    """Waits until so many events are counted, or time is up; gives how many there are."""
    end = time.monotonic() + PATIENCE_S
    while (counted := server.count(*series)) < count and time.monotonic() < end:
        time.sleep(0.1)
    return counted


if __name__ == "__main__":
    main(*sys.argv[1:])
