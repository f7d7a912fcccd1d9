"""Imports 20,000 real departures and compares Weir's answers with DuckDB's over the same file.

Usage: flights.py PATH-TO-WEIR
"""

import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

import duckdb

FIXTURE = pathlib.Path(__file__).parent.parent / "fixtures" / "flights.ndjson.gz"
AIRPORTS = 10
CLIENT, SECRET = "peer", "a-secret-for-the-peer-test-alone"


def main(weir):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "flights.ndjson"
        file.write_bytes(gzip.decompress(FIXTURE.read_bytes()))
        with Server(weir, directory) as server:
            run(weir, "import", file, "--data", f"{directory}/data")
            token = server.token()
            days = compare(server, token, file)
    print(f"{days} passed, 0 failed")


def compare(server, token, file):
    """Compares every day of the busiest airports; gives how many days were compared."""
    events = duckdb.sql(
        f"""select namespace, left("timestamp", 10) as day, -- every timestamp of the file is UTC
                   count(*) as count, avg(value) as avg, min(value) as min, max(value) as max
            from read_json('{file}', format='newline_delimited',
                           columns={{namespace: 'varchar', "timestamp": 'varchar', value: 'double'}})
            group by all order by all"""
    ).fetchall()
    expected = {}
    for namespace, day, *values in events:
        expected.setdefault(namespace, {})[day] = values
    busiest = sorted(expected, key=lambda n: -sum(v[0] for v in expected[n].values()))[:AIRPORTS]
    assert len(busiest) == AIRPORTS, busiest
    compared = 0
    for namespace in busiest:
        for index, aggregation in enumerate(["count", "avg", "min", "max"]):
            answered = server.daily(token, namespace, aggregation)
            wanted = {day: values[index] for day, values in expected[namespace].items()}
            assert answered.keys() == wanted.keys(), (namespace, aggregation)
            for day, value in wanted.items():
                tolerance = 1e-12 * max(1, abs(value)) if aggregation == "avg" else 0
                assert abs(answered[day] - value) <= tolerance, (namespace, day, aggregation, answered[day], value)
                compared += 1
    return compared


class Server:
    """A Weir of its own on a free port."""

    def __init__(self, weir, directory):
        arguments = ["serve", "--data", f"{directory}/data", "--listen", "127.0.0.1:0"]
        arguments += ["--client-id", CLIENT, "--client-secret", SECRET]
        self.process = subprocess.Popen([weir, *arguments], stdout=subprocess.PIPE, text=True)
        self.address = None

    def __enter__(self):
        for line in self.process.stdout:
            if "http://127.0.0.1:" in line:
                self.address = "http://" + line.split("http://")[1].split()[0].rstrip("/")
                return self
        raise SystemExit("the server did not say its address")

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0, "the server did not stop cleanly"

    def token(self):
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET}
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{self.address}/o/token/", body) as answer:
            return json.load(answer)["access_token"]

    def daily(self, token, namespace, aggregation):
        url = f"{self.address}/api/events/{namespace}/departure?granularity=day&aggregationType={aggregation}"
        request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as answer:
            return {point["aggregatedTimestamp"][:10]: point["value"] for point in json.load(answer)}


def run(weir, *arguments):
    subprocess.run([weir, *map(str, arguments)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
