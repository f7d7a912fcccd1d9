"""What is checked of the deployed Weir alone, because one machine has nothing like it."""

import gzip
import json

from botocore.exceptions import ClientError

from asking import JSON
from doors import basic_of, message
from sequence import Sequence
from stack import FUNCTIONS, NAME

# What Lambda itself writes into a function's log.
LAMBDAS_OWN = ("START ", "END ", "REPORT ")


def permissions(stack):
    """Whether the emulator evaluates permissions at all: somebody without any may not read a table."""
    iam = stack.emulator.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    tables = stack.emulator.client("dynamodb", key["AccessKeyId"], key["SecretAccessKey"])
    try:
        tables.scan(TableName=stack.outputs()["RegistryTable"])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDeniedException", error
    else:
        raise AssertionError("the emulator lets everybody in, so it proves nothing about roles")


def verification(deployed):
    """Has the upkeep function do what its daily schedule has it do."""
    emulator = deployed.stack.emulator
    target = emulator.client("scheduler").get_schedule(Name=f"{NAME}-verify")["Target"]
    answer = emulator.client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"])
    assert "FunctionError" not in answer, answer["Payload"].read()
    verified = json.load(answer["Payload"])["verified"]
    assert verified["days"] >= 2 and verified["differences"] == 0, verified
    print(
        f"   verified as by the daily schedule: {verified['events']} events of {verified['days']} days, no difference"
    )


def spoiled(deployed):
    """What API Gateway destroys, because it hands packed JSON on as text, is refused and listed, and so not lost without a
    trace (infra/README.md, "Move old clients")."""
    headers = JSON | {"content-encoding": "gzip"} | basic_of(deployed.keys["WEB"])
    body = gzip.compress(json.dumps({"batch": [message("packed", type="track", event="Packed")]}).encode())
    refused = deployed.call("POST", "/v1/batch", headers, body)
    path = f"/api/rejected?key={deployed.ids['WEB']}&limit=1"
    listed = deployed.call("GET", path, Sequence(deployed).bearer("read")).json()
    assert refused.status == 400, f"packed JSON arrives on AWS after all, which the pages deny: {refused}"
    assert [rejected["door"] for rejected in listed] == ["segment"], listed
    print(f"   packed JSON is refused: {listed[0]['detail']}")


def upgrade(deployed):
    """Deploys again with other parameters: the key that signs stays, so tokens do, and nothing is counted anew."""
    sequence = Sequence(deployed)
    question = "/api/events/Busy/hour?granularity=day&aggregationType=count"
    before = deployed.call("GET", question, sequence.bearer("read"))
    secret = deployed.stack.emulator.client("secretsmanager").get_secret_value(SecretId=f"{NAME}/signing-key")
    origin, snippet = "https://shop.example", "/js/shop.js"
    parameters = {"Architecture": "x86_64", "TokenSeconds": "120", "AllowedOrigins": origin, "SnippetPath": snippet}
    deployed.stack.deploy(parameters)
    after = deployed.call("GET", question, sequence.bearer("read"))
    assert (before.status, before.body) == (after.status, after.body) and before.status == 200, after
    kept = deployed.stack.emulator.client("secretsmanager").get_secret_value(SecretId=f"{NAME}/signing-key")
    assert kept["SecretString"] == secret["SecretString"], "an update drew another key"
    lifetime = sequence.token(sequence.reader).json()["expires_in"]
    assert lifetime == 120, f"the new parameter is not in force: {lifetime}"
    asked = deployed.call("GET", question, sequence.bearer("read") | {"origin": origin})
    assert asked.headers.get("access-control-allow-origin") == origin, f"a page may not read its answer: {asked}"
    assert deployed.call("GET", snippet).status == 200, "the snippet has not moved"
    print("   upgraded: the key and the counts stayed, the new parameters are in force")


def logs(deployed, one_machine):
    """What a function writes is JSON, line by line, with the metrics that the alarms need, and nothing of what clients
    send; on one machine, no key either."""
    stack = deployed.stack
    for function in FUNCTIONS:
        lines = [line for line in stack.log(function) if not line.startswith(LAMBDAS_OWN)]
        measured = [entry for entry in map(json.loads, lines) if "_aws" in entry]
        assert measured, f"{function} wrote no metrics"
        for entry in measured:
            assert entry["Function"] == f"{NAME}-{function}", entry
            assert {directive["Namespace"] for directive in entry["_aws"]["CloudWatchMetrics"]} == {"Weir"}, entry
    # The last function is the one that verifies.
    differences = [entry["VerifyDifferences"] for entry in measured if "VerifyDifferences" in entry]
    assert differences == [0], f"the metric of the alarm is {differences}"
    for function in ("track", "query", "token", "data"):
        words = ("Shop", "visit", "anna", "eyJ", *deployed.keys.values())
        told = [line for line in stack.log(function) if any(word in line for word in words)]
        assert not told, f"{function} tells what clients send: {told[0]}"
    assert not any(key in one_machine.written() for key in one_machine.keys.values()), "one machine tells a key"
    print("   the logs are JSON, with metrics, and tell nothing of what clients send")
