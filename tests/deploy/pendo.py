"""Pendo on the deployed stack: a sync that is too long for its function's time is finished by several runs of it, each
called by the one before, and the files hold every record once: those that one undisturbed run of the tap tells.
"""

import collections
import gzip
import json
import pathlib
import subprocess
import time

# The least that the template takes. A run stops so long before its end that less than a third of it is work.
FUNCTION_SECONDS = 120
# How long all answers together are late. Requests go one after the other, so this is how long the sync takes, at least.
SYNC_SECONDS = 75
PATIENCE_SECONDS = 420
DAYS = 12
KEY = "x_pendo_integration_key"


def arguments():
    """What the stand-in holds: data that collectors stumble over, of the last days."""
    return ("--pendo", "awkward", "--pendo-now", str(int(time.time() * 1000)))


def parameters(others):
    """What the template is told."""
    return {"PendoUrl": others.urls["pendo"], "CollectSeconds": str(FUNCTION_SECONDS)}


def collected(deployed, others, directory):
    """Brings a job into the stack beside the others, has it run, and compares what came of it."""
    start = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - DAYS * 24 * 3600))
    query = {"start_date": start, "period": "dayRange", "concurrency": 1}
    expected, requests = told(deployed, others, query, pathlib.Path(directory))
    bucket = deployed.stack.outputs()["FilesBucket"]
    bring(deployed, others, job(query, bucket), pathlib.Path(directory) / "jobs")
    others.change("pendo", {"delay_ms": int(SYNC_SECONDS * 1000 / requests)})
    began = time.monotonic()
    run(deployed)
    took = time.monotonic() - began
    rounds = check_rounds(deployed)
    check_files(deployed.stack.emulator, bucket, expected)
    check_secrets(deployed, others)
    records = sum(expected.values())
    print(f"   Pendo: {records} records, each once, by {rounds} runs of a function in {took:.0f} s")


def job(query, bucket):
    files = {"type": "files", "url": f"s3://{bucket}/product", "format": "jsonl.gz"}
    schedule = {"schedule": "rate(1 day)", "credentials": "pendo"}
    return {"entrypoint": "pendo", "query": query, "sink": files} | schedule


def told(deployed, others, query, directory):
    """The records of one undisturbed run of the tap, counted, and how many requests it took."""
    config = directory / "pendo.json"
    config.write_text(json.dumps(query | others.credentials("pendo") | {"base_url": others.urls["pendo"]}))
    before = len(others.requests("pendo"))
    command = [deployed.weir, "tap", "pendo", "--config", str(config)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    messages = map(json.loads, done.stdout.splitlines())
    records = collections.Counter(
        (message["stream"], text(message["record"])) for message in messages if message["type"] == "RECORD"
    )
    assert len({stream for stream, _ in records}) == 16, "the stand-in has not all streams"
    return records, len(others.requests("pendo")) - before


def bring(deployed, others, wanted, directory):
    (directory / "product.json").write_text(json.dumps(wanted))
    deployed.run("jobs", "put-secret", "pendo", "-", input=json.dumps(others.credentials("pendo")))
    deployed.run("jobs", "sync", str(directory), "--yes")


def run(deployed):
    """Has the function do it, and waits for the end of its last run."""
    command = [deployed.weir, "jobs", "run", "product", *deployed.options]
    done = subprocess.run(
        command,
        check=False,
        env=deployed.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def check_rounds(deployed):
    """The newest run is complete, and those before it went on."""
    lines = deployed.run("jobs", "history", "product", "--json").splitlines()
    outcomes = [json.loads(line)["outcome"] for line in lines]
    assert outcomes[0] == "complete" and len(outcomes) >= 2, outcomes
    assert set(outcomes[1:]) == {"stopped"}, outcomes
    return len(outcomes)


def check_files(emulator, bucket, expected):
    s3 = emulator.client("s3")
    found = collections.Counter()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="product/"):
        for file in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].read()
            stream = file["Key"].split("/")[1]
            found.update((stream, text(json.loads(line))) for line in gzip.decompress(body).splitlines())
    missing, surplus = expected - found, found - expected
    assert not missing, f"{sum(missing.values())} records are missing, such as {next(iter(missing))}"
    assert not surplus, f"{sum(surplus.values())} records are too many, such as {next(iter(surplus))}"


def check_secrets(deployed, others):
    """Neither the log nor a table has the key."""
    key = others.credentials("pendo")[KEY]
    lines = deployed.stack.log("collect-pendo")
    assert lines, "collect-pendo has no log"
    assert not any(key in line for line in lines), "the log has the key"
    kept = deployed.stack.emulator.client("dynamodb").scan(TableName=deployed.stack.outputs()["BookmarksTable"])
    assert key not in json.dumps(kept["Items"], default=str), "a table has the key"


def text(record):
    return json.dumps(record, sort_keys=True)
