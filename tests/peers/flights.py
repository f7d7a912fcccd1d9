"""Imports 20,000 real departures and compares Weir's answers with DuckDB's over the same file.

Usage: flights.py PATH-TO-WEIR
"""

import gzip
import pathlib
import subprocess
import sys
import tempfile

import duckdb

from server import Server

FIXTURE = pathlib.Path(__file__).parent.parent / "fixtures" / "flights.ndjson.gz"
AIRPORTS = 10


def main(weir):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "flights.ndjson"
        file.write_bytes(gzip.decompress(FIXTURE.read_bytes()))
        with Server(weir, directory) as server:
            run(weir, "import", file, "--data", f"{directory}/data")
            days = compare(server, file)
    print(f"{days} passed, 0 failed")


def compare(server, file):
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
            answered = server.daily(namespace, "departure", aggregation)
            wanted = {day: values[index] for day, values in expected[namespace].items()}
            assert answered.keys() == wanted.keys(), (namespace, aggregation)
            for day, value in wanted.items():
                tolerance = 1e-12 * max(1, abs(value)) if aggregation == "avg" else 0
                assert abs(answered[day] - value) <= tolerance, (namespace, day, aggregation, answered[day], value)
                compared += 1
    return compared


def run(weir, *arguments):
    subprocess.run([weir, *map(str, arguments)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
