"""Documents as the old collector program makes them and as Weir does, of random rows and options.

Usage: collectors.py PATH-TO-THE-EXAMPLE-documents [CASES]
Needs what requirements-collectors.txt names, and the package index.
"""

import datetime
import json
import random
import re
import subprocess
import sys

import oldprogram

DIMENSIONS = ["page", "event", "code", "device", "country"]
METRICS = ["visits", "bounce", "rate"]
TEXTS = ["a", "a:b", "x:y:z", ":", "", "<D1>", "<D25><OT532>", "<D999>", "(other)", "É?>", "a_b", "10", "mobile"]
# Where Weir gives a document and the old program fails: a department without a code keeps the
# value's own name, and the rate of nothing is null.
LENIENT = ("ComputeDepartmentKey", "aggregate_rate", "AggregateKey")


def main(example, cases="3000"):
    chance = random.Random(20260302)
    parser, _, pingdom = oldprogram.load()
    questions = [case(chance) for _ in range(int(cases))]
    questions += [hours(chance) for _ in range(int(cases) // 10)]
    answers = ask(example, questions)
    counts = {"equal": 0, "refused by both": 0, "refused by Weir alone": 0, "refused by the old program alone": 0}
    for question, answer in zip(questions, answers, strict=True):
        try:
            old = of_pingdom(pingdom, question) if "hours" in question else of_report(parser, question)
        except Exception as error:  # Whatever it met, it made no documents.
            old, failure = None, error
        new = answer.get("documents")
        if old is not None and new is not None:
            assert new == old, f"{question}\nold {old}\nnew {new}"
            counts["equal"] += 1
        elif old is None and new is None:
            counts["refused by both"] += 1
        elif new is None:
            assert is_misfit(question, answer["error"]), f"{question}\nold {old}\nnew {answer}"
            counts["refused by Weir alone"] += 1
        else:
            assert is_lenient(question, failure), f"{question}\nold {failure!r}\nnew {new}"
            counts["refused by the old program alone"] += 1
    assert counts["equal"] > len(questions) / 3, counts
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"documents of {len(questions)} random cases: {told}")


def case(chance):
    keys = chance.sample(DIMENSIONS, chance.randint(0, 4))
    metrics = chance.sample(METRICS, chance.randint(1, 3))
    span = chance.choice(["day", "week", "month"])
    starts = chance.choices(["2013-04-01", "2013-04-08"], k=chance.randint(0, 6))
    rows = [
        {
            "start": start,
            "dimensions": {key: chance.choice(TEXTS) for key in keys},
            "special": {key: number(chance) for key in metrics} | {"timeSpan": span},
        }
        for start in starts
    ]
    return {"dataType": "devices", "rows": rows, "options": options(chance, keys, metrics)}


def options(chance, keys, metrics):
    made, there = {}, [*keys, *metrics, "timeSpan", "dataType", "_timestamp"]
    if chance.random() < 0.5:
        froms = [f"{chance.choice(there)}{chance.choice(['', '', '_0', '_1', '_12'])}" for _ in range(chance.randint(0, 3))]
        froms += ["absent"] if chance.random() < 0.1 else []
        made["mappings"] = {key: chance.choice(["to", "other", *there]) for key in froms}
    if chance.random() < 0.4:
        made["additionalFields"] = {
            chance.choice(["department", "service", "timeSpan", *keys]): chance.choice(["hmrc", 7, 1.5, True, None, "x:y"])
            for _ in range(chance.randint(0, 2))
        }
    there += [*made.get("mappings", {}).values(), *made.get("additionalFields", {})]
    if chance.random() < 0.4:
        some = chance.sample(there, chance.randint(1, 3))
        made["idMapping"] = some[0] if chance.random() < 0.3 else some
    if chance.random() < 0.2:
        made["dataType"] = "other-type"
    if chance.random() < 0.6:
        made["plugins"] = plugins(chance, there, metrics)
    return made


def plugins(chance, there, metrics):
    def key():
        return chance.choice(there) if chance.random() < 0.97 else "absent"

    makers = {
        "rank": lambda: f"ComputeRank('{chance.choice(['rank', key()])}')",
        "remove": lambda: f"RemoveKey('_id', 'humanId', \"{key()}\")" if chance.random() < 0.7 else f"RemoveKey('{key()}')",
        "comment": lambda: 'Comment("it\'s, (so)")',
        "set": lambda: f"SetDepartment('{chance.choice(['<D1>', '<D1> and <D2>', '<D999>', 'Office', 'of <D1>'])}')",
        "code": lambda: f"ComputeDepartmentKey('{chance.choice(['code', key()])}')",
        "merge": lambda: "AggregateKey(" + ", ".join(aggregation(chance, metrics) for _ in range(chance.randint(1, 2))) + ")",
    }
    chosen = [makers[chance.choice(list(makers))]() for _ in range(chance.randint(0, 4))]
    ids = ", ".join(f"'{key()}'" for _ in range(chance.randint(1, 3)))
    return [*chosen, f"ComputeIdFrom({ids})"]


def aggregation(chance, metrics):
    if chance.random() < 0.6:
        return f"aggregate_count('{chance.choice(metrics)}')"
    return f"aggregate_rate('{chance.choice(metrics)}', '{chance.choice(metrics)}')"


def number(chance):
    return chance.choice([0, 1, 2, 7, 100, 12345, 0.0, 1.0, 0.5, 2.25, 1 / 3, 1234567.875, 1e-7, 3e15])


def hours(chance):
    """An hour that Pingdom tells, always with all its fields: the old program insists on them."""
    fields = ["avgresponse", "uptime", "downtime", "unmonitored"]
    hour = {"starttime": chance.randrange(1104537600, 1800000000, 3600)} | {key: chance.randrange(3601) for key in fields}
    return {"hours": [hour], "name": chance.choice(["govuk", "GOV.UK home page", "a  b", "é"])}


def of_report(parser, question):
    """As the program's collectors of Google Analytics do it."""
    items = [
        {"start_date": datetime.date.fromisoformat(row["start"]), "dimensions": dict(row["dimensions"])}
        for row in question["rows"]
    ]
    special = [dict(row["special"]) for row in question["rows"]]
    made = parser.DataParser(items, question["options"], question["dataType"]).get_data(special)
    return [plain(document) for document in made]


def of_pingdom(pingdom, question):
    stats = [
        hour | {"starttime": datetime.datetime.fromtimestamp(hour["starttime"], tz=datetime.UTC)}
        for hour in question["hours"]
    ]
    return [pingdom.convert_from_pingdom_to_performanceplatform(hour, question["name"]) for hour in stats]


def plain(document):
    """As the program's client writes it as JSON."""

    def value(value):
        if isinstance(value, bytes):
            return value.decode()
        return value.isoformat() if isinstance(value, datetime.datetime) else value

    return {key: value(each) for key, each in document.items()}


def is_misfit(question, error):
    """Whether an option names what no document has: Weir refuses that, and the old program passes over it."""
    options, fields = question["options"], {"_timestamp", "dataType"}
    fields |= set(options.get("additionalFields", {}))
    for row in question["rows"]:
        fields |= {*row["dimensions"], *row["special"]}
    mappings = options.get("mappings", {})
    if found := re.search(r"options\.mappings\.(\w+): no document has", error):
        return not {found[1], re.sub(r"_\d+$", "", found[1])} & fields
    if found := re.search(r"options\.idMapping: no document has the key (\w+)", error):
        return found[1] not in mappings.values() and (found[1] in mappings or found[1] not in fields)
    return False


def is_lenient(question, failure):
    # A time span that a mapping made a number has its text in an id.
    if isinstance(failure, TypeError) and "sequence item" in str(failure):
        return True
    named = any(name in plugin for plugin in question["options"].get("plugins", []) for name in LENIENT)
    return named and isinstance(failure, (AssertionError, ZeroDivisionError, IndexError))


def ask(example, questions):
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run([example], input=lines, capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main(*sys.argv[1:])
