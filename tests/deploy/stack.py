"""Deploys the template, as `sam deploy` would: packages the functions, and has CloudFormation do the rest."""

import io
import os
import pathlib
import time
import zipfile

import yaml
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from emulator import REGION

TEMPLATE = pathlib.Path(__file__).parents[2] / "infra" / "template.yaml"
FUNCTIONS = ("track", "query", "token", "data", "collect-ga", "collect-pendo", "collect-pingdom", "compact")
NAME = "weir-test"
BUCKET = "weir-test-packages"
DEPLOY_SECONDS = 120


class Stack:
    """The deployed template."""

    def __init__(self, emulator, binaries, parameters):
        self.emulator = emulator
        self.cloudformation = emulator.client("cloudformation")
        self.deploy(parameters, package(emulator.client("s3"), binaries))

    def deploy(self, parameters, template=None):
        """Makes the stack of a template in S3, where `sam deploy` puts it, or updates it with other parameters."""
        wanted = {
            "StackName": NAME,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        if template is None:
            self.cloudformation.update_stack(UsePreviousTemplate=True, **wanted)
        else:
            self.cloudformation.create_stack(TemplateURL=template, **wanted)
        deadline = time.monotonic() + DEPLOY_SECONDS
        while (status := self.describe()["StackStatus"]).endswith("IN_PROGRESS") and time.monotonic() < deadline:
            time.sleep(0.5)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise RuntimeError(f"the stack is {status}:\n{self.failures()}")

    def describe(self):
        return self.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]

    def failures(self):
        events = self.cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        return "\n".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed)

    def outputs(self):
        return {output["OutputKey"]: output["OutputValue"] for output in self.describe()["Outputs"]}

    def resources(self):
        found = self.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found}

    def log(self, function):
        """The lines that a function has written, oldest first."""
        logs = self.emulator.client("logs")
        group = f"/aws/lambda/{NAME}-{function}"
        lines = []
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
            events = logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, limit=10_000
            )
            lines += [(event["timestamp"], event["message"].rstrip("\n")) for event in events["events"]]
        return [line for _, line in sorted(lines, key=lambda line: line[0])]


def package(s3, binaries):
    """Uploads each function as Lambda wants it, a zip with a `bootstrap`, and the template that names them; gives where
    that is, because it is longer than a request may be."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    template = yaml_parse(TEMPLATE.read_text())
    del template["Resources"]["FilesBucketPolicy"]  # it demands TLS, which the emulator has not
    for function in FUNCTIONS:
        s3.put_object(Bucket=BUCKET, Key=f"{function}.zip", Body=zipped(binaries[function]))
        properties = template["Resources"][resource(function)]["Properties"]
        properties["CodeUri"] = {"Bucket": BUCKET, "Key": f"{function}.zip"}
    s3.put_object(Bucket=BUCKET, Key="template.yaml", Body=yaml.safe_dump(template, sort_keys=False).encode())
    return f"{s3.meta.endpoint_url}/{BUCKET}/template.yaml"


def transformed():
    """What AWS makes of the template, by its own transform, which fails where the template is wrong."""
    template = yaml_parse(TEMPLATE.read_text())
    for function in FUNCTIONS:
        template["Resources"][resource(function)]["Properties"]["CodeUri"] = "s3://bucket/key"
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # without one it does not begin
    made = transform(template, {}, NoManagedPolicies())
    types = {resource["Type"] for resource in made["Resources"].values()}
    assert not any(type.startswith("AWS::Serverless") for type in types), types
    return made


def resource(function):
    """What the template calls a function."""
    return "".join(word.capitalize() for word in function.split("-")) + "Function"


class NoManagedPolicies:
    """The template names none, so their list is not needed."""

    def load(self):
        return {}


def zipped(binary):
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr(entry, binary.read_bytes())
    return archive.getvalue()
