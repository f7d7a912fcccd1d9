"""Collectors of the deployed stack: jobs are brought by `weir jobs sync`, their schedules fire, their functions read their
secrets and ask the stand-ins for Google and Pingdom, and what they collect can be read.

The emulator fires schedules by UTC, whatever their zone says; so these have none.
"""

import datetime
import gzip
import json
import pathlib

from places import until
from stack import NAME

HOUR = 3600
# Schedules fire every minute, the emulator looks for due ones every ten seconds, and the first start of a debug build
# takes its time.
FIRED_SECONDS = 180
SECRETS = ("google", "pingdom")
# What the stand-in's check 101 found in an ordinary hour.
BASE_MS = 200


def parameters(others):
    """What the template is told."""
    return {"GoogleUrl": others.urls["google"], "PingdomUrl": others.urls["pingdom"]}


def jobs(bucket):
    """The job files, as the query documents of backdrop-collector and what they need besides."""
    pingdom = {"entrypoint": "backdrop.collector.pingdom", "query": {"name": "govuk"}, "options": {}, "credentials": "pingdom"}
    report = {"id": "ga:123", "metrics": ["visits", "avgSessionDuration"], "dimensions": ["country"], "frequency": "daily"}
    ga = {"entrypoint": "backdrop.collector.ga", "query": report, "options": {"property": "456"}, "credentials": "google"}
    files = {"type": "files", "url": f"s3://{bucket}/uptime", "format": "jsonl.gz"}
    return {
        "uptime": pingdom | {"data-set": data_set("uptime"), "schedule": "rate(1 minute)"},
        "visits": ga | {"data-set": data_set("visits"), "schedule": "rate(1 minute)"},
        "kept": pingdom | {"data-set": data_set("kept"), "schedule": "rate(1 minute)", "sink": files},
        "denied": pingdom | {"data-set": data_set("uptime"), "schedule": "rate(1 day)", "credentials": "wrong"},
    }


def data_set(name):
    return {"data-group": "collected", "data-type": name}


def collected(deployed, others, directory):
    """Brings jobs into the stack and waits until they have run."""
    emulator, outputs = deployed.stack.emulator, deployed.stack.outputs()
    for name in ("uptime", "visits"):
        deployed.run("dataset", "create", f"collected/{name}")
    bring_secrets(deployed, others)
    bring_jobs(deployed, jobs(outputs["FilesBucket"]), pathlib.Path(directory) / "jobs")
    waited = until("uptime is collected", FIRED_SECONDS, lambda: len(records(deployed, "uptime")) >= 24)
    waited += until("visits are collected", FIRED_SECONDS, lambda: records(deployed, "visits"))
    check_uptime(records(deployed, "uptime"))
    check_visits(records(deployed, "visits"))
    check_bookmarks(emulator, outputs["BookmarksTable"], deployed)
    waited += until("files are there", FIRED_SECONDS, lambda: files(emulator, outputs["FilesBucket"]))
    check_files(emulator, outputs["FilesBucket"])
    denied(deployed)
    told(deployed, others)
    print(f"   collected by the schedules after {waited:.0f} s of waiting: a data set each of Pingdom and Google, and files")


def bring_secrets(deployed, others):
    for vendor in SECRETS:
        deployed.run("jobs", "put-secret", vendor, "-", input=json.dumps(others.credentials(vendor)))
    deployed.run("jobs", "put-secret", "wrong", "-", input=json.dumps({"token": "wrong-token-of-the-test"}))


def bring_jobs(deployed, wanted, directory):
    """Makes the schedules those of a directory; a second time there is nothing to do."""
    directory.mkdir()
    for name, job in wanted.items():
        (directory / f"{name}.json").write_text(json.dumps(job))
    shown = deployed.run("jobs", "sync", str(directory))
    assert all(name in shown for name in wanted), shown
    assert scheduled(deployed) == set(), "what is only shown is not to be made"
    deployed.run("jobs", "sync", str(directory), "--yes")
    assert scheduled(deployed) == set(wanted), scheduled(deployed)
    again = deployed.run("jobs", "sync", str(directory), "--yes")
    assert not again.strip(), f"there is nothing to do, but: {again}"


def scheduled(deployed):
    schedules = deployed.stack.emulator.client("scheduler")
    found = schedules.list_schedules(GroupName=f"{NAME}-jobs")["Schedules"]
    return {schedule["Name"] for schedule in found}


def records(deployed, name):
    answer = deployed.call("GET", f"/data/collected/{name}")
    assert answer.status == 200, answer
    return answer.json()["data"]


def check_uptime(found):
    """Every hour of the last day is there once, with what the stand-in found in it."""
    times = sorted(record["_timestamp"] for record in found)
    hours = [datetime.datetime.fromisoformat(time).timestamp() // HOUR for time in times]
    assert hours == [hours[0] + n for n in range(len(hours))], times
    for record in found:
        hour = datetime.datetime.fromisoformat(record["_timestamp"]).astimezone(datetime.UTC).hour
        assert record["avgresponse"] == BASE_MS + hour and record["check"] == "govuk", record
        assert record["uptime"] == HOUR and record["downtime"] == record["unmonitored"] == 0, record


def check_visits(found):
    """Yesterday by country, under the names of the old query, with the duration in milliseconds."""
    by_country = {record["country"]: record for record in found}
    assert by_country.keys() == {"United Kingdom", "France", "(other)"}, by_country
    kingdom, france = by_country["United Kingdom"], by_country["France"]
    assert (kingdom["visits"], france["visits"]) == (180, 30), by_country
    assert france["avgSessionDuration"] == 30_500, france
    assert all(record["timeSpan"] == "day" and record["dataType"] == "visits" for record in found), found


def check_bookmarks(emulator, table, deployed):
    kept = emulator.client("dynamodb").scan(TableName=table)["Items"]
    text = json.dumps(kept)
    assert "uptime" in text and "bookmarks" in text, text[:2000]
    runs = [json.loads(line) for line in deployed.run("jobs", "history", "uptime", "--json").splitlines()]
    assert any(run["outcome"] == "complete" and run["records"] >= 24 for run in runs), runs


def files(emulator, bucket):
    listed = emulator.client("s3").list_objects_v2(Bucket=bucket, Prefix="uptime/")
    return [found["Key"] for found in listed.get("Contents", [])]


def check_files(emulator, bucket):
    lines = []
    for key in files(emulator, bucket):
        body = emulator.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        lines += map(json.loads, gzip.decompress(body).splitlines())
    # The newest of the 24 hours is left to the next run, which writes it once.
    assert len({line["_timestamp"] for line in lines}) == len(lines) >= 23, lines
    assert all(line["check"] == "govuk" for line in lines), lines


def denied(deployed):
    """A job with a wrong token fails, says so in its history, and harms nobody."""
    deployed.refuses("jobs", "run", "denied")
    history = deployed.run("jobs", "history", "denied", "--json")
    assert "ailed" in history and "wrong-token-of-the-test" not in history, history


def told(deployed, others):
    """No log and no table has anything of the secrets."""
    key = others.credentials("google")["private_key"].splitlines()[5]
    secrets = (key, others.credentials("pingdom")["token"], "wrong-token-of-the-test", "ya29.")
    for function in ("collect-ga", "collect-pingdom"):
        lines = deployed.stack.log(function)
        assert lines, f"{function} has no log"
        found = [line for line in lines if any(secret in line for secret in secrets)]
        assert not found, f"{function} tells a secret: {found[0]}"
    kept = deployed.stack.emulator.client("dynamodb").scan(TableName=deployed.stack.outputs()["BookmarksTable"])
    assert not any(secret in json.dumps(kept["Items"]) for secret in secrets), "a table has a secret"
