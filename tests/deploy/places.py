"""The two places that must answer alike: a deployed stack, and one machine."""

import contextlib
import dataclasses
import http.client
import json
import subprocess
import threading
import time

from stack import NAME

# One request, cold start of a debug build included.
REQUEST_SECONDS = 60
COMMAND_SECONDS = 120
# A revocation holds within a minute; the rest is for the calls.
REVOKED_SECONDS = 75


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Place:
    """A Weir that can be called, and administered by its command line."""

    def __init__(self, title, weir):
        self.title = title
        self.weir = str(weir)
        # What this place calls things that are drawn anew each time, and what to call them in a comparison.
        self.aliases = {}
        # Write keys and their public names, by what they are called in a comparison.
        self.keys = {}
        self.ids = {}

    def call(self, method, path, headers=None, body=None):
        """One request, on a connection of its own. The path is sent as it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"host": self.host, **(headers or {})})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, headers, answer.read())

    def run(self, *arguments, input=None):
        """A command of `weir`; gives what it prints."""
        done = self.command(arguments, input)
        if done.returncode != 0:
            raise AssertionError(f"{self.title}: weir {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def refuses(self, *arguments, input=None):
        """A command of `weir` that must fail."""
        done = self.command(arguments, input)
        assert done.returncode != 0 and done.stderr, f"{self.title}: weir {' '.join(arguments)}: {done.stdout}"

    def command(self, arguments, input):
        return subprocess.run(
            [self.weir, *arguments, *self.options],
            check=False,
            env=self.environment,
            input=input or "",
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def client(self, alias, *scopes):
        """Makes a client; gives its id and secret."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        made = json.loads(self.run("client", "create", "--label", alias, *words, "--json"))
        self.aliases[made["id"]] = alias
        return made["id"], made["secret"]

    def key(self, alias, label, namespace=None, existing=None):
        """Makes a write key, or takes one over that clients have already; gives it."""
        words = ["--namespace", namespace] if namespace else []
        words += ["--existing-file", "-"] if existing else []
        made = json.loads(self.run("key", "create", "--label", label, *words, "--json", input=existing))
        assert existing in (None, made["key"]), "another key than the one that was brought"
        self.aliases[made["id"]] = alias
        self.ids[alias], self.keys[alias] = made["id"], made["key"]
        return made["key"]

    def data_set(self, name, token):
        """Makes a data set whose token clients have already."""
        made = json.loads(self.run("dataset", "create", name, "--token-file", "-", "--json", input=token))
        assert made["token"] == token, "another token than the one that was brought"


class Deployed(Place):
    """A stack, by its API Gateway and its tables."""

    # API Gateway decodes a path, so an encoded slash has become a separator, and nothing is at that path.
    encoded_slash = 404

    def __init__(self, weir, emulator, stack):
        super().__init__("deployed", weir)
        self.stack = stack
        self.port = emulator.port
        self.host = stack.outputs()["ApiUrl"].removeprefix("http://")
        self.aliases[self.host] = "HOST"
        self.options = ["--aws", "--stack", NAME]
        self.environment = emulator.environment()

    def preflight(self, function, path, headers):
        """What a browser asks before it lets a page send something. The emulator answers every OPTIONS itself, as AWS
        does only for an API with a CORS configuration, which this one has not; so the function is handed what API
        Gateway would hand on."""
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"host": self.host, **headers},
            "requestContext": {"http": {"method": "OPTIONS", "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
        }
        functions = self.stack.emulator.client("lambda")
        invoked = functions.invoke(FunctionName=f"{NAME}-{function}", Payload=json.dumps(event))
        answer = json.load(invoked["Payload"])
        return Answer(answer["statusCode"], answer["headers"], answer["body"].encode())

    def renew_token_function(self):
        """Starts new processes of the token function, as any deployment does. Those that run read the key again when
        their copy is five minutes old, which is longer than a test should wait."""
        functions = self.stack.emulator.client("lambda")
        name = f"{NAME}-token"
        functions.update_function_configuration(FunctionName=name, Description="Issues tokens with the new key.")
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)


class OneMachine(Place):
    """`weir serve` on a data directory."""

    encoded_slash = 200

    def __init__(self, weir, directory, environment):
        super().__init__("one machine", weir)
        self.environment = environment
        self.options = ["--data", f"{directory}/data"]
        self.log = open(f"{directory}/serve.log", "w+")
        arguments = ["serve", *self.options, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [self.weir, *arguments], env=environment, stdout=subprocess.PIPE, stderr=self.log, text=True
        )

    def __enter__(self):
        for line in self.process.stdout:
            if "http://127.0.0.1:" in line:
                self.host = line.split("http://")[1].split()[0].rstrip("/")
                self.port = int(self.host.split(":")[1])
                self.aliases[self.host] = "HOST"
                # It may go on printing, and must not wait for a reader.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return self
        raise SystemExit(f"the server did not say its address:\n{self.written()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=40)
        self.log.close()

    def preflight(self, function, path, headers):
        return self.call("OPTIONS", path, headers)

    def renew_token_function(self):
        """The server has been told of the new key by the command."""

    def written(self):
        self.log.seek(0)
        return self.log.read()


def until(what, seconds, condition):
    """Waits for something to be so; gives how long it took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(1)
    return time.monotonic() - start
