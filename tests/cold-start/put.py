"""What many a team would write: a function that imports boto3 and stores what it is given.

Its own loop over the runtime API stands in for Lambda's Python runtime, which takes time of its
own before it imports a function. The table's name is the one argument.
"""

import http.client
import json
import os
import sys
import uuid

import boto3

client = boto3.client("dynamodb")


def store(event):
    body = json.loads(event["body"])
    item = {"pk": {"S": str(uuid.uuid4())}, "body": {"S": json.dumps(body)}}
    client.put_item(TableName=sys.argv[1], Item=item)
    return {"statusCode": 201, "body": json.dumps(body)}


def main():
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation/"
    while True:
        runtime.request("GET", base + "next")
        event = runtime.getresponse()
        answer = store(json.loads(event.read()))
        name = event.headers["Lambda-Runtime-Aws-Request-Id"]
        runtime.request("POST", f"{base}{name}/response", json.dumps(answer))
        runtime.getresponse().read()


main()
